//! A migrator process that is killed before, during and after the messages that it sends, or cut off there.
//!
//! Each run breaks at one message. All of them take long: by default one in seventeen is tried, another share at each moment and for each command;
//! with `RESHAPE_CRASH_EVERY=1` every one is.

use std::env;
use std::process::{Command, Stdio};
use std::sync::mpsc;

use postgres::{Client, Config, NoTls};
use reshape_runtime::testing::TestDatabase;
use reshape_runtime::{Error, Migrator, Outcome, Report};
use reshape_tests::{BASE as FIRST, CHANGE as SECOND, Rollout, catalog, leftovers, rows};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::batch::{BASE, CHANGE, REVERTIBLE, ROWS};
use crate::line::{Line, Moment};

/// A database in a state, of which each run gets a copy, and the migrations as files.
struct Bench {
    database: TestDatabase,
    /// The second migration.
    change: &'static str,
    folder: TempDir,
    copies: usize,
    server: Client,
}

/// One copy.
struct Copy<'b> {
    name: String,
    config: Config,
    bench: &'b mut Bench,
}

impl Bench {
    fn new(change: &'static str, prepare: impl FnOnce(&Rollout)) -> Self {
        let r = Rollout::prepare(BASE, ROWS, change);
        prepare(&r);
        let Rollout { database, .. } = r;
        let folder = TempDir::new().unwrap();
        let migrations = folder.path().join("migrations");
        std::fs::create_dir(&migrations).unwrap();
        for (stem, text) in [(FIRST, BASE), (SECOND, change)] {
            std::fs::write(migrations.join(format!("{stem}.toml")), text).unwrap();
        }
        let server = database.config().dbname("postgres").connect(NoTls).unwrap();
        Self { database, change, folder, copies: 0, server }
    }

    fn copy(&mut self) -> Copy<'_> {
        self.copies += 1;
        let name = format!("{}_{}", self.database.name(), self.copies);
        let sql = format!("CREATE DATABASE {name} TEMPLATE {}", self.database.name());
        // The last session may still be on its way out.
        while let Err(error) = self.server.batch_execute(&sql) {
            assert_eq!(error.code().map(postgres::error::SqlState::code), Some("55006"), "{error}");
        }
        let mut config = self.database.config();
        config.dbname(&name);
        Copy { name, config, bench: self }
    }
}

impl Copy<'_> {
    fn migrator(&self) -> Migrator {
        let files = [(FIRST, BASE), (SECOND, self.bench.change)];
        Migrator::new(reshape_tests::migrations(&files), self.config.clone())
    }

    /// Runs the command in a process whose line breaks; with `kills`, the process dies at that moment. Whether it came so far, and whether it
    /// succeeded.
    fn broken(&self, arguments: &str, at: (usize, Moment), kills: bool) -> (bool, bool) {
        let (sender, receiver) = mpsc::channel::<Pid>();
        let line = Line::new(&self.config, at, move || {
            let pid = receiver.recv().unwrap();
            if kills {
                // It may have ended by itself.
                let _ = kill_process(pid, Signal::KILL);
            }
        });
        let mut command = Command::new(env!("CARGO_BIN_EXE_folder-migrator"));
        for (name, _) in env::vars_os() {
            if ["PG", "DB_"].iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
                command.env_remove(&name);
            }
        }
        let mut child = command
            .args(arguments.split_whitespace())
            .env("DATABASE_URL", line.url(&self.config))
            .current_dir(self.bench.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        sender.send(Pid::from_child(&child)).unwrap();
        let status = child.wait().unwrap();
        (line.has_broken(), status.success())
    }

    /// Everything that a user has: the catalog, the rows of all tables, and what is left of ours.
    fn end(&self, version: &str) -> Vec<String> {
        let mut client = self.config.connect(NoTls).unwrap();
        client.batch_execute(&format!("SET search_path TO migration_{version}")).unwrap();
        let mut end = leftovers(&mut client);
        end.extend(catalog(&mut client));
        let tables = "SELECT table_name FROM information_schema.tables \
                      WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY 1";
        for table in rows(&mut client, tables) {
            end.extend(rows(
                &mut client,
                &format!("SELECT t FROM public.{table} t ORDER BY t::text"),
            ));
        }
        end.extend(rows(&mut client, "SELECT state FROM reshape.batch"));
        end.extend(rows(&mut client, "SELECT name FROM reshape.migrations ORDER BY index"));
        end
    }
}

