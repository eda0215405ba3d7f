//! `reshape check` and `reshape explain`: what they print, in every format, and the codes they exit with.

// All of this is test code.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

/// A package of these files.
fn package(files: &[(&str, &str)]) -> TempDir {
    let package = TempDir::new().unwrap();
    fs::create_dir(package.path().join("migrations")).unwrap();
    for (name, text) in files {
        fs::write(package.path().join(name), text).unwrap();
    }
    package
}

const USERS: (&str, &str) = (
    "migrations/0001_users.toml",
    r#"[[actions]]
type = "create_table"
name = "users"
primary_key = "id"
columns = [
  { name = "id", type = "bigint" },
  { name = "größe", type = "int" },
]
"#,
);

const BAD: (&str, &str) = (
    "migrations/0002, é.toml",
    r#"[[actions]]
type = "add_column"
table = "users"
column = { name = "größe", type = "int" }

[[actions]]
type = "remove_column"
table = "users"
column = "nmae"
"#,
);

/// Exceptions of which none is told.
const ACCEPTS: (&str, &str) = (
    "migrations/0002_accepts.toml",
    r#"actions = []

[[allow]]
lint = "unused-allow"
reason = "another one will go"

[[allow]]
lint = "drift"
reason = "it was repaired"
"#,
);

/// The code, and what is printed on the standard output and error.
fn reshape(package: &TempDir, arguments: &str) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reshape"));
    command.args(arguments.split_whitespace()).current_dir(package.path());
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn people_read_all_problems_and_a_summary() {
    let (code, out, err) = reshape(&package(&[USERS, BAD]), "check");
    assert_eq!((code, &*out), (4, ""));
    insta::assert_snapshot!(err);
}

#[test]
fn without_problems_that_is_said() {
    let package = package(&[USERS, ACCEPTS]);
    let done = |out: &str| (0, out.to_owned(), String::new());
    assert_eq!(reshape(&package, "check"), done("no problems in 2 migrations\n"));
    assert_eq!(reshape(&package, "check --deny-warnings"), done("no problems in 2 migrations\n"));
    assert_eq!(reshape(&package, "check --format json"), done("[]\n"));
    assert_eq!(reshape(&package, "check --format github"), done(""));
}

/// The package has a hazard at the level of a warning.
const HAZARD: (&str, &str) = (
    "migrations/0002_again.toml",
    "[[actions]]\ntype = \"custom\"\nstart = \"\"\"\nSELECT 1;\n  TRUNCATE users;\n\"\"\"\n",
);

#[test]
fn warnings_are_told_and_fail_nothing_unless_they_are_denied() {
    let package = package(&[USERS, HAZARD]);
    let (code, out, err) = reshape(&package, "check");
    assert_eq!((code, &*out), (0, ""));
    insta::assert_snapshot!(err);
    assert_eq!(reshape(&package, "check --deny-warnings").0, 4);
    let (code, out, _) = reshape(&package, "check --format github");
    assert!(
        code == 0 && out.starts_with("::warning file=migrations/0002_again.toml,line=5,"),
        "{out}"
    );
    // Commands that need the migrations have them.
    let (code, out, _) = reshape(&package, "schema-query");
    assert_eq!((code, &*out), (0, "SET search_path TO \"migration_0002_again\"\n"));

    let level = |level: &str| format!("[lints]\ntruncate-while-in-use = \"{level}\"\n");
    let settings = package.path().join("reshape.toml");
    fs::write(&settings, level("deny")).unwrap();
    assert_eq!(reshape(&package, "check").0, 4);
    fs::write(&settings, level("allow")).unwrap();
    assert_eq!(reshape(&package, "check --deny-warnings").0, 0);

    // With a reason, the migration accepts it whatever its level is.
    fs::write(&settings, level("deny")).unwrap();
    let allow =
        "\n[[allow]]\nlint = \"truncate-while-in-use\"\nreason = \"nobody has signed up yet\"\n";
    fs::write(package.path().join(HAZARD.0), format!("{}{allow}", HAZARD.1)).unwrap();
    assert_eq!(reshape(&package, "check --deny-warnings").0, 0);
}

#[test]
fn programs_read_json() {
    let (code, out, err) = reshape(&package(&[USERS, BAD]), "check --format json");
    assert_eq!((code, &*err), (4, ""));
    let problems: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(problems[0]["rendered"].as_str().unwrap().lines().count(), 10);
    insta::assert_snapshot!(out.replace(env!("CARGO_PKG_VERSION"), "$VERSION"));
}

#[test]
fn a_workflow_of_github_is_annotated() {
    let (code, out, err) = reshape(&package(&[USERS, BAD]), "check --format github");
    assert_eq!((code, &*err), (4, ""));
    insta::assert_snapshot!(out);
}

#[test]
fn sarif_has_rules_with_their_pages_and_results_with_their_places() {
    let (code, out, err) = reshape(&package(&[USERS, BAD]), "check --format sarif");
    assert_eq!((code, &*err), (4, ""));
    let mut log: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(log["version"], "2.1.0");
    let run = &mut log["runs"][0];
    for result in run["results"].as_array().unwrap() {
        let rule = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(run["tool"]["driver"]["rules"][rule]["id"], result["ruleId"]);
    }
    // The whole page stands in it: too long to be shown here.
    for rule in run["tool"]["driver"]["rules"].as_array_mut().unwrap() {
        let help = rule["help"]["markdown"].take();
        assert!(help.as_str().unwrap().contains("```toml good"), "{help}");
        rule["help"]["text"].take();
    }
    let text = format!("{log:#}");
    insta::assert_snapshot!(text.replace(env!("CARGO_PKG_VERSION"), "$VERSION"));
}

#[test]
fn a_whole_file_has_no_region() {
    let package = package(&[USERS, ("migrations/1_users.json", "{\"actions\": []}")]);
    fs::rename(package.path().join(USERS.0), package.path().join("migrations/1_users.toml"))
        .unwrap();
    let (_, out, _) = reshape(&package, "check --format json");
    let problems: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(problems[0]["start"], Value::Null);
    let (_, out, _) = reshape(&package, "check --format github");
    assert!(
        out.starts_with("::error file=migrations/1_users.toml,title=R0106 duplicate-name::"),
        "{out}"
    );
}

#[test]
fn a_rule_is_explained_by_its_id_and_by_its_name() {
    let package = package(&[]);
    let (code, page, _) = reshape(&package, "explain R0201");
    assert_eq!(code, 0);
    assert!(page.starts_with("# R0201: unknown-table\n"), "{page}");
    assert_eq!(reshape(&package, "explain unknown_table").1, page);
    let (code, _, err) = reshape(&package, "explain unknwon-table");
    assert_eq!(code, 2);
    assert!(err.ends_with("help: did you mean `unknown-table`?\n"), "{err}");
    let (code, list, _) = reshape(&package, "explain");
    assert_eq!(code, 0);
    assert!(list.lines().count() > 60 && list.starts_with("R0001  invalid-toml "), "{list}");
    assert!(
        list.contains("R0400  unused-allow                      warn   a migration accepts"),
        "{list}"
    );
}
