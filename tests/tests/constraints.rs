//! Checks and foreign keys as actions: they hold for old and new clients, end up on what a column is at the end of the batch, and have the
//! names that the history says.

use reshape_tests::{Rollout, catalog, client, golden, migrations, rows};

const BASE: &str = r#"
[[actions]]
type = "create_table"
name = "users"
primary_key = "id"
columns = [
  { name = "id", type = "integer", generated = "BY DEFAULT AS IDENTITY" },
  { name = "name", type = "text", nullable = false },
  { name = "email", type = "text" },
  { name = "code", type = "integer" },
  { name = "region", type = "text" },
]
checks = [{ name = "short", expression = "length(name) < 20" }, { expression = "region <> ''" }]

[[actions]]
type = "add_index"
table = "users"
index = { name = "users_region_code", columns = ["region", "code"], unique = true }

[[actions]]
type = "create_table"
name = "orders"
primary_key = "id"
columns = [
  { name = "id", type = "integer" },
  { name = "user_id", type = "integer" },
  { name = "code", type = "integer" },
  { name = "region", type = "text" },
]
foreign_keys = [{ columns = ["user_id"], referenced_table = "users", referenced_columns = ["id"] }]
"#;

const ROWS: &str = "INSERT INTO users (name, email, code, region) VALUES ('Ada', 'ada@x', 1, 'eu'), ('Alan', 'ALAN@X', 2, 'eu');
    INSERT INTO orders VALUES (1, 1, 1, 'eu'), (2, 2, 2, 'eu'), (3, NULL, NULL, NULL)";

/// Runs a scenario twice: to its completion, and to its rollback.
fn both_ways(change: &str, during: impl Fn(&mut Rollout), after: impl Fn(&mut Rollout)) {
    let mut rollout = Rollout::begin(BASE, ROWS, change);
    during(&mut rollout);
    rollout.abort();

    let mut rollout = Rollout::begin(BASE, ROWS, change);
    during(&mut rollout);
    rollout.complete();
    after(&mut rollout);
}

/// The constraint that keeps a statement from being executed.
fn violated(client: &mut postgres::Client, sql: &str) -> String {
    let error = client.simple_query(sql).expect_err(sql);
    let error = error.as_db_error().unwrap_or_else(|| panic!("{sql}: {error}"));
    error.constraint().unwrap_or_else(|| panic!("{sql}: {error}")).to_owned()
}

/// The checks or foreign keys of a table, with what they say.
fn constraints(r: &mut Rollout, kind: char, table: &str) -> Vec<String> {
    let sql = format!(
        "SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint \
         WHERE contype = '{kind}' AND conrelid = 'public.{table}'::regclass ORDER BY 1"
    );
    let mut client = r.database.connect().expect("a client");
    rows(&mut client, &sql)
}

/// What start refuses a batch for; nothing has changed.
fn refused(change: &str) -> String {
    let mut r = Rollout::prepare(BASE, ROWS, change);
    let error = r.start().expect_err("a refusal");
    assert_eq!(error.kind(), reshape_runtime::ErrorKind::Refused, "{}", error.report());
    assert_eq!(catalog(&mut r.old), r.before);
    error.report()
}

const SHORT: &str = "short CHECK ((length(name) < 20))";
const REGION: &str = "users_region_check CHECK ((region <> ''::text))";
const KEY: &str = "orders_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id)";

#[test]
fn an_added_check_holds_for_old_and_new_clients_at_once() {
    both_ways(
        r#"
        [[actions]]
        type = "add_check"
        table = "users"
        check = { name = "at", expression = "email LIKE '%@%' -- an address" }
        "#,
        |r| {
            assert_eq!(
                violated(&mut r.old, "INSERT INTO users (name, email) VALUES ('o', 'o')"),
                "at"
            );
            assert_eq!(violated(&mut r.new, "UPDATE users SET email = 'n'"), "at");
            rows(&mut r.new, "INSERT INTO users (name, email) VALUES ('n', 'n@n')");
        },
        |r| {
            let at = "at CHECK ((email ~~ '%@%'::text))";
            assert_eq!(constraints(r, 'c', "users"), [at, SHORT, REGION]);
        },
    );
}

