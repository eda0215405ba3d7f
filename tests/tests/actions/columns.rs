//! Columns.

use reshape_tests::{Rollout, rows};

use crate::{ROWS, USERS, both_ways};

#[test]
fn add_column_with_up() {
    let change = r#"
        [[actions]]
        type = "add_column"
        table = "users"
        up = "upper(users.name)"
        column = { name = "shout", type = "text", nullable = false, comment = "LOUD" }
    "#;
    both_ways(
        change,
        |r| {
            rows(&mut r.old, "INSERT INTO users (name) VALUES ('old')");
            rows(&mut r.new, "INSERT INTO users (name, shout) VALUES ('new', 'mine')");
            rows(&mut r.old, "UPDATE users SET name = 'Ada King' WHERE id = 1");
            // What does not feed the column leaves it alone, and so does a new client that sets both.
            rows(&mut r.old, "UPDATE users SET logins = 7 WHERE id = 4");
            assert_eq!(
                rows(&mut r.new, "SELECT shout FROM users ORDER BY id"),
                ["ADA KING", "ALAN TURING", "OLD", "mine"]
            );
            rows(&mut r.new, "UPDATE users SET name = 'both', shout = 'kept' WHERE id = 4");
            assert_eq!(
                rows(&mut r.new, "SELECT name, shout FROM users WHERE id = 4"),
                ["both|kept"]
            );
            // `name` is shared: alone in a SET list, the search_path says who wrote it.
            rows(&mut r.new, "UPDATE users SET name = 'by the new' WHERE id = 4");
            rows(&mut r.old, "UPDATE users SET name = 'by the old' WHERE id = 3");
            assert_eq!(
                rows(&mut r.new, "SELECT shout FROM users WHERE id > 2 ORDER BY id"),
                ["BY THE OLD", "kept"]
            );
            // NOT NULL holds for new clients at once.
            assert!(r.new.simple_query("INSERT INTO users (name) VALUES ('no shout')").is_err());
        },
        |r| {
            assert!(r.new.simple_query("INSERT INTO users (name) VALUES ('no shout')").is_err());
            rows(&mut r.new, "INSERT INTO users (name, shout) VALUES ('x', 'X')");
            assert_eq!(
                rows(
                    &mut r.new,
                    "SELECT col_description('public.users'::regclass, attnum) FROM pg_attribute WHERE attrelid = 'public.users'::regclass AND attname = 'shout'"
                ),
                ["LOUD"]
            );
        },
    );
}

#[test]
fn add_column_with_defaults() {
    let change = r#"
        [[actions]]
        type = "add_column"
        table = "users"
        column = { name = "level", type = "integer", nullable = false, default = "3" }

        [[actions]]
        type = "add_column"
        table = "users"
        column = { name = "token", type = "uuid", nullable = false, default = "gen_random_uuid()" }

        [[actions]]
        type = "add_column"
        table = "users"
        column = { name = "bio", type = "text" }
    "#;
    both_ways(
        change,
        |r| {
            rows(&mut r.old, "INSERT INTO users (name) VALUES ('old')");
            rows(&mut r.new, "INSERT INTO users (name) VALUES ('new')");
            rows(&mut r.new, "INSERT INTO users (name, level, bio) VALUES ('new', 9, 'b')");
            assert_eq!(
                rows(&mut r.new, "SELECT level, token IS NOT NULL, bio FROM users ORDER BY id"),
                ["3|t|-", "3|t|-", "3|t|-", "3|t|-", "9|t|b"]
            );
            assert_eq!(rows(&mut r.new, "SELECT count(DISTINCT token) FROM users"), ["5"]);
            // An old client's update keeps the token.
            let token = rows(&mut r.new, "SELECT token FROM users WHERE id = 1");
            rows(&mut r.old, "UPDATE users SET name = 'x', email = 'y' WHERE id = 1");
            assert_eq!(rows(&mut r.new, "SELECT token FROM users WHERE id = 1"), token);
        },
        |r| {
            rows(&mut r.new, "INSERT INTO users (name) VALUES ('later')");
            assert_eq!(
                rows(&mut r.new, "SELECT level, token IS NULL FROM users ORDER BY id DESC LIMIT 1"),
                ["3|f"]
            );
        },
    );
}

