//! Drift: what is found and how it is shown, what start refuses, and what is no drift.

mod none;

use reshape_runtime::testing::TestDatabase;
use reshape_runtime::{ErrorKind, Migrations, Migrator, Outcome};
use reshape_tests::{catalog, client, database, migrations};

/// The text of a first migration.
const SHOP: &str = r#"
[[actions]]
type = "create_enum"
name = "mood"
values = ["happy", "sad"]

[[actions]]
type = "create_table"
name = "users"
primary_key = "id"
columns = [
    { name = "id", type = "bigint", generated = "ALWAYS AS IDENTITY" },
    { name = "email", type = "varchar(100)", nullable = false },
    { name = "name", type = "text" },
    { name = "age", type = "int", default = "0" },
    { name = "mood", type = "mood", default = "'happy'" },
    { name = "joined", type = "timestamptz", nullable = false, default = "now()" },
    { name = "upper_name", type = "text", generated = "ALWAYS AS (upper(name)) STORED" },
]
checks = [{ name = "users_age", expression = "age >= 0" }]

[[actions]]
type = "create_table"
name = "orders"
primary_key = ["id", "line"]
columns = [
    { name = "id", type = "serial" },
    { name = "line", type = "int" },
    { name = "user_id", type = "bigint" },
    { name = "total", type = "numeric(10,2)" },
]
foreign_keys = [
    { columns = ["user_id"], referenced_table = "users", referenced_columns = ["id"], on_delete = "CASCADE" },
]

[[actions]]
type = "add_index"
table = "users"
index = { name = "users_email", columns = ["email"], unique = true }

[[actions]]
type = "add_index"
table = "users"
index = { name = "users_name", columns = [{ expression = "lower(name)" }, { column = "joined", direction = "DESC" }], where = "age > 17" }

[[actions]]
type = "create_table"
name = "notes"
schema = "crm"
primary_key = "id"
columns = [{ name = "id", type = "uuid", default = "gen_random_uuid()" }]
"#;

const CHANGE: &str = r#"
[[actions]]
type = "add_column"
table = "users"
column = { name = "nick", type = "text" }
up = "name"
"#;

/// A database in which the first of `files` is complete.
fn completed(files: &[(&str, &str)]) -> (TestDatabase, Migrations) {
    let database = database();
    let migrations = migrations(files);
    let first = migrations.up_to(files[0].0).expect("the first migration");
    let mut migrator = Migrator::new(first, database.url());
    migrator.start().unwrap_or_else(|error| panic!("{}", error.report()));
    migrator.complete().unwrap_or_else(|error| panic!("{}", error.report()));
    (database, migrations)
}

