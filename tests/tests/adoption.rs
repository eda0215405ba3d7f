//! Databases that were there before their first migration: with a baseline, without one, and with the metadata of the `reshape` command line.

use std::fs;

use reshape_runtime::baseline::Baseline;
use reshape_runtime::testing::TestDatabase;
use reshape_runtime::{ErrorKind, Migrations, Migrator, Outcome};
use reshape_tests::{assert_no_drift, client, database, leftovers, migrations, rows};

/// Tables with much that a migration can say, and some that it cannot.
const RICH: &str = r#"
    CREATE TYPE mood AS ENUM ('happy', 'it''s "ok"', 'sad');
    CREATE DOMAIN email AS text CHECK (VALUE LIKE '%@%');
    CREATE SCHEMA crm;
    CREATE TABLE users (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        serial_number serial,
        "Full Name" varchar(100) NOT NULL DEFAULT 'no "name"',
        mood mood NOT NULL DEFAULT 'happy',
        moods mood[],
        address email UNIQUE DEFERRABLE,
        joined timestamptz(3) DEFAULT now(),
        score numeric(8,2) DEFAULT -1.5,
        lower_name text GENERATED ALWAYS AS (lower(c)) STORED,
        c text COLLATE "C",
        CONSTRAINT score_is_low CHECK (score < 1000),
        CHECK ("Full Name" <> '')
    );
    COMMENT ON TABLE users IS E'people\nwith accounts';
    COMMENT ON COLUMN users.c IS 'C:\dir "x"';
    CREATE INDEX users_name ON users (lower("Full Name") DESC NULLS LAST, joined) WHERE score > 0 AND "Full Name" <> 'x';
    CREATE INDEX users_moods ON users USING gin (moods);
    CREATE UNIQUE INDEX users_both ON users (mood, joined DESC) INCLUDE (score);
    CREATE TABLE orders (
        id uuid DEFAULT gen_random_uuid(), line int, user_id bigint, PRIMARY KEY (line, id),
        CONSTRAINT another_name FOREIGN KEY (user_id) REFERENCES users ON DELETE CASCADE ON UPDATE RESTRICT DEFERRABLE,
        during tstzrange, EXCLUDE USING gist (during WITH &&)
    );
    CREATE TABLE log (at timestamptz, line text);
    CREATE TABLE events (id int, at date) PARTITION BY RANGE (at);
    CREATE TABLE events_1 PARTITION OF events DEFAULT;
    CREATE TABLE crm.contacts (id int PRIMARY KEY, order_line int, order_id uuid,
        FOREIGN KEY (order_line, order_id) REFERENCES orders (line, id));
    CREATE VIEW names AS SELECT "Full Name" FROM users;
    ALTER TABLE log ENABLE ROW LEVEL SECURITY;
    CREATE POLICY everybody ON log USING (true);
    INSERT INTO users ("Full Name") VALUES ('Ada Lovelace');
"#;

const SPLIT: &str = r#"
    [[actions]]
    type = "alter_column"
    table = "users"
    column = "Full Name"
    up = 'upper("Full Name")'
    down = "lower(name)"
    changes = { name = "name", type = "text" }

    # `log` has a policy, and up to PostgreSQL 14 a view asks those of its owner.
    [[allow]]
    lint = "row_security_bypass"
    reason = "a test"
"#;

/// A database with `sql` in it.
fn existing(sql: &str) -> TestDatabase {
    let database = database();
    run(&database, sql);
    database
}

