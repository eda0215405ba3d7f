//! Columns.

use reshape_tests::rows;

use crate::{USERS, there_and_back};

#[test]
fn an_added_column_goes_and_is_computed_until_then() {
    let change = r#"
        [[actions]]
        type = "add_column"
        table = "users"
        up = "upper(users.name)"
        column = { name = "shout", type = "text", nullable = false, comment = "LOUD" }

        [[actions]]
        type = "add_column"
        table = "users"
        column = { name = "level", type = "integer", nullable = false, default = "3" }
    "#;
    there_and_back(
        USERS,
        change,
        "INSERT INTO users (name, shout, level) VALUES ('mine', 'own', 9)",
        |r| {
            rows(&mut r.old, "INSERT INTO users (name) VALUES ('old')");
            rows(&mut r.new, "INSERT INTO users (name, shout) VALUES ('new', 'kept')");
            rows(&mut r.old, "UPDATE users SET name = 'Ada King' WHERE id = 1");
            rows(&mut r.old, "UPDATE users SET logins = 7 WHERE id = 3");
            assert_eq!(
                rows(&mut r.new, "SELECT name, shout, level FROM users ORDER BY id"),
                [
                    "Ada King|ADA KING|3",
                    "Alan Turing|ALAN TURING|3",
                    "mine|own|9",
                    "old|OLD|3",
                    "new|kept|3"
                ]
            );
            assert_eq!(rows(&mut r.old, "SELECT name FROM users WHERE id = 5"), ["new"]);
            assert!(r.old.simple_query("SELECT shout FROM users").is_err());
        },
        |r| {
            rows(&mut r.old, "INSERT INTO users (name) VALUES ('after')");
            assert_eq!(rows(&mut r.old, "SELECT count(*) FROM users"), ["6"]);
        },
    );
}

#[test]
fn a_removed_column_comes_back_with_what_down_says() {
    let base = format!(
        "{USERS}{}",
        r#"
        [[actions]]
        type = "add_column"
        table = "users"
        column = { name = "handle", type = "text", nullable = false, default = "'nobody'", comment = "short" }

        [[actions]]
        type = "add_index"
        table = "users"
        index = { name = "users_handle", columns = ["handle"] }

        [[actions]]
        type = "add_index"
        table = "users"
        index = { name = "users_lower_handle", columns = [{ expression = "lower(handle)" }] }

        [[actions]]
        type = "add_check"
        table = "users"
        check = { name = "has_handle", expression = "handle <> ''" }
        "#
    );
    let change = r#"
        [[actions]]
        type = "remove_column"
        table = "users"
        column = "handle"
        down = "'@' || name"
    "#;
    there_and_back(
        &base,
        change,
        "INSERT INTO users (name) VALUES ('x')",
        |r| {
            rows(&mut r.new, "INSERT INTO users (name) VALUES ('y')");
            rows(&mut r.old, "INSERT INTO users (name, handle) VALUES ('z', 'own')");
            rows(&mut r.old, "INSERT INTO users (name) VALUES ('w')");
            assert!(
                r.old.simple_query("INSERT INTO users (name, handle) VALUES ('z', '')").is_err()
            );
            let handles = "SELECT handle FROM users WHERE id > 1 ORDER BY id";
            assert_eq!(rows(&mut r.old, handles), ["@Alan Turing", "@x", "@y", "own", "nobody"]);
            rows(&mut r.new, "UPDATE users SET name = 'xx' WHERE id = 3");
            assert_eq!(rows(&mut r.old, "SELECT handle FROM users WHERE id = 3"), ["@xx"]);
            assert_eq!(rows(&mut r.new, "SELECT name FROM users WHERE id = 5"), ["z"]);
        },
        |r| {
            assert_eq!(rows(&mut r.old, "SELECT handle FROM users WHERE id = 5"), ["own"]);
        },
    );
}

#[test]
fn a_column_that_was_split_is_one_again() {
    let change = r#"
        [[actions]]
        type = "add_column"
        table = "users"
        up = "split_part(name, ' ', 1)"
        column = { name = "first_name", type = "text", nullable = false }

        [[actions]]
        type = "add_column"
        table = "users"
        up = "split_part(name, ' ', 2)"
        column = { name = "last_name", type = "text", nullable = false }

        [[actions]]
        type = "remove_column"
        table = "users"
        column = "name"
        down = "first_name || ' ' || last_name"
    "#;
    there_and_back(
        USERS,
        change,
        "INSERT INTO users (first_name, last_name) VALUES ('Grace', 'Hopper')",
        |r| {
            rows(&mut r.old, "INSERT INTO users (name) VALUES ('Emmy Noether')");
            rows(&mut r.new, "INSERT INTO users (first_name, last_name) VALUES ('Max', 'Born')");
            rows(&mut r.old, "UPDATE users SET name = 'Ada King' WHERE id = 1");
            rows(&mut r.new, "UPDATE users SET last_name = 'Murray' WHERE id = 3");
            assert_eq!(
                rows(&mut r.new, "SELECT first_name, last_name FROM users ORDER BY id"),
                ["Ada|King", "Alan|Turing", "Grace|Murray", "Emmy|Noether", "Max|Born"]
            );
            assert_eq!(
                rows(&mut r.old, "SELECT name FROM users ORDER BY id"),
                ["Ada King", "Alan Turing", "Grace Murray", "Emmy Noether", "Max Born"]
            );
        },
        |_| {},
    );
}

