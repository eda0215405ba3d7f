//! Columns: added, altered, removed.

use serde_json::json;

use crate::told;

#[test]
fn column_listed_twice() {
    let told = told(
        &json!([{"type": "create_table", "name": "t", "columns": [{"name": "a", "type": "text"}, {"name": "b", "type": "text"}, {"name": "a", "type": "integer"}], "primary_key": "a"}]),
    );
    assert_eq!(
        told,
        [
            "1.0 columns.2.name: column `a` is listed twice | 1.0 columns.0.name: listed here already",
        ]
    );
}

#[test]
fn generated_columns_and_defaults() {
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
            "1.0 changes.nullable: column `id` is in the primary key of table `users` | a primary key's columns are always NOT NULL | 0.1 columns.0.name: created here",
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
            "1.0 column: column `id` is in the primary key of table `users` | a column of a primary key cannot be removed | 0.1 columns.0.name: created here",
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
