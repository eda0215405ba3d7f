//! Every rule of the replay, with the message, the help and the related place that it gives.

use reshape_runtime::Migrations;
use reshape_runtime::history::History;
use reshape_runtime::schema::{At, Problem, Segment};
use serde_json::{Value, json};

/// A first migration for the cases to build on.
fn base() -> Value {
    json!({"name": "0001_base", "checksum": "", "actions": [
        {"type": "create_enum", "name": "mood", "values": ["happy", "sad"]},
        {"type": "create_table", "name": "users", "primary_key": "id", "columns": [
            {"name": "id", "type": "bigint", "generated": "ALWAYS AS IDENTITY"},
            {"name": "name", "type": "text", "nullable": false},
            {"name": "email", "type": "text"}]},
        {"type": "add_index", "table": "users",
            "index": {"name": "users_email", "columns": ["email"], "unique": true}},
        {"type": "create_table", "name": "orders", "primary_key": ["id"],
            "columns": [{"name": "id", "type": "uuid"}, {"name": "user_id", "type": "int8"}],
            "foreign_keys": [{"columns": ["user_id"], "referenced_table": "users",
                "referenced_columns": ["id"]}]},
    ]})
}

/// What the replay of these actions, as `0002_case` after `0001_base`, tells.
fn told(actions: &Value) -> Vec<String> {
    told_of(&json!([base(), {"name": "0002_case", "checksum": "", "actions": actions}]))
}

fn told_of(migrations: &Value) -> Vec<String> {
    let migrations: Migrations =
        serde_json::from_value(json!({ "migrations": migrations })).expect("migrations");
    History::replay(&migrations).1.iter().map(line).collect()
}

/// `migration.action path: message | help | place: what happened there`
fn line(problem: &Problem) -> String {
    let mut line = format!("{}: {}", place(problem.at, &problem.path), problem.message);
    if let Some(help) = &problem.help {
        line.push_str(&format!(" | {help}"));
    }
    if let Some((at, path, what)) = &problem.related {
        line.push_str(&format!(" | {}: {what}", place(*at, path)));
    }
    line
}

fn place(at: At, path: &[Segment]) -> String {
    let action = match at.action {
        At::NO_ACTION => String::from("-"),
        action => action.to_string(),
    };
    let mut place = format!("{}.{action}", at.migration);
    for (number, segment) in path.iter().enumerate() {
        place.push(if number == 0 { ' ' } else { '.' });
        match segment {
            Segment::Key(key) => place.push_str(key),
            Segment::Index(index) => place.push_str(&index.to_string()),
        }
    }
    place
}

#[test]
fn unknown_table() {
    let told = told(&json!([{"type": "remove_table", "table": "usres"}]));
    assert_eq!(
        told,
        [
            "1.0 table: table `usres` does not exist | did you mean `users`?",
            "1.0 table: table `users` is referred to by foreign key `orders_user_id_fkey` of table `orders` | remove the foreign key first, with `remove_foreign_key` | 0.3 foreign_keys.0: created here",
        ]
    );
}

#[test]
fn a_table_that_nobody_created_is_reported_once() {
    let told = told(&json!([
     {"type": "add_column", "table": "invoices", "column": {"name": "total", "type": "integer"}},
     {"type": "add_index", "table": "invoices", "index": {"name": "invoices_total", "columns": ["total"]}},
     {"type": "remove_column", "table": "invoices", "column": "paid"}
    ]));
    assert_eq!(
        told,
        [
            "1.0 table: table `invoices` does not exist | no earlier action creates this table; only what migrations create is known so far: one that `custom` SQL made, or that was in the database before, is not",
        ]
    );
}

#[test]
fn removed_table() {
    let told = told(&json!([
     {"type": "remove_table", "table": "orders"},
     {"type": "add_check", "table": "orders", "check": {"name": "c", "expression": "true"}}
    ]));
    assert_eq!(
        told,
        ["1.1 table: table `orders` was removed by `0002_case` | 1.0 table: removed here",]
    );
}

#[test]
fn renamed_table_is_followed() {
    let told = told(&json!([
     {"type": "rename_table", "table": "orders", "new_name": "sales"},
     {"type": "rename_table", "table": "sales", "new_name": "deals"},
     {"type": "remove_column", "table": "orders", "column": "nobody"}
    ]));
    assert_eq!(
        told,
        [
            "1.2 table: table `orders` was renamed by `0002_case` | it is called `deals` now | 1.0 new_name: renamed here",
            "1.2 column: table `deals` has no column `nobody` | it has `id` and `user_id`",
        ]
    );
}

#[test]
fn renamed_and_then_removed_table() {
    let told = told(&json!([
     {"type": "rename_table", "table": "orders", "new_name": "sales"},
     {"type": "remove_table", "table": "sales"},
     {"type": "remove_table", "table": "orders"}
    ]));
    assert_eq!(
        told,
        [
            "1.2 table: table `orders` was renamed by `0002_case` | and then removed, by `0002_case` | 1.0 new_name: renamed here",
        ]
    );
}

#[test]
fn rename_carries_keys_and_memory_along() {
    let told = told(&json!([
     {"type": "remove_column", "table": "users", "column": "email"},
     {"type": "rename_table", "table": "users", "new_name": "accounts"},
     {"type": "remove_column", "table": "accounts", "column": "email"},
     {"type": "remove_table", "table": "accounts"}
    ]));
    assert_eq!(
        told,
        [
            "1.2 column: column `email` of table `accounts` was removed by `0002_case` | 1.0 column: removed here",
            "1.3 table: table `accounts` is referred to by foreign key `orders_user_id_fkey` of table `orders` | remove the foreign key first, with `remove_foreign_key` | 0.3 foreign_keys.0: created here",
        ]
    );
}

#[test]
fn create_table_that_exists() {
    let told = told(&json!([
     {"type": "create_table", "name": "users", "columns": [{"name": "id", "type": "bigint"}, {"name": "age", "type": "integer"}], "primary_key": ["id"]},
     {"type": "remove_column", "table": "users", "column": "age"},
     {"type": "remove_column", "table": "users", "column": "email"}
    ]));
    assert_eq!(
        told,
        [
            "1.0 name: there is a table `users` already, created by `0001_base` | 0.1 name: created here",
        ]
    );
}