#[test]
fn a_check_names_columns_and_table_as_they_are_called_at_its_point_of_the_batch() {
    both_ways(
        r#"
        [[actions]]
        type = "alter_column"
        table = "users"
        column = "email"
        changes = { name = "spare" }

        [[actions]]
        type = "alter_column"
        table = "users"
        column = "name"
        changes = { name = "email" }

        [[actions]]
        type = "alter_column"
        table = "users"
        column = "spare"
        changes = { name = "name" }

        [[actions]]
        type = "rename_table"
        table = "users"
        new_name = "people"

        [[actions]]
        type = "add_check"
        table = "people"
        check = { name = "swapped", expression = "people.email <> 'Bob' AND name LIKE '%@%'" }

        [[actions]]
        type = "rename_table"
        table = "people"
        new_name = "persons"

        [[actions]]
        type = "alter_column"
        table = "persons"
        column = "code"
        changes = { name = "number" }
        "#,
        |r| {
            let old = "INSERT INTO users (name, email) VALUES ('Bob', 'b@b')";
            assert_eq!(violated(&mut r.old, old), "swapped");
            let new = "INSERT INTO persons (email, name) VALUES ('Eve', 'no address')";
            assert_eq!(violated(&mut r.new, new), "swapped");
            rows(&mut r.new, "INSERT INTO persons (email, name) VALUES ('Eve', 'e@e')");
        },
        |r| {
            let swapped = "swapped CHECK (((email <> 'Bob'::text) AND (name ~~ '%@%'::text)))";
            assert_eq!(constraints(r, 'c', "persons")[1], swapped);
        },
    );
}

#[test]
fn a_check_over_added_and_replaced_columns_is_on_their_shadows() {
    both_ways(
        r#"
        [[actions]]
        type = "alter_column"
        table = "users"
        column = "email"
        up = "lower(email)"
        down = "upper(email)"
        changes = { nullable = true }

        [[actions]]
        type = "add_column"
        table = "users"
        up = "length(name)"
        column = { name = "size", type = "integer", nullable = false }

        [[actions]]
        type = "add_check"
        table = "users"
        check = { name = "fits", expression = "email = lower(email) AND size < 15 AND code > 0" }
        "#,
        |r| {
            rows(&mut r.old, "INSERT INTO users (name, email, code) VALUES ('Bob', 'BOB@X', 3)");
            assert_eq!(
                rows(&mut r.new, "SELECT email, size FROM users WHERE code = 3"),
                ["bob@x|3"]
            );
            let long = "INSERT INTO users (name, code) VALUES ('fifteen letters', 4)";
            assert_eq!(violated(&mut r.old, long), "fits");
            assert_eq!(violated(&mut r.new, "UPDATE users SET email = 'UP'"), "fits");
            assert_eq!(violated(&mut r.new, "UPDATE users SET code = 0"), "fits");
        },
        |r| {
            let fits = "fits CHECK (((email = lower(email)) AND (size < 15) AND (code > 0)))";
            assert_eq!(constraints(r, 'c', "users"), [fits, SHORT, REGION]);
        },
    );
}

#[test]
fn a_check_follows_its_column_when_a_later_action_replaces_and_renames_it() {
    both_ways(
        r#"
        [[actions]]
        type = "add_check"
        table = "users"
        check = { name = "known", expression = "code IN (1, 2, 3)" }

        [[actions]]
        type = "add_check"
        table = "users"
        check = { name = "no_nil", expression = "email <> 'nil'" }

        [[actions]]
        type = "alter_column"
        table = "users"
        column = "email"
        up = "lower(email)"
        down = "email"
        changes = { name = "mail" }

        [[actions]]
        type = "alter_column"
        table = "users"
        column = "code"
        changes = { name = "number" }
        "#,
        |r| {
            assert_eq!(violated(&mut r.old, "UPDATE users SET email = 'NIL'"), "no_nil");
            assert_eq!(violated(&mut r.new, "UPDATE users SET mail = 'nil'"), "no_nil");
            assert_eq!(violated(&mut r.old, "UPDATE users SET code = 4"), "known");
        },
        |r| {
            let found = constraints(r, 'c', "users");
            assert_eq!(found[0], "known CHECK ((number = ANY (ARRAY[1, 2, 3])))");
            assert_eq!(found[1], "no_nil CHECK ((mail <> 'nil'::text))");
        },
    );
}

const REPLACE: &str = r#"
    [[actions]]
    type = "remove_check"
    table = "users"
    check = "short"

    [[actions]]
    type = "add_check"
    table = "users"
    check = { name = "short", expression = "length(name) < 10" }
"#;

#[test]
fn a_check_is_replaced_under_its_own_name() {
    both_ways(
        REPLACE,
        |r| {
            violated(&mut r.old, "INSERT INTO users (name) VALUES ('more than ten')");
            violated(&mut r.new, "INSERT INTO users (name) VALUES ('more than ten')");
        },
        |r| {
            let short = "short CHECK ((length(name) < 10))";
            assert_eq!(constraints(r, 'c', "users"), [short, REGION]);
        },
    );
}

