//! What a tenant's migrations may do whatever else is in the database.

use reshape_runtime::{ErrorKind, Fleet, Migrator, Outcome, Target};
use reshape_tests::{catalog, migrations, rows};

use crate::set;
use crate::tenant::{BASE, at, ok, to};

/// Nobody is in the default schema, which is not there.
#[test]
fn no_default_schema_is_needed() {
    let database = reshape_tests::database();
    let mut client = database.connect().unwrap();
    client.batch_execute("DROP SCHEMA public").unwrap();
    for schema in ["t1", "t2"] {
        ok(at(&database, schema, "1_base").start_and_complete());
        ok(at(&database, schema, "2_change").start());
        ok(at(&database, schema, "2_change").complete());
    }
    assert_eq!(rows(&mut client, "SELECT to_regnamespace('public') IS NULL"), ["t"]);
}

const PLANS: &str = r#"
[[actions]]
type = "create_table"
name = "Plans of \"all\""
schema = "crm"
primary_key = "id"
columns = [{ name = "id", type = "int" }]
"#;

const CONTRACTS: &str = r#"
requires = ["crm/1_plans"]

[[actions]]
type = "create_table"
name = "contracts"
primary_key = "id"
columns = [{ name = "id", type = "int" }, { name = "plan", type = "int" }]
foreign_keys = [
  { columns = ["plan"], referenced_table = "Plans of \"all\"", referenced_schema = "crm", referenced_columns = ["id"] },
]
"#;

/// A batch in progress needs a table in a schema that another tenant's role cannot look into.
#[test]
fn schemas_of_others_may_be_closed() {
    let database = reshape_tests::database();
    let mut client = database.connect().unwrap();
    client.batch_execute("CREATE SCHEMA crm").unwrap();
    let crm = migrations(&[("1_plans", PLANS)]).in_namespace("crm");
    ok(Migrator::new(crm, database.url()).start_and_complete());
    let set = migrations(&[("1_contracts", CONTRACTS)]);
    ok(Migrator::new(&set, database.url()).in_schema("t1").start());
    let uses = "SELECT plan -> 'uses' ->> 0 FROM reshape.batch WHERE namespace = '@t1'";
    assert_eq!(rows(&mut client, uses), ["\"crm\".\"Plans of \"\"all\"\"\""]);
    let role = rows(&mut client, "SELECT current_database() || '_tenant'").remove(0);
    client
        .batch_execute(&format!(
            "CREATE ROLE {role}; GRANT {role} TO CURRENT_USER; \
             DO $$ DECLARE own text; BEGIN \
               EXECUTE format('GRANT CREATE, TEMPORARY ON DATABASE %I TO {role}', current_database()); \
               ALTER SCHEMA reshape OWNER TO {role}; \
               FOR own IN SELECT relname FROM pg_class WHERE relnamespace = 'reshape'::regnamespace AND relkind = 'r' LOOP \
                 EXECUTE format('ALTER TABLE reshape.%I OWNER TO {role}', own); \
               END LOOP; \
               FOR own IN SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'reshape'::regnamespace LOOP \
                 EXECUTE format('ALTER ROUTINE %s OWNER TO {role}', own); \
               END LOOP; END $$"
        ))
        .unwrap();
    let mut config = database.config();
    config.options(&format!("-c role={role}"));
    let started = Fleet::schemas(to("1_base"), &Target::new(config), ["t2"]).start();
    if let Some((target, error)) = started.failed().next() {
        panic!("{target}: {}", error.report());
    }
    // Another one may use the table too, and the one whose it is may not change it.
    let set = migrations(&[("1_contracts", CONTRACTS)]);
    ok(Migrator::new(&set, database.url()).in_schema("t3").start());
    let wider = "[[actions]]\ntype = \"alter_column\"\ntable = \"Plans of \\\"all\\\"\"\nschema = \"crm\"\ncolumn = \"id\"\nup = \"id\"\ndown = \"id\"\nchanges = { type = \"bigint\" }\n";
    let crm = migrations(&[("1_plans", PLANS), ("2_wider", wider)]).in_namespace("crm");
    let error = Migrator::new(crm, database.url()).start().unwrap_err();
    assert!(
        error.report().contains("is part of the batch of the set of migrations `@t"),
        "{}",
        error.report()
    );
    for schema in ["t1", "t2", "t3"] {
        ok(Migrator::detached(database.url()).in_schema(schema).abort());
    }
    client
        .batch_execute(&format!(
            "REASSIGN OWNED BY {role} TO CURRENT_USER; DROP OWNED BY {role}; DROP ROLE {role}"
        ))
        .unwrap();
}

