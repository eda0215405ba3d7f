//! `reshape baseline`, `status --drift`, and a first migration on a database that is in use.

// All of this is test code.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::Command;

use reshape_runtime::testing::{Server, TestDatabase};
use tempfile::TempDir;

/// A run's exit code and what it printed.
fn reshape(database: &TestDatabase, folder: &Path, arguments: &str) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reshape"));
    command.args(arguments.split_whitespace()).current_dir(folder);
    let output = command.env("DB_URL", database.url()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// A database with two tables, one of them in another schema, and an empty folder.
fn existing() -> (TestDatabase, TempDir) {
    let database = Server::shared().unwrap().database().unwrap();
    let sql = "CREATE TABLE people (id serial PRIMARY KEY, name text NOT NULL); \
        CREATE SCHEMA crm; CREATE TABLE crm.notes (id int PRIMARY KEY); \
        INSERT INTO people (name) VALUES ('ada')";
    database.connect().unwrap().batch_execute(sql).unwrap();
    (database, TempDir::new().unwrap())
}

const TITLE: &str = r#"
    [[actions]]
    type = "alter_column"
    table = "people"
    column = "name"
    up = "upper(name)"
    down = "lower(title)"
    changes = { name = "title" }
"#;

#[test]
fn a_baseline_is_written_and_not_overwritten() {
    let (database, folder) = existing();
    let (code, out, err) = reshape(&database, folder.path(), "baseline");
    assert_eq!(
        (code, &*out, &*err),
        (
            0,
            "wrote `migrations/baseline.toml`: 1 objects described, 0 only named in its comments\n",
            ""
        )
    );
    let path = folder.path().join("migrations/baseline.toml");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("{ name = \"id\", type = \"serial\" }"), "{text}");

    fs::write(&path, "actions = []").unwrap();
    let (code, _, err) = reshape(&database, folder.path(), "baseline --schema public --schema crm");
    assert!(code == 1 && err.contains("`migrations/baseline.toml` exists already"), "{err}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "actions = []");
    let (code, _, err) =
        reshape(&database, folder.path(), "baseline --force --schema public --schema crm");
    assert_eq!((code, &*err), (0, ""));
    let with_both = fs::read_to_string(&path).unwrap();
    assert!(with_both.contains("schema = \"crm\"") && with_both.starts_with(&text[..80]));

    let (code, _, err) = reshape(&database, folder.path(), "baseline --dirs elsewhere");
    assert_eq!((code, &*err), (0, ""));
    assert_eq!(fs::read_to_string(folder.path().join("elsewhere/baseline.toml")).unwrap(), text);
}

#[test]
fn a_baseline_that_nobody_can_read_from_a_database_is_not_written() {
    let (database, folder) = existing();
    let (code, _, err) =
        reshape(&database, folder.path(), "baseline --url postgres://127.0.0.1:1/x");
    assert!(code == 1 && err.starts_with("error: "), "{err}");
    assert!(!folder.path().join("migrations").exists());
}

#[test]
fn status_shows_drift_for_people_and_programs() {
    let (database, folder) = existing();
    reshape(&database, folder.path(), "baseline");
    fs::write(folder.path().join("migrations/1_title.toml"), TITLE).unwrap();
    let sql = "ALTER TABLE people ADD COLUMN age int, ALTER name TYPE varchar(9)";
    database.connect().unwrap().batch_execute(sql).unwrap();

    let (code, out, err) = reshape(&database, folder.path(), "status --drift");
    assert_eq!((code, &*err), (0, ""));
    insta::assert_snapshot!(out);
    let (_, json, _) = reshape(&database, folder.path(), "status --drift --format json");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["state"], "idle");
    insta::assert_snapshot!("drift_as_json", serde_json::to_string_pretty(&json["drift"]).unwrap());
    let (_, json, _) = reshape(&database, folder.path(), "status --format json");
    assert!(!json.contains("drift"), "{json}");

    let (code, _, err) = reshape(&database, folder.path(), "migration start");
    assert!(code == 1 && err.contains("found     character varying(9)"), "{err}");
}

/// Plain tables are in use: nothing completes before somebody says so, and then everything does.
#[test]
fn a_first_migration_completes_only_when_that_is_asked_for() {
    let names = |database: &TestDatabase, column: &str| {
        let sql = format!("SELECT {column} FROM people");
        let row = database.connect().unwrap().query_one(&sql, &[]);
        row.map(|row| row.get::<_, String>(0)).ok()
    };
    let (database, folder) = existing();
    reshape(&database, folder.path(), "baseline");
    fs::write(folder.path().join("migrations/1_title.toml"), TITLE).unwrap();
    for _ in 0..2 {
        let (code, _, err) = reshape(&database, folder.path(), "migration start");
        assert_eq!(code, 0, "{err}");
        assert_eq!(names(&database, "name").as_deref(), Some("ada"));
    }
    let (_, status, _) = reshape(&database, folder.path(), "status");
    assert!(
        status.contains("in progress") && status.contains("none: the plain tables"),
        "{status}"
    );
    let (code, _, err) = reshape(&database, folder.path(), "migration start --complete");
    assert_eq!(code, 0, "{err}");
    assert_eq!(names(&database, "title").as_deref(), Some("ADA"));

    let (database, _) = existing();
    let (code, _, err) = reshape(&database, folder.path(), "migration start --complete");
    assert_eq!(code, 0, "{err}");
    assert_eq!(
        (names(&database, "name"), names(&database, "title").as_deref()),
        (None, Some("ADA"))
    );
}
