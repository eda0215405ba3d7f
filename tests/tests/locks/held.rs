//! Which locks are held while rows are read: looked at all the time, in every phase of every action, with clients that go on working.
//!
//! **Invariant:** nothing here is timed: what is seen is wrong at any speed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle, sleep};
use std::time::Duration;

use postgres::Client;
use reshape_runtime::{Error, Event, Report};
use reshape_tests::examples::{example, ground};
use reshape_tests::{BASE, Rollout, client, rows};

const ROWS: &str = "
    INSERT INTO users (name, email) SELECT 'Ada Lovelace', 'ada' || i || '@X' FROM generate_series(1, 8000) i;
    INSERT INTO orders SELECT i, i FROM generate_series(1, 8000) i";

/// Modes that a write or a read of a client waits for, strongest last, as a step says them and as the server does.
const STRONG: [(&str, &str); 4] = [
    ("SHARE", "ShareLock"),
    ("SHARE ROW EXCLUSIVE", "ShareRowExclusiveLock"),
    ("EXCLUSIVE", "ExclusiveLock"),
    ("ACCESS EXCLUSIVE", "AccessExclusiveLock"),
];

/// The migrator's strong locks of the user's tables.
const LOOK: &str = "
    SELECT l.mode, c.relname FROM pg_locks l JOIN pg_stat_activity a USING (pid) JOIN pg_class c ON c.oid = l.relation
    WHERE a.application_name = 'reshape' AND a.datname = current_database() AND l.granted AND l.locktype = 'relation'
      AND c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
      AND l.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')";

const IDLE: usize = usize::MAX;

/// What the steps of a batch say of their locks, by number.
fn declared(client: &mut Client) -> Vec<Option<String>> {
    let sql = "SELECT coalesce(step->>'lock', '-') FROM reshape.batch, jsonb_array_elements(plan->'steps') step";
    rows(client, sql).into_iter().map(|lock| (lock != "-").then_some(lock)).collect()
}

/// A session that looks as often as it can, and says what was wrong.
struct Watch {
    step: Arc<AtomicUsize>,
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<(BTreeSet<String>, usize)>,
}

impl Watch {
    fn begin(r: &Rollout) -> Self {
        let mut session = r.database.connect().expect("a session");
        let tables = rows(
            &mut session,
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')",
        );
        let (step, is_over) = (Arc::new(AtomicUsize::new(IDLE)), Arc::new(AtomicBool::new(false)));
        let thread = thread::spawn({
            let (step, is_over) = (Arc::clone(&step), Arc::clone(&is_over));
            move || {
                let (mut wrong, mut looks) = (BTreeSet::new(), 0);
                let mut plan: Vec<Option<String>> = Vec::new();
                while !is_over.load(Ordering::SeqCst) {
                    let now = step.load(Ordering::SeqCst);
                    let seen = rows(&mut session, LOOK);
                    // Otherwise it may be of the step before or after.
                    if now == IDLE || step.load(Ordering::SeqCst) != now {
                        continue;
                    }
                    looks += 1;
                    if now >> 1 >= plan.len() {
                        plan = declared(&mut session);
                    }
                    let Some(lock) = plan.get(now >> 1) else { continue };
                    for line in seen {
                        let (mode, table) = line.split_once('|').expect("two fields");
                        let is_known = tables.iter().any(|known| known == table);
                        if is_known && !may_hold(lock.as_deref(), now & 1 == 1, mode) {
                            wrong.insert(format!(
                                "step {} (undo: {}) holds {mode} on {table}, and says {lock:?}",
                                now >> 1,
                                now & 1
                            ));
                        }
                    }
                }
                (wrong, looks)
            }
        });
        Self { step, is_over, thread }
    }

    fn observer(&self) -> impl FnMut(&Event) + Send + 'static {
        let current = Arc::clone(&self.step);
        move |event: &Event| match event {
            Event::StepStarted { step, undo, .. } => {
                current.store(step << 1 | usize::from(*undo), Ordering::SeqCst);
            }
            Event::StepDone { .. } => current.store(IDLE, Ordering::SeqCst),
            _ => {}
        }
    }

    fn end(self) {
        self.is_over.store(true, Ordering::SeqCst);
        let (wrong, looks) = self.thread.join().expect("no error");
        assert!(wrong.is_empty(), "{wrong:#?}");
        assert!(looks > 0, "nothing was looked at");
    }
}