#[test]
fn an_altered_column_has_its_name_type_nullability_and_default_again() {
    let change = r#"
        [[actions]]
        type = "alter_column"
        table = "users"
        column = "email"
        up = "coalesce(email, 'N/A')"
        down = "nullif(email, 'N/A')"
        changes = { nullable = false, default = "'none'" }

        [[actions]]
        type = "alter_column"
        table = "users"
        column = "logins"
        up = "logins::text"
        down = "logins::integer"
        changes = { name = "visits", type = "text", default = "'1'" }

        [[actions]]
        type = "alter_column"
        table = "users"
        column = "name"
        changes = { name = "full_name" }
    "#;
    there_and_back(
        USERS,
        change,
        "INSERT INTO users (full_name, visits) VALUES ('x', '5')",
        |r| {
            rows(&mut r.old, "INSERT INTO users (name, logins) VALUES ('old', 4)");
            rows(&mut r.new, "INSERT INTO users (full_name, visits) VALUES ('new', '6')");
            rows(&mut r.old, "INSERT INTO users (name) VALUES ('by default')");
            rows(&mut r.old, "UPDATE users SET email = NULL WHERE id = 3");
            rows(&mut r.new, "UPDATE users SET email = 'N/A' WHERE id = 1");
            assert_eq!(
                rows(&mut r.old, "SELECT name, email, logins FROM users ORDER BY id"),
                [
                    "Ada Lovelace|-|0",
                    "Alan Turing|-|0",
                    "x|-|5",
                    "old|-|4",
                    "new|none|6",
                    "by default|-|0"
                ]
            );
            assert_eq!(
                rows(&mut r.new, "SELECT email, visits FROM users ORDER BY id"),
                ["N/A|0", "N/A|0", "N/A|5", "N/A|4", "none|6", "N/A|0"]
            );
        },
        |r| {
            rows(&mut r.old, "INSERT INTO users (name) VALUES ('after')");
            assert_eq!(rows(&mut r.old, "SELECT email, logins FROM users WHERE id = 7"), ["-|0"]);
        },
    );
}

/// `down` may call the column by its old name: in the inverse it is `up`, and that name is the new one.
#[test]
fn a_down_that_says_the_old_name_computes_the_column_that_has_it_again() {
    let change = r#"
        [[actions]]
        type = "alter_column"
        table = "users"
        column = "logins"
        up = "logins::text"
        down = "logins::integer"
        changes = { name = "visits", type = "text" }
    "#;
    there_and_back(
        USERS,
        change,
        "INSERT INTO users (name, visits) VALUES ('x', '5')",
        |r| {
            rows(&mut r.new, "UPDATE users SET visits = '7' WHERE id = 1");
            rows(&mut r.old, "UPDATE users SET logins = 8 WHERE id = 2");
            assert_eq!(rows(&mut r.old, "SELECT logins FROM users ORDER BY id"), ["7", "8", "5"]);
            assert_eq!(rows(&mut r.new, "SELECT visits FROM users ORDER BY id"), ["7", "8", "5"]);
        },
        |_| {},
    );
}

#[test]
fn a_column_that_became_not_null_without_a_new_value_accepts_null_again() {
    let base = format!(
        "{USERS}{}",
        r#"
        [[actions]]
        type = "add_column"
        table = "users"
        column = { name = "bio", type = "text", default = "''" }
        "#
    );
    let change = r#"
        [[actions]]
        type = "alter_column"
        table = "users"
        column = "bio"
        up = "bio"
        changes = { nullable = false }
    "#;
    there_and_back(
        &base,
        change,
        "INSERT INTO users (name) VALUES ('x')",
        |r| {
            rows(&mut r.old, "INSERT INTO users (name, bio) VALUES ('old', 'b')");
            assert_eq!(rows(&mut r.new, "SELECT count(*) FROM users"), ["4"]);
        },
        |r| {
            rows(&mut r.old, "INSERT INTO users (name, bio) VALUES ('after', NULL)");
            rows(&mut r.old, "DELETE FROM users WHERE bio IS NULL");
        },
    );
}
