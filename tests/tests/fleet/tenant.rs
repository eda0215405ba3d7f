//! What a tenant's schema is: the same tables, types and versions once more, beside those of others and of the default schema.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use postgres::Client;
use reshape_runtime::testing::TestDatabase;
use reshape_runtime::{Migrations, Migrator, Outcome, State};
use reshape_tests::{catalog, leftovers, migrations, rows};

pub(crate) const BASE: &str = r#"
[[actions]]
type = "create_enum"
name = "mood"
values = ["sad", "ok"]

[[actions]]
type = "create_table"
name = "users"
primary_key = "id"
columns = [
  { name = "id", type = "int" },
  { name = "name", type = "text" },
  { name = "mood", type = "mood", default = "'ok'" },
]

[[actions]]
type = "create_table"
name = "orders"
primary_key = "id"
columns = [
  { name = "id", type = "int", generated = "ALWAYS AS IDENTITY" },
  { name = "owner", type = "int", nullable = false },
]
foreign_keys = [{ columns = ["owner"], referenced_table = "users", referenced_columns = ["id"] }]

[[actions]]
type = "add_index"
table = "users"
index = { name = "users_by_name", columns = ["name"] }

[[actions]]
type = "custom"
start = "CREATE TABLE notes (note text); CREATE FUNCTION loud(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT upper($1)'"
abort = "DROP FUNCTION loud(text); DROP TABLE notes"
"#;

/// A column replaced, one from the rows of another table, one from a sub-select; all in SQL that says no schema.
const CHANGE: &str = r#"
[[actions]]
type = "alter_column"
table = "users"
column = "name"
up = "loud(name)"
down = "lower(name)"
changes = { name = "title", nullable = true }

[[actions]]
type = "add_column"
table = "orders"
up = { table = "users", value = "users.title", where = "orders.owner = users.id" }
column = { name = "owner_name", type = "text" }

[[actions]]
type = "add_column"
table = "users"
up = "(SELECT count(*) FROM notes n WHERE n.note = users.title)"
column = { name = "noted", type = "bigint" }
"#;

const LAST: &str = r#"
[[actions]]
type = "alter_column"
table = "users"
column = "mood"
up = "mood::text"
down = "mood::mood"
changes = { type = "text", default = "'ok'" }

[[actions]]
type = "remove_enum"
enum = "mood"

[[actions]]
type = "rename_table"
table = "orders"
new_name = "purchases"

[[actions]]
type = "remove_index"
index = "users_by_name"
"#;

pub(crate) fn set() -> Migrations {
    migrations(&[("1_base", BASE), ("2_change", CHANGE), ("3_last", LAST)])
}

pub(crate) fn to(name: &str) -> Migrations {
    set().up_to(name).unwrap()
}

pub(crate) fn at(database: &TestDatabase, schema: &str, name: &str) -> Migrator {
    Migrator::new(to(name), database.url()).in_schema(schema)
}

pub(crate) fn ok<T>(result: Result<T, reshape_runtime::Error>) -> T {
    result.unwrap_or_else(|error| panic!("{}", error.report()))
}

/// A client of the version.
pub(crate) fn client(database: &TestDatabase, schema: &str, name: &str) -> Client {
    let mut client = database.connect().unwrap();
    client.batch_execute(&to(name).in_schema(schema).schema_query().unwrap()).unwrap();
    client
}

