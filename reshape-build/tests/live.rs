//! Proof on a real server: what is told of good histories, and what is said of those that only a server finds out.

// All of this is test code.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::PathBuf;

use reshape_build::{Diagnostics, live};
use reshape_runtime::testing::Server;
use tempfile::TempDir;

/// What a proof came to: what was told, and what is wrong.
fn prove(folder: PathBuf) -> (Vec<String>, Diagnostics) {
    let mut told = Vec::new();
    let server = Server::shared().unwrap();
    let problems = live::check(&[folder], server, &mut |line| told.push(line.to_owned()));
    (told, problems.unwrap())
}

/// The same of migrations, each with its text.
fn of(migrations: &[(&str, &str)]) -> (Vec<String>, String) {
    let folder = TempDir::new().unwrap();
    for (name, text) in migrations {
        fs::write(folder.path().join(format!("{name}.toml")), text).unwrap();
    }
    let (told, problems) = prove(folder.path().to_owned());
    let text = problems.to_string().replace(&format!("{}/", folder.path().display()), "");
    (told, text)
}

const USERS: &str = r#"
[[actions]]
type = "create_table"
name = "users"
primary_key = "id"
columns = [
    { name = "id", type = "bigint", generated = "ALWAYS AS IDENTITY" },
    { name = "name", type = "text" },
]
"#;

/// A migration that is one `custom` action.
fn custom(keys: &str) -> String {
    format!("[[actions]]\ntype = \"custom\"\n{keys}\n")
}

#[test]
fn the_examples_are_proven() {
    let examples = fs::read_dir("../examples").unwrap().map(|entry| entry.unwrap().path());
    let folders = examples.map(|example| example.join("migrations")).filter(|path| path.is_dir());
    for folder in folders.chain([PathBuf::from("../tests/cases/good/order")]) {
        let (told, problems) = prove(folder.clone());
        assert!(problems.is_empty(), "{}:\n{problems}\n{told:#?}", folder.display());
        assert!(
            !told.is_empty() && told.iter().all(|line| line.ends_with("completed")),
            "{told:#?}"
        );
    }
}

