//! Random histories.

use reshape_runtime::Migrations;
use reshape_runtime::history::History;
use reshape_runtime::model::{Action, Migration};
use reshape_runtime::schema::{Schema, Table};
use serde_json::json;

/// Whatever the order of the actions, the replay ends, and a history without a problem has no key without its columns.
#[test]
fn any_order_of_actions_can_be_replayed() {
    let column = |name: &str| json!({"name": name, "type": "text"});
    let mut actions = vec![json!({"type": "custom", "start": "SELECT a FROM b"})];
    for (x, y) in [("a", "b"), ("b", "c"), ("c", "a"), ("a", "a"), ("b", "b")] {
        actions.extend([
            json!({"type": "create_table", "name": x, "primary_key": y,
                "columns": [column(x), column(y)]}),
            json!({"type": "rename_table", "table": x, "new_name": y}),
            json!({"type": "remove_table", "table": x}),
            json!({"type": "add_column", "table": x, "column": column(y)}),
            json!({"type": "alter_column", "table": x, "column": y, "changes": {"name": x}}),
            json!({"type": "remove_column", "table": x, "column": y}),
            json!({"type": "add_index", "table": x,
                "index": {"name": format!("i{y}"), "columns": [y], "unique": true}}),
            json!({"type": "remove_index", "index": format!("i{y}")}),
            json!({"type": "add_foreign_key", "table": x, "foreign_key":
                {"columns": [y], "referenced_table": y, "referenced_columns": [x]}}),
            json!({"type": "remove_foreign_key", "table": x, "foreign_key": format!("{x}_{y}_fkey")}),
            json!({"type": "add_check", "table": x, "check": {"name": y, "expression": "true"}}),
            json!({"type": "remove_check", "table": x, "check": y}),
            json!({"type": "create_enum", "name": x, "values": []}),
            json!({"type": "remove_enum", "enum": x}),
        ]);
    }
    let actions: Vec<Action> = actions
        .into_iter()
        .map(|action| serde_json::from_value(action).expect("an action"))
        .collect();
    let mut seed: u64 = 1;
    let mut good = 0;
    for _ in 0..1_500 {
        let mut chosen = Vec::new();
        for _ in 0..40 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let number = usize::try_from(seed >> 33).expect("31 bits");
            chosen.push(actions[number % actions.len()].clone());
            let migration = Migration {
                name: "1".into(),
                description: None,
                checksum: "".into(),
                actions: chosen.clone().into(),
                allow: Vec::new().into(),
                requires: Vec::new().into(),
            };
            let (history, problems) = History::replay(&Migrations::owned(vec![migration]));
            if problems.is_empty() {
                good += 1;
                // `custom` SQL makes everything it mentions uncertain.
                if !chosen.iter().any(|action| matches!(action, Action::Custom(_))) {
                    assert_sound(history.latest());
                }
            } else {
                // Mostly, so that long good histories come about; a bad one is replayed to its end now and then.
                if seed >> 60 != 0 {
                    chosen.pop();
                }
            }
        }
    }
    assert!(good > 2_000, "{good}");
}

fn assert_sound(schema: &Schema) {
    for table in schema.tables() {
        let has =
            |table: &Table, names: &[String]| names.iter().all(|name| table.column(name).is_some());
        assert!(has(table, &table.primary_key), "{table:?}");
        for key in &table.foreign_keys {
            let target = schema.table(&key.referenced_table).expect("the table referred to");
            assert!(has(table, &key.columns) && has(target, &key.referenced_columns), "{table:?}");
            assert!(target.has_unique_key(&key.referenced_columns), "{table:?}");
        }
    }
}
