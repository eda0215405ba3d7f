//! What a tenant's schema is: the same tables, types and versions once more, beside those of others and of the default schema.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use postgres::Client;
use reshape_runtime::testing::TestDatabase;
use reshape_runtime::{ErrorKind, Fleet, Migrations, Migrator, Outcome, State, Target};
use reshape_tests::{catalog, leftovers, migrations, rows};

const BASE: &str = r#"
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

/// A column replaced, one from the rows of another table, a type of its own changed, an index; all in SQL that says no schema.
const CHANGE: &str = r#"
[[actions]]
type = "alter_column"
table = "users"
column = "name"
up = "loud(name)"
down = "lower(name)"
changes = { name = "title", nullable = true }

[[actions]]
type = "alter_column"
table = "users"
column = "mood"
up = "mood::text"
down = "mood::mood"
changes = { type = "text", default = "'ok'" }

[[actions]]
type = "add_column"
table = "orders"
up = { table = "users", value = "users.name", where = "orders.owner = users.id" }
column = { name = "owner_name", type = "text" }

[[actions]]
type = "add_column"
table = "users"
up = "(SELECT count(*) FROM notes n WHERE n.note = users.name)"
column = { name = "noted", type = "bigint" }
"#;

const LAST: &str = r#"
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

fn set() -> Migrations {
    migrations(&[("1_base", BASE), ("2_change", CHANGE), ("3_last", LAST)])
}

fn to(name: &str) -> Migrations {
    set().up_to(name).unwrap()
}

fn at(database: &TestDatabase, schema: &str, name: &str) -> Migrator {
    Migrator::new(to(name), database.url()).in_schema(schema)
}

fn ok<T>(result: Result<T, reshape_runtime::Error>) -> T {
    result.unwrap_or_else(|error| panic!("{}", error.report()))
}

/// A client of the version.
fn client(database: &TestDatabase, schema: &str, name: &str) -> Client {
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
        rows(&mut new, "SELECT count(*) FROM users WHERE title IN ('T1', 'NEW') AND noted = 0"),
        [total.to_string()]
    );
    assert_eq!(
        rows(&mut new, "SELECT count(*) FROM orders WHERE owner_name IN ('t1', 'new', 'NEW')"),
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
    // Back again, where the type was removed: not without it.
    let refused = at(&database, "t1", "3_last").revert_to("2_change");
    assert!(refused.is_ok() || refused.is_err_and(|error| error.kind() == ErrorKind::Refused));
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
    assert_eq!(catalog(&mut client), before);
}

/// What a start refuses for a tenant, in words that say what to do; and nothing has changed.
#[test]
fn what_would_reach_other_schemas_is_refused() {
    let column = |up: &str| {
        format!(
            "[[actions]]\ntype = \"add_column\"\ntable = \"users\"\nup = \"{up}\"\ncolumn = {{ name = \"more\", type = \"text\" }}\n"
        )
    };
    let custom = |sql: &str| format!("[[actions]]\ntype = \"custom\"\nstart = \"{sql}\"\n");
    let cases = [
        (
            column("(SELECT max(u.name) FROM public.users u)"),
            "its SQL says `public.users`, but `users` is in schema `t1` here",
        ),
        (column("('ok'::public.mood)::text"), "its SQL says `public.mood`"),
        (custom("ALTER TABLE public . \\\"users\\\" SET (fillfactor = 90)"), "say `users` alone"),
        (
            custom("CREATE EXTENSION IF NOT EXISTS pg_trgm"),
            "CREATE EXTENSION IF NOT EXISTS … SCHEMA public",
        ),
    ];
    let database = reshape_tests::database();
    let mut client = database.connect().unwrap();
    ok(at(&database, "t1", "1_base").start_and_complete());
    let before = catalog(&mut client);
    for (change, words) in cases {
        let set = migrations(&[("1_base", BASE), ("2_change", &change)]);
        let error = Migrator::new(&set, database.url()).in_schema("t1").start().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(error.report().contains(words), "{}", error.report());
        assert_eq!(catalog(&mut client), before);
        // The default set means its own by it.
        if !change.contains("EXTENSION") {
            let first = Migrator::new(to("1_base"), database.url()).start_and_complete();
            ok(first);
            ok(Migrator::new(&set, database.url()).start());
            ok(Migrator::new(&set, database.url()).abort());
            let all = "DROP SCHEMA public, migration_1_base CASCADE; CREATE SCHEMA public; \
                DELETE FROM reshape.batch WHERE namespace = 'default'; DELETE FROM reshape.migrations WHERE namespace = 'default'; \
                DELETE FROM reshape.data WHERE key = 'live/2/default'";
            client.batch_execute(all).unwrap();
        }
    }
    // A comment, a string and a function of everybody's are no mention of the tenant's tables.
    client
        .batch_execute(
            "CREATE FUNCTION public.shared(text) RETURNS text LANGUAGE sql AS 'SELECT $1'",
        )
        .unwrap();
    let set = migrations(&[
        ("1_base", BASE),
        ("2_change", &column("public.shared(name) || 'public.users'")),
    ]);
    ok(Migrator::new(&set, database.url()).in_schema("t1").start());
}