fn run(database: &TestDatabase, sql: &str) {
    let mut client = database.connect().expect("a connection");
    client.batch_execute(sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}

/// The views of a version would be in the way of what follows.
fn without_views(database: &TestDatabase, version: &str, sql: &str) {
    run(
        database,
        &format!(
            "DROP SCHEMA IF EXISTS \"migration_{version}\", \"reshape_{version}\" CASCADE; {sql}"
        ),
    );
}

/// What is told of the database after some SQL that no migration knows.
fn told(sql: &str) -> String {
    let (database, migrations) = completed(&[("1_shop", SHOP)]);
    without_views(&database, "1_shop", sql);
    let drift = Migrator::new(&migrations, database.url()).drift().expect("a comparison");
    assert_eq!(drift.unchecked, []);
    drift.report()
}

#[test]
fn columns_that_differ_are_found() {
    insta::assert_snapshot!(told(
        "ALTER TABLE users DROP COLUMN name CASCADE, ALTER email TYPE text, ALTER age SET NOT NULL, ALTER age SET DEFAULT 1, \
           ALTER joined DROP NOT NULL, ALTER joined DROP DEFAULT, ALTER id DROP IDENTITY, ALTER mood TYPE text; \
         ALTER TABLE orders ALTER total TYPE numeric(12,2), ALTER user_id SET DEFAULT 7, ALTER id SET DEFAULT 1; \
         ALTER TABLE users ALTER mood SET DEFAULT 'sad'"
    ));
}

#[test]
fn keys_and_indexes_that_differ_are_found() {
    insta::assert_snapshot!(told(
        "ALTER TABLE orders DROP CONSTRAINT orders_pkey, ADD PRIMARY KEY (line, id); \
         ALTER TABLE orders DROP CONSTRAINT orders_user_id_fkey, \
           ADD CONSTRAINT orders_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE SET NULL; \
         ALTER TABLE crm.notes DROP CONSTRAINT notes_pkey; \
         ALTER TABLE users DROP CONSTRAINT users_age; \
         DROP INDEX users_email; CREATE INDEX users_email ON users USING hash (email); \
         DROP INDEX users_name; CREATE INDEX users_name ON users (lower(name), joined)"
    ));
}

#[test]
fn what_is_missing_altogether_is_found() {
    insta::assert_snapshot!(told(
        "DROP INDEX users_email; ALTER TABLE orders DROP CONSTRAINT orders_user_id_fkey; \
         DROP TABLE crm.notes; CREATE VIEW crm.notes AS SELECT 1 AS id; DROP TABLE orders; \
         ALTER TABLE users DROP COLUMN mood; DROP TYPE mood; CREATE TYPE mood AS ENUM ('sad', 'happy')"
    ));
}

#[test]
fn what_is_there_beyond_the_history_is_shown_and_no_difference() {
    insta::assert_snapshot!(told(
        "CREATE TABLE audit (id int); CREATE TYPE colour AS ENUM ('red'); ALTER TYPE mood ADD VALUE 'so so' BEFORE 'sad'; \
         ALTER TABLE users ADD COLUMN extra int UNIQUE, ADD CONSTRAINT checked CHECK (extra > 0), \
           ADD CONSTRAINT refers FOREIGN KEY (extra) REFERENCES users (extra); \
         CREATE INDEX users_extra ON users (extra); \
         ALTER TABLE orders RENAME CONSTRAINT orders_user_id_fkey TO another_name"
    ));
}

#[test]
fn start_refuses_a_table_that_is_not_what_the_history_says() {
    let (database, migrations) = completed(&[("1_shop", SHOP), ("2_change", CHANGE)]);
    without_views(
        &database,
        "1_shop",
        "ALTER TABLE users ALTER email TYPE varchar(20), DROP CONSTRAINT users_age",
    );
    let mut client = client(&database, "1_shop");
    let before = catalog(&mut client);
    let mut migrator = Migrator::new(&migrations, database.url());
    let error = migrator.start().expect_err("a refusal");
    assert_eq!(error.kind(), ErrorKind::Drift);
    insta::assert_snapshot!(error.report());
    assert_eq!(error.report(), error.to_string());
    assert!(!error.message().contains('\n'));
    assert_eq!(catalog(&mut client), before);
    let status = migrator.status().expect("a status");
    assert_eq!((status.state.name(), status.last_error), ("idle", None));

    run(
        &database,
        "ALTER TABLE users ALTER email TYPE varchar(100), ADD CONSTRAINT users_age CHECK (age > -1)",
    );
    assert_eq!(migrator.start().expect("a start").outcome, Outcome::Started);
}

#[test]
fn start_looks_at_the_tables_of_the_batch_alone() {
    let (database, migrations) = completed(&[("1_shop", SHOP), ("2_change", CHANGE)]);
    without_views(&database, "1_shop", "DROP TABLE orders; DROP TABLE crm.notes");
    let mut migrator = Migrator::new(&migrations, database.url());
    assert_eq!(migrator.drift().expect("a comparison").differences.len(), 2);
    assert_eq!(migrator.start().expect("a start").outcome, Outcome::Started);
}

#[test]
fn start_looks_at_tables_under_the_names_that_they_have_before_the_batch() {
    let change = r#"
        actions = [
            { type = "rename_table", table = "users", new_name = "people" },
            { type = "remove_column", table = "people", column = "age" },
        ]
    "#;
    let (database, migrations) = completed(&[("1_shop", SHOP), ("2_change", change)]);
    run(&database, "ALTER TABLE users ALTER name SET NOT NULL");
    let error = Migrator::new(&migrations, database.url()).start().expect_err("a refusal");
    assert!(error.message().starts_with("`users`: "), "{error}");
}

#[test]
fn start_looks_at_a_table_that_values_come_from() {
    let change = r#"
        [[actions]]
        type = "add_column"
        table = "orders"
        column = { name = "who", type = "text" }
        up = { table = "users", value = "users.name", where = "users.id = orders.user_id" }
    "#;
    let (database, migrations) = completed(&[("1_shop", SHOP), ("2_change", change)]);
    without_views(&database, "1_shop", "ALTER TABLE users DROP COLUMN name CASCADE");
    let error = Migrator::new(&migrations, database.url()).start().expect_err("a refusal");
    assert_eq!((error.kind(), error.message().starts_with("`users`: ")), (ErrorKind::Drift, true));
}

#[test]
fn drift_that_is_allowed_is_a_note() {
    let allow = "[[allow]]\nlint = \"drift\"\nreason = \"the DBA needed it\"\n";
    let change = format!("{allow}{CHANGE}");
    let (database, migrations) = completed(&[("1_shop", SHOP), ("2_change", &change)]);
    run(&database, "ALTER TABLE users ALTER name SET DEFAULT 'x'");
    let report = Migrator::new(&migrations, database.url()).start().expect("a start");
    let note = report.notes.first().map(String::as_str);
    assert_eq!(
        note,
        Some(
            "`users`: not what the earlier migrations say, which `2_change` allows (the DBA needed it)"
        )
    );
}

#[test]
fn what_custom_sql_mentions_is_not_compared() {
    let custom = |sql: &str| format!("[[actions]]\ntype = \"custom\"\nstart = '''{sql}'''\n");
    let unchecked = |sql: &str| {
        let second = custom(sql);
        let all = [("1_shop", SHOP), ("2_custom", second.as_str())];
        let (database, migrations) = completed(&all);
        let mut migrator = Migrator::new(&migrations, database.url());
        migrator.start().expect("a start");
        migrator.complete().expect("a completion");
        let drift = migrator.drift().expect("a comparison");
        assert!(drift.is_none(), "{}", drift.report());
        drift.unchecked.iter().map(|table| table.name.clone()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(unchecked("ALTER TABLE users ALTER name SET NOT NULL"), "users");
    assert_eq!(unchecked("DROP INDEX users_email"), "");
    assert_eq!(
        unchecked("DO $$ BEGIN EXECUTE 'ALTER TABLE us' || 'ers ADD COLUMN x int'; END $$"),
        "users orders notes"
    );
    // By its name, in a string, and with what goes by cascade.
    assert_eq!(unchecked("DO $x$ BEGIN PERFORM 'USERS'; END $x$"), "users");
    assert_eq!(unchecked("ALTER TABLE users DROP CONSTRAINT users_pkey CASCADE"), "users");
    // A type has another name, but the columns are still looked at.
    assert_eq!(unchecked("SELECT 1'''\ncomplete = '''ALTER TYPE mood RENAME TO feeling"), "");
}

#[test]
fn the_history_in_the_database_counts_for_a_program_that_knows_less() {
    let (database, migrations) = completed(&[("1_shop", SHOP), ("2_change", CHANGE)]);
    let mut newer = Migrator::new(&migrations, database.url());
    newer.start().expect("a start");
    let older = migrations.up_to("1_shop").expect("the first");
    for mut migrator in [Migrator::new(older, database.url()), Migrator::detached(database.url())] {
        // The batch's own table is left out until the batch is over.
        let drift = migrator.drift().expect("a comparison");
        assert!(drift.is_none() && drift.unchecked.len() == 1, "{}", drift.report());
        assert_eq!(drift.version.as_deref(), Some("1_shop"));
    }
    newer.complete().expect("a completion");
    without_views(&database, "2_change", "ALTER TABLE users DROP COLUMN nick");
    let older = migrations.up_to("1_shop").expect("the first");
    let drift = Migrator::new(older, database.url()).drift().expect("a comparison");
    assert_eq!(drift.version.as_deref(), Some("2_change"));
    assert!(drift.diff().contains("column `nick`"), "{}", drift.report());
}
