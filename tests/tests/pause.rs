//! A batch that is paused from another session, and goes on, or is aborted.
//!
//! Nothing here is timed: the migrator is watched through its observer, and held by an advisory lock where it has to be in a step.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle, sleep};
use std::time::Duration;

use reshape_runtime::testing::{Server, TestDatabase};
use reshape_runtime::{Error, ErrorKind, Event, Migrator, Outcome, Phase, Report, State, Throttle};
use reshape_tests::{BASE, CHANGE, Rollout, client, migrations, rows};

const USERS: &str = r#"
[[actions]]
type = "create_table"
name = "users"
primary_key = "id"
columns = [
  { name = "id", type = "integer" },
  { name = "name", type = "text", nullable = false },
  { name = "logins", type = "integer" },
]
"#;

const SHOUT: &str = r#"
[[actions]]
type = "add_column"
table = "users"
up = "upper(name)"
column = { name = "shout", type = "text", nullable = false }
"#;

fn rollout() -> Rollout {
    let fill = "INSERT INTO users SELECT i, 'user ' || i || repeat('x', 300), i \
                FROM generate_series(1, 6000) i";
    Rollout::prepare(USERS, fill, SHOUT)
}

fn other(database: &TestDatabase) -> Migrator {
    Migrator::detached(database.url())
}

/// A migrator that pauses its own batch, by another session, at the first event that `at` likes, and tells when it waits.
fn start(
    r: &Rollout,
    at: impl Fn(&Event) -> bool + Send + 'static,
) -> (JoinHandle<Result<Report, Error>>, Receiver<String>) {
    start_with(r.migrator(), r, at)
}

fn start_with(
    migrator: Migrator,
    r: &Rollout,
    at: impl Fn(&Event) -> bool + Send + 'static,
) -> (JoinHandle<Result<Report, Error>>, Receiver<String>) {
    let (told, waits) = channel();
    let url = r.database.url().to_owned();
    let mut is_asked = false;
    let observer = move |event: &Event| {
        if !is_asked && at(event) {
            is_asked = true;
            assert!(Migrator::detached(&url).pause().unwrap());
        }
        if let Event::Paused { reason, .. } = event {
            let _ = told.send(reason.clone());
        }
    };
    let mut migrator = migrator.batch_duration(Duration::from_millis(1)).observer(observer);
    (thread::spawn(move || migrator.start()), waits)
}

fn after_expand(event: &Event) -> bool {
    matches!(event, Event::StepDone { phase: Phase::Expand, .. })
}

fn filled(r: &mut Rollout) -> Vec<String> {
    rows(
        &mut r.old,
        r"SELECT count(*) FROM public.users u WHERE EXISTS (SELECT FROM jsonb_each_text(to_jsonb(u))
          WHERE key LIKE '\_\_reshape%' AND value IS NOT NULL)",
    )
}

#[test]
fn a_paused_batch_waits_until_it_may_go_on() {
    let mut r = rollout();
    let (migrator, waits) = start(&r, after_expand);
    let reason = waits.recv().unwrap();
    assert!(reason.starts_with("paused by `"), "{reason}");
    assert!(reason.ends_with(": `migration resume` lets it go on"), "{reason}");
    let status = other(&r.database).status().unwrap();
    assert_eq!(status.state, State::Applying);
    assert!(status.migrator.is_some());
    let paused = status.paused.unwrap();
    assert!(reason.contains(&paused), "{reason}: {paused}");
    // The applications know nothing of it.
    rows(&mut r.old, "UPDATE users SET name = 'one' WHERE id = 1");
    rows(&mut r.old, "INSERT INTO users VALUES (6001, 'new')");
    // To ask twice is no mistake, and it still waits.
    assert!(!other(&r.database).pause().unwrap());
    waits.recv().unwrap();
    assert!(other(&r.database).resume().unwrap());
    assert!(!other(&r.database).resume().unwrap());
    assert_eq!(migrator.join().unwrap().unwrap().outcome, Outcome::Started);
    let wrong = format!(
        "SELECT count(*) FROM migration_{CHANGE}.users WHERE shout IS DISTINCT FROM upper(name)"
    );
    assert_eq!(rows(&mut r.old, &wrong), ["0"]);
    r.complete();
    assert_eq!(rows(&mut r.old, "SELECT key FROM reshape.data WHERE key LIKE 'pa%/%'"), [""; 0]);
}