#[test]
fn names_are_shared_by_tables_indexes_and_types() {
    let told = told(&json!([
     {"type": "create_table", "name": "users_email", "columns": [{"name": "id", "type": "bigint"}], "primary_key": "id"},
     {"type": "create_table", "name": "mood", "columns": [{"name": "id", "type": "bigint"}], "primary_key": "id"},
     {"type": "create_enum", "name": "orders", "values": ["a"]},
     {"type": "create_enum", "name": "users_email", "values": ["a"]},
     {"type": "add_index", "table": "users", "index": {"name": "orders", "columns": ["name"]}},
     {"type": "rename_table", "table": "orders", "new_name": "users"},
     {"type": "rename_table", "table": "orders", "new_name": "orders"}
    ]));
    assert_eq!(
        told,
        [
            "1.0 name: there is an index `users_email` already, created by `0001_base` | 0.2 index.name: created here",
            "1.1 name: there is an enum `mood` already, created by `0001_base` | 0.0 name: created here",
            "1.2 name: there is a table `orders` already, created by `0001_base` | 0.3 name: created here",
            "1.3 name: there is a table `users_email` already, created by `0002_case` | 1.0 name: created here",
            "1.4 index.name: there is a table `orders` already, created by `0001_base` | 0.3 name: created here",
            "1.5 new_name: there is a table `users` already, created by `0001_base` | 0.1 name: created here",
            "1.6 new_name: table `orders` is called so already",
        ]
    );
}

#[test]
fn table_without_columns() {
    let told =
        told(&json!([{"type": "create_table", "name": "t", "columns": [], "primary_key": []}]));
    assert_eq!(told, ["1.0 columns: table `t` has no columns",]);
}

#[test]
fn column_listed_twice() {
    let told = told(
        &json!([{"type": "create_table", "name": "t", "columns": [{"name": "a", "type": "text"}, {"name": "b", "type": "text"}, {"name": "a", "type": "integer"}], "primary_key": "a"}]),
    );
    assert_eq!(told, ["1.0 columns.2.name: column `a` is listed twice",]);
}

#[test]
fn primary_key_of_unknown_columns() {
    let told = told(
        &json!([{"type": "create_table", "name": "t", "columns": [{"name": "number", "type": "text"}, {"name": "b", "type": "text"}], "primary_key": ["numbr", "b", "b", "elsewhere"]}]),
    );
    assert_eq!(
        told,
        [
            "1.0 primary_key.0: the primary key names `numbr`, which is no column of the table | did you mean `number`?",
            "1.0 primary_key.2: the primary key names `b` twice",
            "1.0 primary_key.3: the primary key names `elsewhere`, which is no column of the table | it has `number` and `b`",
        ]
    );
}

#[test]
fn up_of_create_table() {
    let told = told(
        &json!([{"type": "create_table", "name": "t", "columns": [{"name": "id", "type": "bigint"}], "primary_key": "id",
         "up": {"table": "user", "values": {"id": "user.id", "other": "1"}}}]),
    );
    assert_eq!(
        told,
        [
            "1.0 up.table: table `user` does not exist | did you mean `users`?",
            "1.0 up.values.other: table `t` has no column `other` | it has `id`",
        ]
    );
}

#[test]
fn comments_on_generated_and_default() {
    let told = told(&json!([{"type": "create_table", "name": "t", "primary_key": "a", "columns": [
     {"name": "a", "type": "integer", "generated": "ALWAYS AS IDENTITY", "default": "1"},
     {"name": "b", "type": "serial", "default": "1"},
     {"name": "c", "type": "bigserial", "generated": "BY DEFAULT AS IDENTITY"},
     {"name": "d", "type": "text", "generated": "always as identity"},
     {"name": "e", "type": "text", "generated": "sometimes"},
     {"name": "f", "type": "text", "generated": "always as (a || 'x') stored"},
     {"name": "ctid", "type": "text"}
    ]}]));
    assert_eq!(
        told,
        [
            "1.0 columns.0.default: column `a` has both a default and `generated` | remove one of them: a generated column computes its own value",
            "1.0 columns.1.default: column `b` is `serial` and has a default | `serial` has a default of its own: use `integer`",
            "1.0 columns.2.generated: column `c` is both `bigserial` and generated | `bigserial` has a default of its own: use `bigint`",
            "1.0 columns.3.type: the identity column `d` is not of an integer type | use `smallint`, `integer` or `bigint`",
            "1.0 columns.4.generated: column `e` cannot be generated as `sometimes` | write `ALWAYS AS IDENTITY`, `BY DEFAULT AS IDENTITY` or `ALWAYS AS (expression) STORED`",
            "1.0 columns.6.name: `ctid` is the name of a system column | every table has it already; choose another name",
        ]
    );
}

#[test]
fn types_that_are_slips() {
    let told = told(&json!([
     {"type": "add_column", "table": "users", "column": {"name": "a", "type": "integr"}},
     {"type": "add_column", "table": "users", "column": {"name": "b", "type": "modo"}},
     {"type": "add_column", "table": "users", "column": {"name": "c", "type": "mood[]"}},
     {"type": "add_column", "table": "users", "column": {"name": "d", "type": "citext"}},
     {"type": "add_column", "table": "users", "column": {"name": "e", "type": "geometry(Point, 4326)"}},
     {"type": "add_column", "table": "users", "column": {"name": "f", "type": " "}},
     {"type": "alter_column", "table": "users", "column": "name", "changes": {"type": "txet"}}
    ]));
    assert_eq!(
        told,
        [
            "1.0 column.type: type `integr` does not exist | did you mean `integer`?",
            "1.1 column.type: type `modo` does not exist | did you mean `mood`?",
            "1.5 column.type: the type is empty",
            "1.6 changes.type: type `txet` does not exist | did you mean `text`?",
        ]
    );
}

#[test]
fn type_of_a_removed_enum() {
    let told = told(&json!([
     {"type": "create_enum", "name": "color", "values": ["red"]},
     {"type": "remove_enum", "enum": "color"},
     {"type": "add_column", "table": "users", "column": {"name": "c", "type": "color"}}
    ]));
    assert_eq!(
        told,
        ["1.2 column.type: enum `color` was removed by `0002_case` | 1.1 enum: removed here",]
    );
}

