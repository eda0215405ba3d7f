//! Indexes, constraints, enums, and SQL of the user's own.

use reshape_tests::rows;

use crate::{USERS, there_and_back};

#[test]
fn indexes_come_and_go() {
    let base = format!(
        "{USERS}{}",
        r#"
        [[actions]]
        type = "add_index"
        table = "users"
        index = { name = "users_email", unique = true, where = "email <> ''", columns = [
          { expression = "lower(email)", direction = "DESC", nulls = "LAST" }, "id" ] }
        "#
    );
    let change = r#"
        [[actions]]
        type = "remove_index"
        index = "users_email"

        [[actions]]
        type = "add_index"
        table = "users"
        index = { name = "users_name", type = "hash", columns = ["name"] }
    "#;
    there_and_back(&base, change, "", |_| {}, |_| {});
}

#[test]
fn constraints_come_and_go() {
    let base = format!(
        "{USERS}{}",
        r#"
        [[actions]]
        type = "create_table"
        name = "posts"
        primary_key = "id"
        columns = [{ name = "id", type = "integer" }, { name = "author", type = "integer" }, { name = "editor", type = "integer" }]
        foreign_keys = [{ columns = ["author"], referenced_table = "users", referenced_columns = ["id"], on_delete = "CASCADE" }]
        checks = [{ expression = "author > 0" }]

        [[actions]]
        type = "add_check"
        table = "users"
        check = { name = "named", expression = "name <> ''" }
        "#
    );
    let change = r#"
        [[actions]]
        type = "remove_foreign_key"
        table = "posts"
        foreign_key = "posts_author_fkey"

        [[actions]]
        type = "remove_check"
        table = "posts"
        check = "posts_author_check"

        [[actions]]
        type = "add_foreign_key"
        table = "posts"
        foreign_key = { columns = ["editor"], referenced_table = "users", referenced_columns = ["id"] }

        [[actions]]
        type = "remove_check"
        table = "users"
        check = "named"

        [[actions]]
        type = "add_check"
        table = "users"
        check = { name = "named", expression = "length(name) > 1" }
    "#;
    there_and_back(
        &base,
        change,
        "INSERT INTO posts VALUES (1, 1, 2)",
        |r| {
            // What the older version holds to holds for both from the start.
            assert!(r.new.simple_query("INSERT INTO posts VALUES (2, 99)").is_err());
            assert!(r.new.simple_query("INSERT INTO posts VALUES (2, -1)").is_err());
            assert!(r.old.simple_query("INSERT INTO users (name) VALUES ('')").is_err());
        },
        |r| {
            rows(&mut r.old, "INSERT INTO posts VALUES (3, 1, 99)");
            rows(&mut r.old, "DELETE FROM posts WHERE id = 3");
            rows(&mut r.old, "INSERT INTO users (name) VALUES ('xx')");
        },
    );
}

#[test]
fn enums_come_and_go() {
    let base = format!(
        "{}{USERS}{}",
        r#"
        [[actions]]
        type = "create_enum"
        name = "mood"
        values = ["calm", "angry"]
        "#,
        r#"
        [[actions]]
        type = "add_column"
        table = "users"
        column = { name = "mood", type = "mood", default = "'calm'" }
        "#
    );
    let change = r#"
        [[actions]]
        type = "create_enum"
        name = "level"
        values = ["low", "high"]

        [[actions]]
        type = "add_column"
        table = "users"
        up = "CASE mood WHEN 'angry' THEN 'high'::level ELSE 'low'::level END"
        column = { name = "heat", type = "level" }

        [[actions]]
        type = "remove_column"
        table = "users"
        column = "mood"
        down = "CASE heat WHEN 'high' THEN 'angry'::mood ELSE 'calm'::mood END"

        [[actions]]
        type = "remove_enum"
        enum = "mood"
    "#;
    there_and_back(
        &base,
        change,
        "UPDATE users SET heat = 'high' WHERE id = 1",
        |r| {
            rows(&mut r.old, "UPDATE users SET mood = 'angry' WHERE id = 2");
            rows(&mut r.new, "INSERT INTO users (name, heat) VALUES ('new', 'low')");
            rows(&mut r.old, "INSERT INTO users (name, mood) VALUES ('old', 'angry')");
            assert_eq!(
                rows(&mut r.old, "SELECT mood FROM users ORDER BY id"),
                ["angry", "angry", "calm", "angry"]
            );
            assert_eq!(
                rows(&mut r.new, "SELECT heat FROM users ORDER BY id"),
                ["high", "high", "low", "high"]
            );
        },
        |_| {},
    );
}

#[test]
fn custom_sql_is_taken_back_when_nobody_needs_what_it_did() {
    let base = format!(
        "{USERS}{}",
        r#"
        [[actions]]
        type = "custom"
        start = "CREATE FUNCTION public.shout(name text) RETURNS text LANGUAGE sql AS 'SELECT upper(name)'"
        "#
    );
    let change = r#"
        [[actions]]
        type = "custom"
        start = """
          CREATE TABLE log (what text);
          CREATE FUNCTION public.initials(name text) RETURNS text LANGUAGE sql AS 'SELECT left(name, 1)' -- made"""
        complete = "DROP FUNCTION public.shout(text)"
        abort = "DROP FUNCTION public.initials(text); DROP TABLE log"

            [actions.reverts]
            start = "CREATE FUNCTION public.shout(name text) RETURNS text LANGUAGE sql AS 'SELECT upper(name)'"
            complete = "DROP FUNCTION public.initials(text); DROP TABLE log"

        [[actions]]
        type = "custom"
        start = "CREATE SEQUENCE public.numbers"
        reverts = "DROP SEQUENCE public.numbers"
    "#;
    there_and_back(
        &base,
        change,
        "INSERT INTO log VALUES ('x')",
        |r| {
            // Each version has what it needs.
            assert_eq!(
                rows(&mut r.old, "SELECT public.shout(name) FROM users WHERE id = 1"),
                ["ADA LOVELACE"]
            );
            assert_eq!(
                rows(&mut r.new, "SELECT public.initials(name) FROM users WHERE id = 1"),
                ["A"]
            );
            rows(&mut r.new, "INSERT INTO log VALUES ('y')");
            assert!(r.old.simple_query("SELECT * FROM log").is_err());
        },
        |_| {},
    );
}