/// A batch of several migrations after [`BASE`].
fn batch(changes: &[&str]) -> (Rollout, reshape_runtime::Migrator) {
    let r = Rollout::prepare(BASE, ROWS, "[[actions]]\ntype = 'custom'\nstart = 'SELECT 1'");
    let names: Vec<String> = (2..).take(changes.len()).map(|n| format!("{n}_change")).collect();
    let mut files = vec![("1_base", BASE)];
    files.extend(names.iter().map(String::as_str).zip(changes.iter().copied()));
    let migrator = reshape_runtime::Migrator::new(migrations(&files), r.database.url());
    (r, migrator)
}

#[test]
fn a_name_is_taken_over_again_and_again_by_the_migrations_of_one_batch() {
    let third = r#"
        [[actions]]
        type = "remove_check"
        table = "users"
        check = "short"

        [[actions]]
        type = "alter_column"
        table = "users"
        column = "name"
        up = "upper(name)"
        down = "lower(name)"
        changes = { name = "nick" }

        [[actions]]
        type = "add_check"
        table = "users"
        check = { name = "short", expression = "nick = upper(nick)" }
    "#;
    for abort in [true, false] {
        let (mut r, mut migrator) = batch(&[REPLACE, third]);
        migrator.start().unwrap_or_else(|error| panic!("{}", error.report()));
        rows(&mut r.old, "INSERT INTO users (name) VALUES ('more than ten')");
        let mut new = client(&r.database, "3_change");
        violated(&mut new, "INSERT INTO users (nick) VALUES ('low')");
        violated(&mut r.old, "INSERT INTO users (name) VALUES ('more than twenty letters')");
        if abort {
            migrator.abort().unwrap_or_else(|error| panic!("{}", error.report()));
            assert_eq!(catalog(&mut r.old), r.before);
        } else {
            migrator.complete().unwrap_or_else(|error| panic!("{}", error.report()));
            assert_eq!(
                constraints(&mut r, 'c', "users"),
                ["short CHECK ((nick = upper(nick)))", REGION]
            );
            assert_eq!(reshape_tests::leftovers(&mut new), Vec::<String>::new());
        }
    }
}

#[test]
fn what_is_added_and_removed_in_one_batch_leaves_no_trace() {
    both_ways(
        r#"
        [[actions]]
        type = "add_check"
        table = "users"
        check = { name = "never", expression = "false" }

        [[actions]]
        type = "remove_check"
        table = "users"
        check = "never"

        [[actions]]
        type = "add_foreign_key"
        table = "orders"
        foreign_key = { columns = ["code"], referenced_table = "users", referenced_columns = ["id"] }

        [[actions]]
        type = "remove_foreign_key"
        table = "orders"
        foreign_key = "orders_code_fkey"

        [[actions]]
        type = "add_foreign_key"
        table = "orders"
        foreign_key = { columns = ["code"], referenced_table = "orders", referenced_columns = ["id"] }
        "#,
        |r| {
            rows(&mut r.new, "UPDATE users SET name = 'new' WHERE id = 1");
        },
        |r| {
            assert_eq!(constraints(r, 'c', "users"), [SHORT, REGION]);
            let key = "orders_code_fkey FOREIGN KEY (code) REFERENCES orders(id)";
            assert_eq!(constraints(r, 'f', "orders"), [key, KEY]);
        },
    );
}

#[test]
fn a_removed_check_holds_until_the_batch_is_complete_and_then_its_name_is_free() {
    let change = r#"
        [[actions]]
        type = "remove_check"
        table = "users"
        check = "users_region_check"
    "#;
    both_ways(
        change,
        |r| {
            assert_eq!(violated(&mut r.new, "UPDATE users SET region = ''"), "users_region_check");
        },
        |r| {
            assert_eq!(constraints(r, 'c', "users"), [SHORT]);
            rows(&mut r.new, "UPDATE users SET region = '' WHERE id = 1");
        },
    );
    let again = r#"
        [[actions]]
        type = "add_check"
        table = "users"
        check = { name = "users_region_check", expression = "region <> 'xx'" }

        [[actions]]
        type = "remove_check"
        table = "users"
        check = "users_region_check"
    "#;
    let (mut r, mut migrator) = batch(&[change, again]);
    migrator.start().unwrap_or_else(|error| panic!("{}", error.report()));
    migrator.complete().unwrap_or_else(|error| panic!("{}", error.report()));
    assert_eq!(constraints(&mut r, 'c', "users"), [SHORT]);
}

