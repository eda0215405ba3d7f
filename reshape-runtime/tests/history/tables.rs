//! Tables: created, renamed, removed.

use serde_json::json;

use crate::told;

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
fn table_without_columns() {
    let told =
        told(&json!([{"type": "create_table", "name": "t", "columns": [], "primary_key": []}]));
    assert_eq!(told, ["1.0 columns: table `t` has no columns",]);
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
            "1.0 primary_key.2: the primary key names `b` twice | 1.0 primary_key.1: listed here already",
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
