//! A package as users have one, with many tests that each have a database.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// How many tests it has; every other one is asynchronous.
pub(crate) const TESTS: usize = 200;

const MANIFEST: &str = r#"[package]
name = "stress"
version = "0.0.0"
edition = "2024"
publish = false

[dependencies]
reshape-runtime = { path = "{root}/reshape-runtime", features = ["testing", "tokio"] }

[dev-dependencies]
postgres = "0.19"
tokio-postgres = "0.7"

[build-dependencies]
reshape-build = { path = "{root}/reshape-build" }

# Not a member of the workspace that it is made in.
[workspace]
"#;

const BUILD: &str = "//! Embeds.\nfn main() {\n    reshape_build::migrations(\"migrations\");\n}\n";

const LIBRARY: &str = "//! Migrations.\nreshape_runtime::migrations!();\n";

const HELPERS: &str = r#"//! Each test writes its number, and reads its own only.

use stress::migrations;

/// Not one of them: says where the server is.
#[test]
#[ignore]
fn server() {
    println!("<<{}>>", reshape_runtime::testing::Server::shared().unwrap().url());
}

fn check(mut client: postgres::Client, number: i64) {
    assert_eq!(client.query("SELECT number FROM notes", &[]).unwrap().len(), 0, "not empty");
    client.execute("INSERT INTO notes (number) VALUES ($1)", &[&number]).unwrap();
    let rows = client.query("SELECT number FROM notes", &[]).unwrap();
    let numbers: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(numbers, [number]);
}

async fn check_async(client: tokio_postgres::Client, number: i64) {
    assert_eq!(client.query("SELECT number FROM notes", &[]).await.unwrap().len(), 0, "not empty");
    client.execute("INSERT INTO notes (number) VALUES ($1)", &[&number]).await.unwrap();
    let rows = client.query("SELECT number FROM notes", &[]).await.unwrap();
    let numbers: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(numbers, [number]);
}
"#;

pub(crate) const NOTES: &str = r#"[[actions]]
type = "create_table"
name = "notes"
primary_key = ["id"]

[[actions.columns]]
name = "id"
type = "bigint"
generated = "ALWAYS AS IDENTITY"

[[actions.columns]]
name = "n"
type = "bigint"
nullable = false
"#;

const RENAME: &str = r#"[[actions]]
type = "alter_column"
table = "notes"
column = "n"

[actions.changes]
name = "number"
"#;

/// The package, and its compiled tests.
pub(crate) struct Package {
    pub(crate) folder: PathBuf,
    pub(crate) tests: PathBuf,
}

impl Package {
    /// Writes and compiles it.
    pub(crate) fn new() -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("stress");
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut tests = String::from(HELPERS);
        for number in 0..TESTS {
            let (before, kind, client) = match number % 2 {
                0 => ("", "check", "postgres"),
                _ => ("async ", "check_async", "tokio_postgres"),
            };
            let after = if before.is_empty() { "" } else { ".await" };
            writeln!(
                tests,
                "\n#[reshape_runtime::test(migrations = migrations::SET)]\n{before}fn test_{number}(client: {client}::Client) {{\n    {kind}(client, {number}){after};\n}}"
            )
            .unwrap();
        }
        let manifest = MANIFEST.replace("{root}", &root.display().to_string());
        for (path, text) in [
            ("Cargo.toml", manifest.as_str()),
            ("build.rs", BUILD),
            ("src/lib.rs", LIBRARY),
            ("tests/all.rs", &tests),
            ("migrations/1_notes.toml", NOTES),
            ("migrations/2_number.toml", RENAME),
        ] {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            // What has not changed is not compiled again.
            if fs::read_to_string(&path).is_ok_and(|old| old == text) {
                continue;
            }
            fs::write(path, text).unwrap();
        }
        fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
        let mut package = Self { folder, tests: PathBuf::new() };
        package.tests = package.compile();
        package
    }

    fn compile(&self) -> PathBuf {
        let output = self
            .cargo()
            .args(["test", "--no-run", "--offline", "--test", "all", "--message-format=json"])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let lines = String::from_utf8(output.stdout).unwrap();
        let messages = lines.lines().map(|line| serde_json::from_str(line).unwrap());
        messages
            .filter(|message: &serde_json::Value| message["target"]["name"] == "all")
            .find_map(|message| message["executable"].as_str().map(PathBuf::from))
            .expect("cargo says where the tests are")
    }

    /// Cargo, for this package.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        // Shared with the packages of the UI tests: what they depend on is compiled once.
        command
            .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("ui-target"))
            .env_remove("RUSTFLAGS")
            .current_dir(&self.folder);
        // These tests may be run by nextest, which would take the inner one for itself.
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("NEXTEST") {
                command.env_remove(name);
            }
        }
        command
    }
}
