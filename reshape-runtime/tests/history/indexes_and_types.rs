//! Indexes, enum types, and the names of types.

use serde_json::json;

use crate::told;

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
            "1.2 index: index `unheard_of` does not exist | no earlier action creates this index; if it was in the database before the first migration, let `reshape baseline` write down what was there; one that `custom` SQL made is not known",
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
fn enums() {
    let told = told(&json!([
     {"type": "create_enum", "name": "mood", "values": ["a", "b", "a"]},
     {"type": "remove_enum", "enum": "moood"},
     {"type": "remove_enum", "enum": "color"}
    ]));
    assert_eq!(
        told,
        [
            "1.0 values.2: value `a` is listed twice | 1.0 values.0: listed here already",
            "1.0 name: there is an enum `mood` already, created by `0001_base` | 0.0 name: created here",
            "1.1 enum: enum `moood` does not exist | did you mean `mood`?",
            "1.2 enum: enum `color` does not exist | no earlier action creates this enum; if it was in the database before the first migration, let `reshape baseline` write down what was there; one that `custom` SQL made is not known",
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
fn types_and_indexes_do_not_share_their_names() {
    let told = told(&json!([
     {"type": "create_enum", "name": "users_email", "values": ["a"]},
     {"type": "add_index", "table": "users", "index": {"name": "mood", "columns": ["name"]}}
    ]));
    assert_eq!(told, Vec::<String>::new());
}