#[test]
fn names_over_63_bytes() {
    let told = told(&json!([
     {"type": "create_enum", "name": "éééééééééééééééééééééééééééééééé", "values": []},
     {"type": "add_column", "table": "users", "column": {"name": "", "type": "text"}},
     {"type": "add_index", "table": "users", "index": {"name": "i234567890123456789012345678901234567890123456789012345678901234", "columns": ["name"]}},
     {"type": "add_check", "table": "users", "check": {"name": "c234567890123456789012345678901234567890123456789012345678901234", "expression": "true"}},
     {"type": "alter_column", "table": "users", "column": "name", "changes": {"name": "n234567890123456789012345678901234567890123456789012345678901234"}},
     {"type": "rename_table", "table": "users", "new_name": "u234567890123456789012345678901234567890123456789012345678901234"}
    ]));
    assert_eq!(
        told,
        [
            "1.0 name: the name of enum `éééééééééééééééééééééééééééééééé` is 64 bytes long | Postgres keeps 63 bytes, e.g. `ééééééééééééééééééééééééééééééé`",
            "1.1 column.name: the name of the column is empty",
            "1.2 index.name: the name of index `i234567890123456789012345678901234567890123456789012345678901234` is 64 bytes long | Postgres keeps 63 bytes, e.g. `i23456789012345678901234567890123456789012345678901234567890123`",
            "1.3 check.name: the name of check `c234567890123456789012345678901234567890123456789012345678901234` is 64 bytes long | Postgres keeps 63 bytes, e.g. `c23456789012345678901234567890123456789012345678901234567890123`",
            "1.4 changes.name: the name of column `n234567890123456789012345678901234567890123456789012345678901234` is 64 bytes long | Postgres keeps 63 bytes, e.g. `n23456789012345678901234567890123456789012345678901234567890123`",
            "1.5 new_name: the name of table `u234567890123456789012345678901234567890123456789012345678901234` is 64 bytes long | Postgres keeps 63 bytes, e.g. `u23456789012345678901234567890123456789012345678901234567890123`",
        ]
    );
}

#[test]
fn add_column_that_exists() {
    let told = told(
        &json!([{"type": "add_column", "table": "users", "column": {"name": "name", "type": "text"}}]),
    );
    assert_eq!(
        told,
        [
            "1.0 column.name: table `users` has a column `name` already, created by `0001_base` | 0.1 columns.1.name: created here",
        ]
    );
}

#[test]
fn not_null_without_a_value() {
    let told = told(&json!([
     {"type": "add_column", "table": "users", "column": {"name": "a", "type": "text", "nullable": false}},
     {"type": "add_column", "table": "users", "column": {"name": "b", "type": "text", "nullable": false, "default": "NULL"}},
     {"type": "add_column", "table": "users", "column": {"name": "c", "type": "text", "nullable": false, "default": "''"}},
     {"type": "add_column", "table": "users", "column": {"name": "d", "type": "text", "nullable": false}, "up": "name"},
     {"type": "add_column", "table": "users", "column": {"name": "e", "type": "bigserial", "nullable": false}},
     {"type": "add_column", "table": "users", "column": {"name": "f", "type": "bigint", "nullable": false, "generated": "ALWAYS AS IDENTITY"}},
     {"type": "alter_column", "table": "users", "column": "email", "changes": {"nullable": false}},
     {"type": "alter_column", "table": "users", "column": "name", "changes": {"nullable": false}}
    ]));
    assert_eq!(
        told,
        [
            "1.0 column.nullable: column `a` is NOT NULL, but nothing gives it a value in the rows that exist | give `up`, an expression over the row's other columns, or a `default`",
            "1.1 column.nullable: column `b` is NOT NULL, but nothing gives it a value in the rows that exist | give `up`, an expression over the row's other columns, or a `default`",
            "1.6 changes.nullable: column `email` becomes NOT NULL, but nothing replaces its NULLs | give `up`, e.g. `up = \"coalesce(email, …)\"`; where there are no NULLs, `up = \"email\"` says so",
        ]
    );
}

#[test]
fn a_table_of_the_same_migration_has_no_rows() {
    let told = told(&json!([
     {"type": "create_table", "name": "t", "columns": [{"name": "id", "type": "bigint"}], "primary_key": "id"},
     {"type": "add_column", "table": "t", "column": {"name": "a", "type": "text", "nullable": false}},
     {"type": "add_column", "table": "t", "column": {"name": "b", "type": "text"}},
     {"type": "alter_column", "table": "t", "column": "b", "changes": {"nullable": false}},
     {"type": "remove_column", "table": "t", "column": "a"}
    ]));
    assert_eq!(told, Vec::<String>::new());
}

#[test]
fn other_table_of_up_and_down() {
    let told = told(&json!([
     {"type": "add_column", "table": "users", "column": {"name": "a", "type": "text"}, "up": {"table": "order", "value": "1", "where": "true"}},
     {"type": "alter_column", "table": "users", "column": "a", "changes": {"nullable": true}, "up": {"table": "order", "value": "1", "where": "true"}, "down": {"table": "order", "value": "1", "where": "true"}},
     {"type": "remove_column", "table": "users", "column": "a", "down": {"table": "order", "value": "1", "where": "true"}}
    ]));
    assert_eq!(
        told,
        [
            "1.0 up.table: table `order` does not exist | did you mean `orders`?",
            "1.1 up.table: table `order` does not exist | did you mean `orders`?",
            "1.1 down.table: table `order` does not exist | did you mean `orders`?",
            "1.2 down.table: table `order` does not exist | did you mean `orders`?",
        ]
    );
}

#[test]
fn unknown_column() {
    let told = told(&json!([
     {"type": "alter_column", "table": "users", "column": "nmae", "changes": {"nullable": true}},
     {"type": "remove_column", "table": "users", "column": "age"},
     {"type": "remove_column", "table": "users", "column": "age"}
    ]));
    assert_eq!(
        told,
        [
            "1.0 column: table `users` has no column `nmae` | did you mean `name`?",
            "1.1 column: table `users` has no column `age` | it has `id`, `name` and `email`",
        ]
    );
}

#[test]
fn removed_and_renamed_columns() {
    let told = told(&json!([
     {"type": "alter_column", "table": "users", "column": "name", "changes": {"name": "full_name"}},
     {"type": "alter_column", "table": "users", "column": "name", "changes": {"type": "varchar(80)"}},
     {"type": "remove_column", "table": "users", "column": "email"},
     {"type": "add_index", "table": "users", "index": {"name": "i", "columns": [{"column": "email", "direction": "desc"}, "full_name"]}}
    ]));
    assert_eq!(
        told,
        [
            "1.1 column: column `name` of table `users` was renamed by `0002_case` | it is called `full_name` now | 1.0 changes.name: renamed here",
            "1.3 index.columns.0.column: column `email` of table `users` was removed by `0002_case` | 1.2 column: removed here",
        ]
    );
}

#[test]
fn alter_column_that_changes_nothing() {
    let told = told(&json!([
     {"type": "alter_column", "table": "users", "column": "name", "changes": {}},
     {"type": "alter_column", "table": "users", "column": "name", "changes": {"name": "name"}},
     {"type": "alter_column", "table": "users", "column": "name", "changes": {"name": "email"}}
    ]));
    assert_eq!(
        told,
        [
            "1.0 changes: `changes` changes nothing | give at least one of `name`, `type`, `nullable` and `default`",
            "1.1 changes.name: column `name` is called so already",
            "1.2 changes.name: table `users` has a column `email` already, created by `0001_base` | 0.1 columns.2.name: created here",
        ]
    );
}

