//! Tables, and values that come from other tables.

use reshape_tests::rows;

use crate::{USERS, there_and_back};

#[test]
fn a_created_table_goes_and_a_renamed_one_has_its_name_again() {
    let change = r#"
        [[actions]]
        type = "create_table"
        name = "notes"
        primary_key = "id"
        columns = [
          { name = "id", type = "integer", generated = "ALWAYS AS IDENTITY" },
          { name = "author", type = "integer" },
        ]
        foreign_keys = [{ columns = ["author"], referenced_table = "users", referenced_columns = ["id"] }]

        [[actions]]
        type = "rename_table"
        table = "users"
        new_name = "accounts"

        [[actions]]
        type = "add_column"
        table = "notes"
        column = { name = "body", type = "text", nullable = false }

        [[actions]]
        type = "rename_table"
        table = "notes"
        new_name = "remarks"

        [[actions]]
        type = "add_index"
        table = "remarks"
        index = { name = "by_body", columns = ["body"] }

        [[actions]]
        type = "alter_column"
        table = "remarks"
        column = "body"
        changes = { name = "words", type = "varchar(10)" }

        [[actions]]
        type = "create_table"
        name = "users"
        primary_key = "id"
        columns = [{ name = "id", type = "integer" }]
    "#;
    there_and_back(
        USERS,
        change,
        "INSERT INTO remarks (author, words) VALUES (1, 'x'); INSERT INTO users VALUES (1)",
        |r| {
            rows(&mut r.new, "INSERT INTO accounts (name) VALUES ('new')");
            rows(&mut r.new, "INSERT INTO remarks (author, words) VALUES (2, 'y')");
            rows(&mut r.old, "UPDATE users SET name = 'Ada King' WHERE id = 1");
            assert_eq!(rows(&mut r.old, "SELECT count(*) FROM users"), ["3"]);
            assert_eq!(rows(&mut r.new, "SELECT name FROM accounts WHERE id = 1"), ["Ada King"]);
            assert_eq!(rows(&mut r.new, "SELECT count(*) FROM users"), ["1"]);
            assert!(r.old.simple_query("SELECT * FROM remarks").is_err());
        },
        |_| {},
    );
}

const PROFILES: &str = r#"
[[actions]]
type = "create_table"
name = "profiles"
primary_key = "user_id"
columns = [{ name = "user_id", type = "integer" }, { name = "bio", type = "text" }]

[[actions]]
type = "custom"
start = "INSERT INTO profiles SELECT i, 'bio ' || i FROM generate_series(1, 5) i"
"#;

/// A column that moves to another table, which has a column for it already.
#[test]
fn a_column_whose_value_comes_from_another_table_goes() {
    let change = r#"
        [[actions]]
        type = "add_column"
        table = "users"
        up = { table = "profiles", value = "profiles.bio", where = "profiles.user_id = users.id" }
        column = { name = "bio", type = "text" }
    "#;
    there_and_back(
        &format!("{USERS}{PROFILES}"),
        change,
        "UPDATE users SET bio = 'own' WHERE id = 1",
        |r| {
            rows(&mut r.old, "UPDATE profiles SET bio = 'told' WHERE user_id = 2");
            rows(&mut r.old, "INSERT INTO users (name) VALUES ('third')");
            assert_eq!(
                rows(&mut r.new, "SELECT bio FROM users ORDER BY id"),
                ["own", "told", "bio 3"]
            );
        },
        |_| {},
    );
}

#[test]
fn a_column_whose_value_moved_to_another_table_comes_back() {
    let base = format!(
        "{USERS}{PROFILES}{}",
        r#"
        [[actions]]
        type = "add_column"
        table = "users"
        column = { name = "bio", type = "text" }
        "#
    );
    let change = r#"
        [[actions]]
        type = "remove_column"
        table = "users"
        column = "bio"
        down = { table = "profiles", value = "profiles.bio", where = "profiles.user_id = users.id" }
    "#;
    there_and_back(
        &base,
        change,
        "UPDATE profiles SET bio = 'new' WHERE user_id = 1",
        |r| {
            let bios = "SELECT bio FROM users ORDER BY id";
            assert_eq!(rows(&mut r.old, bios), ["new", "bio 2"]);
            rows(&mut r.new, "UPDATE profiles SET bio = 'newer' WHERE user_id = 2");
            rows(&mut r.new, "INSERT INTO users (name) VALUES ('third')");
            rows(&mut r.old, "INSERT INTO users (name, bio) VALUES ('fourth', 'own')");
            assert_eq!(rows(&mut r.old, bios), ["new", "newer", "bio 3", "own"]);
        },
        |_| {},
    );
}

#[test]
fn an_altered_column_takes_its_old_value_from_another_table() {
    let change = r#"
        [[actions]]
        type = "alter_column"
        table = "users"
        column = "email"
        up = { table = "profiles", value = "profiles.bio", where = "profiles.user_id = users.id" }
        down = "email"
        changes = { nullable = true }
    "#;
    there_and_back(
        &format!("{USERS}{PROFILES}"),
        change,
        "UPDATE users SET email = 'own' WHERE id = 1",
        |r| {
            assert_eq!(rows(&mut r.old, "SELECT email FROM users ORDER BY id"), ["own", "bio 2"]);
            rows(&mut r.new, "UPDATE users SET email = 'new' WHERE id = 2");
            assert_eq!(rows(&mut r.old, "SELECT email FROM users ORDER BY id"), ["own", "new"]);
            rows(&mut r.old, "UPDATE profiles SET bio = 'told' WHERE user_id = 1");
            assert_eq!(rows(&mut r.new, "SELECT email FROM users WHERE id = 1"), ["told"]);
        },
        |_| {},
    );
}

#[test]
fn a_table_of_another_schema_is_changed_back_there() {
    let base = r#"
        [[actions]]
        type = "create_table"
        name = "users"
        schema = "auth"
        primary_key = "id"
        columns = [
          { name = "id", type = "integer", generated = "BY DEFAULT AS IDENTITY" },
          { name = "name", type = "text", nullable = false },
          { name = "email", type = "text" },
        ]

        [[actions]]
        type = "add_index"
        schema = "auth"
        table = "users"
        index = { name = "users_email", columns = ["email"] }
    "#;
    let change = r#"
        [[actions]]
        type = "add_column"
        schema = "auth"
        table = "users"
        up = "upper(name)"
        column = { name = "shout", type = "text" }

        [[actions]]
        type = "remove_index"
        schema = "auth"
        index = "users_email"

        [[actions]]
        type = "remove_column"
        schema = "auth"
        table = "users"
        column = "email"
        down = "name || '@x'"

        [[actions]]
        type = "rename_table"
        schema = "auth"
        table = "users"
        new_name = "accounts"
    "#;
    there_and_back(
        base,
        change,
        "INSERT INTO accounts (name) VALUES ('x')",
        |r| {
            rows(&mut r.old, "INSERT INTO users (name, email) VALUES ('y', 'mine')");
            assert_eq!(rows(&mut r.old, "SELECT email FROM users WHERE id > 2"), ["x@x", "mine"]);
            assert_eq!(rows(&mut r.new, "SELECT shout FROM accounts WHERE id = 4"), ["Y"]);
        },
        |_| {},
    );
}
