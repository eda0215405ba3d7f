//! Checks.

use reshape_tests::{catalog, client, rows};

use super::{KEY, REGION, REPLACE, SHORT, batch, both_ways, constraints, violated};

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
