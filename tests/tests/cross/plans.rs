//! Golden plans of values that go from table to table. No database is involved.

use reshape_tests::golden;

const TABLES: &str = r#"
[[actions]]
type = "create_table"
name = "users"
primary_key = "id"
columns = [{ name = "id", type = "integer" }, { name = "email", type = "text", nullable = false }]

[[actions]]
type = "create_table"
name = "profiles"
primary_key = "id"
columns = [{ name = "id", type = "integer" }, { name = "user_id", type = "integer" }]
"#;

#[test]
fn a_column_moves() {
    let change = r#"
        [[actions]]
        type = "add_column"
        table = "profiles"
        column = { name = "email", type = "text", nullable = false }
        up = { table = "users", value = "users.email", where = "profiles.user_id = users.id" }

        [[actions]]
        type = "remove_column"
        table = "users"
        column = "email"
        down = { table = "profiles", value = "profiles.email", where = "users.id = profiles.user_id" }
    "#;
    insta::assert_snapshot!(golden(TABLES, change).expect("a plan"));
}

#[test]
fn a_table_is_filled() {
    let change = r#"
        [[actions]]
        type = "create_table"
        name = "emails"
        primary_key = "user_id"
        columns = [{ name = "user_id", type = "integer" }, { name = "email", type = "text" }]

            [actions.up]
            table = "users"
            values = { user_id = "users.id", email = "lower(email)" }
            where = "email <> ''"
    "#;
    insta::assert_snapshot!(golden(TABLES, change).expect("a plan"));
}