fn run(database: &TestDatabase, sql: &str) {
    let mut client = database.connect().expect("a connection");
    client.batch_execute(sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}

fn baseline(database: &TestDatabase, schemas: &[&str]) -> Baseline {
    let schemas: Vec<String> = schemas.iter().map(|name| (*name).to_owned()).collect();
    let mut migrator = Migrator::detached(database.url());
    migrator.baseline(&schemas).unwrap_or_else(|error| panic!("{}", error.report()))
}

/// The migrations after the baseline, by way of its text.
fn after(baseline: &Baseline, files: &[(&str, &str)]) -> Result<Migrations, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let text = reshape_build::baseline::toml(baseline);
    for (stem, text) in files.iter().copied().chain([("baseline", text.as_str())]) {
        fs::write(folder.path().join(format!("{stem}.toml")), text).expect("a file");
    }
    let loaded = reshape_build::load(&[folder.path()]);
    loaded.map_err(|problems| {
        problems.render(false).replace(&folder.path().display().to_string(), "migrations")
    })
}

#[test]
fn a_baseline_says_what_is_there() {
    let database = existing(RICH);
    let baseline = baseline(&database, &["public", "crm"]);
    insta::assert_snapshot!(reshape_build::baseline::toml(&baseline));
}

#[test]
fn a_baseline_that_is_read_again_says_the_same_and_there_is_no_drift() {
    let database = existing(RICH);
    let baseline = baseline(&database, &["public", "crm"]);
    let migrations = after(&baseline, &[]).expect("a good baseline");
    assert_eq!(*migrations.baseline, baseline.actions());
    let drift = Migrator::new(&migrations, database.url()).drift().expect("a comparison");
    assert!(drift.is_none(), "{}", drift.report());
    assert_eq!(drift.unchecked, []);
}

#[test]
fn migrations_are_checked_against_the_baseline() {
    let database = existing(RICH);
    let baseline = baseline(&database, &["public", "crm"]);
    let wrong = SPLIT.replace("\"Full Name\"\n", "\"Ful Name\"\n");
    let problems = after(&baseline, &[("1_split", &wrong)]).expect_err("a problem");
    insta::assert_snapshot!(problems);
    let double = "[[actions]]\ntype = \"create_enum\"\nname = \"mood\"\nvalues = [\"a\"]\n";
    let problems = after(&baseline, &[("1_double", double)]).expect_err("a problem");
    assert!(
        problems.contains("there is an enum `mood` already, created by `baseline`"),
        "{problems}"
    );
    after(&baseline, &[("1_split", SPLIT)]).expect("no problem");
}

#[test]
fn an_unknown_table_is_an_error_that_names_the_command() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("1_split.toml"), SPLIT).expect("a file");
    let problems = reshape_build::load(&[folder.path()]).expect_err("a problem").render(false);
    assert!(problems.contains("`reshape baseline`"), "{problems}");
}

#[test]
fn what_is_no_baseline_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "name = \"x\"\n\n[[actions]]\ntype = \"custom\"\nstart = \"SELECT 1\"\n";
    fs::write(folder.path().join("baseline.toml"), text).expect("a file");
    let problems = reshape_build::load(&[folder.path()]).expect_err("problems").render(false);
    assert!(problems.contains("unknown key `name` in a baseline"), "{problems}");
    assert!(problems.contains("a baseline has no action `custom`"), "{problems}");
    assert!(problems.contains("give the file another name"), "{problems}");
}

#[test]
fn the_first_start_compares_all_of_the_baseline() {
    let database = existing(RICH);
    let migrations =
        after(&baseline(&database, &["public", "crm"]), &[("1_split", SPLIT)]).expect("good");
    run(&database, "ALTER TABLE crm.contacts ALTER order_line TYPE bigint");
    let mut migrator = Migrator::new(&migrations, database.url());
    let error = migrator.start().expect_err("a refusal");
    assert_eq!(error.kind(), ErrorKind::Drift);
    assert!(error.message().contains("`contacts`: not what the baseline says"), "{error}");

    run(&database, "ALTER TABLE crm.contacts ALTER order_line TYPE int");
    assert_eq!(migrator.start().expect("a start").base, None);
    migrator.complete().expect("a completion");
    assert_no_drift(&mut migrator);
    let mut new = client(&database, "1_split");
    assert_eq!(rows(&mut new, "SELECT name FROM users"), ["ADA LOVELACE"]);
    assert_eq!(leftovers(&mut new), Vec::<String>::new());
}