#[test]
fn a_removed_check_is_not_in_the_way_of_its_column() {
    both_ways(
        r#"
        [[actions]]
        type = "remove_check"
        table = "users"
        check = "short"

        [[actions]]
        type = "alter_column"
        table = "users"
        column = "name"
        up = "repeat(name, 10)"
        down = "left(name, 5)"
        changes = { nullable = false }
        "#,
        |r| {
            rows(&mut r.old, "INSERT INTO users (name) VALUES ('0123456789')");
        },
        |r| {
            assert_eq!(constraints(r, 'c', "users"), [REGION]);
            assert_eq!(rows(&mut r.new, "SELECT max(length(name)) FROM users"), ["100"]);
        },
    );
}

#[test]
fn an_added_foreign_key_holds_for_old_and_new_clients_at_once() {
    both_ways(
        r#"
        [[actions]]
        type = "add_foreign_key"
        table = "orders"
        foreign_key = { columns = ["code", "region"], referenced_table = "users", referenced_columns = ["code", "region"], on_delete = "cascade", on_update = "CASCADE" }
        "#,
        |r| {
            let name = "orders_code_region_fkey";
            assert_eq!(violated(&mut r.old, "INSERT INTO orders VALUES (9, 1, 9, 'eu')"), name);
            assert_eq!(violated(&mut r.new, "INSERT INTO orders VALUES (9, 1, 9, 'eu')"), name);
            rows(&mut r.old, "UPDATE users SET code = 7 WHERE id = 1");
            assert_eq!(rows(&mut r.new, "SELECT code FROM orders WHERE id = 1"), ["7"]);
        },
        |r| {
            let key = "orders_code_region_fkey FOREIGN KEY (code, region) REFERENCES users(code, region) ON UPDATE CASCADE ON DELETE CASCADE";
            assert_eq!(constraints(r, 'f', "orders"), [key, KEY]);
        },
    );
}

#[test]
fn a_foreign_key_is_made_on_what_its_columns_are_at_the_end() {
    both_ways(
        r#"
        [[actions]]
        type = "add_foreign_key"
        table = "orders"
        foreign_key = { columns = ["code"], referenced_table = "users", referenced_columns = ["id"] }

        [[actions]]
        type = "alter_column"
        table = "orders"
        column = "code"
        changes = { name = "owner", type = "bigint" }

        [[actions]]
        type = "rename_table"
        table = "orders"
        new_name = "purchases"

        [[actions]]
        type = "add_column"
        table = "users"
        up = "id * 10"
        column = { name = "number", type = "bigint" }

        [[actions]]
        type = "add_index"
        table = "users"
        index = { name = "users_number", columns = ["number"], unique = true }

        [[actions]]
        type = "add_column"
        table = "purchases"
        up = "user_id * 10"
        column = { name = "buyer", type = "bigint" }

        [[actions]]
        type = "add_foreign_key"
        table = "purchases"
        foreign_key = { columns = ["buyer"], referenced_table = "users", referenced_columns = ["number"], on_update = "CASCADE" }

        [[actions]]
        type = "alter_column"
        table = "users"
        column = "number"
        changes = { name = "nr" }

        [[actions]]
        type = "rename_table"
        table = "users"
        new_name = "people"
        "#,
        |r| {
            violated(&mut r.old, "INSERT INTO orders VALUES (9, NULL, 99)");
            violated(&mut r.new, "INSERT INTO purchases (id, owner) VALUES (9, 99)");
            violated(&mut r.new, "INSERT INTO purchases (id, buyer) VALUES (9, 99)");
            rows(&mut r.old, "INSERT INTO orders VALUES (9, 2, 2)");
            assert_eq!(
                rows(&mut r.new, "SELECT owner, buyer FROM purchases WHERE id = 9"),
                ["2|20"]
            );
            rows(&mut r.new, "UPDATE people SET nr = 200 WHERE id = 2");
            assert_eq!(rows(&mut r.new, "SELECT buyer FROM purchases WHERE id = 9"), ["200"]);
        },
        |r| {
            assert_eq!(
                constraints(r, 'f', "purchases"),
                [
                    "orders_code_fkey FOREIGN KEY (owner) REFERENCES people(id)",
                    "orders_user_id_fkey FOREIGN KEY (user_id) REFERENCES people(id)",
                    "purchases_buyer_fkey FOREIGN KEY (buyer) REFERENCES people(nr) ON UPDATE CASCADE",
                ]
            );
        },
    );
}