#[test]
fn alter_column_of_key_and_generated() {
    let told = told(&json!([
     {"type": "alter_column", "table": "users", "column": "id", "changes": {"nullable": true}},
     {"type": "alter_column", "table": "users", "column": "id", "changes": {"default": "1"}}
    ]));
    assert_eq!(
        told,
        [
            "1.0 changes.nullable: column `id` is in the primary key of table `users` | a primary key's columns are always NOT NULL",
            "1.1 changes.default: column `id` is generated and cannot have a default",
        ]
    );
}

#[test]
fn remove_column_in_use() {
    let told = told(&json!([
     {"type": "remove_column", "table": "users", "column": "id"}
    ]));
    assert_eq!(
        told,
        [
            "1.0 column: column `id` is in the primary key of table `users` | a column of a primary key cannot be removed",
        ]
    );
}

#[test]
fn remove_column_that_is_referred_to() {
    let told = told(&json!([
     {"type": "add_index", "table": "users", "index": {"name": "users_name", "columns": ["name"], "unique": true}},
     {"type": "add_column", "table": "orders", "column": {"name": "who", "type": "varchar(9)"}},
     {"type": "add_foreign_key", "table": "orders", "foreign_key": {"columns": ["who"], "referenced_table": "users", "referenced_columns": ["name"]}},
     {"type": "remove_column", "table": "users", "column": "name"}
    ]));
    assert_eq!(
        told,
        [
            "1.3 column: column `name` of table `users` is referred to by foreign key `orders_who_fkey` of table `orders` | remove the foreign key first, with `remove_foreign_key` | 1.2 foreign_key: created here",
        ]
    );
}

#[test]
fn remove_column_of_not_null() {
    let told = told(&json!([
     {"type": "remove_column", "table": "users", "column": "name"}
    ]));
    assert_eq!(
        told,
        [
            "1.0 column: column `name` is NOT NULL and has no default: rows of new clients would lack a value | give `down`, an expression that computes the column for old clients | 0.1 columns.1.name: created here",
        ]
    );
}

#[test]
fn indexes_go_with_their_column() {
    let told = told(&json!([
     {"type": "remove_column", "table": "users", "column": "email"},
     {"type": "remove_index", "index": "users_email"}
    ]));
    assert_eq!(
        told,
        ["1.1 index: index `users_email` was removed by `0002_case` | 1.0 column: removed here",]
    );
}

#[test]
fn indexes_follow_a_renamed_column() {
    let told = told(&json!([
     {"type": "alter_column", "table": "users", "column": "email", "changes": {"name": "mail"}},
     {"type": "remove_column", "table": "users", "column": "mail"},
     {"type": "remove_index", "index": "users_email"}
    ]));
    assert_eq!(
        told,
        ["1.2 index: index `users_email` was removed by `0002_case` | 1.1 column: removed here",]
    );
}

#[test]
fn unknown_index() {
    let told = told(&json!([
     {"type": "remove_index", "index": "user_email"},
     {"type": "remove_index", "index": "users_pkey"},
     {"type": "remove_index", "index": "unheard_of"}
    ]));
    assert_eq!(
        told,
        [
            "1.0 index: index `user_email` does not exist | did you mean `users_email`?",
            "1.1 index: index `users_pkey` is the primary key of table `users` | a primary key's index cannot be removed by itself",
            "1.2 index: index `unheard_of` does not exist | no earlier action creates this index; only what migrations create is known so far: one that `custom` SQL made, or that was in the database before, is not",
        ]
    );
}

#[test]
fn add_index_with_mistakes() {
    let told = told(&json!([
     {"type": "add_index", "table": "users", "index": {"name": "users_email", "columns": ["name"]}},
     {"type": "add_index", "table": "users", "index": {"name": "a", "columns": []}},
     {"type": "add_index", "table": "users", "index": {"name": "b", "columns": ["name", "email"], "type": "hash", "unique": true}},
     {"type": "add_index", "table": "users", "index": {"name": "c", "columns": ["emial", {"column": "name", "nulls": "first"}], "type": "gin"}}
    ]));
    assert_eq!(
        told,
        [
            "1.0 index.name: there is an index `users_email` already, created by `0001_base` | 0.2 index.name: created here",
            "1.1 index.columns: index `a` has no columns",
            "1.2 index.unique: an index of type `hash` cannot be unique | only `btree` can",
            "1.2 index.columns: an index of type `hash` has one column, not 2",
            "1.3 index.columns.1: an index of type `gin` has no order | only `btree` knows `direction` and `nulls`",
            "1.3 index.columns.0: table `users` has no column `emial` | did you mean `email`?",
        ]
    );
}

#[test]
fn index_that_a_foreign_key_needs() {
    let told = told(&json!([
     {"type": "add_column", "table": "orders", "column": {"name": "who", "type": "text"}},
     {"type": "add_foreign_key", "table": "orders", "foreign_key": {"columns": ["who"], "referenced_table": "users", "referenced_columns": ["email"]}},
     {"type": "remove_index", "index": "users_email"}
    ]));
    assert_eq!(
        told,
        [
            "1.2 index: index `users_email` is what foreign key `orders_who_fkey` of table `orders` refers to | remove the foreign key first, with `remove_foreign_key`",
        ]
    );
}

#[test]
fn foreign_key_with_mistakes() {
    let told = told(&json!([
     {"type": "add_foreign_key", "table": "orders", "foreign_key": {"columns": ["user_id", "id"], "referenced_table": "users", "referenced_columns": ["id"]}},
     {"type": "add_foreign_key", "table": "orders", "foreign_key": {"columns": ["usr_id"], "referenced_table": "users", "referenced_columns": ["id"]}},
     {"type": "add_foreign_key", "table": "orders", "foreign_key": {"columns": ["user_id"], "referenced_table": "user", "referenced_columns": ["id"]}},
     {"type": "add_foreign_key", "table": "orders", "foreign_key": {"columns": ["user_id"], "referenced_table": "users", "referenced_columns": ["idd"]}},
     {"type": "add_foreign_key", "table": "orders", "foreign_key": {"columns": ["user_id"], "referenced_table": "users", "referenced_columns": ["name"]}},
     {"type": "add_foreign_key", "table": "orders", "foreign_key": {"columns": ["id"], "referenced_table": "users", "referenced_columns": ["id"]}},
     {"type": "add_foreign_key", "table": "orders", "foreign_key": {"columns": ["user_id"], "referenced_table": "nowhere", "referenced_columns": ["id"]}},
     {"type": "add_foreign_key", "table": "orders", "foreign_key": {"columns": [], "referenced_table": "users", "referenced_columns": []}}
    ]));
    assert_eq!(
        told,
        [
            "1.0 foreign_key.referenced_columns: the foreign key has 2 columns and refers to 1 | it takes one referenced column for each of its columns, in the same order",
            "1.1 foreign_key.columns.0: table `orders` has no column `usr_id` | did you mean `user_id`?",
            "1.2 foreign_key.referenced_table: table `user` does not exist | did you mean `users`?",
            "1.3 foreign_key.referenced_columns.0: table `users` has no column `idd` | did you mean `id`?",
            "1.4 foreign_key.columns.0: the foreign key cannot compare `orders.user_id` of type `int8` with `users.name` of type `text` | give both columns the same type",
            "1.5 foreign_key.columns.0: the foreign key cannot compare `orders.id` of type `uuid` with `users.id` of type `bigint` | give both columns the same type",
            "1.6 foreign_key.referenced_table: table `nowhere` does not exist | no earlier action creates this table; only what migrations create is known so far: one that `custom` SQL made, or that was in the database before, is not",
            "1.7 foreign_key.columns: the foreign key has no columns",
        ]
    );
}