#[test]
fn alter_column_type_and_name() {
    let change = r#"
        [[actions]]
        type = "alter_column"
        table = "users"
        column = "logins"
        up = "logins::text || ' times'"
        down = "split_part(visits, ' ', 1)::integer"
        changes = { name = "visits", type = "text", default = "'1 times'" }
    "#;
    both_ways(
        change,
        |r| {
            rows(&mut r.old, "INSERT INTO users (name) VALUES ('old')");
            rows(&mut r.new, "INSERT INTO users (name) VALUES ('new')");
            rows(&mut r.new, "UPDATE users SET visits = '5 times' WHERE id = 1");
            rows(&mut r.old, "UPDATE users SET logins = 6 WHERE id = 2");
            assert_eq!(
                rows(&mut r.old, "SELECT logins FROM users ORDER BY id"),
                ["5", "6", "0", "1"]
            );
            assert_eq!(
                rows(&mut r.new, "SELECT visits FROM users ORDER BY id"),
                ["5 times", "6 times", "0 times", "1 times"]
            );
        },
        |r| {
            rows(&mut r.new, "INSERT INTO users (name) VALUES ('later')");
            assert_eq!(
                rows(&mut r.new, "SELECT visits FROM users ORDER BY id DESC LIMIT 1"),
                ["1 times"]
            );
            assert!(
                r.new.simple_query("INSERT INTO users (name, visits) VALUES ('x', NULL)").is_err()
            );
        },
    );
}

#[test]
fn alter_column_rename_and_default_alone_write_no_row() {
    let change = r#"
        [[actions]]
        type = "alter_column"
        table = "users"
        column = "logins"
        changes = { name = "visits", default = "42" }
    "#;
    both_ways(
        change,
        |r| {
            rows(&mut r.old, "INSERT INTO users (name) VALUES ('old')");
            rows(&mut r.new, "INSERT INTO users (name) VALUES ('new')");
            assert_eq!(
                rows(&mut r.old, "SELECT logins FROM users ORDER BY id"),
                ["0", "0", "0", "42"]
            );
            assert_eq!(
                rows(&mut r.new, "SELECT visits FROM users ORDER BY id"),
                ["0", "0", "0", "42"]
            );
            assert_eq!(
                rows(&mut r.new, "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal"),
                ["0"]
            );
        },
        |r| {
            rows(&mut r.new, "INSERT INTO public.users (name) VALUES ('later')");
            assert_eq!(
                rows(&mut r.new, "SELECT visits FROM users ORDER BY id DESC LIMIT 1"),
                ["42"]
            );
        },
    );
}

#[test]
fn alter_column_not_null() {
    let change = r#"
        [[actions]]
        type = "alter_column"
        table = "users"
        column = "email"
        up = "coalesce(email, 'N/A')"
        down = "nullif(email, 'N/A')"
        changes = { nullable = false }
    "#;
    both_ways(
        change,
        |r| {
            rows(&mut r.old, "INSERT INTO users (name) VALUES ('old')");
            rows(&mut r.new, "INSERT INTO users (name, email) VALUES ('new', 'N/A')");
            assert_eq!(
                rows(&mut r.new, "SELECT email FROM users ORDER BY id"),
                ["ada@x", "N/A", "N/A", "N/A"]
            );
            assert_eq!(
                rows(&mut r.old, "SELECT email FROM users ORDER BY id"),
                ["ada@x", "-", "-", "-"]
            );
            assert!(r.new.simple_query("UPDATE users SET email = NULL").is_err());
            rows(&mut r.old, "UPDATE users SET email = NULL WHERE id = 1");
            assert_eq!(rows(&mut r.new, "SELECT email FROM users WHERE id = 1"), ["N/A"]);
        },
        |r| {
            assert_eq!(
                rows(
                    &mut r.new,
                    "SELECT attnotnull FROM pg_attribute WHERE attrelid = 'public.users'::regclass AND attname = 'email'"
                ),
                ["t"]
            );
        },
    );
}