#[test]
fn on_an_empty_database_the_first_start_says_where_the_tables_come_from() {
    let migrations =
        after(&baseline(&existing(RICH), &["public"]), &[("1_split", SPLIT)]).expect("good");
    let error = Migrator::new(&migrations, database().url()).start().expect_err("a refusal");
    assert_eq!(error.kind(), ErrorKind::Drift);
    assert!(error.help().is_some_and(|help| help.contains("never executed")), "{error}");
}

#[test]
fn an_ordinary_role_can_write_a_baseline() {
    let database = existing(
        "CREATE TABLE t (id int PRIMARY KEY, a text); CREATE INDEX t_a ON t (a) WHERE a <> ''; \
         DO $$ BEGIN CREATE ROLE drift_reader LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;",
    );
    let whole = baseline(&database, &["public"]);
    let url = database.url().replacen("postgres@", "drift_reader@", 1);
    let schemas = [String::from("public")];
    let read = Migrator::detached(url.as_str()).baseline(&schemas).expect("a baseline");
    assert_ne!(url, database.url());
    assert_eq!(read, whole);
    assert_eq!(read.items.len(), 2);
}

/// Plain clients are old clients: they see their tables as they were until somebody completes.
#[test]
fn the_first_migration_on_an_existing_database_does_not_complete_by_itself() {
    let database = existing(RICH);
    let all = after(&baseline(&database, &["public", "crm"]), &[("1_split", SPLIT)]).expect("good");
    let mut migrator = Migrator::new(&all, database.url());
    let mut plain = database.connect().expect("a connection");
    let mut new = client(&database, "1_split");
    let names = "SELECT \"Full Name\" FROM users ORDER BY id";
    for round in 0..2 {
        let report = migrator.start().expect("a start");
        assert_eq!((report.outcome, report.base), (Outcome::Started, None));
        // Another instance that starts does not complete it either.
        assert_eq!(migrator.start().expect("a start").outcome, Outcome::Nothing);
        assert_eq!(migrator.status().expect("a status").state.name(), "in_progress");
        if round == 0 {
            plain
                .batch_execute("INSERT INTO users (\"Full Name\") VALUES ('Alan')")
                .expect("a write");
            assert_eq!(
                rows(&mut new, "SELECT name FROM users ORDER BY id"),
                ["ADA LOVELACE", "ALAN"]
            );
            new.batch_execute("INSERT INTO users (name) VALUES ('GRACE')").expect("a write");
            assert_eq!(rows(&mut plain, names), ["Ada Lovelace", "Alan", "grace"]);
            migrator.abort().expect("an abort");
            assert_eq!(rows(&mut plain, names), ["Ada Lovelace", "Alan", "grace"]);
        }
    }
    migrator.complete().expect("a completion");
    assert_eq!(
        rows(&mut plain, "SELECT name FROM users ORDER BY id"),
        ["ADA LOVELACE", "ALAN", "GRACE"]
    );
    assert_eq!(leftovers(&mut plain), Vec::<String>::new());
}

/// What the command line leaves: its metadata, and the views of its version.
const COMMAND_LINE: &str = r#"
    CREATE SCHEMA reshape;
    CREATE TABLE reshape.data (key text PRIMARY KEY, value jsonb);
    CREATE TABLE reshape.migrations (index int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      name text, description text, actions jsonb, completed_at timestamp DEFAULT now());
    INSERT INTO reshape.data VALUES ('state', '{"state": "idle"}'), ('version', '"0.11.2"');
    INSERT INTO reshape.migrations (name, actions) VALUES ('1_people', '[{"type": "create_table", "name": "people",
      "columns": [{"name": "id", "type": "BIGINT", "nullable": true, "default": null, "generated": "ALWAYS AS IDENTITY"},
                  {"name": "name", "type": "TEXT", "nullable": false, "default": null}],
      "primary_key": ["id"], "foreign_keys": [], "up": null}]');
    CREATE TABLE people (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL);
    CREATE SCHEMA migration_1_people;
    CREATE VIEW migration_1_people.people AS SELECT id AS id, name AS name FROM people;
    INSERT INTO people (name) VALUES ('ada');
