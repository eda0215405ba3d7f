//! `reshape fleet --schemas …` and `--schema`, as an operator uses them.

use std::process::{Command, Stdio};

use reshape_runtime::State;
use reshape_tests::rows;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::schemas::Schemas;
use crate::{SHOUT, USERS, ended};

/// The schemas of a database, and a folder with the migrations.
struct Desk {
    schemas: Schemas,
    folder: TempDir,
}

impl Desk {
    fn new(count: usize) -> Self {
        let folder = TempDir::new().unwrap();
        let migrations = folder.path().join("migrations");
        std::fs::create_dir(&migrations).unwrap();
        for (stem, text) in [("1_users", USERS), ("2_shout", SHOUT)] {
            std::fs::write(migrations.join(stem).with_extension("toml"), text).unwrap();
        }
        std::fs::write(folder.path().join("tenants"), "# The first two\nt1\n\n t2\n").unwrap();
        Self { schemas: Schemas::new(count), folder }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_folder-migrator"));
        for (name, _) in std::env::vars_os() {
            if ["PG", "DB_"].iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
                command.env_remove(&name);
            }
        }
        command.args(words).env("DATABASE_URL", self.schemas.database.url());
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, line: &str) -> (i32, String, String) {
        let words: Vec<&str> = line.split_whitespace().collect();
        ended(self.command(&words).output().unwrap())
    }

    /// Waits until a batch is at the SQL that a session of the test holds up.
    fn wait_for_held(&mut self) {
        let sql = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 1 AND NOT granted \
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        while rows(&mut self.schemas.client, sql) == ["0"] {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
}

/// A list, killed in the middle of the first, then a file and a query.
#[test]
fn a_fleet_of_schemas_that_is_killed_goes_on() {
    let mut desk = Desk::new(3);
    let mut holder = desk.schemas.database.connect().unwrap();
    rows(&mut holder, "SELECT pg_advisory_lock(1)");
    let start = ["fleet", "start", "--schemas", "t1,t2,t3", "--jobs", "1"];
    let mut child = desk.command(&start).spawn().unwrap();
    desk.wait_for_held();
    let (code, out, err) = desk.run("fleet pause --schemas t1,t2,t3");
    assert_eq!(code, 0, "{err}");
    assert!(out.starts_with("3 schemas: 1 paused, 2 not being started ("), "{out}");
    kill_process(Pid::from_child(&child), Signal::KILL).unwrap();
    child.wait().unwrap();
    drop(holder);
    while desk.schemas.migrator("t1").status().unwrap().migrator.is_some() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert_eq!(desk.schemas.states(), [State::Applying, State::Idle, State::Idle]);
    let (code, out, _) = desk.run("fleet complete --schemas t1,t2,t3");
    assert_eq!(code, 1);
    assert!(out.contains("only half started"), "{out}");
    let (code, out, err) = desk.run("fleet resume --schemas t1,t2,t3 --format json");
    assert_eq!(code, 0, "{err}");
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["databases"][0]["resumed"], true);
    assert_eq!(report["databases"][1]["schema"], "t2");
    let (code, out, err) = desk.run("fleet start --schemas-file tenants");
    assert_eq!(code, 0, "{err}");
    assert!(out.starts_with("2 schemas: 2 started ("), "{out}");
    assert!(err.contains("@t1: resuming: "), "{err}");
    let query = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 't_' ORDER BY 1";
    let (code, out, err) = ended(
        desk.command(&["fleet", "start", "--complete", "--schemas-query", query]).output().unwrap(),
    );
    assert_eq!(code, 0, "{err}");
    assert!(out.starts_with("3 schemas: 3 completed ("), "{out}");
    desk.schemas.assert_completed();
    let (code, out, err) = desk.run("fleet revert --to 1_users --schemas t1,t2,t3");
    assert_eq!(code, 0, "{err}");
    assert!(out.starts_with("3 schemas: 3 started ("), "{out}");
    let (code, out, _) = desk.run("fleet status --schemas t1,t2,t3");
    assert_eq!(code, 0);
    assert!(out.contains("@t2  in progress  2_shout, next 1_users"), "{out}");
}

/// Blanks around a name are not part of it, wherever it comes from.
#[test]
fn names_of_schemas_are_trimmed() {
    let desk = Desk::new(2);
    let start = ["fleet", "start", "--schemas", "t1, t2 "];
    let (code, out, err) = ended(desk.command(&start).output().unwrap());
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.starts_with("2 schemas: 2 started ("), "{out}");
    let query = "SELECT ' ' || nspname || E'\\n' FROM pg_namespace WHERE nspname LIKE 't_'";
    let complete = ["fleet", "complete", "--schemas-query", query];
    let (code, out, err) = ended(desk.command(&complete).output().unwrap());
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.starts_with("2 schemas: 2 completed ("), "{out}");
    let (code, out, err) =
        ended(desk.command(&["fleet", "start", "--schemas", "t1, "]).output().unwrap());
    assert!(code != 0 && format!("{out}{err}").contains("no schema after it"), "{out}{err}");
}

/// `--schema` makes every other command one of that tenant.
#[test]
fn one_schema_is_worked_on_alone() {
    let desk = Desk::new(2);
    let (code, out, err) = desk.run("migration start --schema t2");
    assert_eq!(code, 0, "{out}{err}");
    assert_eq!(desk.schemas.states(), [State::Idle, State::InProgress]);
    let (code, out, _) = desk.run("status --schema t2");
    assert!(code == 0 && out.contains("migration_@t2/2_shout"), "{out}");
    let (code, out, _) = desk.run("schema-query --schema t2");
    assert_eq!((code, out.trim_end()), (0, "SET search_path TO \"migration_@t2/2_shout\""));
    let (code, _, _) = desk.run("migration validate --schema t1");
    assert_ne!(code, 0);
    let (code, _, err) = desk.run("migration validate --schema t2");
    assert_eq!(code, 0, "{err}");
    let (code, _, err) = desk.run("migration complete --namespace @t2");
    assert_eq!(code, 0, "{err}");
    assert_eq!(desk.schemas.states(), [State::Idle, State::Idle]);
    let (code, _, err) = desk.run("migration start --schema pg_toast");
    assert!(code != 0 && err.contains("cannot have a set of migrations of its own"), "{err}");
    let (code, _, err) = desk.run("fleet status --schemas t1 --schema t2");
    assert!(code == 2 && err.contains("cannot be used with"), "{err}");
}
