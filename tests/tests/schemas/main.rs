//! Tables in schemas other than `public`: the field `schema`.

mod adopted;
mod created;

use postgres::Client;
use reshape_tests::{Rollout, catalog, rows};

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