/// Whether a step that says `lock` may hold `mode`.
fn may_hold(lock: Option<&str>, undo: bool, mode: &str) -> bool {
    let Some(lock) = lock else { return false };
    let strength = STRONG.iter().position(|(_, name)| *name == mode);
    let says = |(said, _): &(&str, &str)| {
        lock.strip_prefix(said).is_some_and(|rest| rest.starts_with(" on"))
    };
    match STRONG.iter().position(says) {
        _ if undo => true,
        Some(said) => strength <= Some(said),
        // It is the user's own, or no lock that a client waits for.
        None => lock.starts_with("whatever"),
    }
}

/// Clients of the first version that write all the time. They stop at the first error.
fn clients(r: &Rollout, stop: &Arc<AtomicBool>) -> Vec<JoinHandle<Result<u32, postgres::Error>>> {
    let writer = |number: u32| {
        let mut client = client(&r.database, BASE);
        client.batch_execute("SET application_name = 'writer'").expect("a name");
        let stop = Arc::clone(stop);
        thread::spawn(move || {
            let mut n = 0;
            while !stop.load(Ordering::SeqCst) {
                n += 1;
                let id = (n * 7919 + number * 131) % 8000 + 1;
                client.batch_execute(&match n % 3 {
                    0 => format!("SELECT * FROM users WHERE id = {id}"),
                    1 => format!("UPDATE users SET name = 'Grace Hopper' WHERE id = {id}"),
                    _ => {
                        format!("INSERT INTO users (name, email) VALUES ('A B', 'n{n}@w{number}')")
                    }
                })?;
            }
            Ok(n)
        })
    };
    (0..2).map(writer).collect()
}

fn run(action: &str) {
    let mut r = Rollout::prepare(&ground(action), ROWS, &example(action));
    let watch = Watch::begin(&r);
    let stop = Arc::new(AtomicBool::new(false));
    let writers = clients(&r, &stop);
    let command = |name: &str, result: Result<Report, Error>| {
        result.unwrap_or_else(|error| panic!("{action}, {name}: {}", error.report()))
    };
    let migrator =
        || r.migrator().batch_duration(Duration::from_millis(5)).observer(watch.observer());
    command("start", migrator().start());
    command("abort", migrator().abort());
    command("start", migrator().start());
    // The old version is still in use until it is completed.
    stop.store(true, Ordering::SeqCst);
    for writer in writers {
        let written =
            writer.join().expect("no panic").unwrap_or_else(|error| panic!("{action}: {error:?}"));
        assert!(written > 0);
    }
    let before = read_and_written(&mut r);
    command("complete", r.migrator().observer(watch.observer()).complete());
    let after = read_and_written(&mut r);
    // A table may have gone.
    let before: Vec<_> = before
        .into_iter()
        .filter(|line| after.iter().any(|other| relation(other) == relation(line)))
        .collect();
    assert_eq!(after, before, "{action}: complete reads or writes rows");
    watch.end();
}

fn relation(line: &str) -> &str {
    line.split('|').next().unwrap_or_default()
}

/// How many rows of each table all sessions have read and written, once those that work with them are gone. Before PostgreSQL 15 nobody can
/// say when that is known.
fn read_and_written(r: &mut Rollout) -> Vec<String> {
    if rows(&mut r.new, "SELECT current_setting('server_version_num')::int >= 150000") != ["t"] {
        return Vec::new();
    }
    let others = "SELECT count(*) FROM pg_stat_activity \
        WHERE datname = current_database() AND application_name IN ('reshape', 'writer')";
    while rows(&mut r.new, others) != ["0"] {
        sleep(Duration::from_millis(5));
    }
    for session in [&mut r.old, &mut r.new] {
        rows(session, "SELECT pg_stat_force_next_flush()");
    }
    let figures = "SELECT relid, seq_tup_read, coalesce(idx_tup_fetch, 0), n_tup_ins, n_tup_upd, n_tup_del \
        FROM pg_stat_user_tables WHERE schemaname = 'public' ORDER BY relid";
    rows(&mut r.new, figures)
}

macro_rules! actions {
    ($($action:ident)*) => {
        $(#[test]
        fn $action() {
            run(stringify!($action));
        })*
    };
}

actions! {
    add_check add_column add_foreign_key add_index alter_column create_enum create_table custom remove_check
    remove_column remove_enum remove_foreign_key remove_index remove_table rename_table
}