#[test]
fn rows_follow_types_keys_and_enums() {
    let tables = r#"
[[actions]]
type = "create_enum"
name = "mood"
values = ["good", "bad"]

[[actions]]
type = "create_table"
name = "items"
primary_key = ["id"]
columns = [
    { name = "id", type = "uuid" },
    { name = "mood", type = "mood", nullable = false },
    { name = "moods", type = "mood[]", nullable = false },
    { name = "at", type = "timestamptz", nullable = false },
    { name = "code", type = "varchar(5)", nullable = false },
    { name = "amount", type = "numeric(10, 2)", nullable = false, default = "0" },
    { name = "email", type = "text", nullable = false },
    { name = "owner", type = "bigint", nullable = false },
    { name = "data", type = "jsonb", nullable = false },
    { name = "during", type = "tstzrange", nullable = false },
]
foreign_keys = [{ columns = ["owner"], referenced_table = "users", referenced_columns = ["id"] }]
checks = [{ name = "positive", expression = "amount >= 0" }]
"#;
    let change = r#"
[[actions]]
type = "alter_column"
table = "items"
column = "email"
up = "lower(email)"
down = "email"
changes = { name = "mail" }

[[actions]]
type = "add_column"
table = "users"
column = { name = "length", type = "int", nullable = false }
up = "coalesce(length(name), 0)"
"#;
    let (told, problems) = of(&[("1_users", USERS), ("2_items", tables), ("3_change", change)]);
    assert_eq!(problems, "");
    // Two tables, before the start, and through each version while both are live.
    insta::assert_snapshot!(told.join("\n"), @r#"
    `1_users`: started, rolled back, started, used by both versions (12 rows written), completed
    `2_items`: started, rolled back, started, used by both versions (48 rows written), completed
    `3_change`: started, rolled back, started, used by both versions (72 rows written), completed
    "#);
}

#[test]
fn what_a_server_refuses_is_shown_where_it_is_written() {
    let change = custom(
        "start = \"\"\"\nALTER TABLE users\n  ADD COLUMN more nothing_like_it;\n\"\"\"\nabort = \"SELECT 1\"",
    );
    let (told, problems) = of(&[("1_users", USERS), ("2_change", &change), ("3_after", &change)]);
    assert_eq!(told.len(), 1, "what comes after it is not judged");
    insta::assert_snapshot!(problems, @r#"
    error[R0701]: the start of `2_change` fails on a server: the step `custom SQL of `2_change`, action 1` failed: type "nothing_like_it" does not exist; the batch was rolled back
     --> 2_change.toml:5:19
      |
    5 |   ADD COLUMN more nothing_like_it;
      |                   ^^^^^^^^^^^^^^^
    "#);
}

#[test]
fn a_start_that_fails_on_some_rows_is_a_warning() {
    let change = r#"
[[actions]]
type = "alter_column"
table = "users"
column = "name"
up = "name::int"
down = "name::text"
changes = { type = "int" }
"#;
    let (told, problems) = of(&[("1_users", USERS), ("2_change", change)]);
    insta::assert_snapshot!(problems, @r#"
    warning[R0702]: with generated rows, the start of `2_change` fails on a server: the step `fill new columns of `users`` failed: invalid input syntax for type integer: "user1@example.org"; it fails on the row id = 1, name = 'user1@example.org'; the batch was rolled back
     --> 2_change.toml:2:1
      |
    2 | [[actions]]
      | ^^^^^^^^^^^
      |
      = help: if your tables can have such rows, write an `up` that takes them, or remove them before
    "#);
    insta::assert_snapshot!(told[1], @"`2_change`: started, rolled back, started, used by both versions (36 rows written), completed; without the rows that were there before");
}

#[test]
fn a_rollback_that_leaves_something_is_told() {
    let change = custom("start = \"CREATE TABLE extra (id int)\"");
    let (_, problems) = of(&[("1_users", USERS), ("2_change", &change)]);
    insta::assert_snapshot!(problems, @r#"
    error[R0704]: a rollback of `2_change` leaves the database as it was not before
     --> 2_change.toml:1:1
      |
    1 | [[actions]]
      | ^^^^^^^^^^^
      |
      = help: what differs:

              + column public extra id integer f   -1 - p
              + relation public extra r f d
              + type public extra c
      = help: an `abort` of a `custom` action has to take back what its `start` did
    "#);
}

#[test]
fn a_client_that_cannot_write_is_told() {
    let change = custom(
        "start = \"\"\"\nCREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$\n\
         BEGIN PERFORM nothing_there(1); RETURN NEW; END $$;\n\
         CREATE TRIGGER broken BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION broken();\n\"\"\"\n\
         abort = \"DROP TRIGGER broken ON users; DROP FUNCTION broken()\"",
    );
    let (_, problems) = of(&[("1_users", USERS), ("2_change", &change)]);
    insta::assert_snapshot!(problems, @r#"
    error[R0703]: while `2_change` is in progress, a client of `migration_1_users` cannot insert into `users`: function nothing_there(integer) does not exist
     --> 2_change.toml:5:15
      |
    5 | BEGIN PERFORM nothing_there(1); RETURN NEW; END $$;
      |               ^^^^^^^^^^^^^
    "#);
}

#[test]
fn a_completion_that_fails_is_told() {
    let change = custom("complete = \"SELECT nothing_there(1)\"");
    let (_, problems) = of(&[("1_users", USERS), ("2_change", &change)]);
    insta::assert_snapshot!(problems, @r#"
    error[R0705]: the completion of `2_change` fails on a server: the step `custom SQL of `2_change`, action 1` failed: function nothing_there(integer) does not exist; the batch stays `completing`; completing it again goes on from this step
     --> 2_change.toml:3:20
      |
    3 | complete = "SELECT nothing_there(1)"
      |                    ^^^^^^^^^^^^^
      |
      = help: No function matches the given name and argument types. You might need to add explicit type casts.; make what it needs, and run this again; if it can never succeed, go on without it: `--skip-custom`, or `Migrator::skip_custom`
    "#);
}

#[test]
fn what_a_baseline_describes_is_there() {
    let change = r#"
[[actions]]
type = "add_column"
table = "users"
column = { name = "length", type = "int" }
up = "length(name)"
"#;
    let (told, problems) = of(&[("baseline", USERS), ("1_change", change)]);
    assert_eq!(problems, "");
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("rows written"), "{told:?}");
}

#[test]
fn what_can_be_found_without_a_server_is_found_without_one() {
    let (told, problems) = of(&[("1_a", "[[actions]]\ntype = \"remove_table\"\ntable = \"b\"\n")]);
    assert!(told.is_empty() && problems.contains("R0201"), "{told:?}\n{problems}");
}

#[cfg(feature = "cli")]
#[test]
fn the_command_line_proves_when_it_is_asked() {
    let folder = TempDir::new().unwrap();
    let change = custom("complete = \"SELECT nothing_there(1)\"");
    fs::create_dir(folder.path().join("migrations")).unwrap();
    fs::write(folder.path().join("migrations/1_users.toml"), USERS).unwrap();
    fs::write(folder.path().join("migrations/2_change.toml"), change).unwrap();
    let check = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_reshape"));
        let url = Server::shared().unwrap().url();
        command.arg("check").args(arguments).env("DATABASE_URL", url);
        let output = command.current_dir(folder.path()).output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code().unwrap(), text)
    };
    assert_eq!(check(&[]).0, 0);
    let (code, text) = check(&["--live"]);
    assert_eq!(code, 4, "{text}");
    assert!(
        text.contains("`1_users`: started") && text.contains("migrations/2_change.toml:3:20"),
        "{text}"
    );
    let (code, json) = check(&["--live", "--format", "json"]);
    assert!(code == 4 && json.starts_with('[') && json.contains("R0705"), "{json}");
}
