//! The example in every action's documentation, on a server: started, rolled back, started again, completed.

use std::path::Path;

use reshape_tests::Rollout;

/// The tables that the examples take for granted.
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

fn example(action: &str) -> String {
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

macro_rules! examples {
    ($($action:ident)*) => {
        $(#[test]
        fn $action() {
            run(stringify!($action));
        })*

        #[test]
        fn all_actions_are_here() {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../reshape-runtime/src/action");
            let files = std::fs::read_dir(folder).expect("the folder of the actions").count();
            assert_eq!(files - 1, [$(stringify!($action)),*].len());
        }
    };
}

examples! {
    add_check add_column add_foreign_key add_index alter_column create_enum create_table custom remove_check
    remove_column remove_enum remove_foreign_key remove_index remove_table rename_table
}

fn run(action: &str) {
    let rows =
        "INSERT INTO users (name, email) VALUES ('Ada Lovelace', 'Ada@X'), ('Alan', 'alan@x')";
    let index = if action == "remove_index" { INDEX } else { "" };
    let mut r = Rollout::prepare(&format!("{GROUND}{index}"), rows, &example(action));
    r.start().unwrap_or_else(|error| panic!("{}", error.report()));
    r.abort();
    r.start().unwrap_or_else(|error| panic!("{}", error.report()));
    r.complete();
}