#[test]
fn alter_column_not_null_without_up_holds_for_both_at_once() {
    let change = r#"
        [[actions]]
        type = "alter_column"
        table = "users"
        column = "email"
        up = "email"
        changes = { nullable = false }
    "#;
    let mut r = Rollout::prepare(USERS, ROWS, change);
    let error = r.start().expect_err("a NULL is there");
    assert!(error.report().contains("rolled back"), "{}", error.report());
    assert_eq!(reshape_tests::catalog(&mut r.old), r.before);
    rows(&mut r.old, "UPDATE users SET email = 'alan@x' WHERE email IS NULL");
    r.start().expect("no NULL is left");
    assert!(r.old.simple_query("INSERT INTO users (name) VALUES ('no email')").is_err());
    r.complete();
    assert!(r.new.simple_query("INSERT INTO users (name) VALUES ('no email')").is_err());
}

#[test]
fn alter_column_nullable() {
    let change = r#"
        [[actions]]
        type = "alter_column"
        table = "users"
        column = "name"
        down = "coalesce(name, '?')"
        changes = { nullable = true }
    "#;
    both_ways(
        change,
        |r| {
            rows(&mut r.new, "INSERT INTO users (name) VALUES (NULL)");
            rows(&mut r.old, "INSERT INTO users (name) VALUES ('old')");
            assert_eq!(
                rows(&mut r.old, "SELECT name FROM users WHERE id > 2 ORDER BY id"),
                ["?", "old"]
            );
            assert_eq!(
                rows(&mut r.new, "SELECT name FROM users WHERE id > 2 ORDER BY id"),
                ["-", "old"]
            );
            // An old client that writes something else does not turn the NULL into a question mark.
            rows(&mut r.old, "UPDATE users SET logins = 1 WHERE id = 3");
            assert_eq!(rows(&mut r.new, "SELECT name FROM users WHERE id = 3"), ["-"]);
        },
        |r| assert_eq!(rows(&mut r.new, "SELECT name FROM users WHERE id = 3"), ["-"]),
    );
}

#[test]
fn remove_column_with_down() {
    let change = r#"
        [[actions]]
        type = "remove_column"
        table = "users"
        column = "name"
        down = "'user ' || id"
    "#;
    both_ways(
        change,
        |r| {
            assert!(r.new.simple_query("SELECT name FROM users").is_err());
            rows(&mut r.new, "INSERT INTO users (email) VALUES ('new@x')");
            rows(&mut r.new, "UPDATE users SET email = 'changed' WHERE id = 1");
            assert_eq!(
                rows(&mut r.old, "SELECT name FROM users ORDER BY id"),
                ["Ada Lovelace", "Alan Turing", "user 3"]
            );
        },
        |r| assert_eq!(rows(&mut r.new, "SELECT * FROM users WHERE id = 3"), ["3|new@x|0"]),
    );
}

#[test]
fn remove_column_with_a_default() {
    let change = r#"
        [[actions]]
        type = "remove_column"
        table = "users"
        column = "logins"
    "#;
    both_ways(
        change,
        |r| {
            rows(&mut r.new, "INSERT INTO users (name) VALUES ('new')");
            assert_eq!(rows(&mut r.old, "SELECT logins FROM users ORDER BY id"), ["0", "0", "0"]);
        },
        |r| assert!(r.new.simple_query("SELECT logins FROM public.users").is_err()),
    );
}