#[test]
fn foreign_keys_of_create_table() {
    let told = told(
        &json!([{"type": "create_table", "name": "t", "primary_key": "id", "columns": [{"name": "id", "type": "int"}, {"name": "parent", "type": "int"}, {"name": "feeling", "type": "mood"}],
        "foreign_keys": [
        {"columns": ["parent"], "referenced_table": "t", "referenced_columns": ["id"]},
        {"columns": ["parent"], "referenced_table": "users", "referenced_columns": ["id"]},
        {"columns": ["feeling"], "referenced_table": "t", "referenced_columns": ["id"]}
        ]}]),
    );
    assert_eq!(
        told,
        [
            "1.0 foreign_keys.2.columns.0: the foreign key cannot compare `t.feeling` of type `mood` with `t.id` of type `int` | give both columns the same type",
        ]
    );
}

#[test]
fn foreign_keys_are_named_as_postgres_names_them() {
    let told = told(&json!([
     {"type": "add_foreign_key", "table": "orders", "foreign_key": {"columns": ["user_id"], "referenced_table": "users", "referenced_columns": ["id"]}},
     {"type": "remove_foreign_key", "table": "orders", "foreign_key": "orders_user_id_fkey"},
     {"type": "remove_foreign_key", "table": "orders", "foreign_key": "orders_user_id_fkey1"},
     {"type": "remove_foreign_key", "table": "orders", "foreign_key": "orders_user_id_fkey1"},
     {"type": "remove_foreign_key", "table": "orders", "foreign_key": "orders_user_id_fk"}
    ]));
    assert_eq!(
        told,
        [
            "1.3 foreign_key: foreign key `orders_user_id_fkey1` of table `orders` was removed by `0002_case` | 1.2 foreign_key: removed here",
            "1.4 foreign_key: table `orders` has no foreign key `orders_user_id_fk` | no earlier action creates this foreign key; only what migrations create is known so far: one that `custom` SQL made, or that was in the database before, is not",
        ]
    );
}

#[test]
fn unknown_foreign_key() {
    let told = told(&json!([
     {"type": "remove_foreign_key", "table": "orders", "foreign_key": "orders_usr_id_fkey"},
     {"type": "remove_foreign_key", "table": "users", "foreign_key": "x"}
    ]));
    assert_eq!(
        told,
        [
            "1.0 foreign_key: table `orders` has no foreign key `orders_usr_id_fkey` | did you mean `orders_user_id_fkey`?",
            "1.1 foreign_key: table `users` has no foreign key `x` | no earlier action creates this foreign key; only what migrations create is known so far: one that `custom` SQL made, or that was in the database before, is not",
        ]
    );
}

#[test]
fn remove_table_that_is_referred_to() {
    let told = told(&json!([{"type": "remove_table", "table": "users"}]));
    assert_eq!(
        told,
        [
            "1.0 table: table `users` is referred to by foreign key `orders_user_id_fkey` of table `orders` | remove the foreign key first, with `remove_foreign_key` | 0.3 foreign_keys.0: created here",
        ]
    );
}

#[test]
fn remove_table_after_its_foreign_key() {
    let told = told(&json!([
     {"type": "remove_foreign_key", "table": "orders", "foreign_key": "orders_user_id_fkey"},
     {"type": "remove_table", "table": "users"}
    ]));
    assert_eq!(told, Vec::<String>::new());
}

#[test]
fn checks() {
    let told = told(&json!([
     {"type": "add_check", "table": "users", "check": {"name": "users_name_check", "expression": "true"}},
     {"type": "add_check", "table": "orders", "check": {"name": "orders_user_id_fkey", "expression": "true"}},
     {"type": "add_check", "table": "orders", "check": {"expression": "true"}},
     {"type": "remove_check", "table": "users", "check": "users_nam_check"},
     {"type": "add_check", "table": "users", "check": {"name": "users_name_check", "expression": "name <> ''"}},
     {"type": "remove_check", "table": "users", "check": "something"}
    ]));
    assert_eq!(
        told,
        [
            "1.1 check.name: table `orders` has a constraint `orders_user_id_fkey` already, created by `0001_base` | 0.3 foreign_keys.0: created here",
            "1.2 check: the check has no name | give it a `name`, by which `remove_check` can find it",
            "1.3 check: table `users` has no check `users_nam_check` | did you mean `users_name_check`?",
            "1.5 check: table `users` has no check `something` | it has `users_name_check`",
        ]
    );
}

#[test]
fn a_check_without_a_name_is_named_by_postgres() {
    let told = told(&json!([
     {"type": "create_table", "name": "t", "columns": [{"name": "a", "type": "integer"}], "primary_key": "a", "checks": [{"expression": "a > 0"}]},
     {"type": "remove_check", "table": "t", "check": "positive"},
     {"type": "remove_check", "table": "t", "check": "t_a_check"},
     {"type": "remove_check", "table": "t", "check": "t_a_check"}
    ]));
    assert_eq!(
        told,
        [
            "1.1 check: table `t` has no check `positive` | no earlier action creates this check; only what migrations create is known so far: one that `custom` SQL made, or that was in the database before, is not",
            "1.3 check: check `t_a_check` of table `t` was removed by `0002_case` | 1.2 check: removed here",
        ]
    );
}

#[test]
fn enums() {
    let told = told(&json!([
     {"type": "create_enum", "name": "mood", "values": ["a", "b", "a"]},
     {"type": "remove_enum", "enum": "moood"},
     {"type": "remove_enum", "enum": "color"}
    ]));
    assert_eq!(
        told,
        [
            "1.0 values.2: value `a` is listed twice",
            "1.0 name: there is an enum `mood` already, created by `0001_base` | 0.0 name: created here",
            "1.1 enum: enum `moood` does not exist | did you mean `mood`?",
            "1.2 enum: enum `color` does not exist | no earlier action creates this enum; only what migrations create is known so far: one that `custom` SQL made, or that was in the database before, is not",
        ]
    );
}

