//! What the hazards say of Postgres and of the migrator, asked of a real server.

use postgres::Client;
use reshape_runtime::ErrorKind;
use reshape_tests::{Rollout, database, rows};

const TABLES: &str = r#"
[[actions]]
type = "create_table"
name = "users"
primary_key = "id"
columns = [{ name = "id", type = "int" }, { name = "name", type = "text" }]

[[actions]]
type = "create_table"
name = "orders"
primary_key = "id"
columns = [{ name = "id", type = "int" }, { name = "user_id", type = "int" }]
"#;

fn custom(start: &str) -> String {
    format!("[[actions]]\ntype = \"custom\"\nstart = '''{start}'''\n")
}

/// Two plain tables, without any version of a schema.
fn plain() -> (reshape_runtime::testing::TestDatabase, Client) {
    let database = database();
    let mut client = database.connect().unwrap_or_else(|error| panic!("{}", error.report()));
    client
        .batch_execute(
            "CREATE TABLE users (id int PRIMARY KEY, name text); INSERT INTO users VALUES (1, 'a'), (2, 'b');
             CREATE TABLE orders (id int PRIMARY KEY, user_id int); INSERT INTO orders VALUES (1, 1);
             CREATE MATERIALIZED VIEW report AS SELECT count(*) AS n FROM users; CREATE UNIQUE INDEX ON report (n);
             CREATE TYPE mood AS ENUM ('sad');
             CREATE TABLE parts (id int) PARTITION BY RANGE (id); CREATE TABLE part PARTITION OF parts FOR VALUES FROM (1) TO (2)",
        )
        .expect("the tables");
    (database, client)
}

#[test]
fn what_cannot_run_in_a_transaction_is_refused_there() {
    let (_database, mut client) = plain();
    for sql in [
        "CREATE INDEX CONCURRENTLY i ON users (name)",
        "DROP INDEX CONCURRENTLY users_pkey",
        "REINDEX TABLE CONCURRENTLY users",
        "REINDEX SCHEMA public",
        "VACUUM users",
        "VACUUM",
        "CREATE DATABASE x",
        "DROP DATABASE IF EXISTS x",
        "CREATE TABLESPACE x LOCATION '/x'",
        "ALTER SYSTEM SET work_mem = '1MB'",
        "DISCARD ALL",
        "ALTER TABLE parts DETACH PARTITION part CONCURRENTLY",
    ] {
        client.batch_execute("BEGIN").expect("a transaction");
        let error = client.batch_execute(sql).expect_err(sql);
        let message =
            error.as_db_error().map(|error| error.message().to_owned()).unwrap_or_default();
        assert!(message.contains("transaction block"), "{sql}: {message}");
        client.batch_execute("ROLLBACK").expect("no transaction");
    }
}