#[test]
fn the_name_of_a_schema_is_checked() {
    let database = reshape_tests::database();
    for (schema, words) in [
        ("", "has a `@` and no schema after it"),
        ("a/b", "contains a `/`"),
        ("pg_temp", "cannot have a set of migrations of its own"),
        ("reshape", "cannot have a set of migrations of its own"),
        ("migration_1", "cannot have a set of migrations of its own"),
        (
            "a_very_long_name_for_a_schema_of_a_tenant_indeed",
            "has a longer name than Postgres keeps",
        ),
    ] {
        let error = at(&database, schema, "1_base").start().unwrap_err();
        assert!(error.report().contains(words), "{schema}: {}", error.report());
    }
    let mut client = database.connect().unwrap();
    assert_eq!(rows(&mut client, "SELECT to_regnamespace('reshape')"), ["-"]);
    // Names that have to be quoted.
    for schema in ["A b", "x\"y", "o'k", "a@b"] {
        ok(at(&database, schema, "1_base").start_and_complete());
        ok(at(&database, schema, "2_change").start_and_complete());
        let mut client = client_of(&database, schema);
        client.batch_execute("INSERT INTO users (id) VALUES (1)").unwrap();
    }
}

fn client_of(database: &TestDatabase, schema: &str) -> Client {
    client(database, schema, "2_change")
}

const PLAN: &str = r#"
[[actions]]
type = "create_table"
name = "plans"
primary_key = "id"
columns = [{ name = "id", type = "int" }]
"#;

const WIDER: &str = r#"
[[actions]]
type = "alter_column"
table = "plans"
column = "id"
up = "id"
down = "id"
changes = { type = "bigint" }
"#;

const SIGNED: &str = r#"
requires = ["shared/1_plans"]

[[actions]]
type = "create_table"
name = "contracts"
primary_key = "id"
columns = [{ name = "id", type = "int" }, { name = "plan", type = "int" }]
foreign_keys = [
  { columns = ["plan"], referenced_table = "plans", referenced_schema = "public", referenced_columns = ["id"] },
]
"#;

/// Tables that all tenants share belong to one set: all may refer to them at the same time, and none may change them.
#[test]
fn tenants_share_tables() {
    let database = reshape_tests::database();
    let shared = |files: &[(&str, &str)]| {
        Migrator::new(migrations(files).in_namespace("shared"), database.url())
    };
    let target = Target::new(database.config());
    let tenants =
        || Fleet::schemas(&migrations(&[("1_signed", SIGNED)]), &target, ["t1", "t2", "t3"]);
    let missing = tenants().start();
    assert_eq!(missing.failed().count(), 3);
    let (_, error) = missing.failed().next().unwrap();
    assert!(error.report().contains("requires `shared/1_plans`"), "{}", error.report());
    ok(shared(&[("1_plans", PLAN)]).start_and_complete());
    let report = tenants().start();
    for (target, error) in report.failed() {
        panic!("{target}: {}", error.report());
    }
    // While they are in progress the table stays as it is.
    let both = [("1_plans", PLAN), ("2_wider", WIDER)];
    let error = shared(&both).start().unwrap_err();
    assert!(
        error.report().contains("is part of the batch of the set of migrations `@t"),
        "{}",
        error.report()
    );
    assert!(tenants().complete().is_done());
    ok(shared(&both).start());
    // And the other way round.
    let late = Fleet::schemas(&migrations(&[("1_signed", SIGNED)]), &target, ["t4"]).start();
    let (_, error) = late.failed().next().unwrap();
    assert!(
        error.report().contains("is part of the batch of the set of migrations `shared`"),
        "{}",
        error.report()
    );
    ok(shared(&both).complete());
    let change = "[[actions]]\ntype = \"add_column\"\ntable = \"plans\"\nschema = \"public\"\ncolumn = { name = \"price\", type = \"int\" }\n";
    let base = PLAN.replace("name = \"plans\"", "name = \"plans\"\nschema = \"public\"");
    let set = migrations(&[("1_plans", &base), ("2_price", change)]);
    let error = Migrator::new(set, database.url()).in_schema("t1").start().unwrap_err();
    assert!(error.report().contains("plans"), "{}", error.report());
}