#[test]
fn a_pause_outlives_the_migrator() {
    let mut r = rollout();
    let url = r.database.url().to_owned();
    let observer = move |event: &Event| {
        if after_expand(event) {
            Migrator::detached(&url).pause().unwrap();
        }
        if let Event::Paused { .. } = event {
            resume_unwind(Box::new("crash"));
        }
    };
    let mut migrator = r.migrator().observer(observer);
    assert!(catch_unwind(AssertUnwindSafe(|| migrator.start())).is_err());
    // The next one waits as well.
    let (migrator, waits) = start(&r, |_| false);
    waits.recv().unwrap();
    assert_eq!(filled(&mut r), ["0"]);
    assert!(other(&r.database).resume().unwrap());
    assert_eq!(migrator.join().unwrap().unwrap().outcome, Outcome::Started);
    r.complete();
}

/// The paused migrator has the lock, and has to let go of it.
#[test]
fn a_paused_batch_can_be_aborted() {
    let mut r = rollout();
    let (migrator, waits) = start(&r, after_expand);
    waits.recv().unwrap();
    r.abort();
    let error = migrator.join().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Fenced, "{}", error.report());
    assert!(error.to_string().contains("another session is aborting it"), "{error}");
    assert_eq!(rows(&mut r.old, "SELECT key FROM reshape.data WHERE key LIKE 'pa%/%'"), [""; 0]);
    // Nothing of it is left to the next batch.
    assert_eq!(r.start().unwrap().outcome, Outcome::Started);
}

/// Such as one that an older program has left, which knew nothing of pauses when it ended the batch.
#[test]
fn a_pause_of_another_batch_says_nothing() {
    let mut r = rollout();
    rows(
        &mut r.database.connect().unwrap(),
        r#"INSERT INTO reshape.data VALUES ('pause/default', '{"batch": "1700000000.000000", "by": "x", "since": "y"}')"#,
    );
    let (migrator, waits) = start(&r, |_| false);
    assert_eq!(migrator.join().unwrap().unwrap().outcome, Outcome::Started);
    assert_eq!(waits.try_iter().count(), 0);
    r.abort();
    // And it is no obstacle to a pause of this one.
    let (migrator, waits) = start(&r, after_expand);
    waits.recv().unwrap();
    other(&r.database).resume().unwrap();
    migrator.join().unwrap().unwrap();
}

#[test]
fn there_has_to_be_something_to_pause() {
    let r = rollout();
    for state in ["idle", "in_progress"] {
        let error = other(&r.database).pause().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::State);
        assert!(error.to_string().contains(&format!("the state is `{state}`")), "{error}");
        assert!(!other(&r.database).resume().unwrap());
        r.start().unwrap();
    }
}

#[test]
fn an_empty_database_has_nothing_to_pause() {
    let database = reshape_tests::database();
    assert_eq!(other(&database).pause().unwrap_err().kind(), ErrorKind::State);
    assert!(!other(&database).resume().unwrap());
}

/// A step that takes hours holds the batch's row. Whoever wants to pause does not wait for it.
#[test]
fn a_pause_does_not_wait_for_the_step_at_work() {
    let custom = "[[actions]]\ntype = \"custom\"\n\
                  start = \"SELECT pg_advisory_xact_lock(1)\"\nreverts = \"SELECT 1\"\n";
    let mut r = Rollout::prepare(
        USERS,
        "INSERT INTO users VALUES (1, 'x', 1)",
        &format!("{SHOUT}{custom}"),
    );
    let mut holder = r.database.connect().unwrap();
    rows(&mut holder, "SELECT pg_advisory_lock(1)");
    let (migrator, waits) = start(&r, |_| false);
    let waiter = "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database \
        WHERE locktype = 'advisory' AND datname = current_database() AND objid = 1 AND NOT granted";
    while rows(&mut holder, waiter) == ["0"] {
        sleep(Duration::from_millis(5));
    }
    assert!(other(&r.database).pause().unwrap());
    rows(&mut holder, "SELECT pg_advisory_unlock_all()");
    waits.recv().unwrap();
    other(&r.database).resume().unwrap();
    migrator.join().unwrap().unwrap();
    assert_eq!(filled(&mut r), ["1"]);
}