#[test]
fn remove_enum_in_use() {
    let told = told(&json!([
     {"type": "add_column", "table": "users", "column": {"name": "feeling", "type": "public.\"mood\"[]"}},
     {"type": "remove_enum", "enum": "mood"}
    ]));
    assert_eq!(
        told,
        [
            "1.1 enum: enum `mood` is still the type of `users.feeling` | remove that column, or give it another type, first | 1.0 column.name: created here",
        ]
    );
}

#[test]
fn custom_sql_makes_things_uncertain() {
    let told = told(&json!([
     {"type": "custom", "start": "ALTER TABLE users ADD COLUMN age int; CREATE UNIQUE INDEX users_name ON users (name)", "complete": "DROP TABLE orders"},
     {"type": "alter_column", "table": "users", "column": "age", "changes": {"nullable": false}},
     {"type": "remove_index", "index": "users_name"},
     {"type": "create_table", "name": "orders", "columns": [{"name": "who", "type": "text"}], "primary_key": "who",
      "foreign_keys": [{"columns": ["who"], "referenced_table": "users", "referenced_columns": ["name"]}]},
     {"type": "remove_table", "table": "users"}
    ]));
    assert_eq!(told, Vec::<String>::new());
}

#[test]
fn a_table_of_custom_sql_is_not_known() {
    let told = told(&json!([
     {"type": "custom", "start": "CREATE TABLE user_notes (id int)"},
     {"type": "add_column", "table": "user_notes", "column": {"name": "a", "type": "text"}}
    ]));
    assert_eq!(
        told,
        [
            "1.1 table: table `user_notes` does not exist | no earlier action creates this table; only what migrations create is known so far: one that `custom` SQL made, or that was in the database before, is not",
        ]
    );
}

#[test]
fn references_that_come_too_early() {
    let told = told(&json!([
     {"type": "create_table", "name": "a", "columns": [{"name": "id", "type": "bigint"}, {"name": "b", "type": "bigint"}], "primary_key": "id",
      "foreign_keys": [{"columns": ["b"], "referenced_table": "b", "referenced_columns": ["id"]}]},
     {"type": "add_column", "table": "a", "column": {"name": "c", "type": "color"}},
     {"type": "remove_enum", "enum": "color"},
     {"type": "remove_column", "table": "b", "column": "id"},
     {"type": "create_table", "name": "b", "columns": [{"name": "id", "type": "bigint"}], "primary_key": "id"},
     {"type": "create_enum", "name": "color", "values": ["red"]}
    ]));
    assert_eq!(
        told,
        [
            "1.0 foreign_keys.0.referenced_table: table `b` does not exist yet | it is created later, by `0002_case` | 1.4 name: created here",
            "1.1 column.type: enum `color` does not exist yet | it is created later, by `0002_case` | 1.5 name: created here",
            "1.2 enum: enum `color` does not exist yet | it is created later, by `0002_case` | 1.5 name: created here",
        ]
    );
}

#[test]
fn a_name_that_is_free_again_can_be_used() {
    let told = told(&json!([
     {"type": "rename_table", "table": "orders", "new_name": "sales"},
     {"type": "create_table", "name": "orders", "columns": [{"name": "id", "type": "bigint"}], "primary_key": "id"},
     {"type": "rename_table", "table": "orders", "new_name": "old_orders"},
     {"type": "rename_table", "table": "sales", "new_name": "orders"},
     {"type": "remove_column", "table": "orders", "column": "user_id"},
     {"type": "add_column", "table": "orders", "column": {"name": "user_id", "type": "bigint"}},
     {"type": "remove_table", "table": "sales"}
    ]));
    assert_eq!(
        told,
        [
            "1.6 table: table `sales` was renamed by `0002_case` | it is called `orders` now | 1.3 new_name: renamed here",
        ]
    );
}

#[test]
fn what_a_failed_rename_would_create_is_taken_for_created() {
    let told = told(&json!([
     {"type": "rename_table", "table": "invoices", "new_name": "bills"},
     {"type": "remove_column", "table": "bills", "column": "total"},
     {"type": "alter_column", "table": "users", "column": "age", "changes": {"name": "years"}},
     {"type": "remove_column", "table": "users", "column": "years"}
    ]));
    assert_eq!(
        told,
        [
            "1.0 table: table `invoices` does not exist | no earlier action creates this table; only what migrations create is known so far: one that `custom` SQL made, or that was in the database before, is not",
            "1.2 column: table `users` has no column `age` | it has `id`, `name` and `email`",
        ]
    );
}

#[test]
fn a_table_of_the_same_name_has_its_own_past() {
    let told = told(&json!([
     {"type": "remove_column", "table": "orders", "column": "user_id"},
     {"type": "remove_table", "table": "orders"},
     {"type": "rename_table", "table": "users", "new_name": "orders"},
     {"type": "remove_column", "table": "orders", "column": "user_id"}
    ]));
    assert_eq!(
        told,
        ["1.3 column: table `orders` has no column `user_id` | it has `id`, `name` and `email`",]
    );
}

#[test]
fn a_partial_or_plain_index_is_no_unique_key() {
    let told = told(&json!([
     {"type": "add_column", "table": "orders", "column": {"name": "who", "type": "text"}},
     {"type": "add_index", "table": "users", "index": {"name": "i", "columns": ["name"], "unique": true, "where": "id > 0"}},
     {"type": "add_index", "table": "users", "index": {"name": "j", "columns": ["name"]}},
     {"type": "add_index", "table": "users", "index": {"name": "k", "columns": ["name", {"expression": "lower(name)"}], "unique": true}},
     {"type": "add_foreign_key", "table": "orders", "foreign_key": {"columns": ["who"], "referenced_table": "users", "referenced_columns": ["name"]}},
     {"type": "remove_index", "index": "i"}
    ]));
    assert_eq!(
        told,
        [
            "1.4 foreign_key.referenced_columns: no primary key or unique index of table `users` is over exactly `name` | a foreign key refers to a unique key; add one first, with `add_index` and `unique = true`",
        ]
    );
}