/// While a table is being filled, its trigger computes what the foreign key has set to NULL again.
#[test]
fn what_a_foreign_key_writes_into_a_replaced_column_reaches_both_versions() {
    let change = r#"
        [[actions]]
        type = "alter_column"
        table = "orders"
        column = "code"
        changes = { type = "bigint" }

        [[actions]]
        type = "add_foreign_key"
        table = "orders"
        foreign_key = { columns = ["code"], referenced_table = "users", referenced_columns = ["id"], on_delete = "SET NULL", on_update = "CASCADE" }
    "#;
    let people = format!(
        "{ROWS}; INSERT INTO users (id, name) SELECT i, 'u' FROM generate_series(11, 30) i;
         INSERT INTO orders SELECT i, NULL, i FROM generate_series(11, 30) i"
    );
    let mut r = Rollout::prepare(BASE, &people, change);
    let mut client = reshape_tests::client(&r.database, reshape_tests::BASE);
    let mut next = 11;
    let mut migrator = r.migrator().observer(move |event: &reshape_runtime::Event| {
        // From when the constraint is there.
        if let reshape_runtime::Event::StepDone { title, .. } = event
            && (next > 11 || title.starts_with("add foreign key"))
        {
            rows(&mut client, &format!("DELETE FROM users WHERE id = {next}"));
            next += 1;
        }
    });
    migrator.start().unwrap_or_else(|error| panic!("{}", error.report()));
    rows(&mut r.old, "DELETE FROM users WHERE id = 30; UPDATE users SET id = 99 WHERE id = 29");
    let dangling = "SELECT count(*) FROM orders o WHERE NOT EXISTS (SELECT FROM users u WHERE u.id = o.code) AND code IS NOT NULL";
    assert_eq!(rows(&mut r.new, dangling), ["0"]);
    assert_eq!(rows(&mut r.old, "SELECT id, code FROM orders WHERE id > 28"), ["30|-", "29|99"]);
    r.complete();
    assert_eq!(rows(&mut r.new, dangling), ["0"]);
}

const CASCADE: &str = r#"
    [[actions]]
    type = "remove_foreign_key"
    table = "orders"
    foreign_key = "orders_user_id_fkey"

    [[actions]]
    type = "add_foreign_key"
    table = "orders"
    foreign_key = { columns = ["user_id"], referenced_table = "users", referenced_columns = ["id"], on_delete = "SET NULL" }
"#;

#[test]
fn a_foreign_key_is_replaced_under_its_own_name() {
    both_ways(
        CASCADE,
        |r| {
            violated(&mut r.old, "INSERT INTO orders VALUES (9, 99)");
        },
        |r| {
            assert_eq!(constraints(r, 'f', "orders"), [format!("{KEY} ON DELETE SET NULL")]);
            rows(&mut r.new, "DELETE FROM users WHERE id = 1");
            assert_eq!(
                rows(&mut r.new, "SELECT count(*) FROM orders WHERE user_id IS NULL"),
                ["2"]
            );
        },
    );
    // The history of the next migration knows it by the name that the catalog has.
    let remove = r#"
        [[actions]]
        type = "remove_foreign_key"
        table = "orders"
        foreign_key = "orders_user_id_fkey"
    "#;
    let (mut r, mut migrator) = batch(&[CASCADE]);
    migrator.start().and_then(|_| migrator.complete()).unwrap_or_else(|e| panic!("{}", e.report()));
    let files = [("1_base", BASE), ("2_change", CASCADE), ("3_remove", remove)];
    let mut migrator = reshape_runtime::Migrator::new(migrations(&files), r.database.url());
    migrator.start().and_then(|_| migrator.complete()).unwrap_or_else(|e| panic!("{}", e.report()));
    assert_eq!(constraints(&mut r, 'f', "orders"), Vec::<String>::new());
}

#[test]
fn what_a_removed_foreign_key_refers_to_can_go_in_the_same_batch() {
    let remove = r#"
        [[actions]]
        type = "remove_foreign_key"
        table = "orders"
        foreign_key = "orders_user_id_fkey"
    "#;
    let table = "[[actions]]\ntype = 'remove_table'\ntable = 'users'\n";
    let columns = "[[actions]]\ntype = 'remove_column'\ntable = 'orders'\ncolumn = 'user_id'\n";
    let later = "[[actions]]\ntype = 'add_column'\ntable = 'orders'\ncolumn = { name = 'x', type = 'text', default = \"'x'\" }\n";
    both_ways(
        &[remove, table, columns, later].concat(),
        |r| {
            violated(&mut r.old, "INSERT INTO orders VALUES (9, 99)");
            rows(&mut r.new, "INSERT INTO orders (id) VALUES (10)");
        },
        |r| {
            assert_eq!(constraints(r, 'f', "orders"), Vec::<String>::new());
            assert!(r.new.simple_query("SELECT FROM public.users").is_err());
        },
    );
}

