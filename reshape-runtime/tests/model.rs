//! Whatever a file can say survives the way through the JSON of the `reshape` command line, in which it is stored.

use reshape_runtime::model::{
    Action, CreateTable, IndexColumn, Migration, ReferentialAction, Transform,
};
use serde_json::{Value, json};

/// Every action and every field of the format, as they are written back.
fn everything() -> Value {
    json!({
        "name": "0001_everything",
        "description": "all of it",
        "checksum": "ab",
        "actions": [
            {"type": "create_table", "name": "t", "primary_key": ["id", "part"],
                "columns": [
                    {"name": "id", "type": "bigint", "nullable": false,
                        "generated": "BY DEFAULT AS IDENTITY", "comment": "the key"},
                    {"name": "part", "type": "text", "nullable": true, "default": "'x'"}],
                "foreign_keys": [{"columns": ["part"], "referenced_table": "u",
                    "referenced_columns": ["id"], "on_delete": "SET NULL", "on_update": "NO ACTION"}],
                "checks": [{"name": "c", "expression": "id > 0"}, {"expression": "part <> ''"}],
                "comment": "a table",
                "up": {"table": "u", "values": {"id": "u.id", "part": "u.part"}, "where": "u.live",
                    "upsert_constraint": "t_pkey"}},
            {"type": "rename_table", "table": "t", "new_name": "s"},
            {"type": "remove_table", "table": "s"},
            {"type": "add_column", "table": "u", "column": {"name": "a", "type": "int", "nullable": true},
                "up": "1"},
            {"type": "add_column", "table": "u", "column": {"name": "b", "type": "int", "nullable": false},
                "up": {"table": "v", "value": "v.b", "where": "v.id = u.id"}},
            {"type": "alter_column", "table": "u", "column": "b", "up": "b + 1", "down": "b - 1",
                "changes": {"name": "c", "type": "bigint", "nullable": true, "default": "0"}},
            {"type": "alter_column", "table": "u", "column": "c",
                "up": {"table": "v", "value": "v.c", "where": "v.id = u.id"},
                "down": {"table": "v", "value": "v.d", "where": "v.id = u.id"},
                "changes": {"nullable": false}},
            {"type": "remove_column", "table": "u", "column": "c", "down": "0"},
            {"type": "remove_column", "table": "u", "column": "a",
                "down": {"table": "v", "value": "v.a", "where": "v.id = u.id"}},
            {"type": "add_index", "table": "u", "index": {"name": "i", "unique": true, "type": "btree",
                "where": "live", "columns": ["x",
                    {"column": "y", "direction": "ASC", "nulls": "LAST"},
                    {"expression": "lower(z)", "direction": "DESC", "nulls": "FIRST"}]}},
            {"type": "remove_index", "index": "i"},
            {"type": "add_foreign_key", "table": "u", "foreign_key": {"columns": ["x"],
                "referenced_table": "v", "referenced_columns": ["id"], "on_delete": "RESTRICT",
                "on_update": "CASCADE"}},
            {"type": "add_foreign_key", "table": "u", "foreign_key": {"columns": ["y"],
                "referenced_table": "v", "referenced_columns": ["id"], "on_delete": "SET DEFAULT"}},
            {"type": "remove_foreign_key", "table": "u", "foreign_key": "u_x_fkey"},
            {"type": "add_check", "table": "u", "check": {"name": "c", "expression": "x > 0"}},
            {"type": "remove_check", "table": "u", "check": "c"},
            {"type": "create_enum", "name": "e", "values": ["a", "b"]},
            {"type": "remove_enum", "enum": "e"},
            {"type": "custom", "start": "SELECT 1", "complete": "SELECT 2", "abort": "SELECT 3"}
        ],
        "allow": [{"lint": "row_security_bypass", "reason": "why"}]
    })
}

#[test]
fn every_action_and_field_makes_the_round_trip() {
    let migration: Migration = serde_json::from_value(everything()).unwrap();
    assert_eq!(serde_json::to_value(&migration).unwrap(), everything());

    let mut kinds: Vec<_> = migration.actions.iter().map(Action::kind).collect();
    kinds.dedup();
    let expected = [
        "create_table",
        "rename_table",
        "remove_table",
        "add_column",
        "alter_column",
        "remove_column",
        "add_index",
        "remove_index",
        "add_foreign_key",
        "remove_foreign_key",
        "add_check",
        "remove_check",
        "create_enum",
        "remove_enum",
        "custom",
    ];
    assert_eq!(kinds, expected);
}

fn action(json: Value) -> Action {
    serde_json::from_value(json).expect("an action")
}

#[test]
fn a_primary_key_can_be_one_string() {
    let table = |key: Value| {
        action(json!({"type": "create_table", "name": "t", "primary_key": key,
            "columns": [{"name": "id", "type": "int"}]}))
    };
    assert_eq!(table(json!("id")), table(json!(["id"])));
    let Action::CreateTable(CreateTable { columns, up, .. }) = table(json!(["id"])) else {
        panic!("not a create_table")
    };
    assert!(columns[0].nullable && up.is_none());
}

#[test]
fn keywords_are_read_in_either_case() {
    for (text, expected) in [
        ("no action", ReferentialAction::NoAction),
        ("RESTRICT", ReferentialAction::Restrict),
        ("cascade", ReferentialAction::Cascade),
        ("SET NULL", ReferentialAction::SetNull),
        ("set default", ReferentialAction::SetDefault),
    ] {
        assert_eq!(serde_json::from_value::<ReferentialAction>(json!(text)).unwrap(), expected);
    }
    let lower: IndexColumn =
        serde_json::from_value(json!({"column": "a", "direction": "desc", "nulls": "first"}))
            .unwrap();
    let upper: IndexColumn =
        serde_json::from_value(json!({"column": "a", "direction": "DESC", "nulls": "FIRST"}))
            .unwrap();
    assert_eq!(lower, upper);
}

#[test]
fn an_up_is_an_expression_or_comes_from_a_table() {
    let expression: Transform = serde_json::from_value(json!("name")).unwrap();
    assert_eq!(expression, Transform::Expression("name".into()));
    let table: Transform =
        serde_json::from_value(json!({"table": "t", "value": "v", "where": "w"})).unwrap();
    let expected = Transform::Table {
        table: "t".into(),
        schema: None,
        value: "v".into(),
        condition: "w".into(),
    };
    assert_eq!(table, expected);
}
