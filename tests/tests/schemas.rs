//! Tables in schemas other than `public`: the field `schema`.

use postgres::Client;
use reshape_runtime::model::{Action, Migration};
use reshape_runtime::testing::TestDatabase;
use reshape_runtime::{Migrations, Migrator};
use reshape_tests::{
    BASE, CHANGE, Rollout, catalog, client, database, leftovers, migrations, rows,
};
use serde_json::json;

/// Two tables of a schema that wants quotes, with what hangs on them, one of which refers to a table of `public`.
const BILLING: &str = r#"
[[actions]]
type = "create_table"
name = "users"
primary_key = "id"
columns = [
  { name = "id", type = "integer", generated = "BY DEFAULT AS IDENTITY" },
  { name = "mail", type = "text" },
]

[[actions]]
type = "create_table"
schema = "Bill ing"
name = "accounts"
primary_key = "id"
columns = [
  { name = "id", type = "serial" },
  { name = "owner", type = "integer" },
  { name = "name", type = "text", nullable = false },
]
foreign_keys = [
  { columns = ["owner"], referenced_schema = "public", referenced_table = "users", referenced_columns = ["id"] },
]

[[actions]]
type = "create_table"
schema = "Bill ing"
name = "invoices"
primary_key = ["id"]
comment = "What is owed"
columns = [
  { name = "id", type = "integer" },
  { name = "account", type = "integer", nullable = false },
  { name = "total", type = "integer", nullable = false, default = "0" },
  { name = "note", type = "text" },
]
foreign_keys = [
  { columns = ["account"], referenced_table = "accounts", referenced_columns = ["id"] },
]
checks = [{ name = "owed", expression = "total >= 0" }]

[[actions]]
type = "add_index"
schema = "Bill ing"
table = "invoices"
index = { name = "by_total", columns = ["total"] }
"#;

const ROWS: &str = "
    INSERT INTO users (mail) VALUES ('ada@x'), ('alan@x');
    INSERT INTO accounts (owner, name) VALUES (1, 'Ada Lovelace'), (2, 'Alan Turing');
    INSERT INTO invoices (id, account, total, note) VALUES (1, 1, 10, 'a'), (2, 2, 20, NULL);
";

