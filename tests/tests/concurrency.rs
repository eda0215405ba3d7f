//! Clients that write while a batch is being started.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use reshape_runtime::{ErrorKind, Event, Migrator, Outcome};
use reshape_tests::{BASE, CHANGE, Rollout, client, rows};

const USERS: &str = r#"
[[actions]]
type = "create_table"
name = "users"
primary_key = "id"
columns = [
  { name = "id", type = "integer" },
  { name = "name", type = "text", nullable = false },
  { name = "logins", type = "integer", nullable = false, default = "0" },
  { name = "padding", type = "text" },
]
"#;

const SHOUT: &str = r#"
[[actions]]
type = "add_column"
table = "users"
up = "upper(name)"
column = { name = "shout", type = "text", nullable = false }

[[actions]]
type = "alter_column"
table = "users"
column = "logins"
up = "logins * 10"
down = "visits / 10"
changes = { name = "visits", type = "bigint" }
"#;

fn fill(rows: u32) -> String {
    format!(
        "INSERT INTO users SELECT i, 'user ' || i, i, repeat('x', 400) FROM generate_series(1, {rows}) i"
    )
}

/// The invariant that all this is about.
fn wrong_rows(r: &mut Rollout) -> Vec<String> {
    let sql = format!(
        "SELECT o.id, o.name, n.shout, o.logins, n.visits FROM migration_{BASE}.users o \
         JOIN migration_{CHANGE}.users n USING (id) \
         WHERE n.shout IS DISTINCT FROM upper(o.name) OR n.visits IS DISTINCT FROM o.logins * 10"
    );
    rows(&mut r.old, &sql)
}

/// An update moves its row. If it moves to a block that the backfill has passed, nobody comes by again: the trigger has to fill the
/// row although the update changed none of the inputs.
#[test]
fn a_row_that_moves_behind_the_backfill_is_not_lost() {
    for workers in [1, 3] {
        moves_behind(workers);
    }
}

fn moves_behind(workers: usize) {
    let mut r = Rollout::prepare(USERS, &fill(4000), SHOUT);
    // Free space at the beginning of the table, for the rows of its end to move to.
    rows(&mut r.old, "DELETE FROM users WHERE id <= 800");
    rows(&mut r.database.connect().expect("a client"), "VACUUM public.users");
    let mut mover = client(&r.database, BASE);
    let mut count = 0;
    let observer = move |event: &Event| {
        if let Event::Backfill { blocks, total, .. } = event
            && blocks < total
        {
            let id = 3900 - 20 * count;
            count += 1;
            let sql =
                format!("UPDATE users SET padding = padding || 'y' WHERE id = {id} RETURNING id");
            assert_eq!(rows(&mut mover, &sql).len(), 1);
        }
    };
    let mut migrator =
        r.migrator().workers(workers).batch_duration(Duration::from_millis(1)).observer(observer);
    migrator.start().expect("a start");
    let early =
        "SELECT count(*) FROM public.users WHERE padding LIKE '%y' AND ctid < '(45,0)'::tid";
    assert_ne!(rows(&mut r.old, early), ["0"], "no row has moved: the test tests nothing");
    assert_eq!(wrong_rows(&mut r), Vec::<String>::new());
    r.complete();
}

/// A new column that may be NULL, so that only the transaction tells which rows earlier turns have written.
const MAYBE: &str = r#"
[[actions]]
type = "add_column"
table = "users"
up = "nullif(upper(name), 'USER 7')"
column = { name = "shout", type = "text" }
"#;

/// Whoever writes between two turns of a range, in the blocks of it and elsewhere: every row has its value in the end.
#[test]
fn old_clients_write_between_turns() {
    for workers in [1, 3] {
        let mut r = Rollout::prepare(USERS, &fill(12_000), MAYBE);
        let mut writer = client(&r.database, BASE);
        let mut count = 0;
        let observer = move |event: &Event| {
            if let Event::Backfill { rows: 1.., .. } = event {
                count += 1;
                let sql = format!(
                    "UPDATE users SET name = name || '!' WHERE id % 97 = {count}; \
                     UPDATE users SET padding = padding || 'y' WHERE id % 89 = {count}; \
                     DELETE FROM users WHERE id = {count} * 100; \
                     INSERT INTO users (id, name) VALUES (20000 + {count}, 'new {count}')"
                );
                writer.batch_execute(&sql).expect("a write");
            }
        };
        let mut migrator = r.migrator().workers(workers).observer(observer);
        let report = migrator.start().expect("a start");
        let wrong = "SELECT id, name, \"__reshape_shout\" FROM public.users \
            WHERE \"__reshape_shout\" IS DISTINCT FROM nullif(upper(name), 'USER 7')";
        assert_eq!(rows(&mut r.old, wrong), Vec::<String>::new());
        let written = "SELECT count(*) > 4 FROM public.users WHERE id > 20000";
        assert_eq!(rows(&mut r.old, written), ["t"], "nobody wrote between turns: {report:?}");
        r.complete();
    }
}

#[test]
fn old_clients_write_all_the_time() {
    for workers in [1, 3] {
        write_all_the_time(workers);
    }
}