/// A client that waits for a row of a range makes the next one smaller, however fast they are.
#[test]
fn a_range_that_is_in_the_way_makes_the_next_one_smaller() {
    let slow = SHOUT.replace("upper(name)", "public.held(id, name)");
    // A larger table would be written in turns, of which only some have the rows in question.
    let fill = "INSERT INTO users SELECT i, 'user ' || i || repeat('x', 300), i \
                FROM generate_series(1, 11000) i";
    let mut r = Rollout::prepare(USERS, fill, &slow);
    let held = "CREATE FUNCTION public.held(id int, name text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN \
        IF id = 1000 THEN PERFORM pg_advisory_xact_lock_shared(1); END IF; RETURN upper(name); END $$";
    let mut holder = r.database.connect().unwrap();
    rows(&mut holder, held);
    rows(&mut holder, "SELECT pg_advisory_lock(1)");
    let (told, places) = channel();
    let observer = move |event: &Event| {
        if let Event::Backfill { blocks, .. } = event {
            let _ = told.send(*blocks);
        }
    };
    // Every range is shorter than that, so without anybody waiting each is twice as large as the last.
    let mut migrator =
        r.migrator().batch_duration(Duration::from_hours(1)).lock_timeout(Duration::from_mins(1));
    migrator = migrator.observer(observer);
    let migrator = thread::spawn(move || migrator.start());
    let waits = |of: &str| {
        format!(
            "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) \
             WHERE NOT granted AND locktype = '{of}' AND a.datname = current_database()"
        )
    };
    while rows(&mut holder, &waits("advisory")) == ["0"] {
        sleep(Duration::from_millis(5));
    }
    let mut old = client(&r.database, BASE);
    let update = "UPDATE users SET name = 'waited' WHERE id = 1";
    let writer = thread::spawn(move || rows(&mut old, update));
    while rows(&mut holder, &waits("transactionid")) == ["0"] {
        sleep(Duration::from_millis(5));
    }
    rows(&mut holder, "SELECT pg_advisory_unlock_all()");
    migrator.join().unwrap().unwrap();
    writer.join().unwrap();
    let places: Vec<u64> = places.iter().collect();
    let sizes: Vec<u64> = places.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(sizes[..3], [128, 64, 128], "{sizes:?}");
    let wrong = format!(
        "SELECT count(*) FROM migration_{CHANGE}.users WHERE shout IS DISTINCT FROM upper(name)"
    );
    assert_eq!(rows(&mut r.old, &wrong), ["0"]);
}

/// In the middle of a table, and not only before it.
#[test]
fn a_pause_is_looked_for_between_ranges() {
    for workers in [1, 3] {
        pause_between_ranges(workers);
    }
}

fn pause_between_ranges(workers: usize) {
    let fill = "INSERT INTO users SELECT i, 'user ' || i || repeat('x', 300), i \
                FROM generate_series(1, 20000) i";
    let mut r = Rollout::prepare(USERS, fill, SHOUT);
    let in_the_middle = |event: &Event| {
        let Event::Backfill { rows, .. } = event else { return false };
        // Longer than two looks are apart.
        sleep(Duration::from_millis(150));
        (1..20_000).contains(rows)
    };
    let (migrator, waits) = start_with(r.migrator().workers(workers), &r, in_the_middle);
    waits.recv().unwrap();
    // Ranges that were under way come to their end.
    waits.recv().unwrap();
    let some = filled(&mut r);
    assert!(some != ["0"] && some != ["20000"], "{some:?}");
    let status = other(&r.database).status().unwrap();
    let step = status.step.unwrap();
    assert!(step.waits.unwrap().starts_with("paused by `"));
    waits.recv().unwrap();
    assert_eq!(filled(&mut r), some);
    r.abort();
    assert_eq!(migrator.join().unwrap().unwrap_err().kind(), ErrorKind::Fenced);
}

