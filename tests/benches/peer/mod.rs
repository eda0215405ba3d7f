//! The same tests with `#[sqlx::test]`: the same 20 migrations, as plain SQL.

// Each program that is measured beside others uses its part of it.
#![allow(dead_code)]

pub(crate) mod package;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;
use std::{env, fs};

/// How many tests the package has.
pub(crate) const TESTS: usize = 60;

const MANIFEST: &str = r#"[package]
name = "peer"
version = "0.1.0"
edition = "2024"

[workspace]

[dev-dependencies]
sqlx = { version = "0.8", default-features = false, features = ["runtime-tokio", "postgres", "macros", "migrate"] }
"#;

/// The compiled tests.
pub(crate) struct Peer {
    program: PathBuf,
}

impl Peer {
    /// `None` if it cannot be compiled.
    pub(crate) fn new(files: &[(String, String)]) -> Option<Self> {
        let base = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-databases");
        let (folder, target) = (base.join("peer"), base.join("peer-target"));
        let write = |path: &str, text: &str| {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            // What has not changed is not compiled again.
            if fs::read_to_string(&path).is_ok_and(|old| old == text) {
                return;
            }
            fs::write(path, text).unwrap();
        };
        write("Cargo.toml", MANIFEST);
        write("src/lib.rs", "");
        let mut tests = String::new();
        for number in 0..TESTS {
            writeln!(tests, "#[sqlx::test]\nasync fn test_{number}(pool: sqlx::PgPool) {{\n    let _ = pool.acquire().await.unwrap();\n}}\n").unwrap();
        }
        write("tests/all.rs", &tests);
        for (number, (name, _)) in files.iter().enumerate() {
            write(&format!("migrations/{name}.sql"), &sql(number));
        }
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(["test", "--no-run", "--test", "all", "--message-format=json"]);
        if env::var_os("BENCH_FETCH").is_none() {
            command.arg("--offline");
        }
        command.env("CARGO_TARGET_DIR", &target).env_remove("RUSTFLAGS").current_dir(&folder);
        let output = command.stderr(Stdio::inherit()).output().ok()?;
        let lines = String::from_utf8(output.stdout).ok()?;
        let mut messages =
            lines.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let program = messages.find_map(|message| {
            let program = message["executable"].as_str()?;
            (message["target"]["name"] == "all").then(|| PathBuf::from(program))
        });
        program.filter(|_| output.status.success()).map(|program| Self { program })
    }

    /// Milliseconds for a test.
    pub(crate) fn run(&self, url: &str, threads: usize) -> f64 {
        let start = Instant::now();
        let mut command = Command::new(&self.program);
        command.args(["--test-threads", &threads.to_string()]).env("DATABASE_URL", url);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        start.elapsed().as_secs_f64() * 1000.0 / f64::from(u32::try_from(TESTS).unwrap())
    }
}

fn sql(number: usize) -> String {
    let text = match number % 5 {
        0 => {
            "CREATE TABLE items (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL);"
        }
        1 => {
            "ALTER TABLE items ADD COLUMN state text NOT NULL DEFAULT 'new';\nALTER TABLE items ALTER COLUMN state DROP DEFAULT;"
        }
        2 => "CREATE INDEX items_state ON items (state);",
        3 => "ALTER TABLE items RENAME COLUMN name TO title;",
        _ => "ALTER TABLE items ADD COLUMN seen_at timestamptz;",
    };
    text.replace("items", &format!("items_{}", number / 5))
}
