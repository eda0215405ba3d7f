//! The example in every action's documentation, and the tables that it takes for granted.

use std::path::Path;

const GROUND: &str = r#"
[[actions]]
type = "create_enum"
name = "mood"
values = ["happy", "sad"]

[[actions]]
type = "create_table"
name = "users"
primary_key = "id"
columns = [
  { name = "id", type = "bigint", generated = "ALWAYS AS IDENTITY" },
  { name = "name", type = "text", nullable = false },
  { name = "email", type = "text" },
]
checks = [{ name = "users_name_check", expression = "name <> ''" }]

[[actions]]
type = "create_table"
name = "sessions"
primary_key = "id"
columns = [{ name = "id", type = "uuid" }]

[[actions]]
type = "create_table"
name = "orders"
primary_key = "id"
columns = [{ name = "id", type = "bigint" }, { name = "user_id", type = "bigint" }]
foreign_keys = [{ columns = ["user_id"], referenced_table = "users", referenced_columns = ["id"] }]
"#;

/// The index that `remove_index` removes. It stands in the way of replacing its column, so the others do without.
const INDEX: &str = r#"
[[actions]]
type = "add_index"
table = "users"
index = { name = "users_email", columns = ["email"] }
"#;

/// The migration that makes what an action's example takes for granted.
#[must_use]
pub fn ground(action: &str) -> String {
    let index = if action == "remove_index" { INDEX } else { "" };
    format!("{GROUND}{index}")
}

/// The example in an action's documentation.
///
/// # Panics
///
/// If there is none.
#[must_use]
pub fn example(action: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(format!("../reshape-runtime/src/action/{action}.rs"));
    let source = std::fs::read_to_string(file).expect("the action's file");
    let (_, rest) = source.split_once("/// ```toml\n").expect("an example");
    let (example, _) = rest.split_once("/// ```").expect("the end of the example");
    example
        .lines()
        .map(|line| line.trim_start_matches("///").trim_start())
        .fold(String::new(), |text, line| text + line + "\n")
}
