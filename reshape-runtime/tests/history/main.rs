//! Every rule of the replay, with the message, the help and the related place that it gives.

mod any_order;
mod certainty;
mod columns;
mod constraints;
mod good;
mod indexes_and_types;
mod names;
mod tables;

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
