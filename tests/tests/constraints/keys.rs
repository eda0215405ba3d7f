//! Foreign keys.

use reshape_tests::{Rollout, migrations, rows};

use super::{BASE, CASCADE, KEY, ROWS, batch, both_ways, constraints, violated};

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
fn a_new_table_refers_to_what_the_same_batch_makes_unique() {
    both_ways(
        r#"
        [[actions]]
        type = "add_index"
        table = "users"
        index = { name = "users_code", columns = ["code"], unique = true }

        [[actions]]
        type = "create_table"
        name = "visits"
        primary_key = "id"
        columns = [{ name = "id", type = "integer" }, { name = "code", type = "integer" }]
        foreign_keys = [{ columns = ["code"], referenced_table = "users", referenced_columns = ["code"], on_update = "CASCADE" }]
        "#,
        |r| {
            let name = "visits_code_fkey";
            assert_eq!(violated(&mut r.new, "INSERT INTO visits VALUES (1, 9)"), name);
            rows(&mut r.new, "INSERT INTO visits VALUES (1, 1)");
            rows(&mut r.old, "UPDATE users SET code = 7 WHERE id = 1");
            assert_eq!(rows(&mut r.new, "SELECT code FROM visits"), ["7"]);
        },
        |r| {
            let key =
                "visits_code_fkey FOREIGN KEY (code) REFERENCES users(code) ON UPDATE CASCADE";
            assert_eq!(constraints(r, 'f', "visits"), [key]);
        },
    );
}

#[test]
fn a_new_table_that_refers_to_a_younger_one_is_rolled_back() {
    both_ways(
        r#"
        [[actions]]
        type = "create_table"
        name = "visits"
        primary_key = "id"
        columns = [{ name = "id", type = "integer" }, { name = "place", type = "integer" }]

        [[actions]]
        type = "create_table"
        name = "places"
        primary_key = "id"
        columns = [{ name = "id", type = "integer" }]

        [[actions]]
        type = "add_foreign_key"
        table = "visits"
        foreign_key = { columns = ["place"], referenced_table = "places", referenced_columns = ["id"] }
        "#,
        |r| {
            let name = "visits_place_fkey";
            assert_eq!(violated(&mut r.new, "INSERT INTO visits VALUES (1, 9)"), name);
        },
        |r| {
            let key = "visits_place_fkey FOREIGN KEY (place) REFERENCES places(id)";
            assert_eq!(constraints(r, 'f', "visits"), [key]);
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
