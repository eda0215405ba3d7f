//! Names.

use serde_json::json;

use crate::{told, told_of};

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