#[test]
fn a_column_and_an_index_that_a_removed_foreign_key_refers_to_can_go() {
    let base = format!(
        "{BASE}{}",
        r#"
        [[actions]]
        type = "add_foreign_key"
        table = "orders"
        foreign_key = { columns = ["code", "region"], referenced_table = "users", referenced_columns = ["code", "region"] }
        "#
    );
    let change = r#"
        [[actions]]
        type = "remove_foreign_key"
        table = "orders"
        foreign_key = "orders_code_region_fkey"

        [[actions]]
        type = "remove_index"
        index = "users_region_code"

        [[actions]]
        type = "remove_column"
        table = "users"
        column = "code"

        [[actions]]
        type = "add_column"
        table = "orders"
        column = { name = "note", type = "text" }
    "#;
    let mut r = Rollout::begin(&base, ROWS, change);
    violated(&mut r.old, "INSERT INTO orders VALUES (9, 1, 99, 'eu')");
    r.abort();
    let mut r = Rollout::begin(&base, ROWS, change);
    r.complete();
    assert_eq!(constraints(&mut r, 'f', "orders"), [KEY]);
    rows(&mut r.new, "INSERT INTO orders (id, code, region) VALUES (9, 99, 'eu')");
}

#[test]
fn foreign_keys_join_tables_that_exist_and_tables_that_the_batch_creates() {
    both_ways(
        r#"
        [[actions]]
        type = "create_table"
        name = "regions"
        primary_key = "name"
        columns = [
          { name = "name", type = "text" },
          { name = "parent", type = "text" },
          { name = "chief", type = "integer" },
          { name = "deputy", type = "integer" },
          { name = "size", type = "integer" },
        ]
        foreign_keys = [
          { columns = ["parent"], referenced_table = "regions", referenced_columns = ["name"] },
          { columns = ["chief"], referenced_table = "users", referenced_columns = ["id"] },
        ]
        checks = [{ name = "big", expression = "size > 0" }]

        [[actions]]
        type = "add_foreign_key"
        table = "regions"
        foreign_key = { columns = ["deputy"], referenced_table = "users", referenced_columns = ["id"] }

        [[actions]]
        type = "add_foreign_key"
        table = "regions"
        foreign_key = { columns = ["chief"], referenced_table = "users", referenced_columns = ["id"] }

        [[actions]]
        type = "remove_foreign_key"
        table = "regions"
        foreign_key = "regions_chief_fkey"

        [[actions]]
        type = "alter_column"
        table = "regions"
        column = "deputy"
        changes = { name = "second" }

        [[actions]]
        type = "add_check"
        table = "regions"
        check = { name = "known", expression = "name IN ('eu', 'us')" }

        [[actions]]
        type = "remove_check"
        table = "regions"
        check = "big"

        [[actions]]
        type = "custom"
        start = "INSERT INTO regions (name) VALUES ('eu')"

        [[actions]]
        type = "add_foreign_key"
        table = "orders"
        foreign_key = { columns = ["region"], referenced_table = "regions", referenced_columns = ["name"] }
        "#,
        |r| {
            assert_eq!(
                violated(&mut r.old, "INSERT INTO orders VALUES (9, 1, 1, 'us')"),
                "orders_region_fkey"
            );
            assert_eq!(violated(&mut r.new, "INSERT INTO regions (name) VALUES ('xx')"), "known");
            rows(&mut r.new, "INSERT INTO regions (name, size) VALUES ('us', 0)");
            rows(&mut r.old, "INSERT INTO orders VALUES (9, 1, 1, 'us')");
        },
        |r| {
            assert_eq!(
                constraints(r, 'f', "regions"),
                [
                    "regions_chief_fkey1 FOREIGN KEY (chief) REFERENCES users(id)",
                    "regions_deputy_fkey FOREIGN KEY (second) REFERENCES users(id)",
                    "regions_parent_fkey FOREIGN KEY (parent) REFERENCES regions(name)",
                ]
            );
            assert_eq!(constraints(r, 'c', "regions").len(), 1);
        },
    );
}