#[test]
fn keys_follow_a_renamed_column() {
    let told = told(&json!([
     {"type": "alter_column", "table": "orders", "column": "id", "changes": {"name": "number"}},
     {"type": "remove_column", "table": "orders", "column": "number"},
     {"type": "add_column", "table": "orders", "column": {"name": "mail", "type": "text"}},
     {"type": "add_foreign_key", "table": "orders", "foreign_key": {"columns": ["mail"], "referenced_table": "users", "referenced_columns": ["email"]}},
     {"type": "alter_column", "table": "users", "column": "email", "changes": {"name": "contact"}},
     {"type": "alter_column", "table": "orders", "column": "mail", "changes": {"name": "post"}},
     {"type": "remove_column", "table": "users", "column": "contact"}
    ]));
    assert_eq!(
        told,
        [
            "1.1 column: column `number` is in the primary key of table `orders` | a column of a primary key cannot be removed",
            "1.6 column: column `contact` of table `users` is referred to by foreign key `orders_mail_fkey` of table `orders` | remove the foreign key first, with `remove_foreign_key` | 1.3 foreign_key: created here",
        ]
    );
}

#[test]
fn a_foreign_key_goes_with_its_column() {
    let told = told(&json!([
     {"type": "remove_column", "table": "orders", "column": "user_id"},
     {"type": "remove_table", "table": "users"}
    ]));
    assert_eq!(told, Vec::<String>::new());
}

#[test]
fn custom_sql_forbids_guesses() {
    let told = told(&json!([
     {"type": "custom", "start": "CREATE TABLE user (id int)"},
     {"type": "add_column", "table": "user", "column": {"name": "name", "type": "text"}}
    ]));
    assert_eq!(
        told,
        [
            "1.1 table: table `user` does not exist | no earlier action creates this table; only what migrations create is known so far: one that `custom` SQL made, or that was in the database before, is not",
        ]
    );
}

#[test]
fn types_and_indexes_do_not_share_their_names() {
    let told = told(&json!([
     {"type": "create_enum", "name": "users_email", "values": ["a"]},
     {"type": "add_index", "table": "users", "index": {"name": "mood", "columns": ["name"]}}
    ]));
    assert_eq!(told, Vec::<String>::new());
}

#[test]
fn comparable_types_of_foreign_keys() {
    let told = told(&json!([
     {"type": "create_enum", "name": "color", "values": ["red"]},
     {"type": "create_table", "name": "n", "columns": [{"name": "id", "type": "numeric(9)"}], "primary_key": "id"},
     {"type": "create_table", "name": "m", "columns": [{"name": "id", "type": "mood"}], "primary_key": "id"},
     {"type": "create_table", "name": "l", "columns": [{"name": "id", "type": "text[]"}], "primary_key": "id"},
     {"type": "create_table", "name": "d", "columns": [{"name": "id", "type": "email_address"}], "primary_key": "id"},
     {"type": "create_table", "name": "t", "primary_key": "a", "columns": [
       {"name": "a", "type": "int"}, {"name": "b", "type": "numeric"}, {"name": "c", "type": "color"}, {"name": "d", "type": "text"}],
      "foreign_keys": [
       {"columns": ["a"], "referenced_table": "n", "referenced_columns": ["id"]},
       {"columns": ["b"], "referenced_table": "t", "referenced_columns": ["a"]},
       {"columns": ["c"], "referenced_table": "m", "referenced_columns": ["id"]},
       {"columns": ["d"], "referenced_table": "l", "referenced_columns": ["id"]},
       {"columns": ["d"], "referenced_table": "d", "referenced_columns": ["id"]}]}
    ]));
    assert_eq!(
        told,
        [
            "1.5 foreign_keys.1.columns.0: the foreign key cannot compare `t.b` of type `numeric` with `t.a` of type `int` | give both columns the same type",
            "1.5 foreign_keys.2.columns.0: the foreign key cannot compare `t.c` of type `color` with `m.id` of type `mood` | give both columns the same type",
        ]
    );
}

#[test]
fn not_null_is_fine_with_a_value_from_elsewhere() {
    let told = told_of(&json!([
     {"name": "0001_a", "checksum": "", "actions": [{"type": "create_table", "name": "t", "primary_key": "id", "columns": [
       {"name": "id", "type": "int"}, {"name": "a", "type": "text"}, {"name": "b", "type": "text", "default": "''"}, {"name": "c", "type": "text", "nullable": false, "default": "''"}, {"name": "d", "type": "text"}]}]},
     {"name": "0002_b", "checksum": "", "actions": [
       {"type": "alter_column", "table": "t", "column": "a", "changes": {"nullable": false, "default": "''"}},
       {"type": "alter_column", "table": "t", "column": "b", "changes": {"nullable": false}},
       {"type": "remove_column", "table": "t", "column": "c"},
       {"type": "custom", "start": "UPDATE t SET d = ''"},
       {"type": "alter_column", "table": "t", "column": "d", "changes": {"nullable": false}}]}
    ]));
    assert_eq!(told, Vec::<String>::new());
}

#[test]
fn names_are_not_cut_at_an_underscore() {
    let told = told_of(
        &json!([{"name": "0001_this_name_is_far_too_long_for_a_schema_of_a_mig_x_y", "checksum": "", "actions": []}]),
    );
    assert_eq!(
        told,
        [
            "0.- name: the migration's name `0001_this_name_is_far_too_long_for_a_schema_of_a_mig_x_y` is 56 bytes long | its schema `migration_<name>` has room for 53, e.g. `0001_this_name_is_far_too_long_for_a_schema_of_a_mig`",
        ]
    );
}

#[test]
fn migration_names_that_are_too_long() {
    let told = told_of(
        &json!([{"name": "0001_this_name_is_far_too_long_for_a_schema_of_migration_x", "checksum": "", "actions": []}]),
    );
    assert_eq!(
        told,
        [
            "0.- name: the migration's name `0001_this_name_is_far_too_long_for_a_schema_of_migration_x` is 58 bytes long | its schema `migration_<name>` has room for 53, e.g. `0001_this_name_is_far_too_long_for_a_schema_of_migrat`",
        ]
    );
}

#[test]
fn empty_migration_name() {
    let told = told_of(&json!([{"name": "", "checksum": "", "actions": []}]));
    assert_eq!(told, ["0.- name: the migration's name is empty",]);
}

#[test]
fn migrations_called_the_same() {
    let told = told_of(
        &json!([{"name": "0001_a", "checksum": "", "actions": []}, {"name": "0002_b", "checksum": "", "actions": []}, {"name": "0001_a", "checksum": "", "actions": []}]),
    );
    assert_eq!(
        told,
        [
            "2.- name: there are two migrations called `0001_a` | rename one of them; a name is for ever, so rather the newer one | 0.- name: the first one",
        ]
    );
}

#[test]
fn migrations_named_alike() {
    let told = told_of(
        &json!([{"name": "0001_add-users", "checksum": "", "actions": []}, {"name": "0001_Add_users", "checksum": "", "actions": []}]),
    );
    assert_eq!(
        told,
        [
            "1.- name: the migrations `0001_add-users` and `0001_Add_users` are named alike | rename one of them: they differ only in case or punctuation | 0.- name: the first one",
        ]
    );
}

