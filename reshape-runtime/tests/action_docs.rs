//! The documentation of every action has the same headings, and an example that is right.

use std::path::{Path, PathBuf};

use reshape_runtime::Migrations;
use reshape_runtime::history::History;
use reshape_runtime::model::Action;
use serde_json::{Value, json};

const HEADINGS: [&str; 5] = ["# What it does", "# Expand", "# Contract", "# Rollback", "# Example"];

/// The files of the actions, by the actions' names.
fn files() -> Vec<(String, PathBuf)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/action");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder of the actions")
        .map(|entry| entry.expect("a file").path())
        .map(|path| (path.file_stem().expect("a name").to_string_lossy().into_owned(), path))
        .filter(|(name, _)| name != "mod")
        .collect();
    files.sort();
    assert_eq!(files.len(), 15, "one file for each action");
    files
}

/// The documentation of the action's struct: the first doc comment of its file.
fn docs(path: &Path) -> String {
    let source = std::fs::read_to_string(path).expect("a readable file");
    let lines = source.lines().map(str::trim_end);
    let comment = lines.skip_while(|line| !line.starts_with("///"));
    comment
        .map_while(|line| line.strip_prefix("///"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The tables that the examples take for granted.
fn ground() -> Value {
    json!({"name": "0001_ground", "checksum": "", "actions": [
        {"type": "create_enum", "name": "mood", "values": ["happy", "sad"]},
        {"type": "create_table", "name": "users", "primary_key": "id", "columns": [
            {"name": "id", "type": "bigint", "generated": "ALWAYS AS IDENTITY"},
            {"name": "name", "type": "text", "nullable": false},
            {"name": "email", "type": "text"}],
            "checks": [{"name": "users_name_check", "expression": "name <> ''"}]},
        {"type": "add_index", "table": "users",
            "index": {"name": "users_email", "columns": ["email"]}},
        {"type": "create_table", "name": "sessions", "primary_key": "id",
            "columns": [{"name": "id", "type": "uuid"}]},
        {"type": "create_table", "name": "orders", "primary_key": "id",
            "columns": [{"name": "id", "type": "bigint"}, {"name": "user_id", "type": "bigint"}]},
    ]})
}

#[test]
fn every_action_has_the_same_headings() {
    for (name, path) in files() {
        let docs = docs(&path);
        let headings: Vec<_> = docs.lines().filter(|line| line.starts_with("# ")).collect();
        assert_eq!(headings, HEADINGS, "{name}");
    }
}

#[test]
fn every_example_fits_its_history() {
    for (name, path) in files() {
        let docs = docs(&path);
        let (_, example) = docs.split_once("```toml\n").expect("an example in TOML");
        let (example, _) = example.split_once("```").expect("the end of the example");
        let example: Value =
            toml::from_str(example).unwrap_or_else(|error| panic!("{name}: {error}"));
        let actions = example["actions"].as_array().expect("[[actions]]").clone();
        let mut ground = ground();
        if name == "remove_foreign_key" {
            ground["actions"].as_array_mut().expect("actions").push(json!({
                "type": "add_foreign_key", "table": "orders", "foreign_key": {
                    "columns": ["user_id"], "referenced_table": "users", "referenced_columns": ["id"]}}));
        }
        let migrations = json!({"migrations": [
            ground, {"name": "0002_example", "checksum": "", "actions": actions}]});
        let migrations: Migrations =
            serde_json::from_value(migrations).unwrap_or_else(|error| panic!("{name}: {error}"));
        let kinds: Vec<_> = migrations.migrations[1].actions.iter().map(Action::kind).collect();
        assert_eq!(kinds, [name.as_str()]);
        assert_eq!(History::replay(&migrations).1, [], "{name}");
    }
}