#[test]
fn other_processes_see_how_fast_it_is() {
    let mut r = rollout();
    let url = r.database.url().to_owned();
    let (sender, receiver) = channel();
    let mut of_its_own = None;
    let observer = move |event: &Event| {
        let Event::Backfill { blocks, total, rate, left, .. } = event else { return };
        // So many ranges take longer than it takes to be sure of a speed, and to tell it.
        sleep(Duration::from_millis(300));
        of_its_own = of_its_own.or(rate.zip(*left));
        if blocks < total {
            let step = Migrator::detached(&url).status().unwrap().step.unwrap();
            let _ = sender.send((step, of_its_own));
        }
    };
    r.migrator().batch_duration(Duration::from_millis(1)).observer(observer).start().unwrap();
    let (step, of_its_own) = receiver.iter().last().unwrap();
    assert!(step.rows_per_second.unwrap() > 0, "{step:?}");
    assert!(step.seconds_left.is_some(), "{step:?}");
    assert_eq!(step.waits, None);
    let (rate, left) = of_its_own.unwrap();
    assert!(rate > 0 && !left.is_zero());
    r.complete();
}

/// The load is that of a whole server, so this needs one of its own.
#[test]
fn a_backfill_waits_while_too_many_others_are_at_work() {
    let server = Server::start().unwrap();
    let database = server.database().unwrap();
    let set = migrations(&[(BASE, USERS), (CHANGE, SHOUT)]);
    let mut migrator = Migrator::new(set.up_to(BASE).unwrap(), database.url());
    migrator.start_and_complete().unwrap();
    let mut client = database.connect().unwrap();
    rows(&mut client, "INSERT INTO public.users VALUES (1, 'x', 1)");
    let sleepers: Vec<_> = (0..2)
        .map(|_| {
            let mut client = database.connect().unwrap();
            thread::spawn(move || client.batch_execute("SELECT pg_sleep(3600)").unwrap_err())
        })
        .collect();
    let asleep = "SELECT pid FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(3600)' AND state = 'active'";
    while rows(&mut client, asleep).len() < 2 {
        sleep(Duration::from_millis(5));
    }
    let (told, waits) = channel();
    let observer = move |event: &Event| {
        if let Event::Paused { reason, .. } = event {
            let _ = told.send(reason.clone());
        }
    };
    let mut migrator = Migrator::new(set, database.url()).max_load(1).observer(observer);
    let migrator = thread::spawn(move || migrator.start());
    assert_eq!(waits.recv().unwrap(), "2 sessions are active, more than 1");
    rows(&mut client, &format!("SELECT pg_terminate_backend(pid) FROM ({asleep}) s"));
    assert_eq!(migrator.join().unwrap().unwrap().outcome, Outcome::Started);
    for sleeper in sleepers {
        sleeper.join().unwrap();
    }
}

#[test]
fn a_backfill_waits_while_the_program_says_so() {
    let mut r = rollout();
    let (told, waits) = channel();
    let is_busy = Arc::new(AtomicBool::new(true));
    let asked = Arc::clone(&is_busy);
    let throttle = move || {
        if asked.load(Ordering::SeqCst) {
            Throttle::Wait(String::from("9 jobs wait"))
        } else {
            Throttle::Go
        }
    };
    let observer = move |event: &Event| {
        if let Event::Paused { reason, .. } = event {
            let _ = told.send(reason.clone());
        }
    };
    let mut migrator = r.migrator().throttle(throttle).observer(observer);
    let migrator = thread::spawn(move || migrator.start());
    assert_eq!(waits.recv().unwrap(), "9 jobs wait");
    // It goes on waiting; both say so; the applications know nothing of it.
    assert_eq!(waits.recv().unwrap(), "9 jobs wait");
    assert_eq!(filled(&mut r), ["0"]);
    let status = other(&r.database).status().unwrap();
    assert_eq!(status.state, State::Applying);
    assert!(status.step.iter().any(|step| step.waits.as_deref() == Some("9 jobs wait")));
    rows(&mut r.old, "UPDATE users SET name = 'one' WHERE id = 1");
    is_busy.store(false, Ordering::SeqCst);
    assert_eq!(migrator.join().unwrap().unwrap().outcome, Outcome::Started);
    assert_eq!(filled(&mut r), ["6000"]);
    r.complete();
}

