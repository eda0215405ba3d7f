//! The operator's view: the commands as processes, which are killed and interrupted, and what each command does in each
//! state. README, section "What happens when…", is the table of it.
//!
//! Nothing here is timed: a batch is held at a place of the test's choice by an advisory lock that its own SQL takes.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::env;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

use postgres::{Client, NoTls};
use reshape_runtime::testing::TestDatabase;
use reshape_tests::{catalog, leftovers, rows};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

const USERS: &str = r#"
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
const SHOUT: &str = r#"
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
"#;

const RENAME: &str = r#"
[[actions]]
type = "rename_table"
table = "users"
new_name = "people"
"#;

const ROWS: u32 = 30_000;

/// Where a batch is held: the number of the lock.
#[derive(Clone, Copy)]
enum Hold {
    Backfill = 1,
    Completion = 2,
    Rollback = 3,
}

/// A database in version `1_users` with many rows, a folder of two migrations, and a session that holds a batch up.
struct Desk {
    database: TestDatabase,
    folder: TempDir,
    client: Client,
    before: Vec<String>,
}

impl Desk {
    fn new() -> Self {
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
    fn empty() -> Self {
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

    fn write(&self, stem: &str, text: &str) {
        let file = self.folder.path().join("migrations").join(stem).with_extension("toml");
        std::fs::write(file, text).unwrap();
    }

    fn command(&self, arguments: &str) -> Command {
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
    fn run(&self, arguments: &str) -> (i32, String, String) {
        ended(self.command(arguments).output().unwrap())
    }

    fn code(&self, arguments: &str) -> i32 {
        let (code, _, err) = self.run(arguments);
        assert!(code == 0 || err.contains("error: "), "{arguments}: {err}");
        code
    }

    /// Runs a command on a machine that has no migration files.
    fn run_elsewhere(&self, arguments: &str) -> (i32, String, String) {
        let elsewhere = TempDir::new().unwrap();
        ended(self.command(arguments).current_dir(elsewhere.path()).output().unwrap())
    }

    /// What `status` says to programs, which must be JSON in every state.
    fn status(&self) -> Value {
        let (code, out, err) = self.run("status --format json");
        assert_eq!(code, 0, "{err}");
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
    }

    fn state(&self) -> String {
        self.status()["state"].as_str().unwrap().to_owned()
    }

    fn is_at_work(&self) -> bool {
        self.status()["migrator"].is_string()
    }

    /// Runs a command in the background until it waits at `hold`.
    fn held(&mut self, hold: Hold, arguments: &str) -> Child {
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

    fn let_go(&mut self) {
        rows(&mut self.client, "SELECT pg_advisory_unlock_all()");
    }

    /// Ends the process as `signal` does, and waits until the server has noticed; returns its standard error.
    fn end(&mut self, child: Child, signal: Signal) -> String {
        kill_process(Pid::from_child(&child), signal).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.signal(), Some(signal.as_raw()));
        while self.is_at_work() {
            sleep(Duration::from_millis(5));
        }
        String::from_utf8(output.stderr).unwrap()
    }

    /// A batch in the middle of whose `hold` the migrator was killed.
    fn killed(hold: Hold) -> Self {
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

    fn assert_aborted(&mut self) {
        assert_eq!(self.state(), "idle");
        assert_eq!(leftovers(&mut self.client), Vec::<String>::new());
        assert_eq!(catalog(&mut self.client), self.before);
    }

    fn assert_started(&mut self) {
        assert_eq!(self.state(), "in_progress");
        let wrong = "SELECT count(*) FROM migration_1_users.users o \
            FULL JOIN migration_2_shout.users n USING (id) WHERE n.shout IS DISTINCT FROM upper(o.name)";
        assert_eq!(rows(&mut self.client, wrong), ["0"]);
    }

    fn assert_completed(&mut self) {
        assert_eq!(self.state(), "idle");
        assert_eq!(leftovers(&mut self.client), Vec::<String>::new());
        let count = rows(
            &mut self.client,
            "SELECT count(*) FROM migration_2_shout.users WHERE shout LIKE 'USER %'",
        );
        assert_eq!(count, [ROWS.to_string()]);
    }
}

fn ended(output: Output) -> (i32, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_killed_start_goes_on_where_it_was() {
    let mut desk = Desk::killed(Hold::Backfill);
    assert_eq!(desk.state(), "applying");
    let (_, human, _) = desk.run("status");
    assert!(human.starts_with("state       applying, but nobody is at work: "), "{human}");
    let step = &desk.status()["step"];
    assert_eq!((&step["phase"], &step["undo"]), (&"backfill".into(), &false.into()), "{step}");
    let blocks = [&step["blocks"][0], &step["blocks"][1], &step["rows"]].map(Value::as_u64);
    assert!(blocks.iter().all(|n| n.is_some_and(|n| n > 0)) && blocks[0] < blocks[1], "{step}");
    // Rows that are written once more have another xmin.
    let filled = "CREATE TEMP TABLE filled AS \
        SELECT id, xmin::text AS writer FROM public.users WHERE \"__reshape_shout\" IS NOT NULL";
    desk.client.batch_execute(filled).unwrap();
    assert_ne!(rows(&mut desk.client, "SELECT count(*) FROM filled"), ["0"]);

    let (code, out, err) = desk.run("migration start");
    assert_eq!(code, 0, "{err}");
    assert!(out.starts_with("started `2_shout` "), "{out}");
    assert!(err.starts_with("resuming: "), "{err}");
    // Not all: a row of the last block may have moved within it.
    let kept = "SELECT count(*) FILTER (WHERE u.xmin::text = writer) * 10 > count(*) * 9 \
        FROM filled JOIN public.users u USING (id)";
    assert_eq!(rows(&mut desk.client, kept), ["t"]);
    desk.assert_started();
    let (code, _, err) = desk.run_elsewhere("migration complete");
    assert_eq!(code, 0, "{err}");
    desk.assert_completed();
}

#[test]
fn a_killed_start_is_not_completed_and_can_be_aborted_without_files() {
    let mut desk = Desk::killed(Hold::Backfill);
    let (code, out, err) = desk.run_elsewhere("migration complete");
    assert_eq!((code, &*out), (1, ""), "{err}");
    assert!(err.contains("start it again (it goes on where it was), or abort it"), "{err}");
    let (code, out, err) = desk.run_elsewhere("migration abort");
    assert_eq!(code, 0, "{err}");
    assert!(out.starts_with("aborted `2_shout` "), "{out}");
    desk.assert_aborted();
}

/// The old version restarts while the new one's start lies dead: it is not taken down, and leaves the batch alone.
#[test]
fn the_old_version_starts_beside_a_dead_batch() {
    let desk = Desk::killed(Hold::Backfill);
    let (code, out, err) = desk.run("migration start --migration 1_users");
    assert_eq!(code, 0, "{err}");
    assert_eq!(out, "nothing to do: the database is ahead, and `1_users` is still live\n");
    assert_eq!(desk.state(), "applying");
}

#[test]
fn an_interrupt_says_what_it_leaves() {
    let mut desk = Desk::new();
    for signal in [Signal::INT, Signal::TERM] {
        let child = desk.held(Hold::Backfill, "migration start");
        let err = desk.end(child, signal);
        assert!(err.contains("\ninterrupted: what was begun is left as it is"), "{err}");
        desk.let_go();
        assert_eq!(desk.state(), "applying");
    }
    assert_eq!(desk.code("migration abort"), 0);
    desk.assert_aborted();
}

#[test]
fn beside_a_migrator_at_work_a_start_waits_and_the_others_refuse() {
    let mut desk = Desk::new();
    let first = desk.held(Hold::Backfill, "migration start");
    assert_eq!((desk.state(), desk.is_at_work()), ("applying".to_owned(), true));
    let (_, human, _) = desk.run("status");
    assert!(human.starts_with("state       applying: a migrator is at work\n"), "{human}");
    for command in ["complete", "abort", "start --migration 2_shout", "start --wait 1ms"] {
        let (code, out, err) = desk.run(&format!("migration {command}"));
        assert_eq!((code, &*out), (3, ""), "{command}: {err}");
        assert!(err.contains("error: another migrator is at work: pid "), "{command}: {err}");
    }
    // The old version is live: its instances do not wait.
    assert_eq!(desk.code("migration start --migration 1_users"), 0);

    let mut command = desk.command("migration start");
    let mut second = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(second.stderr.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("waiting for another migrator: pid "), "{line}");
    assert!(line.contains("(`reshape`)"), "{line}");
    desk.let_go();
    let (code, out, err) = ended(first.wait_with_output().unwrap());
    assert_eq!((code, out.starts_with("started `2_shout` ")), (0, true), "{err}");
    let (code, out, _) = ended(second.wait_with_output().unwrap());
    assert_eq!(code, 0);
    assert!(out.starts_with("nothing to do: `2_shout` is live beside `1_users`\n"), "{out}");
    desk.assert_started();
}

#[test]
fn a_completion_or_rollback_at_work_is_left_alone() {
    let mut desk = Desk::new();
    for (hold, command, state) in [
        (Hold::Rollback, "migration abort", "aborting"),
        (Hold::Completion, "migration complete", "completing"),
    ] {
        assert_eq!(desk.code("migration start"), 0);
        let first = desk.held(hold, command);
        assert_eq!((desk.state(), desk.is_at_work()), (state.to_owned(), true));
        for command in ["complete", "abort", "start --wait 1ms"] {
            let (code, out, err) = desk.run(&format!("migration {command}"));
            assert_eq!((code, &*out), (3, ""), "{state}, {command}: {err}");
        }
        desk.let_go();
        let (code, _, err) = ended(first.wait_with_output().unwrap());
        assert_eq!(code, 0, "{err}");
    }
    desk.assert_completed();
}

/// The batch that lies dead is not the one that is wanted now.
#[test]
fn a_dead_batch_of_other_migrations_is_rolled_back_first() {
    let mut desk = Desk::killed(Hold::Backfill);
    std::fs::remove_file(desk.folder.path().join("migrations/2_shout.toml")).unwrap();
    desk.write("2_rename", RENAME);
    let (code, out, err) = desk.run("migration start");
    assert_eq!(code, 0, "{err}");
    assert!(err.contains("undo backfill: ") && out.starts_with("started `2_rename` "), "{err}");
    assert_eq!(desk.code("migration abort"), 0);
    desk.assert_aborted();
}

#[test]
fn a_killed_completion_goes_on_and_has_no_way_back() {
    for command in ["complete", "start"] {
        let mut desk = Desk::killed(Hold::Completion);
        assert_eq!(desk.state(), "completing");
        let (_, human, _) = desk.run("status");
        assert!(human.starts_with("state       completing, but nobody is at work: "), "{human}");
        assert!(human.contains("\nstep        contract: custom SQL of `2_shout`"), "{human}");
        let (code, out, err) = desk.run("migration abort");
        assert_eq!((code, &*out), (1, ""), "{err}");
        assert!(err.contains("there is no way back"), "{err}");
        assert_eq!(desk.code(&format!("migration {command}")), 0);
        desk.assert_completed();
    }
}

#[test]
fn a_killed_rollback_is_finished() {
    for command in ["abort", "start"] {
        let mut desk = Desk::killed(Hold::Rollback);
        assert_eq!(desk.state(), "aborting");
        let (_, human, _) = desk.run("status");
        assert!(human.starts_with("state       aborting, but nobody is at work: "), "{human}");
        assert!(human.contains("\nstep        undo expand: custom SQL of `2_shout`"), "{human}");
        let (code, out, err) = desk.run("migration complete");
        assert_eq!((code, &*out), (1, ""), "{err}");
        assert!(err.contains("abort it again: that finishes the rollback"), "{err}");
        assert_eq!(desk.code(&format!("migration {command}")), 0);
        if command == "abort" {
            desk.assert_aborted();
        } else {
            // It is finished first; then everything pending starts anew.
            desk.assert_started();
        }
    }
}

#[test]
fn where_nothing_is_under_way_there_is_nothing_to_complete_or_abort() {
    let desk = Desk::empty();
    for _ in 0..2 {
        assert_eq!(desk.state(), "idle");
        for command in ["complete", "abort"] {
            let (code, out, err) = desk.run(&format!("migration {command}"));
            assert_eq!((code, &*out), (0, "nothing to do\n"), "{err}");
        }
        // Once more with everything applied.
        assert_eq!(desk.code("migration start --complete"), 0);
    }
    let (code, out, err) = desk.run("migration start");
    assert_eq!((code, &*out), (0, "nothing to do: `2_shout` is live\n"), "{err}");
}

/// A client of the old version that sits in a transaction holds the completion up; it is named, and nothing is lost.
#[test]
fn a_completion_that_is_held_up_before_it_began_can_be_aborted() {
    let mut desk = Desk::new();
    assert_eq!(desk.code("migration start"), 0);
    let mut old = desk.database.config().application_name("old-app").connect(NoTls).unwrap();
    old.batch_execute("BEGIN; SELECT count(*) FROM migration_1_users.users").unwrap();
    let limits = "--lock-timeout 20ms --retry-budget 50ms";
    let (code, out, err) = desk.run_elsewhere(&format!("migration complete {limits}"));
    assert_eq!((code, &*out), (3, ""), "{err}");
    assert!(err.contains("(`old-app`), idle in transaction, in a transaction for "), "{err}");
    assert!(err.contains("; nothing was removed: the batch is in progress, as before"), "{err}");
    let status = desk.status();
    assert_eq!(status["state"], "in_progress");
    assert!(status["last_error"].as_str().unwrap().contains("`old-app`"), "{status}");
    desk.assert_started();
    old.batch_execute("ROLLBACK").unwrap();
    assert_eq!(desk.code("migration abort"), 0);
    desk.assert_aborted();
}

#[test]
fn settings_of_the_database_do_not_matter() {
    let mut desk = Desk::new();
    let name = desk.database.name().to_owned();
    for setting in [
        "statement_timeout = '2s'",
        "idle_in_transaction_session_timeout = '1ms'",
        "lock_timeout = '1ms'",
        "default_transaction_isolation = 'serializable'",
        "default_transaction_deferrable = on",
        "standard_conforming_strings = off",
        "search_path = 'nowhere'",
        "row_security = off",
        "quote_all_identifiers = on",
        "client_min_messages = 'debug1'",
    ] {
        let alter = format!("ALTER DATABASE {name} SET {setting}");
        desk.client.batch_execute(&alter).unwrap();
    }
    // A backslash, and longer than the timeout.
    let slow = r#"
[[actions]]
type = "custom"
start = 'SELECT pg_sleep(2.1), $$\$$'
"#;
    desk.write("2_shout", &format!("{SHOUT}{slow}"));
    for _ in 0..2 {
        let (code, _, err) = desk.run("migration start");
        assert_eq!(code, 0, "{err}");
        assert!(!err.contains("try 1 failed"), "{err}");
        desk.assert_started();
        assert_eq!(desk.code("migration abort"), 0);
        desk.assert_aborted();
    }
    assert_eq!(desk.code("migration start --complete"), 0);
    desk.assert_completed();
}

#[test]
fn a_read_only_database_is_refused() {
    let mut desk = Desk::new();
    let name = desk.database.name();
    let alter = format!("ALTER DATABASE {name} SET default_transaction_read_only = on");
    desk.client.batch_execute(&alter).unwrap();
    let (code, out, err) = desk.run("migration start");
    assert_eq!((code, &*out), (1, ""), "{err}");
    assert!(err.contains("help: switch `default_transaction_read_only` off"), "{err}");
    desk.assert_aborted();
}

/// The role may create schemas, but the table is another's.
#[test]
fn a_role_that_does_not_own_the_table_is_told_so() {
    let mut desk = Desk::empty();
    // Roles belong to the whole server: this one has the database's name.
    let role = desk.database.name().to_owned();
    let setup = format!(
        "CREATE TABLE public.users (id int PRIMARY KEY, name text NOT NULL); \
         CREATE ROLE {role} LOGIN PASSWORD 'secret'; GRANT CREATE ON DATABASE {role} TO {role}"
    );
    desk.client.batch_execute(&setup).unwrap();
    desk.before = catalog(&mut desk.client);
    desk.write(
        "1_users",
        "[[actions]]\ntype = \"custom\"\nstart = \"ALTER TABLE users ADD x int\"\n",
    );
    desk.write("2_shout", "[[actions]]\ntype = \"custom\"\n");
    let command = format!("migration start --username {role} --password secret");
    let (code, out, err) = desk.run(&command);
    desk.assert_aborted();
    let forget = format!("DROP OWNED BY {role}; DROP ROLE {role}");
    desk.client.batch_execute(&forget).unwrap();
    assert_eq!((code, &*out), (1, ""), "{err}");
    assert!(err.contains("must be owner of table users; the batch was rolled back"), "{err}");
    assert!(err.contains("help: run it as a role that owns the tables"), "{err}");
}

#[test]
fn a_database_of_a_newer_program_is_left_alone() {
    let mut desk = Desk::killed(Hold::Backfill);
    let newer = "UPDATE reshape.data SET value = '99' WHERE key = 'metadata'";
    desk.client.batch_execute(newer).unwrap();
    let before = catalog(&mut desk.client);
    for command in
        ["migration start", "migration complete", "migration abort", "status --format json"]
    {
        let (code, out, err) = desk.run(command);
        assert_eq!((code, &*out), (1, ""), "{command}: {err}");
        assert!(err.contains("help: the database was migrated by a newer version"), "{err}");
    }
    assert_eq!(catalog(&mut desk.client), before);
    assert_eq!(rows(&mut desk.client, "SELECT state FROM reshape.batch"), ["applying"]);
}

/// Two rollouts, the second with files that were there all the time.
#[test]
fn one_migration_after_the_other() {
    let mut desk = Desk::empty();
    assert_eq!(desk.code("migration start --migration 1_users"), 0);
    let (code, out, err) = desk.run("migration start");
    assert_eq!((code, &*out), (1, ""), "{err}");
    assert!(err.contains("a batch is in progress (`1_users`)"), "{err}");
    assert_eq!(desk.status()["pending"], serde_json::json!(["2_shout"]));
    assert_eq!(desk.code("migration complete"), 0);
    assert_eq!(desk.code("migration start --migration 2_shout"), 0);
    desk.assert_started();
    assert_eq!(desk.code("migration complete"), 0);
    assert_eq!(desk.code("migration start --migration 1_users"), 1);
    assert_eq!(desk.code("migration start --migration 3_nowhere"), 2);
    assert_eq!(desk.status()["live_schemas"], serde_json::json!(["migration_2_shout"]));
}
