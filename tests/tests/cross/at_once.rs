//! Clients and a migrator at the same time.

use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use postgres::Client;
use reshape_runtime::Event;
use reshape_runtime::plan::Phase;
use reshape_tests::{BASE, CHANGE, Rollout, client, rows};

use crate::junction::{ACCOUNT_ROWS, ACCOUNTS, CONNECTIONS, JUNCTION};
use crate::{MOVE, NEW, OLD, ROWS, USERS, new, old, sees};

/// Runs `sql` on a connection of its own, until it is done or waits for a lock.
fn begun(r: &mut Rollout, version: &str, sql: &str) -> JoinHandle<Client> {
    let mut other = client(&r.database, version);
    let pid = rows(&mut other, "SELECT pg_backend_pid()").remove(0);
    let text = sql.to_owned();
    let work = thread::spawn(move || {
        other.batch_execute(&text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
        other
    });
    let waits = format!("SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = {pid}");
    while !work.is_finished() && rows(&mut r.old, &waits) != ["t"] {
        thread::sleep(Duration::from_millis(5));
    }
    work
}

/// Each of the two does not see the other's row, and together they have to be right.
fn at_once(more: &str) {
    let mut r = Rollout::begin(USERS, &format!("{ROWS}; {more}"), MOVE);
    // The reader's row first.
    old(&mut r, "BEGIN; INSERT INTO profiles VALUES (30, 3)");
    let writer = begun(&mut r, BASE, "UPDATE users SET email = 'later' WHERE id = 3");
    old(&mut r, "COMMIT");
    writer.join().expect("no error");
    sees(&mut r, NEW, &["10|1|ada@x", "20|2|alan@x", "30|3|later"]);
    // The other table's first.
    let mut other = client(&r.database, BASE);
    rows(&mut other, "BEGIN; UPDATE users SET email = 'first' WHERE id = 3");
    let writer = begun(&mut r, BASE, "INSERT INTO profiles VALUES (31, 3)");
    rows(&mut other, "COMMIT");
    writer.join().expect("no error");
    sees(&mut r, NEW, &["10|1|ada@x", "20|2|alan@x", "30|3|first", "31|3|first"]);
    // A row that moves away and one that goes.
    old(&mut r, "BEGIN; UPDATE profiles SET user_id = 3 WHERE id = 10");
    let writer = begun(&mut r, BASE, "UPDATE users SET email = 'again' WHERE id = 3");
    old(&mut r, "COMMIT");
    writer.join().expect("no error");
    old(&mut r, "BEGIN; UPDATE profiles SET user_id = 3 WHERE id = 20");
    let writer = begun(&mut r, BASE, "DELETE FROM users WHERE id = 3");
    old(&mut r, "COMMIT");
    writer.join().expect("no error");
    sees(&mut r, NEW, &["10|3|-", "20|3|-", "30|3|-", "31|3|-"]);
    // New clients, the other way round: a user takes the number that a profile has.
    new(&mut r, "INSERT INTO profiles VALUES (50, 5, '', 'five')");
    new(&mut r, "BEGIN; INSERT INTO users VALUES (5, 'x')");
    let writer = begun(&mut r, CHANGE, "UPDATE profiles SET email = 'FIVE' WHERE id = 50");
    new(&mut r, "COMMIT");
    writer.join().expect("no error");
    sees(&mut r, OLD, &["1|ada@x", "2|alan@x", "5|FIVE"]);
    r.abort();
}

#[test]
fn two_clients_that_do_not_see_each_other() {
    at_once("");
}

#[test]
fn two_clients_and_tables_without_a_key() {
    at_once(
        "ALTER TABLE public.users DROP CONSTRAINT users_pkey; ALTER TABLE public.profiles DROP CONSTRAINT profiles_pkey",
    );
}

/// A start in a thread, whose backfill waits for the row that `lock` locks; returns when it does.
fn start_waiting(
    r: &mut Rollout,
    lock: &str,
    statement: &str,
) -> (JoinHandle<()>, Arc<Mutex<Client>>) {
    let blocker = Arc::new(Mutex::new(client(&r.database, BASE)));
    let (shared, lock) = (Arc::clone(&blocker), format!("BEGIN; {lock}"));
    let mut is_locked = false;
    let observer = move |event: &Event| {
        if let Event::StepStarted { phase: Phase::Backfill, undo: false, .. } = event
            && !std::mem::replace(&mut is_locked, true)
        {
            rows(&mut shared.lock().expect("no panic"), &lock);
        }
    };
    let migrator = r.migrator().lock_timeout(Duration::from_mins(1)).observer(observer);
    let start = thread::spawn(move || {
        let mut migrator = migrator;
        migrator.start().unwrap_or_else(|error| panic!("{}", error.report()));
    });
    let waits = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
         AND wait_event_type = 'Lock' AND query LIKE '{statement}'"
    );
    while rows(&mut r.old, &waits) != ["1"] {
        assert!(!start.is_finished(), "nothing has blocked the backfill: the test tests nothing");
        thread::sleep(Duration::from_millis(5));
    }
    (start, blocker)
}