fn custom(start: &str) -> String {
    format!("[[actions]]\ntype = \"custom\"\nstart = \"{start}\"\n")
}

/// What is in the default schema is meant by its name, also where the tenant has one of the same name.
#[test]
fn what_the_default_schema_has_may_be_named() {
    let database = reshape_tests::database();
    let mut client = database.connect().unwrap();
    ok(at(&database, "t1", "1_base").start_and_complete());
    let next = custom("INSERT INTO notes SELECT note FROM public.notes");
    let set = migrations(&[("1_base", BASE), ("2_next", &next)]);
    let start = || Migrator::new(&set, database.url()).in_schema("t1").start();
    let error = start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.report().contains("its SQL says `public.notes`"), "{}", error.report());
    client
        .batch_execute(
            "CREATE TABLE public.notes (note text); INSERT INTO public.notes VALUES ('all')",
        )
        .unwrap();
    ok(start());
    assert_eq!(rows(&mut client, "SELECT note FROM t1.notes"), ["all"]);
}

/// A name that the tenant's tables do not have any more is free for others.
#[test]
fn a_former_name_may_be_used_elsewhere() {
    let database = reshape_tests::database();
    ok(at(&database, "t1", "1_base").start_and_complete());
    let rename =
        "[[actions]]\ntype = \"rename_table\"\ntable = \"orders\"\nnew_name = \"purchases\"\n";
    let next = custom("CREATE TABLE IF NOT EXISTS public.orders (id int)");
    let set = migrations(&[("1_base", BASE), ("2_rename", rename), ("3_next", &next)]);
    let migrator = |set| Migrator::new(set, database.url()).in_schema("t1");
    ok(migrator(set.clone().up_to("2_rename").unwrap()).start_and_complete());
    ok(migrator(set).start_and_complete());
    let mut client = database.connect().unwrap();
    assert_eq!(rows(&mut client, "SELECT count(*) FROM public.orders"), ["0"]);
}

/// A table of the tenant's schema that nobody has claimed refers, by the batch's own SQL, to one that the batch has created.
#[test]
fn the_tenants_own_table_does_not_keep_a_batch() {
    let database = reshape_tests::database();
    let mut client = database.connect().unwrap();
    ok(at(&database, "t0", "1_base").start_and_complete());
    client.batch_execute("CREATE SCHEMA t1; CREATE TABLE t1.marks (owner int)").unwrap();
    let before = catalog(&mut client);
    let notes = "[[actions]]\ntype = \"custom\"\nstart = \"ALTER TABLE marks ADD FOREIGN KEY (owner) REFERENCES users\"\nabort = \"ALTER TABLE marks DROP CONSTRAINT marks_owner_fkey\"\n";
    let base = format!("{BASE}{notes}");
    let set = migrations(&[("1_base", &base)]);
    let migrator = || Migrator::new(&set, database.url()).in_schema("t1");
    ok(migrator().start());
    // One of somebody else's does.
    client
        .batch_execute("CREATE SCHEMA other; CREATE TABLE other.t (owner int REFERENCES t1.users)")
        .unwrap();
    let error = migrator().abort().unwrap_err();
    assert!(error.report().contains("of `t` refers to `users`"), "{}", error.report());
    client.batch_execute("DROP SCHEMA other CASCADE").unwrap();
    assert_eq!(ok(migrator().abort()).outcome, Outcome::Aborted);
    assert_eq!(catalog(&mut client), before);
}

/// The set's own schema is the same place whether it is said or not.
#[test]
fn a_place_counts_once() {
    let database: Target = "postgres://app@localhost/app".parse().unwrap();
    let in_schema = |schema| database.clone().in_schema(schema);
    let targets = || [database.clone(), in_schema("public"), in_schema("t1"), in_schema("t1")];
    let names = |fleet: &Fleet| {
        let names =
            fleet.targets().iter().map(|target| target.name().replace("localhost:5432/", ""));
        names.collect::<Vec<_>>()
    };
    let fleet = Fleet::new(set(), targets());
    assert_eq!(names(&fleet), ["app", "app@t1"]);
    assert_eq!(names(&fleet.in_namespace("auth@t1")), ["app", "app@public"]);
    assert_eq!(names(&Fleet::new(set().in_schema("t1"), targets())), ["app", "app@public"]);
}
