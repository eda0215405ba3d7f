//! SQL of the user's own.

use reshape_runtime::{ErrorKind, Migrator, Outcome};
use reshape_tests::{Rollout, catalog, leftovers, rows};

const USERS: &str = r#"
[[actions]]
type = "create_table"
name = "users"
primary_key = "id"
columns = [{ name = "id", type = "integer" }]
"#;

fn custom(start: &str, abort: &str) -> String {
    format!("[[actions]]\ntype = \"custom\"\nstart = '''{start}'''\nabort = '''{abort}'''\n")
}

/// What has not happened is not taken back: `abort` would fail, and the rollback with it.
#[test]
fn a_start_that_fails_does_not_run_its_abort() {
    let change = custom("CREATE TABLE log (what text); SELECT 1 / 0", "DROP TABLE log");
    let mut r = Rollout::prepare(USERS, "", &change);
    let error = r.start().expect_err("a division by zero");
    assert_eq!(error.kind(), ErrorKind::Failed, "{}", error.report());
    assert!(error.report().contains("division by zero"), "{}", error.report());
    assert!(error.report().contains("rolled back"), "{}", error.report());
    assert_eq!(catalog(&mut r.old), r.before);
}

/// A later failure takes back what came before it.
#[test]
fn a_later_failure_runs_the_abort_of_what_was_done() {
    let change = custom("CREATE TABLE log (what text)", "DROP TABLE log")
        + &custom("SELECT 'not a number'::integer", "SELECT 1 / 0");
    let mut r = Rollout::prepare(USERS, "", &change);
    let error = r.start().expect_err("not a number");
    assert_eq!(error.kind(), ErrorKind::Failed, "{}", error.report());
    assert_eq!(catalog(&mut r.old), r.before);
    assert_eq!(rows(&mut r.old, "SELECT count(*) FROM users"), ["0"]);
}

/// A client's `search_path` names the version's schema alone, so what it is to use has to be there.
#[test]
fn a_table_that_custom_sql_creates_is_in_the_version() {
    let start = "CREATE TABLE \"Log\" (id int PRIMARY KEY DEFAULT 7, what text); GRANT SELECT ON \"Log\" TO PUBLIC";
    let change = "[[actions]]\ntype = \"rename_table\"\ntable = \"users\"\nnew_name = \"people\"\n"
        .to_owned()
        + &custom(start, "DROP TABLE \"Log\"");
    let mut r = Rollout::begin(USERS, "", &change);
    rows(&mut r.new, "INSERT INTO \"Log\" (what) VALUES ('x')");
    assert_eq!(rows(&mut r.new, "SELECT * FROM \"Log\""), ["7|x"]);
    let public = "SELECT has_table_privilege('public', '\"Log\"', 'SELECT'), has_schema_privilege('public', 'migration_2_change', 'USAGE')";
    assert_eq!(rows(&mut r.new, public), ["t|t"]);
    let views = "SELECT viewname FROM pg_views WHERE schemaname = 'migration_2_change' ORDER BY 1";
    assert_eq!(rows(&mut r.new, views), ["Log", "people"]);
    r.abort();
    r.start().unwrap_or_else(|error| panic!("{}", error.report()));
    r.complete();
    assert_eq!(rows(&mut r.new, "SELECT count(*) FROM \"Log\""), ["0"]);
}

/// The rights of a table are those that it has when its views are made, whether the batch has created it or not.
#[test]
fn what_custom_sql_grants_on_a_table_holds_for_its_view() {
    let create = "[[actions]]\ntype = 'create_table'\nschema = 'app'\nname = 'notes'\nprimary_key = 'id'\n\
                  columns = [{ name = 'id', type = 'integer' }]\n";
    let add = "[[actions]]\ntype = 'add_column'\ntable = 'users'\nup = 'id'\ncolumn = { name = 'more', type = 'integer' }\n";
    let grant = custom(
        "GRANT SELECT ON app.notes TO PUBLIC; GRANT INSERT ON users TO PUBLIC",
        "REVOKE INSERT ON users FROM PUBLIC",
    );
    let mut r = Rollout::begin(USERS, "", &format!("{create}{add}{grant}"));
    let held = "SELECT has_schema_privilege('public', 'migration_2_change', 'USAGE'), \
                has_table_privilege('public', 'notes', 'SELECT'), has_table_privilege('public', 'notes', 'INSERT'), \
                has_table_privilege('public', 'users', 'INSERT'), has_table_privilege('public', 'users', 'SELECT'), \
                has_table_privilege('public', 'reshape_2_change.users', 'INSERT')";
    assert_eq!(rows(&mut r.new, held), ["t|t|f|t|f|t"]);
    r.migrator().abort().unwrap_or_else(|error| panic!("{}", error.report()));
    r.start().unwrap_or_else(|error| panic!("{}", error.report()));
    r.complete();
    assert_eq!(rows(&mut r.new, held), ["t|t|f|t|f|t"]);
}

/// SQL that can never succeed does not keep the batch where it is for ever.
#[test]
fn what_can_never_succeed_can_be_skipped() {
    let wrong =
        "[[actions]]\ntype = \"custom\"\ncomplete = \"SELECT 1 / 0\"\nabort = \"SELECT 2 / 0\"\n";
    let change = "[[actions]]\ntype = \"remove_column\"\ntable = \"users\"\ncolumn = \"name\"\n";
    let base = USERS.replace(
        "type = \"integer\" }]",
        "type = \"integer\" }, { name = \"name\", type = \"text\" }]",
    );
    for end in [Migrator::complete, Migrator::abort] {
        let mut r = Rollout::begin(&base, "", &format!("{change}{wrong}"));
        for _ in 0..2 {
            let error = end(&mut r.migrator()).expect_err("a division by zero");
            assert_eq!(error.kind(), ErrorKind::Failed, "{}", error.report());
            assert!(
                error.help().unwrap_or_default().contains("--skip-custom"),
                "{}",
                error.report()
            );
        }
        let report = end(&mut r.migrator().skip_custom(true))
            .unwrap_or_else(|error| panic!("{}", error.report()));
        let notes = report.notes.join("\n");
        assert!(notes.contains("skipped: the step `"), "{notes}");
        assert!(notes.ends_with("division by zero"), "{notes}");
        assert_eq!(leftovers(&mut r.old), Vec::<String>::new());
        let status = r.migrator().status().expect("a status");
        assert_eq!((status.state.name(), status.last_error), ("idle", None));
        if report.outcome == Outcome::Aborted {
            assert_eq!(catalog(&mut r.old), r.before);
        }
    }
}

/// The catalog was read before there was such a type: nobody knows that it gives the rows that exist a value.
#[test]
fn a_default_of_a_type_that_custom_sql_creates_is_no_value_of_the_column() {
    let change = custom("CREATE DOMAIN level AS integer DEFAULT 7", "DROP DOMAIN level")
        + "[[actions]]\ntype = \"add_column\"\ntable = \"users\"\nup = \"id * 2\"\n\
           column = { name = \"level\", type = \"level\", nullable = false }\n";
    let mut r = Rollout::begin(USERS, "INSERT INTO users SELECT generate_series(1, 3)", &change);
    let sql = "SELECT id, level FROM users ORDER BY id";
    assert_eq!(rows(&mut r.new, sql), ["1|2", "2|4", "3|6"]);
}