/// The backfill's statement has begun when an old client changes the other table: what it sees there is out of date.
#[test]
fn a_backfill_does_not_bring_an_old_value_back() {
    let mut r = Rollout::prepare(USERS, ROWS, MOVE);
    let lock = "SELECT * FROM profiles WHERE id = 10 FOR UPDATE";
    let (start, blocker) = start_waiting(&mut r, lock, "UPDATE%__reshape_email%");
    old(&mut r, "UPDATE users SET email = 'changed' WHERE id = 2");
    old(&mut r, "INSERT INTO profiles VALUES (30, 3)");
    old(&mut r, "UPDATE users SET email = 'g' WHERE id = 3");
    rows(&mut blocker.lock().expect("no panic"), "COMMIT");
    start.join().expect("a start");
    sees(&mut r, NEW, &["10|1|ada@x", "20|2|changed", "30|3|g"]);
    r.complete();
}

/// The same for a table that is filled.
#[test]
fn a_new_table_is_not_filled_with_old_values() {
    let mut r = Rollout::prepare(ACCOUNTS, ACCOUNT_ROWS, JUNCTION);
    let lock = "UPDATE users SET account_id = 2, account_role = 'first' WHERE id = 1";
    let (start, blocker) = start_waiting(&mut r, lock, "INSERT%user_account_connections%");
    old(&mut r, "UPDATE users SET account_role = 'changed' WHERE id = 2");
    old(&mut r, "UPDATE users SET account_id = 1, account_role = 'third' WHERE id = 3");
    old(&mut r, "INSERT INTO users VALUES (4, 'd', 1, 'x')");
    old(&mut r, "DELETE FROM users WHERE id = 4");
    rows(&mut blocker.lock().expect("no panic"), "COMMIT");
    start.join().expect("a start");
    sees(&mut r, CONNECTIONS, &["1|2|FIRST|none", "2|2|CHANGED|none", "3|1|THIRD|none"]);
    r.complete();
}

/// An index on the column by which rows are found is used by the trigger's queries, whether rows may match no more or match now.
#[test]
fn the_trigger_finds_its_rows_by_an_index() {
    let mut r = Rollout::begin(USERS, ROWS, MOVE);
    old(&mut r, "INSERT INTO profiles SELECT i, i FROM generate_series(100, 20000) i");
    rows(&mut r.database.connect().expect("a client"), "VACUUM ANALYZE public.profiles");
    // The transaction's own counters.
    let scans = "SELECT pg_stat_get_xact_numscans('public.profiles'::regclass), \
                 pg_stat_get_xact_numscans('public.profiles_user'::regclass) > 0";
    old(&mut r, "BEGIN; SET LOCAL plan_cache_mode = force_generic_plan");
    old(&mut r, "UPDATE users SET email = 'x', id = 5000 WHERE id = 1");
    sees(&mut r, scans, &["0|t"]);
    old(&mut r, "COMMIT");
    sees(&mut r, "SELECT email FROM migration_2_change.profiles WHERE user_id = 5000", &["x"]);
}