/// A long history as people write it, in which everything is right.
#[test]
fn a_good_history_has_no_problem() {
    let migrations = json!([
        base(),
        {"name": "0002_catalogue", "checksum": "", "actions": [
            {"type": "create_enum", "name": "currency", "values": ["EUR", "SEK", "USD"]},
            {"type": "create_table", "name": "products", "primary_key": ["sku", "region"],
                "comment": "what is for sale", "columns": [
                {"name": "sku", "type": "varchar(40)"},
                {"name": "region", "type": "CHAR(2)"},
                {"name": "price", "type": "numeric(12, 2)", "nullable": false, "default": "0"},
                {"name": "currency", "type": "currency", "nullable": false, "default": "'EUR'"},
                {"name": "search", "type": "tsvector",
                    "generated": "ALWAYS AS (to_tsvector('simple', sku)) STORED"}],
                "checks": [{"expression": "price >= 0"},
                    {"name": "sku_not_empty", "expression": "sku <> ''"}]},
            {"type": "create_table", "name": "lines", "primary_key": "number", "columns": [
                {"name": "number", "type": "bigserial"},
                {"name": "order_id", "type": "uuid", "nullable": false},
                {"name": "sku", "type": "text"}, {"name": "region", "type": "text"},
                {"name": "parent", "type": "integer"},
                {"name": "place", "type": "int", "generated": "by default as identity"}],
                "foreign_keys": [
                    {"columns": ["order_id"], "referenced_table": "orders",
                        "referenced_columns": ["id"], "on_delete": "CASCADE"},
                    {"columns": ["region", "sku"], "referenced_table": "products",
                        "referenced_columns": ["region", "sku"]},
                    {"columns": ["parent"], "referenced_table": "lines",
                        "referenced_columns": ["number"]}]},
        ]},
        {"name": "0003_split_name", "checksum": "", "actions": [
            {"type": "add_column", "table": "users",
                "column": {"name": "first_name", "type": "text", "nullable": false},
                "up": "split_part(name, ' ', 1)"},
            {"type": "add_column", "table": "users",
                "column": {"name": "last_name", "type": "text", "nullable": false},
                "up": "split_part(name, ' ', 2)"},
            {"type": "remove_column", "table": "users", "column": "name",
                "down": "first_name || ' ' || last_name"},
            {"type": "alter_column", "table": "users", "column": "email",
                "up": "COALESCE(email, 'N/A')", "changes": {"nullable": false}},
            {"type": "add_index", "table": "users", "index": {"name": "users_by_name",
                "columns": ["last_name", {"column": "first_name", "direction": "desc"},
                    {"expression": "lower(email)"}], "where": "email <> 'N/A'"}},
        ]},
        {"name": "0004_rename", "checksum": "", "actions": [
            {"type": "rename_table", "table": "users", "new_name": "accounts"},
            {"type": "alter_column", "table": "accounts", "column": "email",
                "changes": {"name": "mail", "type": "varchar(200)"}},
            {"type": "alter_column", "table": "orders", "column": "user_id",
                "changes": {"name": "account_id"}},
            {"type": "add_column", "table": "orders", "column": {"name": "mail", "type": "text"},
                "up": {"table": "accounts", "value": "accounts.mail",
                    "where": "orders.account_id = accounts.id"}},
            {"type": "add_foreign_key", "table": "orders", "foreign_key": {"columns": ["mail"],
                "referenced_table": "accounts", "referenced_columns": ["mail"]}},
        ]},
        {"name": "0005_tidy", "checksum": "", "actions": [
            {"type": "remove_foreign_key", "table": "orders", "foreign_key": "orders_mail_fkey"},
            {"type": "remove_index", "index": "users_email"},
            {"type": "add_index", "table": "accounts",
                "index": {"name": "users_email", "columns": ["mail"], "type": "hash"}},
            {"type": "remove_check", "table": "products", "check": "sku_not_empty"},
            {"type": "add_check", "table": "products",
                "check": {"name": "sku_not_empty", "expression": "length(sku) > 2"}},
            {"type": "remove_foreign_key", "table": "lines",
                "foreign_key": "lines_region_sku_fkey"},
            {"type": "remove_table", "table": "products"},
            {"type": "remove_enum", "enum": "currency"},
            {"type": "custom", "start": "SELECT 1", "abort": "SELECT 2"},
        ]},
    ]);
    assert_eq!(told_of(&migrations), Vec::<String>::new());

    let migrations = serde_json::from_value(json!({ "migrations": migrations })).unwrap();
    let (history, _) = History::replay(&migrations);
    assert_eq!(history.schema_after(0).unwrap().tables().count(), 0);
    assert_eq!(names(&history, 1), ["users(id!, name!, email)", "orders(id!, user_id)"]);
    assert_eq!(
        names(&history, 2)[2..],
        [
            "products(sku!, region!, price!, currency!, search)",
            "lines(number!, order_id!, sku, region, parent, place!)"
        ]
    );
    assert_eq!(
        names(&history, 5),
        [
            "accounts(id!, mail!, first_name!, last_name!)",
            "orders(id!, account_id, mail)",
            "lines(number!, order_id!, sku, region, parent, place!)"
        ]
    );
    let latest = history.latest();
    let orders = latest.table("orders").unwrap();
    assert_eq!(orders.foreign_keys.len(), 1);
    assert_eq!(orders.foreign_keys[0].name, "orders_user_id_fkey");
    assert_eq!(orders.foreign_keys[0].columns, ["account_id"]);
    assert_eq!(orders.foreign_keys[0].referenced_table, "accounts");
    let number = latest.table("lines").unwrap().column("number").unwrap();
    assert_eq!(number.data_type, "bigint");
    assert_eq!(number.default.as_deref(), Some("nextval('lines_number_seq'::regclass)"));
    let indexes: Vec<_> = latest.table("accounts").unwrap().indexes.iter().collect();
    assert_eq!(
        indexes.iter().map(|index| index.name.as_ref()).collect::<Vec<_>>(),
        ["users_by_name", "users_email"]
    );
    assert_eq!(latest.enums().map(|found| found.name.as_str()).collect::<Vec<_>>(), ["mood"]);
    assert!(history.schema_after(6).is_none());
}

/// Each table after the first `count` migrations, with its columns; `!` is NOT NULL.
fn names(history: &History, count: usize) -> Vec<String> {
    let schema = history.schema_after(count).expect("a version");
    let column = |column: &reshape_runtime::model::Column| {
        format!("{}{}", column.name, if column.nullable { "" } else { "!" })
    };
    schema
        .tables()
        .map(|table| {
            let columns: Vec<_> = table.columns.iter().map(column).collect();
            format!("{}({})", table.name, columns.join(", "))
        })
        .collect()
}