impl Drop for Copy<'_> {
    fn drop(&mut self) {
        let _ =
            self.bench.server.batch_execute(&format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}

fn ok(result: Result<Report, Error>) -> Outcome {
    result.unwrap_or_else(|error| panic!("{}", error.report())).outcome
}

type Then = fn(&mut Migrator);

/// Breaks `command` at message after message; `then` must lead to what it leads to after an undisturbed one.
fn matrix(
    (change, prepare): (&'static str, fn(&Rollout)),
    command: &str,
    version: &str,
    then: &[Then],
    least: usize,
) {
    let mut bench = Bench::new(change, prepare);
    let every: usize =
        env::var("RESHAPE_CRASH_EVERY").map_or(17, |every| every.parse().expect("a number"));
    let ends: Vec<Vec<String>> = then
        .iter()
        .map(|then| {
            let copy = bench.copy();
            assert_eq!(copy.broken(command, (usize::MAX, Moment::Before), true), (false, true));
            then(&mut copy.migrator());
            copy.end(version)
        })
        .collect();
    let mut tried = 0;
    for (n, moment) in Moment::ALL.into_iter().enumerate() {
        let mut at = (n * 2 + command.len()) % every;
        loop {
            let copy = bench.copy();
            let (was_killed, _) = copy.broken(command, (at, moment), true);
            let turn = tried % then.len();
            then[turn](&mut copy.migrator());
            let what = format!("killed {moment:?} message {at}, then {turn}");
            assert_eq!(copy.end(version), ends[turn], "{what}");
            if !was_killed {
                break;
            }
            at += every;
            tried += 1;
        }
    }
    assert!(tried * every >= least, "only {tried} messages");
}

fn start_and_complete(migrator: &mut Migrator) {
    assert!(matches!(ok(migrator.start()), Outcome::Started | Outcome::Nothing));
    assert_eq!(ok(migrator.complete()), Outcome::Completed);
}

fn abort(migrator: &mut Migrator) {
    assert!(matches!(ok(migrator.abort()), Outcome::Aborted | Outcome::Nothing));
}

#[test]
fn a_start_that_is_killed() {
    matrix((CHANGE, |_| {}), "migration start", "1_base", &[start_and_complete, abort], 60);
}

/// Several ranges of one table are on their way when it dies. Which message is whose differs from run to run; what comes of it must not.
#[test]
fn a_start_with_workers_that_is_killed() {
    let spread: fn(&Rollout) = |r| reshape_tests::spread(&mut r.database.connect().unwrap());
    let start = "migration start --workers 3 --batch-duration 1ms";
    matrix((CHANGE, spread), start, "1_base", &[start_and_complete, abort], 60);
}

fn started(r: &Rollout) {
    assert_eq!(ok(r.start()), Outcome::Started);
}

#[test]
fn a_completion_that_is_killed() {
    let complete: Then = |migrator| {
        assert!(matches!(ok(migrator.complete()), Outcome::Completed | Outcome::Nothing));
    };
    // A start finishes it, too, unless it has not begun.
    let start: Then = |migrator| {
        if ok(migrator.start()) == Outcome::Nothing {
            ok(migrator.complete());
        }
    };
    matrix((CHANGE, started), "migration complete", "2_change", &[complete, start], 20);
}

#[test]
fn a_rollback_that_is_killed() {
    matrix((CHANGE, started), "migration abort", "1_base", &[abort], 40);
}

#[test]
fn a_revert_that_is_killed() {
    let completed = |r: &Rollout| {
        started(r);
        assert_eq!(ok(r.migrator().complete()), Outcome::Completed);
    };
    // Whatever was left, the same command goes on with it.
    let revert_and_complete: Then = |migrator| {
        assert!(matches!(ok(migrator.revert_to(FIRST)), Outcome::Started | Outcome::Nothing));
        assert_eq!(ok(migrator.complete()), Outcome::Completed);
    };
    matrix(
        (REVERTIBLE, completed),
        "migration revert --to 1_base",
        "2_change",
        &[revert_and_complete, abort],
        40,
    );
}

#[test]
fn a_completion_of_a_revert_that_is_killed() {
    let reverting = |r: &Rollout| {
        started(r);
        assert_eq!(ok(r.migrator().complete()), Outcome::Completed);
        assert_eq!(ok(r.migrator().revert_to(FIRST)), Outcome::Started);
    };
    let complete: Then = |migrator| {
        assert!(matches!(ok(migrator.complete()), Outcome::Completed | Outcome::Nothing));
    };
    matrix((REVERTIBLE, reverting), "migration complete", "1_base", &[complete], 20);
}

/// The process lives: it connects again and goes on by itself.
#[test]
fn a_line_that_breaks() {
    let mut bench = Bench::new(CHANGE, |_| {});
    let every: usize =
        env::var("RESHAPE_CRASH_EVERY").map_or(29, |every| every.parse().expect("a number"));
    let complete = "migration start --complete";
    let whole = {
        let copy = bench.copy();
        assert_eq!(copy.broken(complete, (usize::MAX, Moment::Before), false), (false, true));
        copy.end("2_change")
    };
    for (n, moment) in Moment::ALL.into_iter().enumerate() {
        let mut at = n * 4;
        loop {
            let copy = bench.copy();
            let (has_broken, succeeded) = copy.broken(complete, (at, moment), false);
            // Before it has ever got an answer, a server that is gone is an error, not a moment of weakness.
            if succeeded || at > 0 {
                assert!(succeeded, "cut {moment:?} message {at}");
                assert_eq!(copy.end("2_change"), whole, "cut {moment:?} message {at}");
            }
            if !has_broken {
                break;
            }
            at += every;
        }
    }
}