"#;

#[test]
fn the_version_of_the_command_line_stays_usable_and_is_the_base() {
    let first = r#"
        [[actions]]
        type = "create_table"
        name = "people"
        primary_key = ["id"]
        columns = [
            { name = "id", type = "BIGINT", generated = "ALWAYS AS IDENTITY" },
            { name = "name", type = "TEXT", nullable = false },
        ]
    "#;
    let second = r#"
        [[actions]]
        type = "alter_column"
        table = "people"
        column = "name"
        up = "upper(name)"
        down = "lower(title)"
        changes = { name = "title" }
    "#;
    let all = migrations(&[("1_people", first), ("2_title", second)]);
    let database = existing(COMMAND_LINE);
    let mut migrator = Migrator::new(&all, database.url());
    assert_no_drift(&mut migrator);
    assert_eq!(migrator.status().expect("a status").live_schemas, ["migration_1_people"]);

    let report = migrator.start().expect("a start");
    assert_eq!(report.base.as_deref(), Some("1_people"));
    let (mut old, mut new) = (client(&database, "1_people"), client(&database, "2_title"));
    old.batch_execute("INSERT INTO people (name) VALUES ('bob')").expect("a write");
    new.batch_execute("INSERT INTO people (title) VALUES ('CID')").expect("a write");
    assert_eq!(rows(&mut old, "SELECT name FROM people ORDER BY id"), ["ada", "bob", "cid"]);
    assert_eq!(rows(&mut new, "SELECT title FROM people ORDER BY id"), ["ADA", "BOB", "CID"]);
    migrator.complete().expect("a completion");
    let schemas = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'migration_%' ORDER BY 1";
    assert_eq!(rows(&mut new, schemas), ["migration_2_title"]);
    assert_no_drift(&mut migrator);
}

#[test]
fn a_table_that_drifted_under_the_command_line_is_refused() {
    let first = "[[actions]]\ntype = \"create_table\"\nname = \"people\"\nprimary_key = \"id\"\n\
        columns = [{ name = \"id\", type = \"BIGINT\", generated = \"ALWAYS AS IDENTITY\" }, { name = \"name\", type = \"TEXT\", nullable = false }]\n";
    let second = "[[actions]]\ntype = \"add_column\"\ntable = \"people\"\ncolumn = { name = \"a\", type = \"int\" }\n";
    let all = migrations(&[("1_people", first), ("2_a", second)]);
    let database = existing(COMMAND_LINE);
    run(
        &database,
        "DROP VIEW migration_1_people.people; ALTER TABLE people ALTER name TYPE varchar(9)",
    );
    let error = Migrator::new(&all, database.url()).start().expect_err("a refusal");
    assert_eq!(error.kind(), ErrorKind::Drift);
    let mut client = database.connect().expect("a connection");
    // Nothing is taken over before the start is certain.
    assert_eq!(rows(&mut client, "SELECT to_regclass('reshape.batch')"), ["-"]);
}

/// While the command line is at work, its lock keeps us out.
#[test]
fn the_lock_of_the_command_line_counts() {
    let all = migrations(&[("1_a", "[[actions]]\ntype = \"custom\"\nstart = \"SELECT 1\"\n")]);
    let database = database();
    let mut other = database.connect().expect("a connection");
    other.batch_execute("SELECT pg_advisory_lock(4036779288569897133)").expect("the lock");
    let error = Migrator::new(&all, database.url()).start_to("1_a").expect_err("a refusal");
    assert_eq!(error.kind(), ErrorKind::Locked);
    other.batch_execute("SELECT pg_advisory_unlock_all()").expect("no lock");
    assert_eq!(
        Migrator::new(&all, database.url()).start().expect("a start").outcome,
        Outcome::Started
    );
}
