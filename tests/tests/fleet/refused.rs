//! What a tenant's migrations cannot do, and what tenants may share.

use postgres::Client;
use reshape_runtime::testing::TestDatabase;
use reshape_runtime::{ErrorKind, Fleet, Migrator, Target};
use reshape_tests::{catalog, migrations, rows};

use crate::tenant::{BASE, at, client, ok, to};

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
    let other = reshape_tests::database();
    ok(Migrator::new(to("1_base"), other.url()).start_and_complete());
    for (change, words) in cases {
        let set = migrations(&[("1_base", BASE), ("2_change", &change)]);
        let error = Migrator::new(&set, database.url()).in_schema("t1").start().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(error.report().contains(words), "{}", error.report());
        assert_eq!(catalog(&mut client), before);
        // The default set means its own by it.
        if !change.contains("EXTENSION") {
            ok(Migrator::new(&set, other.url()).start());
            ok(Migrator::new(&set, other.url()).abort());
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
        || Fleet::schemas(migrations(&[("1_signed", SIGNED)]), &target, ["t1", "t2", "t3"]);
    let missing = tenants().start();
    assert_eq!(missing.failed().count(), 3);
    let (_, error) = missing.failed().next().unwrap();
    assert!(error.report().contains("requires `shared/1_plans`"), "{}", error.report());
    ok(shared(&[("1_plans", PLAN)]).start_and_complete());
    let report = tenants().start();
    if let Some((target, error)) = report.failed().next() {
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
    let late = Fleet::schemas(migrations(&[("1_signed", SIGNED)]), &target, ["t4"]).start();
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
