//! What README and the documentation of `MigrationTest` show is compiled and run here, word for word.

#![allow(clippy::unwrap_used, reason = "as the documentation has it")]

use std::fs;
use std::path::Path;

use reshape_runtime::testing::MigrationTest;

mod migrations {
    use std::sync::LazyLock;

    use reshape_runtime::Migrations;

    pub(crate) static SET: LazyLock<Migrations> = LazyLock::new(|| {
        reshape_tests::migrations(&[("0001_users", USERS), ("0007_split_name", SPLIT)])
    });

    const USERS: &str = r#"
        [[actions]]
        type = "create_table"
        name = "users"
        primary_key = ["id"]
        columns = [
            { name = "id", type = "integer", generated = "ALWAYS AS IDENTITY" },
            { name = "name", type = "text", nullable = false },
        ]
    "#;

    const SPLIT: &str = r#"
        [[actions]]
        type = "add_column"
        table = "users"
        column = { name = "first", type = "text", nullable = false }
        up = "split_part(name, ' ', 1)"

        [[actions]]
        type = "add_column"
        table = "users"
        column = { name = "last", type = "text", nullable = false }
        up = "split_part(name, ' ', 2)"

        [[actions]]
        type = "remove_column"
        table = "users"
        column = "name"
        down = "rtrim(first || ' ' || last)"
    "#;
}

#[reshape_runtime::test(upto = "0007_split_name")]
fn names_are_split(mut before: MigrationTest) {
    before.old_client().batch_execute("INSERT INTO users (name) VALUES ('Ada King')").unwrap();
    let mut started = before.start();
    let row = started.new_client().query_one("SELECT first FROM users", &[]).unwrap();
    assert_eq!(row.get::<_, String>(0), "Ada");
    started.check_round_trips();
    started.complete();
}

#[test]
fn names_are_split_without_the_attribute() {
    let mut before = MigrationTest::new(&migrations::SET, "0007_split_name");
    before
        .old_client()
        .batch_execute("INSERT INTO users (name) VALUES ('Ada King'), ('Plato')")
        .unwrap();

    let mut started = before.start();
    let row = started
        .new_client()
        .query_one("SELECT first, last FROM users WHERE last = 'King'", &[])
        .unwrap();
    assert_eq!(row.get::<_, String>(0), "Ada");
    started
        .new_client()
        .execute("INSERT INTO users (first, last) VALUES ('Grace', 'Hopper')", &[])
        .unwrap();
    started.check_round_trips();

    started.complete();
}

/// Without the spaces, which are rustfmt's.
fn words(text: &str) -> String {
    text.split_whitespace().collect()
}

fn is_here(shown: &str) {
    assert!(words(include_str!("migration_test_docs.rs")).contains(&words(shown)), "{shown}");
}

fn file(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    fs::read_to_string(root.join(path)).unwrap()
}

#[test]
fn readme_shows_this_test() {
    let readme = file("README.md");
    let (_, after) = readme.split_once("```rust\n#[reshape_runtime::test(upto").unwrap();
    let (shown, _) = after.split_once("```").unwrap();
    is_here(&format!("#[reshape_runtime::test(upto{shown}"));
}

#[test]
fn the_documentation_shows_the_same() {
    let source = file("reshape-runtime/src/testing/migration_test.rs");
    let (_, after) = source.split_once("/// // In a test:\n").unwrap();
    let (shown, _) = after.split_once("/// ```").unwrap();
    let shown: Vec<&str> = shown.lines().map(|line| line.trim_start_matches("///")).collect();
    is_here(&shown.join("\n"));
}