#[test]
fn a_backfill_rests_while_the_latency_of_the_program_is_high() {
    let mut r = rollout();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let latency = move || match count.fetch_add(1, Ordering::SeqCst) {
        0 => Duration::from_millis(70),
        _ => Duration::ZERO,
    };
    let mut migrator = r.migrator().max_latency(Duration::from_millis(50), latency);
    let report = migrator.start().unwrap();
    assert_eq!(
        report.notes,
        ["the backfill rests now and then: the program's latency is 70ms, more than 50ms"]
    );
    assert!(asked.load(Ordering::SeqCst) > 0);
    assert_eq!(filled(&mut r), ["6000"]);
    r.complete();
}

fn command(database: &TestDatabase, arguments: &str) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_folder-migrator"));
    let folder = tempfile::tempdir().unwrap();
    command.current_dir(folder.path()).env("DATABASE_URL", database.url()).stdin(Stdio::null());
    let output = command.args(arguments.split_whitespace()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_commands_say_what_came_of_it() {
    let mut r = rollout();
    let (code, _, err) = command(&r.database, "migration pause");
    assert_eq!(code, 1);
    assert!(err.contains("no batch is being started"), "{err}");
    let (migrator, waits) = start(&r, after_expand);
    waits.recv().unwrap();
    let said = |arguments: &str| {
        let (code, out, err) = command(&r.database, arguments);
        assert_eq!(code, 0, "{arguments}: {err}");
        out
    };
    assert_eq!(said("migration pause"), "nothing to do: it is paused already\n");
    let status = said("status");
    assert!(status.contains("\npaused      by `"), "{status}");
    assert!(status.contains(": `migration resume` lets it go on\n"), "{status}");
    assert_eq!(said("migration resume"), "resumed\n");
    assert_eq!(said("migration resume"), "nothing to do: it is not paused\n");
    migrator.join().unwrap().unwrap();
    assert_eq!(filled(&mut r), ["6000"]);
}

/// It ends by itself with the batch, and says nothing twice.
#[test]
fn a_watch_tells_every_change() {
    let mut r = rollout();
    let (migrator, waits) = start(&r, after_expand);
    waits.recv().unwrap();
    let database = r.database.url().to_owned();
    let mut watch = Command::new(env!("CARGO_BIN_EXE_folder-migrator"));
    let folder = tempfile::tempdir().unwrap();
    watch.args(["status", "--watch=10ms", "--format", "json"]);
    watch.current_dir(folder.path()).env("DATABASE_URL", database);
    let watch = watch.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut watch = watch.spawn().unwrap();
    let lines = std::io::BufRead::lines(std::io::BufReader::new(watch.stdout.take().unwrap()));
    let mut lines =
        lines.map(|line| serde_json::from_str::<serde_json::Value>(&line.unwrap()).unwrap());
    let first = lines.next().unwrap();
    assert_eq!(first["state"], "applying");
    assert!(first["paused"].is_string(), "{first}");
    other(&r.database).resume().unwrap();
    migrator.join().unwrap().unwrap();
    let mut last = first;
    while last["state"] != "in_progress" {
        let next = lines.next().unwrap();
        assert_ne!(next, last);
        last = next;
    }
    r.complete();
    let last = lines.last().unwrap();
    assert_eq!(last["state"], "idle");
    assert_eq!(watch.wait().unwrap().code(), Some(0));
}
