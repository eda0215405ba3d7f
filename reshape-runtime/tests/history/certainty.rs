//! What is not certain, and what follows from an earlier mistake, is no problem.

use serde_json::json;

use crate::{told, told_of};

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
            "1.0 table: table `invoices` does not exist | no earlier action creates this table; if it was in the database before the first migration, let `reshape baseline` write down what was there; one that `custom` SQL made is not known",
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
fn a_column_of_another_table_may_be_inherited() {
    let changes = |custom: &str| {
        told(&json!([
         {"type": "custom", "start": custom},
         {"type": "add_column", "table": "users", "column": {"name": "age", "type": "integer"}},
         {"type": "add_index", "table": "orders", "index": {"name": "a", "columns": ["age"]}},
         {"type": "add_index", "table": "orders", "index": {"name": "b", "columns": ["agee"]}}
        ]))
    };
    let [unknown] = &changes("ALTER TABLE orders INHERIT users")[..] else { panic!("one problem") };
    assert!(unknown.contains("table `orders` has no column `agee`"), "{unknown}");
    assert_eq!(changes("ALTER TABLE orders SET LOGGED").len(), 2);
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
            "1.1 table: table `user_notes` does not exist | no earlier action creates this table; if it was in the database before the first migration, let `reshape baseline` write down what was there; one that `custom` SQL made is not known",
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
            "1.0 table: table `invoices` does not exist | no earlier action creates this table; if it was in the database before the first migration, let `reshape baseline` write down what was there; one that `custom` SQL made is not known",
            "1.2 column: table `users` has no column `age` | it has `id`, `name` and `email`",
        ]
    );
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
            "1.1 table: table `user` does not exist | no earlier action creates this table; if it was in the database before the first migration, let `reshape baseline` write down what was there; one that `custom` SQL made is not known",
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
