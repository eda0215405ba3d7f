//! Schemas that a batch creates, and rights.

use reshape_tests::{CHANGE, Rollout, rows};

use super::{ALL, BILLING, BILLS, ROWS, run};

#[test]
fn a_schema_that_is_missing_is_created_and_goes_with_the_rollback() {
    let change = r#"
        [[actions]]
        type = "create_table"
        schema = "Bill ing"
        name = "invoices"
        primary_key = "id"
        columns = [{ name = "id", type = "serial" }]

        [[actions]]
        type = "create_table"
        schema = "Bill ing"
        name = "lines"
        primary_key = "id"
        columns = [{ name = "id", type = "integer" }]
    "#;
    let base = "[[actions]]\ntype = \"custom\"\nstart = \"SELECT 1\"\n";
    let mut r = Rollout::begin(base, "SELECT 1", change);
    run(&mut r.new, "INSERT INTO invoices DEFAULT VALUES");
    r.abort();
    r.start().expect("a second start");
    // What somebody else has put there keeps the schema, and does not keep the rollback from ending.
    run(&mut r.old, "CREATE TABLE \"Bill ing\".mine (id integer)");
    r.migrator().abort().unwrap_or_else(|error| panic!("{}", error.report()));
    let tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'Bill ing'";
    assert_eq!(rows(&mut r.old, tables), ["mine"]);
    r.start().expect("a third start");
    r.complete();
    run(&mut r.new, "INSERT INTO lines VALUES (1)");
}

#[test]
fn a_schema_of_custom_sql_is_left_to_it() {
    let change = r#"
        [[actions]]
        type = "custom"
        start = "CREATE SCHEMA crm"
        abort = "DROP SCHEMA crm"

        [[actions]]
        type = "create_table"
        schema = "crm"
        name = "people"
        primary_key = "id"
        columns = [{ name = "id", type = "integer" }]
    "#;
    let base = "[[actions]]\ntype = \"custom\"\nstart = \"SELECT 1\"\n";
    let mut r = Rollout::begin(base, "SELECT 1", change);
    r.abort();
    r.start().expect("a second start");
    r.complete();
    run(&mut r.new, "INSERT INTO people VALUES (1)");
}

/// A view is used by those who may, whether or not they may name the tables' schema.
#[test]
fn a_role_without_the_schema_works_through_both_versions() {
    let mut r = Rollout::prepare(BILLING, ROWS, ALL);
    let role = format!("app_{}", r.database.name());
    run(
        &mut r.old,
        &format!(
            "CREATE ROLE {role}; GRANT {role} TO CURRENT_USER;
             GRANT SELECT, INSERT, UPDATE ON \"Bill ing\".invoices, \"Bill ing\".accounts, public.users TO {role};
             GRANT USAGE ON SEQUENCE \"Bill ing\".accounts_id_seq TO {role};
             ALTER DEFAULT PRIVILEGES IN SCHEMA \"Bill ing\" GRANT SELECT ON TABLES TO {role}"
        ),
    );
    r.start().unwrap_or_else(|error| panic!("{}", error.report()));
    for writer in [&mut r.old, &mut r.new] {
        run(writer, &format!("SET ROLE {role}"));
    }
    run(&mut r.new, "INSERT INTO accounts (owner, name, first) VALUES (1, 'x y', 'z')");
    run(&mut r.new, "INSERT INTO bills (id, account, cents) VALUES (3, 3, 300)");
    run(&mut r.new, "UPDATE bills SET cents = 500 WHERE id = 1");
    assert_eq!(rows(&mut r.new, BILLS), ["1|1|500|ada@x", "2|2|2000|alan@x", "3|3|300|-"]);
    run(&mut r.new, "RESET ROLE");
    run(&mut r.old, "RESET ROLE");
    r.complete();
    run(&mut r.new, &format!("SET ROLE {role}"));
    run(&mut r.new, "UPDATE bills SET cents = 600 WHERE id = 1");
    run(&mut r.new, &format!("RESET ROLE; DROP OWNED BY {role}; DROP ROLE {role}"));
}

/// A new table of a schema gets the rights that the schema's tables get by default.
#[test]
fn default_privileges_of_the_schema_hold() {
    let base = "[[actions]]\ntype = \"custom\"\nstart = \"CREATE SCHEMA crm\"\n";
    let table = |schema: &str, name: &str| {
        format!(
            "[[actions]]\ntype = \"create_table\"\n{schema}name = \"{name}\"\nprimary_key = \"id\"\ncolumns = [{{ name = \"id\", type = \"integer\" }}]\n"
        )
    };
    let change = table("schema = \"crm\"\n", "people") + &table("", "other");
    let mut r = Rollout::prepare(base, "SELECT 1", &change);
    let role = format!("app_{}", r.database.name());
    run(
        &mut r.old,
        &format!(
            "CREATE ROLE {role}; ALTER DEFAULT PRIVILEGES IN SCHEMA crm GRANT SELECT ON TABLES TO {role}"
        ),
    );
    r.start().unwrap_or_else(|error| panic!("{}", error.report()));
    let may = format!(
        "SELECT has_table_privilege('{role}', 'migration_{CHANGE}.people', 'SELECT'),
                has_table_privilege('{role}', 'migration_{CHANGE}.other', 'SELECT')"
    );
    assert_eq!(rows(&mut r.old, &may), ["t|f"]);
    r.complete();
    run(&mut r.new, &format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}
