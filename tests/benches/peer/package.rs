//! Programs that apply the same migrations by other means, each a package of its own outside the workspace.
//!
//! A program takes a URL, and either `start`, for the twenty migrations, or how many times it shall apply the hundred on one connection: for each it
//! prints the milliseconds.
//!
//! **Invariant:** nothing is fetched unless `BENCH_FETCH` says so; one that cannot be compiled is left out with a note.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

/// What has to be compiled.
struct Recipe {
    /// Its name, and that of the crate that is measured.
    name: &'static str,
    dependencies: &'static str,
    main: &'static str,
    /// Where it looks for the migration of that number, and for what undoes it, if it wants that.
    file: fn(usize) -> (String, Option<String>),
}

const RECIPES: [Recipe; 3] = [
    Recipe {
        name: "sqlx",
        dependencies: r#"sqlx = { version = "0.9", default-features = false, features = ["runtime-tokio", "postgres", "macros", "migrate"] }
tokio = { version = "1", features = ["rt", "macros"] }"#,
        main: include_str!("programs/sqlx.rs"),
        file: |number| (format!("{number:04}_table.sql"), None),
    },
    Recipe {
        name: "refinery",
        dependencies: r#"postgres = "0.19"
refinery = { version = "0.10", default-features = false, features = ["postgres"] }"#,
        main: include_str!("programs/refinery.rs"),
        file: |number| (format!("V{}__table.sql", number + 1), None),
    },
    Recipe {
        name: "diesel_migrations",
        dependencies: r#"diesel = { version = "2.3", default-features = false, features = ["postgres"] }
diesel_migrations = { version = "2.3", features = ["postgres"] }"#,
        main: include_str!("programs/diesel.rs"),
        file: |number| {
            let folder = format!("{number:04}_table");
            (format!("{folder}/up.sql"), Some(format!("{folder}/down.sql")))
        },
    },
];

/// The version of the command line that is measured.
const RESHAPE: &str = "0.11.2";

/// A compiled program.
pub(crate) struct Program {
    /// What is measured, with its version.
    pub(crate) title: String,
    pub(crate) path: PathBuf,
}

/// All that can be compiled, and a note for each that cannot. `sql` is the migration of that number.
pub(crate) fn programs(sql: &dyn Fn(usize) -> String) -> (Vec<Program>, Vec<String>) {
    let (mut programs, mut notes) = (Vec::new(), Vec::new());
    for recipe in &RECIPES {
        match recipe.compiled(sql) {
            Ok(program) => programs.push(program),
            Err(error) => notes.push(left_out(recipe.name, &error)),
        }
    }
    (programs, notes)
}

/// The command line `reshape` of another project, on which this one's format is modelled.
pub(crate) fn reshape() -> Result<Program, String> {
    let folder = base().join("reshape");
    let path = folder.join("bin/reshape");
    let program = Program { title: format!("`reshape` {RESHAPE}"), path };
    if program.path.exists() {
        return Ok(program);
    }
    let target = folder.join("target");
    let mut command = cargo(&target);
    command.args(["install", "reshape", "--version", RESHAPE, "--locked", "--root"]).arg(&folder);
    let result = finished(&mut command);
    // Half a gigabyte that nobody needs again.
    fs::remove_dir_all(&target).ok();
    result.map(|()| program).map_err(|error| left_out("reshape", &error))
}

impl Recipe {
    fn compiled(&self, sql: &dyn Fn(usize) -> String) -> Result<Program, String> {
        let folder = base().join(self.name);
        let manifest = format!(
            "[package]\nname = \"peer\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n{}\n",
            self.dependencies
        );
        write(&folder.join("Cargo.toml"), &manifest);
        write(&folder.join("src/main.rs"), self.main);
        for (set, count) in [("hundred", 100), ("twenty", 20)] {
            for number in 0..count {
                let (up, down) = (self.file)(number);
                write(&folder.join(set).join(up), &sql(number));
                if let Some(down) = down {
                    write(&folder.join(set).join(down), "");
                }
            }
        }
        let target = folder.join("target");
        let mut command = cargo(&target);
        finished(command.args(["build", "--release"]).current_dir(&folder))?;
        let lock = fs::read_to_string(folder.join("Cargo.lock")).unwrap_or_default();
        let version = version(&lock, self.name).unwrap_or("?");
        let path = target.join("release/peer");
        Ok(Program { title: format!("{} {version}", self.name), path })
    }
}

fn base() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-peers")
}

fn cargo(target: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    if env::var_os("BENCH_FETCH").is_none() {
        command.arg("--offline");
    }
    command.env("CARGO_TARGET_DIR", target).env_remove("RUSTFLAGS");
    command
}

/// The first error, if there is any.
fn finished(command: &mut Command) -> Result<(), String> {
    let output = command.arg("--quiet").stdin(Stdio::null()).output();
    let output = output.map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let error = text.lines().find(|line| line.starts_with("error"));
    Err(error.unwrap_or("it cannot be compiled").to_owned())
}

fn left_out(name: &str, error: &str) -> String {
    format!("`{name}` is left out: {error}. `BENCH_FETCH=1` lets cargo fetch it.")
}

/// What has not changed is not compiled again.
fn write(path: &Path, text: &str) {
    if !fs::read_to_string(path).is_ok_and(|old| old == text) {
        fs::create_dir_all(path.parent().expect("it is in the package")).expect("a folder");
        fs::write(path, text).expect("a file in `target`");
    }
}

/// The version of a package in a lock file.
fn version<'l>(lock: &'l str, name: &str) -> Option<&'l str> {
    let (_, after) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    after.split('"').next()
}
