//! One command on many databases: some fail, one is busy, one is gone, one is done already; and the command itself is killed or interrupted.

#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]
#![cfg(unix)]

mod library;
mod neighbours;
mod operator;
mod process;
mod refused;
mod schemas;
mod tenant;

use std::env;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use postgres::Client;
use reshape_runtime::testing::TestDatabase;
use reshape_runtime::{
    ErrorKind, Fleet, FleetReport, Migrations, Migrator, Outcome, State, Target, TargetResult,
};
use reshape_tests::rows;
use tempfile::TempDir;

pub(crate) const USERS: &str = r#"
[[actions]]
type = "create_table"
name = "users"
primary_key = "id"
columns = [
  { name = "id", type = "integer" },
  { name = "name", type = "text" },
]
"#;

/// Waits while a session of the test holds lock 1 of the database.
pub(crate) const SHOUT: &str = r#"
[[actions]]
type = "add_column"
table = "users"
up = "public.held(name)"
column = { name = "shout", type = "text", nullable = false }
"#;

pub(crate) const HELD: &str = "CREATE FUNCTION public.held(name text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN \
    PERFORM pg_advisory_xact_lock_shared(1); RETURN upper(name); END $$";

pub(crate) fn set() -> Migrations {
    reshape_tests::migrations(&[("1_users", USERS), ("2_shout", SHOUT)])
}

/// Databases of tenants at the first version, each with a user.
pub(crate) struct Tenants {
    pub(crate) databases: Vec<TestDatabase>,
    pub(crate) folder: TempDir,
}

impl Tenants {
    pub(crate) fn new(count: usize) -> Self {
        let first = set().up_to("1_users").unwrap();
        let make = || {
            let database = reshape_tests::database();
            database.connect().unwrap().batch_execute(HELD).unwrap();
            Migrator::new(&first, database.url()).start_and_complete().unwrap();
            let mut client = database.connect().unwrap();
            client.batch_execute("INSERT INTO public.users VALUES (1, 'ada')").unwrap();
            database
        };
        let folder = TempDir::new().unwrap();
        let migrations = folder.path().join("migrations");
        std::fs::create_dir(&migrations).unwrap();
        for (stem, text) in [("1_users", USERS), ("2_shout", SHOUT)] {
            std::fs::write(migrations.join(stem).with_extension("toml"), text).unwrap();
        }
        Self { databases: (0..count).map(|_| make()).collect(), folder }
    }

    pub(crate) fn fleet(&self) -> Fleet {
        Fleet::new(set(), self.targets())
    }

    pub(crate) fn targets(&self) -> Vec<Target> {
        self.databases.iter().map(|database| Target::new(database.config())).collect()
    }

    pub(crate) fn sql(&self, n: usize, sql: &str) {
        self.databases[n].connect().unwrap().batch_execute(sql).unwrap();
    }

    pub(crate) fn state(&self, n: usize) -> State {
        Migrator::detached(self.databases[n].url()).status().unwrap().state
    }

    pub(crate) fn states(&self) -> Vec<State> {
        (0..self.databases.len()).map(|n| self.state(n)).collect()
    }

    /// A session that keeps a batch from getting through its backfill there, until it is dropped.
    pub(crate) fn hold(&self, n: usize) -> Client {
        let mut client = self.databases[n].connect().unwrap();
        rows(&mut client, "SELECT pg_advisory_lock(1)");
        client
    }

    /// Waits until a batch is at that place there.
    pub(crate) fn wait_for_held(&self, n: usize) {
        let sql = "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database \
            WHERE locktype = 'advisory' AND datname = current_database() \
              AND (classid, objid, objsubid, granted) = (0, 1, 1, false)";
        let mut client = self.databases[n].connect().unwrap();
        while rows(&mut client, sql) == ["0"] {
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until no migrator is at work there.
    pub(crate) fn wait_for_nobody(&self, n: usize) {
        let mut migrator = Migrator::detached(self.databases[n].url());
        while migrator.status().unwrap().migrator.is_some() {
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// `reshape …`, where the databases are lines of the file `tenants`.
    pub(crate) fn command(&self, arguments: &str) -> Command {
        let urls = self.databases.iter().map(TestDatabase::url);
        let file = format!("# All of them\n\n{}\n", urls.collect::<Vec<_>>().join("\n  "));
        std::fs::write(self.folder.path().join("tenants"), file).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_folder-migrator"));
        for (name, _) in env::vars_os() {
            if ["PG", "DB_"].iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
                command.env_remove(&name);
            }
        }
        command.args(arguments.split_whitespace()).env_remove("DATABASE_URL");
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, arguments: &str) -> (i32, String, String) {
        ended(self.command(arguments).output().unwrap())
    }

    pub(crate) fn assert_completed(&self) {
        for database in &self.databases {
            let mut client = database.connect().unwrap();
            let shouts = rows(&mut client, "SELECT shout FROM migration_2_shout.users");
            assert_eq!(shouts, ["ADA"]);
        }
        assert!(self.states().iter().all(|state| *state == State::Idle));
    }
}

pub(crate) fn ended(output: Output) -> (i32, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// What a database came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Came {
    To(Outcome),
    Failed(ErrorKind),
    /// It was not begun.
    Left,
}

pub(crate) fn came_to(report: &FleetReport) -> Vec<Came> {
    let of = |target: &reshape_runtime::TargetReport| match &target.result {
        TargetResult::Done(report) => Came::To(report.outcome),
        TargetResult::Failed(error) => Came::Failed(error.kind()),
        TargetResult::Left => Came::Left,
        _ => panic!("{target:?}"),
    };
    report.targets.iter().map(of).collect()
}
