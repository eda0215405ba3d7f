//! Foreign tables: renamed, removed, and otherwise left alone.

use reshape_tests::{Rollout, catalog, rows, table_made_by};

/// `notes` is at home in this very database, under the name `there.notes`.
const LOOP: &str = "CREATE EXTENSION postgres_fdw;
    CREATE SCHEMA there;
    CREATE TABLE there.notes (id int, \"text\" text, size int);
    INSERT INTO there.notes VALUES (1, 'one', 10);
    DO $$ BEGIN
      EXECUTE format('CREATE SERVER here FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host %L, port %L, dbname %L)',
        split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), current_database());
    END $$;
    CREATE USER MAPPING FOR CURRENT_USER SERVER here;
    CREATE FOREIGN TABLE notes (id int, \"text\" text, size int) SERVER here OPTIONS (schema_name 'there')";

const COLUMNS: [(&str, &str); 3] = [("id", "integer"), ("text", "text"), ("size", "integer")];

fn refusal(base: &str, change: &str) -> String {
    let mut r = Rollout::prepare(base, "", change);
    let error = r.start().expect_err("a refusal");
    assert_eq!(catalog(&mut r.old), r.before);
    error.report()
}

#[test]
fn a_foreign_table_and_its_columns_are_found_under_their_new_names() {
    let base = table_made_by(LOOP, "notes", &COLUMNS);
    let change = r#"
        [[actions]]
        type = "alter_column"
        table = "notes"
        column = "text"
        changes = { name = "body", default = "'nothing'" }

        [[actions]]
        type = "rename_table"
        table = "notes"
        new_name = "pages"
    "#;
    for complete in [false, true] {
        let mut r = Rollout::begin(&base, "", change);
        assert_eq!(rows(&mut r.old, "SELECT id, \"text\" FROM notes"), ["1|one"]);
        assert_eq!(rows(&mut r.new, "SELECT id, body FROM pages"), ["1|one"]);
        rows(&mut r.new, "INSERT INTO pages (id) VALUES (2)");
        rows(&mut r.old, "INSERT INTO notes (id, \"text\") VALUES (3, 'three')");
        if complete {
            r.complete();
            rows(&mut r.new, "INSERT INTO pages (id) VALUES (4)");
            let all = "SELECT id, body FROM pages ORDER BY id";
            assert_eq!(rows(&mut r.new, all), ["1|one", "2|nothing", "3|three", "4|nothing"]);
            let there = "SELECT count(\"text\") FROM there.notes";
            assert_eq!(rows(&mut r.new, there), ["4"]);
        } else {
            r.abort();
            assert_eq!(rows(&mut r.old, "SELECT count(\"text\") FROM notes"), ["3"]);
        }
    }
}

#[test]
fn a_foreign_table_is_removed_and_its_rows_stay() {
    let base = table_made_by(LOOP, "notes", &COLUMNS);
    let remove = "[[actions]]\ntype = 'remove_table'\ntable = 'notes'\n";
    let mut r = Rollout::begin(&base, "", remove);
    assert_eq!(rows(&mut r.old, "SELECT id FROM notes"), ["1"]);
    r.abort();
    r.start().unwrap_or_else(|error| panic!("{}", error.report()));
    r.complete();
    assert_eq!(rows(&mut r.new, "SELECT id FROM there.notes"), ["1"]);
    assert_eq!(rows(&mut r.new, "SELECT to_regclass('public.notes')"), ["-"]);
}

#[test]
fn what_needs_triggers_or_constraints_is_refused() {
    let base = table_made_by(LOOP, "notes", &COLUMNS);
    for change in [
        "type = 'add_column'\ntable = 'notes'\ncolumn = { name = 'x', type = 'text' }",
        "type = 'alter_column'\ntable = 'notes'\ncolumn = 'size'\nchanges = { type = 'bigint' }",
        "type = 'alter_column'\ntable = 'notes'\ncolumn = 'size'\nup = 'size + 1'\ndown = 'size - 1'\nchanges = { name = 'x' }",
        "type = 'alter_column'\ntable = 'notes'\ncolumn = 'size'\nchanges = { nullable = false }\nup = 'size'",
        "type = 'remove_column'\ntable = 'notes'\ncolumn = 'size'",
        "type = 'add_index'\ntable = 'notes'\nindex = { name = 'i', columns = ['size'] }",
        "type = 'add_check'\ntable = 'notes'\ncheck = { name = 'c', expression = 'size > 0' }",
    ] {
        let refused = refusal(&base, &format!("[[actions]]\n{change}\n"));
        assert!(
            refused.contains("`notes` is a foreign table: its rows are written elsewhere"),
            "{refused}"
        );
        assert!(refused.contains("help: change the table where its rows are"), "{refused}");
    }
}

/// Nobody knows what a wrapper makes of the names.
#[test]
fn names_that_an_unknown_wrapper_may_go_by_stay() {
    // Nobody calls it: any function will do.
    let unknown = "CREATE FUNCTION other_handler() RETURNS fdw_handler LANGUAGE internal AS 'now';
        CREATE FOREIGN DATA WRAPPER other HANDLER other_handler; CREATE SERVER s FOREIGN DATA WRAPPER other;
        CREATE FOREIGN TABLE notes (id int, \"text\" text, size int) SERVER s";
    let base = table_made_by(unknown, "notes", &COLUMNS);
    for change in [
        "type = 'rename_table'\ntable = 'notes'\nnew_name = 'x'",
        "type = 'alter_column'\ntable = 'notes'\ncolumn = 'size'\nchanges = { name = 'x' }",
    ] {
        let refused = refusal(&base, &format!("[[actions]]\n{change}\n"));
        assert!(
            refused.contains("a foreign table of `other`, which may find its rows"),
            "{refused}"
        );
    }
    // Without a handler there is nothing to find.
    let none = "CREATE FOREIGN DATA WRAPPER none; CREATE SERVER s FOREIGN DATA WRAPPER none;
        CREATE FOREIGN TABLE notes (id int, \"text\" text, size int) SERVER s";
    let change = "[[actions]]\ntype = 'rename_table'\ntable = 'notes'\nnew_name = 'x'\n";
    let mut r = Rollout::begin(&table_made_by(none, "notes", &COLUMNS), "", change);
    r.complete();
    assert_eq!(rows(&mut r.new, "SELECT 'public.x'::regclass::text"), ["public.x"]);
}
