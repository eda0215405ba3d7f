//! The migration lock: one migrator at a time.
//!
//! **Invariant:** waiting is polling, outside any transaction: a session that waits inside `pg_advisory_lock` has a
//! snapshot, and CREATE INDEX CONCURRENTLY in the session that holds the lock would wait for it: a deadlock. A session that listens has none: whoever
//! brings a version up tells those who wait for it, who need not find out by and by.

use std::hash::{BuildHasher, RandomState};
use std::thread::sleep;
use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBuilder};
use postgres::Client;
use postgres::fallible_iterator::FallibleIterator;

use super::retry::{Failure, Retry};
use super::session::{is_true, rows};
use super::set::Set;
use crate::error::{Error, ErrorKind};
use crate::model::DEFAULT_NAMESPACE;
use crate::observer::{Event, Observer};
use crate::sql::names;

/// The key of the `reshape` command line, so that it and this crate never work on one database at once.
const KEY: i64 = 4_036_779_288_569_897_133;

/// The key of a set of migrations.
pub(super) fn key(namespace: &str) -> i64 {
    if namespace == DEFAULT_NAMESPACE {
        return KEY;
    }
    names::fnv1a(format!("reshape migrations {namespace}").as_bytes()).cast_signed()
}

/// Between two looks at a lock that another migrator holds: first and at most, each plus up to as much again, so that many that begin at
/// once do not look at once.
const POLL: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(100));

/// For how long it is not worth saying who is waited for: many are done by then, and to find out takes the server longer than several polls.
const UNTOLD: Duration = Duration::from_millis(250);

/// How long a command that does not queue gives a migrator that has just ended: its session may still be letting go. Of
/// one that was killed, the server notices after `client_connection_check_interval`, which `session` sets to a quarter of this.
pub(super) const GRACE: Duration = Duration::from_secs(1);

/// Tries once.
pub(super) fn try_lock(client: &mut Client, set: &Set) -> Result<bool, postgres::Error> {
    let rows =
        rows(client, &format!("SELECT pg_catalog.pg_try_advisory_lock({})", set.lock_key()))?;
    Ok(is_true(rows.first(), 0))
}

/// Gives the lock back. Whatever goes wrong: closing the connection does it too, only a little later.
pub(super) fn unlock(client: &mut Client, set: &Set) {
    let _ =
        client.batch_execute(&format!("SELECT pg_catalog.pg_advisory_unlock({})", set.lock_key()));
}

/// Who holds the lock: pid, `application_name` and since when it is connected, as text.
pub(super) fn holder(client: &mut Client, set: &Set) -> Result<Option<String>, postgres::Error> {
    // A bigint key is split: the high half is `classid`, the low half `objid`, and `objsubid` is 1.
    let rows = rows(
        client,
        &format!(
            "SELECT format('pid %s%s, connected since %s', l.pid, \
               CASE WHEN a.application_name <> '' THEN format(' (`%s`)', a.application_name) END, \
               coalesce(to_char(a.backend_start, 'YYYY-MM-DD HH24:MI:SS TZ'), 'an unknown time')) \
             FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a USING (pid) \
             WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 \
               AND l.database = (SELECT oid FROM pg_catalog.pg_database \
                                 WHERE datname = current_database()) \
               AND ((l.classid::bigint << 32) | l.objid::bigint) = {}",
            set.lock_key()
        ),
    )?;
    Ok(rows.first().and_then(|row| row.get(0)).map(str::to_owned))
}

/// Where those are told who wait for a version of the set.
fn channel(set: &Set) -> String {
    format!("reshape_{:016x}", set.lock_key())
}

/// Tells them, once the transaction is committed.
pub(super) fn tell_sql(set: &Set) -> String {
    format!("NOTIFY {}", channel(set))
}

/// Has the session be told.
pub(super) fn listen(client: &mut Client, set: &Set) -> Result<(), postgres::Error> {
    client.batch_execute(&format!("LISTEN {}", channel(set)))
}

/// The session need not be told any more. One that listens and does not read, in a long transaction, keeps the server from forgetting what
/// was told to anybody.
fn unlisten(client: &mut Client, set: &Set) -> Result<(), postgres::Error> {
    client.batch_execute(&format!("UNLISTEN {}", channel(set)))
}

/// Sleeps until something is told, or for that long. Whether it was told.
pub(super) fn sleep_until_told(
    client: &mut Client,
    longest: Duration,
) -> Result<bool, postgres::Error> {
    Ok(client.notifications().timeout_iter(longest).next()?.is_some())
}

/// Takes the lock; waits for whoever holds it, up to `patience` after `began`. While it waits it looks whether there is still a need: what
/// `needless` returns ends the wait, without the lock. `listens` is for a session that is nobody else's: what it is told would be taken from them.
pub(super) fn lock<T>(
    client: &mut Client,
    set: &Set,
    began: Instant,
    patience: Duration,
    listens: bool,
    observer: &mut dyn Observer,
    mut needless: impl FnMut(&mut Client) -> Result<Option<T>, postgres::Error>,
) -> Result<Option<T>, Failure> {
    let mut told: Option<Instant> = None;
    let mut is_listening = false;
    let mut delays = ExponentialBuilder::new()
        .with_min_delay(POLL.0)
        .with_max_delay(POLL.1)
        .without_max_times()
        .with_jitter()
        .with_jitter_seed(RandomState::new().hash_one(std::process::id()))
        .build();
    loop {
        if try_lock(client, set)? {
            if is_listening {
                unlisten(client, set)?;
            }
            observer.event(&Event::Locked);
            return Ok(None);
        }
        let elapsed = began.elapsed();
        let is_over = elapsed >= patience;
        let is_due =
            told.map_or(elapsed >= UNTOLD, |told| told.elapsed() >= Duration::from_secs(1));
        if is_over || is_due {
            // It may be gone by now: then the next try gets the lock.
            let holder = holder(client, set)?
                .unwrap_or_else(|| String::from("a session that has just let go of it"));
            if is_over {
                return Err(locked(&holder, patience).into());
            }
            observer.event(&Event::Waiting { holder, elapsed });
            told = Some(Instant::now());
        }
        let delay = delays.next().unwrap_or(POLL.1).min(patience.saturating_sub(elapsed));
        if !listens {
            sleep(delay);
        } else if is_listening {
            sleep_until_told(client, delay)?;
        } else {
            // What was told before that is found at once.
            listen(client, set)?;
            is_listening = true;
        }
        if let Some(found) = needless(client)? {
            return Ok(Some(found));
        }
    }
}

/// Takes the lock again on a new connection. The server may need a moment to notice that the old one is gone.
pub(super) fn relock(
    client: &mut Client,
    set: &Set,
    retry: &mut Retry,
) -> Result<Result<(), Error>, postgres::Error> {
    loop {
        if try_lock(client, set)? {
            return Ok(Ok(()));
        }
        let Some(delay) = retry.next() else {
            let holder = holder(client, set)?.unwrap_or_else(|| String::from("another session"));
            return Ok(Err(locked(&holder, Duration::ZERO)));
        };
        sleep(delay.min(Duration::from_secs(1)));
    }
}

pub(super) fn locked(holder: &str, waited: Duration) -> Error {
    let waited = if waited.is_zero() {
        String::new()
    } else {
        format!(" and was not done within {waited:?}")
    };
    Error::new(ErrorKind::Locked, format!("another migrator is at work: {holder}{waited}"))
        .with_help("run it again once the other one is done")
}
