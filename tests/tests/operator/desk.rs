//! A database with many rows, migrations in files, and a lock that holds a batch at a place of the test's choice.

use postgres::Client;
use reshape_runtime::testing::TestDatabase;
use reshape_tests::{catalog, leftovers, rows};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::env;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;
use tempfile::TempDir;

pub(crate) const USERS: &str = r#"
[[actions]]
type = "create_table"
name = "users"
primary_key = "id"
columns = [
  { name = "id", type = "integer" },
  { name = "name", type = "text", nullable = false },
]
"#;

/// `held` waits in the middle of the table while a test holds lock 1.
pub(crate) const SHOUT: &str = r#"
[[actions]]
type = "add_column"
table = "users"
up = "public.held(id, name)"
column = { name = "shout", type = "text", nullable = false }

[[actions]]
type = "remove_column"
table = "users"
column = "name"
down = "lower(shout)"

[[actions]]
type = "custom"
complete = "SELECT pg_advisory_xact_lock_shared(2)"
abort = "SELECT pg_advisory_xact_lock_shared(3)"
reverts = "SELECT 1"
"#;

pub(crate) const RENAME: &str = r#"
[[actions]]
type = "rename_table"
table = "users"
new_name = "people"
"#;

pub(crate) const ROWS: u32 = 30_000;

/// Where a batch is held: the number of the lock.
#[derive(Clone, Copy)]
pub(crate) enum Hold {
    Backfill = 1,
    Completion = 2,
    Rollback = 3,
}

/// A database in version `1_users` with many rows, a folder of two migrations, and a session that holds a batch up.
pub(crate) struct Desk {
    pub(crate) database: TestDatabase,
    pub(crate) folder: TempDir,
    pub(crate) client: Client,
    pub(crate) before: Vec<String>,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let mut desk = Self::empty();
        assert_eq!(desk.code("migration start --complete --migration 1_users"), 0);
        let setup = format!(
            "INSERT INTO public.users \
             SELECT i, 'user ' || i || repeat('x', 200) FROM generate_series(1, {ROWS}) i"
        );
        desk.client.batch_execute(&setup).unwrap();
        desk.before = catalog(&mut desk.client);
        desk
    }

    /// Nothing in the database.
    pub(crate) fn empty() -> Self {
        let database = reshape_tests::database();
        let mut client = database.connect().unwrap();
        let held = format!(
            "CREATE FUNCTION public.held(id int, name text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN \
               IF id = {} THEN PERFORM pg_advisory_xact_lock_shared(1); END IF; \
               RETURN upper(name); END $$",
            ROWS / 3 * 2
        );
        client.batch_execute(&held).unwrap();
        let folder = TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join("migrations")).unwrap();
        let desk = Self { database, folder, client, before: Vec::new() };
        desk.write("1_users", USERS);
        desk.write("2_shout", SHOUT);
        desk
    }

    pub(crate) fn write(&self, stem: &str, text: &str) {
        let file = self.folder.path().join("migrations").join(stem).with_extension("toml");
        std::fs::write(file, text).unwrap();
    }

    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_folder-migrator"));
        for (name, _) in env::vars_os() {
            if ["PG", "DB_"].iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
                command.env_remove(&name);
            }
        }
        command.args(arguments.split_whitespace()).env("DATABASE_URL", self.database.url());
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    /// Runs a command to its end: code, standard output, standard error.
    pub(crate) fn run(&self, arguments: &str) -> (i32, String, String) {
        ended(self.command(arguments).output().unwrap())
    }

    pub(crate) fn code(&self, arguments: &str) -> i32 {
        let (code, _, err) = self.run(arguments);
        assert!(code == 0 || err.contains("error: "), "{arguments}: {err}");
        code
    }

    /// Runs a command on a machine that has no migration files.
    pub(crate) fn run_elsewhere(&self, arguments: &str) -> (i32, String, String) {
        let elsewhere = TempDir::new().unwrap();
        ended(self.command(arguments).current_dir(elsewhere.path()).output().unwrap())
    }

    /// What `status` says to programs, which must be JSON in every state.
    pub(crate) fn status(&self) -> Value {
        let (code, out, err) = self.run("status --format json");
        assert_eq!(code, 0, "{err}");
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
    }

    pub(crate) fn state(&self) -> String {
        self.status()["state"].as_str().unwrap().to_owned()
    }

    pub(crate) fn is_at_work(&self) -> bool {
        self.status()["migrator"].is_string()
    }

    /// Runs a command in the background until it waits at `hold`.
    pub(crate) fn held(&mut self, hold: Hold, arguments: &str) -> Child {
        rows(&mut self.client, &format!("SELECT pg_advisory_lock({})", hold as i32));
        let mut command = self.command(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let waiter = format!(
            "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database \
             WHERE locktype = 'advisory' AND datname = current_database() \
               AND (classid, objid, objsubid, granted) = (0, {}, 1, false)",
            hold as i32
        );
        while rows(&mut self.client, &waiter) == ["0"] {
            assert_eq!(child.try_wait().unwrap(), None, "it has ended before it came to the place");
            sleep(Duration::from_millis(5));
        }
        child
    }

    pub(crate) fn let_go(&mut self) {
        rows(&mut self.client, "SELECT pg_advisory_unlock_all()");
    }

    /// Ends the process as `signal` does, and waits until the server has noticed; returns its standard error.
    pub(crate) fn end(&mut self, child: Child, signal: Signal) -> String {
        kill_process(Pid::from_child(&child), signal).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.signal(), Some(signal.as_raw()));
        while self.is_at_work() {
            sleep(Duration::from_millis(5));
        }
        String::from_utf8(output.stderr).unwrap()
    }

    /// A batch in the middle of whose `hold` the migrator was killed.
    pub(crate) fn killed(hold: Hold) -> Self {
        let mut desk = Self::new();
        if !matches!(hold, Hold::Backfill) {
            assert_eq!(desk.code("migration start"), 0);
        }
        let child = desk.held(
            hold,
            match hold {
                Hold::Backfill => "migration start",
                Hold::Completion => "migration complete",
                Hold::Rollback => "migration abort",
            },
        );
        desk.end(child, Signal::KILL);
        desk.let_go();
        desk
    }

    pub(crate) fn assert_aborted(&mut self) {
        assert_eq!(self.state(), "idle");
        assert_eq!(leftovers(&mut self.client), Vec::<String>::new());
        assert_eq!(catalog(&mut self.client), self.before);
    }

    pub(crate) fn assert_started(&mut self) {
        assert_eq!(self.state(), "in_progress");
        let wrong = "SELECT count(*) FROM migration_1_users.users o \
            FULL JOIN migration_2_shout.users n USING (id) WHERE n.shout IS DISTINCT FROM upper(o.name)";
        assert_eq!(rows(&mut self.client, wrong), ["0"]);
    }

    pub(crate) fn assert_completed(&mut self) {
        assert_eq!(self.state(), "idle");
        assert_eq!(leftovers(&mut self.client), Vec::<String>::new());
        let count = rows(
            &mut self.client,
            "SELECT count(*) FROM migration_2_shout.users WHERE shout LIKE 'USER %'",
        );
        assert_eq!(count, [ROWS.to_string()]);
    }
}

pub(crate) fn ended(output: Output) -> (i32, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}
