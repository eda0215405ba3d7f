//! Golden plans: what each action asks of the server, and what the planner refuses. No database is involved.

use reshape_tests::golden;

const USERS: &str = r#"
[[actions]]
type = "create_enum"
name = "mood"
values = ["calm", "angry"]

[[actions]]
type = "create_table"
name = "users"
primary_key = "id"
columns = [
  { name = "id", type = "integer", generated = "ALWAYS AS IDENTITY" },
  { name = "name", type = "text", nullable = false },
  { name = "email", type = "text", comment = "where to write to" },
  { name = "mood", type = "mood", nullable = false, default = "'calm'" },
]

[[actions]]
type = "add_index"
table = "users"
index = { name = "users_name", columns = ["name"] }
"#;

macro_rules! golden {
    ($($name:ident: $change:expr;)*) => {$(
        #[test]
        fn $name() {
            insta::assert_snapshot!(golden(USERS, $change).expect("a plan"));
        }
    )*};
}

macro_rules! refused {
    ($($name:ident: $change:expr => $message:expr;)*) => {$(
        #[test]
        fn $name() {
            let refusal = golden(USERS, $change).expect_err("a refusal");
            assert_eq!(refusal.migration, "2_change");
            assert_eq!(refusal.message, $message);
        }
    )*};
}

golden! {
    create_table: r#"
        [[actions]]
        type = "create_table"
        name = "posts"
        comment = "it's what users write"
        primary_key = ["id"]
        columns = [
          { name = "id", type = "bigint", generated = "ALWAYS AS IDENTITY" },
          { name = "author", type = "integer", nullable = false },
          { name = "length", type = "integer", default = "0", comment = "in words" },
        ]
        foreign_keys = [{ columns = ["author"], referenced_table = "users", referenced_columns = ["id"], on_delete = "cascade" }]
        checks = [{ name = "positive", expression = "length >= 0" }]
    "#;
    tables_that_the_batch_creates_are_changed_directly: r#"
        [[actions]]
        type = "create_table"
        name = "posts"
        primary_key = "id"
        columns = [{ name = "id", type = "integer" }, { name = "text", type = "text" }]

        [[actions]]
        type = "add_column"
        table = "posts"
        up = "length(text)"
        column = { name = "length", type = "integer", nullable = false }

        [[actions]]
        type = "alter_column"
        table = "posts"
        column = "text"
        up = "text::jsonb"
        changes = { name = "body", type = "jsonb", nullable = false }

        [[actions]]
        type = "add_index"
        table = "posts"
        index = { name = "posts_body", type = "gin", columns = ["body"] }

        [[actions]]
        type = "rename_table"
        table = "posts"
        new_name = "articles"
    "#;
    rename_table: r#"
        [[actions]]
        type = "rename_table"
        table = "users"
        new_name = "people"
    "#;
    remove_table: r#"
        [[actions]]
        type = "remove_table"
        table = "users"
    "#;
    add_column_with_a_constant_default_writes_no_row: r#"
        [[actions]]
        type = "add_column"
        table = "users"
        column = { name = "level", type = "integer", nullable = false, default = "1" }
    "#;
    add_column_with_a_volatile_default_fills_row_by_row: r#"
        [[actions]]
        type = "add_column"
        table = "users"
        column = { name = "token", type = "uuid", nullable = false, default = "gen_random_uuid()" }
    "#;
    rename_column: r#"
        [[actions]]
        type = "alter_column"
        table = "users"
        column = "email"
        changes = { name = "mail" }
    "#;
    swap_columns: r#"
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
    "#;
    alter_column_type: r#"
        [[actions]]
        type = "alter_column"
        table = "users"
        column = "mood"
        up = "mood::text"
        down = "mood::mood"
        changes = { type = "text", default = "'calm'" }
    "#;
    not_null_alone: r#"
        [[actions]]
        type = "alter_column"
        table = "users"
        column = "email"
        up = "email"
        changes = { nullable = false }
    "#;
    the_chain: r#"
        [[actions]]
        type = "alter_column"
        table = "users"
        column = "email"
        up = "lower(email)"
        down = "mail"
        changes = { name = "mail" }

        [[actions]]
        type = "rename_table"
        table = "users"
        new_name = "people"

        [[actions]]
        type = "alter_column"
        table = "people"
        column = "mail"
        up = "people.mail || name"
        down = "rtrim(mail, name)"
        changes = { nullable = false }

        [[actions]]
        type = "add_column"
        table = "people"
        up = "length(mail)"
        column = { name = "mail_length", type = "integer" }
    "#;
    replace_an_index: r#"
        [[actions]]
        type = "remove_index"
        index = "users_name"

        [[actions]]
        type = "add_index"
        table = "users"
        index = { name = "users_name", unique = true, where = "email <> ''", columns = [
            { expression = "lower(name)" }, { column = "email", direction = "DESC", nulls = "LAST" }] }
    "#;
    enums: r#"
        [[actions]]
        type = "remove_column"
        table = "users"
        column = "mood"

        [[actions]]
        type = "remove_enum"
        enum = "mood"

        [[actions]]
        type = "create_enum"
        name = "temper"
        values = ["good", "it's bad"]
    "#;
    custom: r#"
        [[actions]]
        type = "custom"
        start = "CREATE VIEW v AS SELECT 1; -- $reshape$"
        complete = "SELECT 2"
        abort = "DROP VIEW v"
    "#;
}

/// The second worked example: a key that others refer to gets another type, and is never missing.
#[test]
fn a_referenced_key_becomes_bigint() {
    let base = r#"
        [[actions]]
        type = "create_table"
        name = "orders"
        primary_key = "id"
        columns = [{ name = "id", type = "integer", generated = "BY DEFAULT AS IDENTITY" }]

        [[actions]]
        type = "create_table"
        name = "items"
        primary_key = "id"
        columns = [{ name = "id", type = "integer" }, { name = "order_id", type = "integer" }]
        foreign_keys = [{ columns = ["order_id"], referenced_table = "orders", referenced_columns = ["id"], on_delete = "CASCADE" }]
    "#;
    let change = r#"
        [[actions]]
        type = "alter_column"
        table = "orders"
        column = "id"
        changes = { type = "bigint" }
    "#;
    insta::assert_snapshot!(golden(base, change).expect("a plan"));
}

golden! {
    an_index_expression_over_a_changed_column: r#"
        [[actions]]
        type = "alter_column"
        table = "users"
        column = "email"
        changes = { name = "mail" }

        [[actions]]
        type = "add_index"
        table = "users"
        index = { name = "users_mail", columns = [{ expression = "lower(mail)" }] }

        [[actions]]
        type = "add_index"
        table = "users"
        index = { name = "users_by_mail", columns = ["name"], where = "mail IS NOT NULL" }

        [[actions]]
        type = "alter_column"
        table = "users"
        column = "mail"
        up = "upper(mail)"
        down = "mail"
        changes = { name = "address" }
    "#;
}

refused! {
    up_from_another_row_of_the_same_table: r#"
        [[actions]]
        type = "add_column"
        table = "users"
        column = { name = "x", type = "integer" }
        up = { table = "users", value = "users.id", where = "true" }
    "# => "a value of `users` from another row of `users` is not supported yet";
}

#[test]
fn the_same_input_gives_the_same_plan() {
    let change = "[[actions]]\ntype = 'rename_table'\ntable = 'users'\nnew_name = 'people'\n";
    assert_eq!(golden(USERS, change), golden(USERS, change));
}