/// `t1` goes to the second version while its old and new clients, those of `t2`, and those of the default schema write; then all go on to the
/// last version, one after the other.
#[test]
fn tenants_at_different_versions() {
    const ALL: [&str; 3] = ["public", "t1", "t2"];
    let database = reshape_tests::database();
    for schema in ALL {
        ok(at(&database, schema, "1_base").start_and_complete());
    }
    let stop = AtomicBool::new(false);
    let write = |schema: &str, from: i32| {
        let mut client = client(&database, schema, "1_base");
        let mut count = 0;
        while !stop.load(Ordering::Relaxed) && count < 20_000 {
            let id = from + count;
            let sql = format!(
                "INSERT INTO users VALUES ({id}, '{schema}'); INSERT INTO orders (owner) VALUES ({id}); \
                 UPDATE users SET mood = 'sad' WHERE id = {id}"
            );
            client.batch_execute(&sql).unwrap_or_else(|error| panic!("{schema}: {error:?}"));
            count += 1;
        }
        count
    };
    let counts = thread::scope(|scope| {
        let writers = ALL.map(|schema| scope.spawn(move || write(schema, 1)));
        let report = ok(at(&database, "t1", "2_change").start());
        assert_eq!((report.outcome, report.base.as_deref()), (Outcome::Started, Some("1_base")));
        let mut new = client(&database, "t1", "2_change");
        for id in 1..=50 {
            new.batch_execute(&format!(
                "INSERT INTO users (id, title) VALUES ({}, 'NEW'); INSERT INTO orders (owner, owner_name) VALUES ({}, 'NEW')",
                -id, -id
            ))
            .unwrap();
        }
        stop.store(true, Ordering::Relaxed);
        writers.map(|writer| usize::try_from(writer.join().unwrap()).unwrap())
    });
    let mut old = client(&database, "t1", "1_base");
    let mut new = client(&database, "t1", "2_change");
    let total = counts[1] + 50;
    assert_eq!(
        rows(
            &mut new,
            "SELECT count(*) FROM users WHERE title IN ('T1', 'NEW') AND (noted = 0 OR id < 0)"
        ),
        [total.to_string()]
    );
    assert_eq!(
        rows(&mut new, "SELECT count(*) FROM orders WHERE owner_name IN ('T1', 'NEW')"),
        [total.to_string()]
    );
    assert_eq!(
        rows(&mut old, "SELECT count(*) FROM users WHERE name = 'new' AND mood = 'ok'"),
        ["50"]
    );
    for (schema, count) in [("public", counts[0]), ("t2", counts[2])] {
        let mut client = client(&database, schema, "1_base");
        let sql = format!(
            "SELECT count(*) FROM users JOIN orders ON owner = users.id WHERE name = '{schema}'"
        );
        assert_eq!(rows(&mut client, &sql), [count.to_string()]);
    }
    let statuses: Vec<(State, Option<String>)> = ALL
        .map(|schema| ok(at(&database, schema, "2_change").status()))
        .into_iter()
        .map(|status| (status.state, status.current))
        .collect();
    let base = || Some(String::from("1_base"));
    assert_eq!(
        statuses,
        [(State::Idle, base()), (State::InProgress, base()), (State::Idle, base())]
    );
    ok(at(&database, "t1", "2_change").complete());
    for schema in ALL {
        let mut migrator = at(&database, schema, "3_last");
        ok(migrator.start());
        ok(migrator.complete());
        let drift = ok(migrator.drift());
        assert!(drift.is_none(), "{schema}: {}", drift.diff());
        let mut client = client(&database, schema, "3_last");
        let names = rows(
            &mut client,
            "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() ORDER BY 1",
        );
        assert_eq!(names, ["notes", "purchases", "users"], "{schema}");
    }
    let mut client = database.connect().unwrap();
    assert_eq!(leftovers(&mut client), Vec::<String>::new());
    assert_eq!(rows(&mut client, "SELECT count(*) FROM pg_type WHERE typname = 'mood'"), ["0"]);
}

/// All of it is taken back, and of a schema that the batch has made nothing is left.
#[test]
fn a_tenant_is_made_and_taken_back() {
    let database = reshape_tests::database();
    let mut client = database.connect().unwrap();
    ok(at(&database, "t0", "1_base").start_and_complete());
    let before = catalog(&mut client);
    ok(at(&database, "t1", "1_base").start());
    assert_eq!(rows(&mut client, "SELECT count(*) FROM t1.users"), ["0"]);
    ok(at(&database, "t1", "1_base").abort());
    assert_eq!(catalog(&mut client), before);
    // A revert too, with values from other tables.
    ok(at(&database, "t0", "2_change").start_and_complete());
    ok(at(&database, "t0", "2_change").revert_to("1_base"));
    ok(at(&database, "t0", "2_change").complete());
    assert_eq!(leftovers(&mut client), Vec::<String>::new());
    let of_t0 = |lines: Vec<String>| -> Vec<String> {
        lines.into_iter().filter(|line| line.split(' ').nth(1) == Some("t0")).collect()
    };
    assert_eq!(of_t0(catalog(&mut client)), of_t0(before));
}