fn write_all_the_time(workers: usize) {
    // Large enough that ranges are written in turns.
    let mut r = Rollout::prepare(USERS, &fill(12_000), SHOUT);
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..3)
        .map(|writer: u32| {
            let mut client = client(&r.database, BASE);
            let stop = Arc::clone(&stop);
            thread::spawn(move || {
                let mut n = 0_u32;
                while !stop.load(Ordering::Relaxed) {
                    n += 1;
                    let id = (n * 7919 + writer * 131) % 5000 + 1;
                    let sql = match n % 4 {
                        0 => format!("UPDATE users SET name = 'n{n}' WHERE id = {id}"),
                        1 => format!("UPDATE users SET logins = logins + 1, padding = 'z' WHERE id = {id}"),
                        2 => format!("UPDATE users SET padding = padding || 'p' WHERE id = {id}"),
                        _ => format!(
                            "INSERT INTO users (id, name) VALUES ({id} + 5000 * ({writer} + 1), 'new{n}') \
                             ON CONFLICT (id) DO UPDATE SET name = excluded.name"
                        ),
                    };
                    client.batch_execute(&sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
                }
                n
            })
        })
        .collect();
    thread::sleep(Duration::from_millis(200));
    let mut migrator = r.migrator().workers(workers).batch_duration(Duration::from_millis(5));
    migrator.start().expect("a start");
    assert_eq!(wrong_rows(&mut r), Vec::<String>::new());
    thread::sleep(Duration::from_millis(200));
    stop.store(true, Ordering::Relaxed);
    let written: u32 = writers.into_iter().map(|writer| writer.join().expect("no error")).sum();
    assert!(written > 50, "only {written} writes");
    assert_eq!(wrong_rows(&mut r), Vec::<String>::new());
    r.abort();
}

/// One works, the others wait and find nothing left to do.
#[test]
fn migrators_at_once() {
    let r = Rollout::prepare(USERS, &fill(2000), SHOUT);
    let (migrations, url) = (&r.migrations, r.database.url());
    let outcomes: Vec<Outcome> = thread::scope(|scope| {
        let starts: Vec<_> = (0..6)
            .map(|_| {
                scope.spawn(|| {
                    let mut migrator = Migrator::new(migrations, url);
                    migrator.start().unwrap_or_else(|error| panic!("{}", error.report())).outcome
                })
            })
            .collect();
        starts.into_iter().map(|start| start.join().expect("no panic")).collect()
    });
    let started = outcomes.iter().filter(|outcome| **outcome == Outcome::Started).count();
    assert_eq!(started, 1, "{outcomes:?}");
    assert!(
        outcomes.iter().all(|o| matches!(o, Outcome::Started | Outcome::Nothing)),
        "{outcomes:?}"
    );
}

/// A reader that sits in a transaction blocks the first ALTER TABLE. It gives way each time, so nobody queues behind it for
/// longer than the lock timeout, and it gets through once the reader is gone.
#[test]
fn a_blocked_lock_is_retried() {
    let mut r = Rollout::prepare(USERS, &fill(10), SHOUT);
    let mut reader = client(&r.database, BASE);
    reader
        .batch_execute("SET application_name = 'the reader'; BEGIN; SELECT count(*) FROM users")
        .expect("a lock");
    let refused = r
        .migrator()
        .lock_timeout(Duration::from_millis(50))
        .retry_budget(Duration::from_millis(300))
        .start()
        .expect_err("the reader is still there");
    assert_eq!(refused.kind(), ErrorKind::LockTimeout, "{}", refused.report());
    assert!(refused.report().contains("the reader"), "{}", refused.report());
    assert_eq!(reshape_tests::catalog(&mut r.old), r.before);

    let mut reader = Some(reader);
    let mut retries = 0;
    let mut migrator =
        r.migrator().lock_timeout(Duration::from_millis(50)).observer(move |event: &Event| {
            if let Event::Retry { .. } = event {
                retries += 1;
                if retries == 3 {
                    drop(reader.take());
                }
            }
        });
    let report = migrator.start().expect("the reader has gone");
    assert!(report.steps.iter().map(|step| step.retries).sum::<u32>() >= 3, "{report:?}");
    r.complete();
}

#[test]
fn prepared_statements_survive_every_phase() {
    let mut r = Rollout::prepare(USERS, &fill(10), SHOUT);
    let read =
        r.old.prepare("SELECT id, name, logins FROM users WHERE id = $1").expect("a statement");
    let write = r.old.prepare("UPDATE users SET name = $2 WHERE id = $1").expect("a statement");
    r.start().expect("a start");
    r.old.execute(&write, &[&1, &"prepared"]).expect("an old write");
    assert_eq!(r.old.query_one(&read, &[&1]).expect("an old read").get::<_, &str>(1), "prepared");
    let new_read = r.new.prepare("SELECT * FROM users WHERE id = $1").expect("a statement");
    let new_write = r
        .new
        .prepare("INSERT INTO users (id, name, shout, visits) VALUES ($1, $2, $3, 10)")
        .expect("a statement");
    r.new.execute(&new_write, &[&11, &"a", &"A"]).expect("a new write");
    for _ in 0..7 {
        // Often enough for a generic plan.
        assert_eq!(
            r.new.query_one(&new_read, &[&1]).expect("a new read").get::<_, &str>("shout"),
            "PREPARED"
        );
    }
    r.complete();
    r.new.execute(&new_write, &[&12, &"b", &"B"]).expect("a new write");
    assert_eq!(r.new.query_one(&new_read, &[&11]).expect("a new read").get::<_, i64>("visits"), 10);
}

#[test]
fn from_inside_a_tokio_runtime() {
    let database = reshape_tests::database();
    let history = reshape_tests::migrations(&[(BASE, USERS)]);
    let open = database.connect().expect("a client");
    let url = database.url().to_owned();
    for runtime in [
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime"),
        tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime"),
    ] {
        let (history, url) = (&history, url.as_str());
        runtime.block_on(async {
            let mut migrator = Migrator::new(history, url);
            migrator.start().expect("a start");
            migrator.complete().expect("a completion");
            migrator.status().expect("a status");
        });
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let mut migrator = Migrator::new(&history, open);
        assert_eq!(migrator.start().expect("a start").outcome, Outcome::Nothing);
    });
}