fn run(client: &mut Client, sql: &str) {
    client.batch_execute(sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}

/// A migration of tables that no history knows of, in the JSON that the metadata keeps.
fn adopted(name: &str, actions: serde_json::Value) -> Migration {
    Migration {
        name: name.to_owned().into(),
        description: None,
        checksum: String::from("none").into(),
        actions: serde_json::from_value::<Vec<Action>>(actions).expect("actions").into(),
        allow: Vec::new().into(),
    }
}

/// A database with the first migration complete, and a migrator of that and more.
fn adopt(sql: &str, more: Vec<Migration>) -> (TestDatabase, Migrator) {
    let database = database();
    run(&mut client(&database, BASE), sql);
    let base = migrations(&[(BASE, "[[actions]]\ntype = \"custom\"\nstart = \"SELECT 1\"\n")]);
    let mut migrator = Migrator::new(base.clone(), database.url());
    migrator.start().expect("a start");
    migrator.complete().expect("a completion");
    let all = base.migrations.iter().cloned().chain(more).collect();
    let migrator = Migrator::new(Migrations::owned(all), database.url());
    (database, migrator)
}

fn report(result: Result<impl std::fmt::Debug, reshape_runtime::Error>) -> String {
    result.expect_err("a refusal").report()
}

/// Everything at once, and a key that another table refers to.
const ALL: &str = r#"
[[actions]]
type = "alter_column"
schema = "Bill ing"
table = "accounts"
column = "id"
up = "id"
down = "id"
changes = { type = "bigint" }

[[actions]]
type = "alter_column"
schema = "Bill ing"
table = "invoices"
column = "account"
up = "account"
down = "account"
changes = { type = "bigint" }

[[actions]]
type = "alter_column"
schema = "Bill ing"
table = "invoices"
column = "total"
up = "total * 100"
down = "total / 100"
changes = { name = "cents", type = "bigint" }

[[actions]]
type = "add_column"
schema = "Bill ing"
table = "accounts"
up = "split_part(name, ' ', 1)"
column = { name = "first", type = "text", nullable = false }

[[actions]]
type = "add_column"
schema = "Bill ing"
table = "invoices"
up = { schema = "public", table = "users", value = "users.mail", where = "users.id = invoices.id" }
column = { name = "mail", type = "text" }

[[actions]]
type = "remove_column"
schema = "Bill ing"
table = "invoices"
column = "note"
down = "'none'"

[[actions]]
type = "add_index"
schema = "Bill ing"
table = "invoices"
index = { name = "by_mail", columns = ["mail"] }

[[actions]]
type = "remove_check"
schema = "Bill ing"
table = "invoices"
check = "owed"

[[actions]]
type = "add_check"
schema = "Bill ing"
table = "invoices"
check = { name = "owed", expression = "cents >= -100" }

[[actions]]
type = "rename_table"
schema = "Bill ing"
table = "invoices"
new_name = "bills"
"#;

const BILLS: &str = "SELECT id, account, cents, mail FROM bills ORDER BY id";
const INVOICES: &str = "SELECT id, account, total, note FROM invoices ORDER BY id";

#[test]
fn every_kind_of_change_works_in_another_schema() {
    let mut r = Rollout::begin(BILLING, ROWS, ALL);
    assert_eq!(rows(&mut r.new, BILLS), ["1|1|1000|ada@x", "2|2|2000|alan@x"]);
    run(&mut r.new, "INSERT INTO accounts (owner, name, first) VALUES (1, 'Grace Hopper', 'G')");
    run(&mut r.new, "INSERT INTO bills (id, account, cents, mail) VALUES (3, 3, 300, 'g@x')");
    run(&mut r.old, "INSERT INTO accounts (owner, name) VALUES (2, 'Edsger Dijkstra')");
    run(&mut r.old, "INSERT INTO invoices (id, account, total) VALUES (4, 4, 4)");
    run(&mut r.old, "UPDATE invoices SET total = 11 WHERE id = 1");
    assert_eq!(rows(&mut r.old, INVOICES), ["1|1|11|a", "2|2|20|-", "3|3|3|none", "4|4|4|-"]);
    assert_eq!(
        rows(&mut r.new, BILLS),
        ["1|1|1100|ada@x", "2|2|2000|alan@x", "3|3|300|g@x", "4|4|400|-"]
    );
    assert_eq!(
        rows(&mut r.new, "SELECT first FROM accounts ORDER BY id"),
        ["Ada", "Alan", "G", "Edsger"]
    );
    // A write that names the schema is one of the version that the search_path says.
    run(&mut r.old, "UPDATE \"Bill ing\".invoices SET total = 12 WHERE id = 1");
    assert_eq!(rows(&mut r.new, BILLS)[0], "1|1|1200|ada@x");
    r.complete();
    assert_eq!(
        rows(
            &mut r.new,
            "SELECT indexdef FROM pg_indexes WHERE schemaname = 'Bill ing' AND tablename = 'bills' ORDER BY 1"
        ),
        [
            "CREATE INDEX by_mail ON \"Bill ing\".bills USING btree (mail)",
            "CREATE INDEX by_total ON \"Bill ing\".bills USING btree (cents)",
            "CREATE UNIQUE INDEX invoices_pkey ON \"Bill ing\".bills USING btree (id)",
        ]
    );
    assert_eq!(
        rows(
            &mut r.new,
            "SELECT conname, pg_get_constraintdef(oid), convalidated FROM pg_constraint
             WHERE conrelid = '\"Bill ing\".bills'::regclass AND contype IN ('c', 'f') ORDER BY 1"
        ),
        [
            "invoices_account_fkey|FOREIGN KEY (account) REFERENCES \"Bill ing\".accounts(id)|t",
            "owed|CHECK ((cents >= '-100'::integer))|t",
        ]
    );
    run(&mut r.new, "INSERT INTO accounts (owner, name, first) VALUES (NULL, 'x', 'x')");
    assert_eq!(rows(&mut r.new, "SELECT max(id) FROM accounts"), ["5"]);
}

#[test]
fn it_can_be_taken_back() {
    let mut r = Rollout::begin(BILLING, ROWS, ALL);
    run(&mut r.new, "INSERT INTO bills (id, account, cents, mail) VALUES (3, 2, 300, 'g@x')");
    r.abort();
    assert_eq!(rows(&mut r.old, INVOICES), ["1|1|10|a", "2|2|20|-", "3|2|3|none"]);
    r.start().expect("a second start");
    r.complete();
}

/// Tables of one name in two schemas are kept apart in all that is generated; one of them has another name in the version.
#[test]
fn tables_of_one_name_are_kept_apart() {
    let sql = "
        CREATE SCHEMA crm;
        CREATE TABLE public.users (id integer PRIMARY KEY, name text);
        CREATE TABLE crm.users (id integer PRIMARY KEY, name text);
        CREATE INDEX by_name ON public.users (name);
        CREATE INDEX by_name ON crm.users (name);
        INSERT INTO public.users VALUES (1, 'ada');
        INSERT INTO crm.users VALUES (1, 'alan');
    ";
    let alter = |schema: &str, up: &str| {
        json!({
            "type": "alter_column", "schema": schema, "table": "users", "column": "name", "up": up, "down": "lower(name)",
            "changes": { "name": "title" }
        })
    };
    let crm = alter("crm", "'crm ' || name");
    let rename = json!({ "type": "rename_table", "schema": "crm", "table": "users", "new_name": "contacts" });

    let (_database, mut migrator) = adopt(sql, vec![adopted(CHANGE, json!([crm]))]);
    let refused = report(migrator.start());
    assert!(
        refused.contains("two tables called `users`, of schema `public` and of schema `crm`"),
        "{refused}"
    );
    assert!(refused.contains("rename one of them"), "{refused}");

    let actions = json!([crm, rename, alter("public", "upper(name)")]);
    let (database, mut migrator) = adopt(sql, vec![adopted(CHANGE, actions)]);
    let (mut old, mut new) = (client(&database, BASE), client(&database, CHANGE));
    let before = catalog(&mut old);
    for round in 0..2 {
        migrator.start().unwrap_or_else(|error| panic!("{}", error.report()));
        assert_eq!(rows(&mut new, "SELECT title FROM users WHERE id = 1"), ["ADA"]);
        assert_eq!(rows(&mut new, "SELECT title FROM contacts WHERE id = 1"), ["crm alan"]);
        run(&mut old, "INSERT INTO users VALUES (2, 'b'); INSERT INTO crm.users VALUES (2, 'c')");
        run(&mut new, "INSERT INTO contacts VALUES (3, 'D'); INSERT INTO users VALUES (3, 'E')");
        assert_eq!(rows(&mut new, "SELECT title FROM users ORDER BY id"), ["ADA", "B", "E"]);
        assert_eq!(
            rows(&mut new, "SELECT title FROM contacts ORDER BY id"),
            ["crm alan", "crm c", "D"]
        );
        assert_eq!(rows(&mut old, "SELECT name FROM crm.users ORDER BY id"), ["alan", "c", "d"]);
        if round == 0 {
            migrator.abort().unwrap_or_else(|error| panic!("{}", error.report()));
            assert_eq!(catalog(&mut old), before);
            run(
                &mut old,
                "DELETE FROM public.users WHERE id > 1; DELETE FROM crm.users WHERE id > 1",
            );
        }
    }
    migrator.complete().unwrap_or_else(|error| panic!("{}", error.report()));
    assert_eq!(leftovers(&mut new), Vec::<String>::new());
    let indexes = "SELECT schemaname || '.' || tablename FROM pg_indexes WHERE indexname = 'by_name' ORDER BY 1";
    assert_eq!(rows(&mut new, indexes), ["crm.contacts", "public.users"]);
}

/// What no action has named stays what it is; what one has named has a view in every version from then on.
#[test]
fn tables_of_other_schemas_have_views_once_they_are_named() {
    let sql = "
        CREATE SCHEMA crm;
        CREATE TABLE crm.people (id integer PRIMARY KEY, name text);
        CREATE TABLE crm.notes (id integer)
    ";
    let column = json!({ "name": "mail", "type": "text" });
    let add =
        json!([{ "type": "add_column", "schema": "crm", "table": "people", "column": column }]);
    let create = json!([{
        "type": "create_table", "name": "other", "primary_key": ["id"], "columns": [{ "name": "id", "type": "integer" }]
    }]);
    let more = vec![adopted(CHANGE, add), adopted("3_third", create)];
    let views = "SELECT table_name FROM information_schema.views WHERE table_schema = current_schema ORDER BY 1";
    for (number, expected) in [(1, &["people"][..]), (2, &["other", "people"][..])] {
        let (database, mut migrator) = adopt(sql, more[..number].to_vec());
        let mut new = client(&database, &more[number - 1].name);
        migrator.start().unwrap_or_else(|error| panic!("{}", error.report()));
        migrator.complete().unwrap_or_else(|error| panic!("{}", error.report()));
        assert_eq!(rows(&mut new, views), expected);
        assert_eq!(leftovers(&mut new), Vec::<String>::new());
        run(&mut new, "INSERT INTO people (id, name, mail) VALUES (1, 'ada', 'a@x')");
        assert_eq!(rows(&mut new, "SELECT * FROM crm.people"), ["1|ada|a@x"]);
    }
    // One after the other.
    let (database, mut first) = adopt(sql, more[..1].to_vec());
    first
        .start()
        .and_then(|_| first.complete())
        .unwrap_or_else(|error| panic!("{}", error.report()));
    let base = migrations(&[(BASE, "[[actions]]\ntype = \"custom\"\nstart = \"SELECT 1\"\n")]);
    let all = base.migrations.iter().cloned().chain(more).collect();
    let mut second = Migrator::new(Migrations::owned(all), database.url());
    second
        .start()
        .and_then(|_| second.complete())
        .unwrap_or_else(|error| panic!("{}", error.report()));
    assert_eq!(rows(&mut client(&database, "3_third"), views), ["other", "people"]);
}

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

#[test]
fn what_hangs_on_a_column_comes_along_there_too() {
    let extra = "
        CREATE VIEW \"Bill ing\".large AS SELECT id, total FROM \"Bill ing\".invoices WHERE total > 10;
        CREATE STATISTICS \"Bill ing\".both ON total, account FROM \"Bill ing\".invoices;
        CREATE FUNCTION \"Bill ing\".stop() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
        CREATE TRIGGER watch BEFORE UPDATE OF total ON \"Bill ing\".invoices FOR EACH ROW EXECUTE FUNCTION \"Bill ing\".stop();
        CREATE UNIQUE INDEX odd ON \"Bill ing\".invoices ((total + account)) WHERE total > 0;
    ";
    let change = ALL.split("[[actions]]").nth(3).expect("the change of `total`");
    let mut r =
        Rollout::prepare(BILLING, &format!("{ROWS}{extra}"), &format!("[[actions]]{change}"));
    let before = catalog(&mut r.old);
    r.start().unwrap_or_else(|error| panic!("{}", error.report()));
    r.abort();
    assert_eq!(catalog(&mut r.old), before);
    r.start().expect("a second start");
    run(&mut r.new, "UPDATE invoices SET cents = 3000 WHERE id = 1");
    assert_eq!(rows(&mut r.old, "SELECT * FROM \"Bill ing\".large ORDER BY id"), ["1|30", "2|20"]);
    r.complete();
    assert_eq!(
        rows(&mut r.new, "SELECT * FROM \"Bill ing\".large ORDER BY id"),
        ["1|3000", "2|2000"]
    );
    assert_eq!(
        rows(
            &mut r.new,
            "SELECT stxname FROM pg_statistic_ext UNION SELECT tgname FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1"
        ),
        ["both", "watch"]
    );
}

/// A table that is filled from one of another schema.
#[test]
fn a_table_is_filled_across_schemas() {
    let change = r#"
        [[actions]]
        type = "create_table"
        schema = "archive"
        name = "old_invoices"
        primary_key = "id"
        columns = [{ name = "id", type = "integer" }, { name = "total", type = "integer" }]

          [actions.up]
          schema = "Bill ing"
          table = "invoices"
          values = { id = "invoices.id", total = "invoices.total" }

        [[actions]]
        type = "remove_table"
        schema = "Bill ing"
        table = "invoices"
    "#;
    let change = change.split("[[actions]]").take(2).collect::<Vec<_>>().join("[[actions]]");
    let mut r = Rollout::begin(BILLING, ROWS, &change);
    run(&mut r.old, "INSERT INTO invoices (id, account, total) VALUES (3, 1, 30)");
    let totals = "SELECT id, total FROM old_invoices ORDER BY id";
    assert_eq!(rows(&mut r.new, totals), ["1|10", "2|20", "3|30"]);
    r.abort();
    r.start().expect("a second start");
    r.complete();
    assert_eq!(rows(&mut r.new, totals), ["1|10", "2|20", "3|30"]);
}

#[test]
fn what_is_not_there_is_said_with_its_schema() {
    let column = json!({ "name": "mail", "type": "text" });
    let add =
        json!([{ "type": "add_column", "schema": "crm", "table": "people", "column": column }]);
    let sql = "CREATE SCHEMA crm; CREATE TABLE public.people (id integer)";
    let (_database, mut migrator) = adopt(sql, vec![adopted(CHANGE, add)]);
    let refused = report(migrator.start());
    assert!(refused.contains("table `crm.people` does not exist in the database"), "{refused}");
    assert!(refused.contains("schema `crm`"), "{refused}");
}

#[test]
fn a_partition_does_not_take_a_name_from_a_table_of_another_schema() {
    let parted = "CREATE TABLE log (day int) PARTITION BY RANGE (day); CREATE TABLE accounts PARTITION OF log DEFAULT";
    let base = format!("{BILLING}\n[[actions]]\ntype = \"custom\"\nstart = \"{parted}\"\n");
    let change = "[[actions]]\ntype = 'add_column'\nschema = 'Bill ing'\ntable = 'accounts'\n\
                  up = 'upper(name)'\ncolumn = { name = 'loud', type = 'text' }\n";
    let mut r = Rollout::begin(&base, ROWS, change);
    let loud = "SELECT loud FROM accounts ORDER BY id";
    assert_eq!(rows(&mut r.new, loud), ["ADA LOVELACE", "ALAN TURING"]);
    r.abort();
    r.start().unwrap_or_else(|error| panic!("{}", error.report()));
    r.complete();
}