/// The locks that a statement holds on `table`, and whether it has written the table anew.
fn locked(client: &mut Client, sql: &str, table: &str) -> (Vec<String>, bool) {
    let node = format!("SELECT pg_relation_filenode('{table}')");
    let before = rows(client, &node);
    client.batch_execute("BEGIN").expect("a transaction");
    client.batch_execute(sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    let locks = rows(
        client,
        &format!(
            "SELECT mode FROM pg_locks WHERE relation = '{table}'::regclass AND pid = pg_backend_pid()"
        ),
    );
    let rewritten = rows(client, &node) != before;
    client.batch_execute("ROLLBACK").expect("no transaction");
    (locks, rewritten)
}

#[test]
fn the_locks_are_those_that_the_hazards_name() {
    let (_database, mut client) = plain();
    let exclusive = "AccessExclusiveLock";
    for (sql, table, mode, rewrites) in [
        ("CREATE INDEX i ON users (name)", "users", "ShareLock", false),
        ("ALTER TABLE users ADD CONSTRAINT c CHECK (id > 0)", "users", exclusive, false),
        (
            "ALTER TABLE orders ADD FOREIGN KEY (user_id) REFERENCES users (id)",
            "users",
            "ShareRowExclusiveLock",
            false,
        ),
        ("ALTER TABLE users ADD UNIQUE (name)", "users", exclusive, false),
        ("ALTER TABLE users ALTER name SET NOT NULL", "users", exclusive, false),
        ("ALTER TABLE users ALTER id TYPE bigint", "users", exclusive, true),
        ("ALTER TABLE users SET UNLOGGED", "users", exclusive, true),
        ("CLUSTER users USING users_pkey", "users", exclusive, true),
        ("ALTER TABLE users ADD t uuid DEFAULT gen_random_uuid()", "users", exclusive, true),
        ("ALTER TABLE users ADD n bigserial", "users", exclusive, true),
        ("ALTER TABLE users ADD n int GENERATED ALWAYS AS IDENTITY", "users", exclusive, true),
        (
            "ALTER TABLE users ADD l int GENERATED ALWAYS AS (length(name)) STORED",
            "users",
            exclusive,
            true,
        ),
        // What the hazards leave alone.
        ("ALTER TABLE users ADD at timestamptz DEFAULT now()", "users", exclusive, false),
        ("LOCK TABLE users", "users", exclusive, false),
        ("TRUNCATE orders", "orders", exclusive, true),
        ("REFRESH MATERIALIZED VIEW report", "report", exclusive, true),
        ("REFRESH MATERIALIZED VIEW CONCURRENTLY report", "report", "ExclusiveLock", false),
    ] {
        let (locks, rewritten) = locked(&mut client, sql, table);
        assert!(locks.iter().any(|lock| lock == mode), "{sql}: {locks:?}");
        assert_eq!(rewritten, rewrites, "{sql}");
    }
}

#[test]
fn a_new_value_of_an_enum_cannot_be_used_at_once() {
    let (_database, mut client) = plain();
    client.batch_execute("BEGIN; ALTER TYPE mood ADD VALUE 'tired'").expect("a new value");
    let error = client.batch_execute("SELECT 'tired'::mood").expect_err("too new");
    assert_eq!(error.code().map(|code| code.code()), Some("55P04"), "{error:?}");
}

#[test]
fn what_a_version_shows_cannot_be_dropped_or_change_its_type() {
    for sql in [
        "ALTER TABLE users DROP COLUMN name",
        "DROP TABLE users",
        "ALTER TABLE users ALTER COLUMN name TYPE varchar(10)",
    ] {
        let r = Rollout::prepare(TABLES, "", &custom(sql));
        let error = r.start().expect_err(sql);
        assert_eq!(error.kind(), ErrorKind::Failed, "{}", error.report());
        assert!(error.report().contains("view"), "{}", error.report());
    }
}

#[test]
fn a_view_over_a_version_keeps_it_from_being_removed() {
    let sql = "CREATE VIEW public.people AS SELECT id FROM migration_1_base.users";
    let r = Rollout::begin(TABLES, "", &custom(sql));
    let error = r.migrator().complete().expect_err("a view depends on the version");
    assert!(error.report().contains("people"), "{}", error.report());
}

#[test]
fn probe() {
    let role = "DO $$ BEGIN CREATE ROLE hz_app NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;";
    let more = "[[actions]]\ntype = \"alter_column\"\ntable = \"users\"\ncolumn = \"name\"\nup = \"upper(name)\"\nchanges = { nullable = true }\n[[actions]]\ntype = \"add_index\"\ntable = \"users\"\nindex = { name = \"i\", columns = [\"name\"] }\n";
    for sql in [
        "SET search_path TO app",
        "SET ROLE hz_app",
        "SET LOCAL ROLE hz_app",
        "SET ROLE hz_app; RESET ROLE",
        "SET SESSION AUTHORIZATION hz_app",
        "SELECT set_config('search_path', '', false)",
        "SET SESSION AUTHORIZATION hz_app; RESET SESSION AUTHORIZATION",
    ] {
        let change = format!(
            "{}{more}[[actions]]\ntype = \"custom\"\nstart = '''SELECT 1'''\ncomplete = '''{sql}'''\n",
            custom(&format!("{role} {sql}"))
        );
        let r = Rollout::prepare(TABLES, "", &change);
        let start = r.start().map(|_| ()).map_err(|e| e.report());
        let complete = r.migrator().complete().map(|_| ()).map_err(|e| e.report());
        println!("{sql}: {start:?} / {complete:?}");
    }
    panic!("probe");
}
