//! Many at once.

use std::process::{Child, Command, Stdio};
use std::{env, thread};

use reshape_runtime::testing::TestDatabase;
use reshape_tests::{BASE as FIRST, CHANGE as SECOND, Rollout, rows};
use tempfile::TempDir;

use crate::batch::{BASE, CHANGE, ROWS};

const MANY: usize = 20;

fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    let migrations = folder.path().join("migrations");
    std::fs::create_dir(&migrations).unwrap();
    for (stem, text) in [(FIRST, BASE), (SECOND, CHANGE)] {
        std::fs::write(migrations.join(format!("{stem}.toml")), text).unwrap();
    }
    folder
}

fn spawn(folder: &TempDir, database: &TestDatabase, arguments: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_folder-migrator"))
        .args(arguments.split_whitespace())
        .env("DATABASE_URL", database.url())
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// All succeed; how many of them started the batch.
fn all_at_once(folder: &TempDir, database: &TestDatabase, arguments: &str) -> usize {
    let children: Vec<Child> = (0..MANY).map(|_| spawn(folder, database, arguments)).collect();
    let outputs: Vec<_> =
        children.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
    for output in &outputs {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    outputs.iter().filter(|output| output.stdout.starts_with(b"started ")).count()
}

#[test]
fn an_empty_database() {
    let database = reshape_tests::database();
    let folder = folder();
    assert_eq!(all_at_once(&folder, &database, "migration start"), 1);
    let mut client = database.connect().unwrap();
    assert_eq!(rows(&mut client, "SELECT state FROM reshape.batch"), ["in_progress"]);
    // Both migrations in one batch: the custom action of the second has run once.
    assert_eq!(rows(&mut client, "SELECT * FROM log"), ["started"]);
    assert_eq!(rows(&mut client, "SELECT DISTINCT status FROM reshape.journal"), ["done"]);
}

/// An old transaction holds the index build up until all are there.
#[test]
fn a_database_with_an_index_build_and_an_old_transaction() {
    let mut r = Rollout::prepare(BASE, ROWS, CHANGE);
    let folder = folder();
    r.old
        .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM public.posts")
        .unwrap();
    let started = thread::scope(|scope| {
        let all = scope.spawn(|| all_at_once(&folder, &r.database, "migration start"));
        let mut client = r.database.connect().unwrap();
        // Somebody builds the index and waits for the transaction; the others wait for that one.
        let builds = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                      AND query LIKE 'CREATE%INDEX CONCURRENTLY%' AND state = 'active' AND wait_event_type = 'Lock'";
        while rows(&mut client, builds) == ["0"] {
            thread::yield_now();
        }
        r.old.batch_execute("COMMIT").unwrap();
        all.join().unwrap()
    });
    assert_eq!(started, 1);
    assert_eq!(rows(&mut r.new, "SELECT * FROM public.log"), ["started"]);
    r.complete();
}

/// The batch is half done and nobody is at it.
#[test]
fn a_database_in_the_middle_of_a_batch() {
    let mut r = Rollout::prepare(BASE, ROWS, CHANGE);
    let folder = folder();
    // The backfill waits for the row, and so is what is going on when the migrator is killed.
    r.old.batch_execute("BEGIN; UPDATE users SET name = name WHERE id = 25").unwrap();
    let mut first = spawn(&folder, &r.database, "migration start --retry-budget 10min");
    let mut client = r.database.connect().unwrap();
    while rows(
        &mut client,
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    ) == ["0"]
    {
        assert_eq!(first.try_wait().unwrap(), None);
    }
    first.kill().unwrap();
    first.wait().unwrap();
    r.old.batch_execute("COMMIT").unwrap();
    assert_eq!(rows(&mut client, "SELECT state FROM reshape.batch"), ["applying"]);
    assert_eq!(all_at_once(&folder, &r.database, "migration start"), 1);
    assert_eq!(rows(&mut client, "SELECT * FROM public.log"), ["started"]);
    r.complete();
}