#[test]
fn a_new_table_refers_to_a_column_that_the_batch_replaces_before_or_after() {
    let wide = r#"
        [[actions]]
        type = "add_column"
        table = "users"
        up = "id * 10"
        column = { name = "number", type = "integer" }

        [[actions]]
        type = "add_index"
        table = "users"
        index = { name = "users_number", columns = ["number"], unique = true }
    "#;
    let create = r#"
        [[actions]]
        type = "create_table"
        name = "notes"
        primary_key = "id"
        columns = [{ name = "id", type = "integer" }, { name = "number", type = "integer" }]
        foreign_keys = [{ columns = ["number"], referenced_table = "users", referenced_columns = ["number"] }]
    "#;
    let widen = r#"
        [[actions]]
        type = "alter_column"
        table = "users"
        column = "number"
        up = "number + 1"
        down = "number - 1"
        changes = { type = "bigint" }
    "#;
    for change in [[wide, create, widen].concat(), [wide, widen, create].concat()] {
        both_ways(
            &change,
            |r| {
                assert_eq!(
                    violated(&mut r.new, "INSERT INTO notes VALUES (1, 10)"),
                    "notes_number_fkey"
                );
                rows(&mut r.new, "INSERT INTO notes VALUES (1, 11)");
                rows(&mut r.old, "UPDATE orders SET user_id = NULL");
                let delete = "DELETE FROM users WHERE id = 1";
                assert_eq!(violated(&mut r.old, delete), "notes_number_fkey");
            },
            |r| {
                let key = "notes_number_fkey FOREIGN KEY (number) REFERENCES users(number)";
                assert_eq!(constraints(r, 'f', "notes"), [key]);
            },
        );
    }
}

#[test]
fn a_column_takes_along_what_the_batch_has_added_on_it_alone() {
    both_ways(
        r#"
        [[actions]]
        type = "add_check"
        table = "users"
        check = { name = "named", expression = "email <> ''" }

        [[actions]]
        type = "add_foreign_key"
        table = "orders"
        foreign_key = { columns = ["code"], referenced_table = "users", referenced_columns = ["id"] }

        [[actions]]
        type = "remove_column"
        table = "users"
        column = "email"

        [[actions]]
        type = "remove_column"
        table = "orders"
        column = "code"
        "#,
        |r| {
            rows(&mut r.old, "UPDATE users SET email = ''");
        },
        |r| assert_eq!(constraints(r, 'f', "orders"), [KEY]),
    );
}

#[test]
fn constraints_that_are_not_valid_stay_as_they_are() {
    let prepare = format!(
        "{ROWS}; ALTER TABLE public.users ADD CONSTRAINT later CHECK (code > 1) NOT VALID;
         ALTER TABLE public.orders ADD CONSTRAINT loose FOREIGN KEY (code) REFERENCES public.users (id) NOT VALID"
    );
    let mut r = Rollout::begin(BASE, &prepare, REPLACE);
    r.complete();
    let later = "later CHECK ((code > 1)) NOT VALID";
    assert_eq!(constraints(&mut r, 'c', "users")[0], later);
    assert_eq!(
        constraints(&mut r, 'f', "orders")[0],
        "loose FOREIGN KEY (code) REFERENCES users(id) NOT VALID"
    );
}

#[test]
fn a_name_that_is_taken_or_unknown_is_refused_with_what_is_there() {
    let add = |name: &str| {
        format!(
            "[[actions]]\ntype = 'add_check'\ntable = 'users'\ncheck = {{ name = '{name}', expression = 'true' }}\n"
        )
    };
    assert_eq!(
        refused(&add("users_pkey")),
        "the migration `2_change`, action 1 is refused: table `users` has a constraint `users_pkey` already\n  \
         help: choose another name, or remove that constraint first"
    );
    assert_eq!(
        refused("[[actions]]\ntype = 'remove_check'\ntable = 'users'\ncheck = 'users_regin_check'"),
        "the migration `2_change`, action 1 is refused: table `users` has no check `users_regin_check` in the database\n  \
         help: did you mean `users_region_check`?"
    );
    let mut r = Rollout::prepare(
        BASE,
        "ALTER TABLE public.orders RENAME CONSTRAINT orders_user_id_fkey TO buyer",
        "[[actions]]\ntype = 'remove_foreign_key'\ntable = 'orders'\nforeign_key = 'orders_user_id_fkey'",
    );
    assert_eq!(
        r.start().expect_err("a refusal").report(),
        "the migration `2_change`, action 1 is refused: table `orders` has no foreign key `orders_user_id_fkey` in the database\n  \
         help: it has `buyer`"
    );
    assert_eq!(catalog(&mut r.old), r.before);
}

#[test]
fn a_foreign_key_to_columns_that_are_not_unique_is_refused() {
    let mut r = Rollout::prepare(
        BASE,
        "DROP INDEX public.users_region_code; CREATE UNIQUE INDEX ON public.users (region, code) WHERE code > 0;
         ALTER TABLE public.users ADD UNIQUE (region, code) DEFERRABLE",
        r#"
        [[actions]]
        type = "add_foreign_key"
        table = "orders"
        foreign_key = { columns = ["code", "region"], referenced_table = "users", referenced_columns = ["code", "region"] }
        "#,
    );
    assert_eq!(
        r.start().expect_err("a refusal").report(),
        "the migration `2_change`, action 1 is refused: no primary key or unique index of table `users` in the database is over \
         exactly `code` and `region`\n  help: a foreign key refers to a unique key: add one first, with `add_index` and `unique = true`"
    );
    assert_eq!(catalog(&mut r.old), r.before);
}

#[test]
fn a_check_cannot_name_a_column_by_a_name_that_it_does_not_have_any_more() {
    // On the old column the check would go when the batch is complete.
    let change = r#"
        [[actions]]
        type = "alter_column"
        table = "users"
        column = "email"
        up = "lower(email)"
        changes = { name = "mail" }

        [[actions]]
        type = "add_check"
        table = "users"
        check = { name = "at", expression = "email LIKE '%@%'" }
    "#;
    let mut r = Rollout::prepare(BASE, ROWS, change);
    let error = r.start().expect_err("no such column");
    assert_eq!(
        error.report(),
        "the step `add columns to `users`` failed: column \"email\" does not exist; the batch was rolled back"
    );
    assert_eq!(catalog(&mut r.old), r.before);
}

#[test]
fn a_foreign_key_must_not_need_an_index_that_the_batch_removes() {
    let change = r#"
        [[actions]]
        type = "remove_index"
        index = "users_region_code"

        [[actions]]
        type = "add_index"
        table = "users"
        index = { name = "users_code_region", columns = ["code", "region"], unique = true }

        [[actions]]
        type = "add_foreign_key"
        table = "orders"
        foreign_key = { columns = ["code", "region"], referenced_table = "users", referenced_columns = ["code", "region"] }
    "#;
    assert_eq!(
        refused(change),
        "the migration `2_change`, action 3 is refused: the foreign key `orders_code_region_fkey` would refer to the index \
         `users_region_code`, which the same batch removes\n  help: complete the batch that removes the index first, then add the \
         foreign key"
    );
}

#[test]
fn what_cannot_be_checked_is_refused() {
    let whole_row = r#"
        [[actions]]
        type = "add_column"
        table = "users"
        up = "lower(name)"
        column = { name = "low", type = "text" }

        [[actions]]
        type = "add_check"
        table = "users"
        check = { name = "full", expression = "users IS NOT NULL" }
    "#;
    let refusal = refused(whole_row);
    assert!(
        refusal.contains("action 2 is refused: the check `full` over whole rows of `users`"),
        "{refusal}"
    );
    let shared = r#"
        [[actions]]
        type = "add_check"
        table = "users"
        check = { name = "either", expression = "email <> name" }

        [[actions]]
        type = "remove_column"
        table = "users"
        column = "email"
    "#;
    assert_eq!(
        refused(shared),
        "the migration `2_change`, action 2 is refused: column `users`.`email` cannot be removed: the check `either`, which the \
         same batch adds, needs it\n  help: remove that first"
    );
}

macro_rules! golden {
    ($($name:ident: $change:expr;)*) => {$(
        #[test]
        fn $name() {
            insta::assert_snapshot!(golden(BASE, $change).expect("a plan"));
        }
    )*};
}

golden! {
    the_plan_of_a_check_that_is_replaced: REPLACE;
    the_plan_of_a_foreign_key_that_is_replaced: CASCADE;
    the_plan_of_a_new_table_that_refers_to_a_column_which_is_replaced_later: r#"
        [[actions]]
        type = "create_table"
        name = "lines"
        primary_key = "id"
        columns = [{ name = "id", type = "integer" }, { name = "order_id", type = "bigint" }, { name = "user_id", type = "integer" }]
        foreign_keys = [
          { columns = ["order_id"], referenced_table = "orders", referenced_columns = ["id"] },
          { columns = ["user_id"], referenced_table = "users", referenced_columns = ["id"] },
        ]

        [[actions]]
        type = "alter_column"
        table = "orders"
        column = "id"
        changes = { type = "bigint" }

        [[actions]]
        type = "rename_table"
        table = "lines"
        new_name = "items"
    "#;
    the_plan_of_a_check_under_the_names_of_its_point: r#"
        [[actions]]
        type = "alter_column"
        table = "users"
        column = "email"
        up = "lower(email)"
        changes = { nullable = false }

        [[actions]]
        type = "rename_table"
        table = "users"
        new_name = "people"

        [[actions]]
        type = "add_check"
        table = "people"
        check = { name = "low", expression = "people.email = lower(email)" }
    "#;
}
