//! Drops what tests have left that were killed, what nobody has used for long, and databases kept for people whose time is over.
//!
//! **Invariant:** only databases with a test's name are looked at, so never one that has a name of its own; one in use is dropped only with its lease in hand.
//!
//! **Invariant:** what cannot be dropped, because of a prepared transaction in it say, is in nobody's way: its lease is given back, and the others
//! are dropped.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use postgres::Client;

use super::keeper::{IN_USE, Keeper, LEASES, number_of};
use super::marks;
use super::pool::{READY, TEMPLATE, template};
use super::statements::{drop_database, try_lock, unlock};
use crate::Error;
use crate::sql::ident::literal;

/// What a comment on a database says that somebody may want to look at: then follow the time and the test.
const KEPT: &str = "reshape: kept since ";
/// What a comment on a template says: then follows the time of its last use.
const USED: &str = "reshape: used at ";

/// The first number of the lock of who sweeps.
const SWEEPING: i32 = 0x7265_7377;

/// How long a database of a failed test is kept.
pub(super) const KEEP: Duration = Duration::from_hours(24);
/// How long a template that no test uses stays.
const UNUSED: Duration = Duration::from_hours(2);

/// Says that a database is to be kept, with the lease that is given back soon.
pub(super) fn mark_kept(
    client: &mut Client,
    name: &str,
    test: &str,
) -> Result<(), postgres::Error> {
    comment(client, name, &format!("{KEPT}{} by {test}", now()))
}

/// Says that the template is in use.
pub(super) fn mark_used(client: &mut Client, key: u64) {
    // Two that say so at once, or a template that is not there yet: neither matters.
    let _ = comment(client, &template(key), &format!("{USED}{}", now()));
}

fn comment(client: &mut Client, name: &str, text: &str) -> Result<(), postgres::Error> {
    let text = literal(text);
    client.batch_execute(&format!("COMMENT ON DATABASE {name} IS {text}"))
}

/// The databases whose names begin so, without those that only another role can drop.
pub(super) fn beginning_with(
    client: &mut Client,
    prefix: &str,
) -> Result<Vec<String>, postgres::Error> {
    let sql = "SELECT datname::text FROM pg_catalog.pg_database WHERE starts_with(datname::text, $1) AND pg_has_role(datdba, 'USAGE')";
    client.query(sql, &[&prefix])?.iter().map(|row| row.try_get(0)).collect()
}

/// A pass over all databases of tests, by one process at a time.
pub(super) fn sweep(keeper: &Keeper, client: &mut Client) -> Result<(), Error> {
    if !try_lock(client, SWEEPING, 0).map_err(keeper.error())? {
        return Ok(());
    }
    let swept = templates(client).and_then(|()| in_use(client));
    unlock(client, SWEEPING, 0).map_err(keeper.error())?;
    let kept = swept.map_err(keeper.error())?;
    if !kept && let Some(home) = &keeper.home {
        marks::no_test_is_kept(home);
    }
    Ok(())
}

/// Templates that have not been used for long, and what is ready of them.
fn templates(client: &mut Client) -> Result<(), postgres::Error> {
    for name in beginning_with(client, TEMPLATE)? {
        if since(&comment_on(client, &name)?, USED).is_none_or(|age| age <= UNUSED) {
            continue;
        }
        let _ = drop_database(client, &name);
        let key = name.strip_prefix(TEMPLATE).unwrap_or_default();
        for ready in beginning_with(client, &format!("{READY}{key}_"))? {
            let _ = drop_database(client, &ready);
        }
    }
    Ok(())
}

/// Drops some of the databases whose tests are gone, at most so many.
pub(super) fn some(client: &mut Client, most: i64) -> Result<(), postgres::Error> {
    // The order keeps those apart who look at once; `OFFSET` keeps the locks from being taken before the order is known.
    let sql = "
        SELECT datname::text
        FROM (
            SELECT datname FROM pg_catalog.pg_database
            WHERE datname ~ ('^' || $1 || '[0-9a-f]{16}$') AND shobj_description(oid, 'pg_database') IS NULL AND pg_has_role(datdba, 'USAGE')
            ORDER BY random() OFFSET 0
        ) AS found
        WHERE pg_try_advisory_lock($2, ('x' || right(datname, 8))::bit(32)::int)
        LIMIT $3";
    for row in client.query(sql, &[&IN_USE, &LEASES, &most])? {
        let name: String = row.try_get(0)?;
        let Some(lease) = number_of(&name) else { continue };
        drop_leased(client, &name, lease, Duration::MAX)?;
    }
    Ok(())
}

/// Databases whose tests are gone; whether one is kept for somebody.
fn in_use(client: &mut Client) -> Result<bool, postgres::Error> {
    let mut kept = false;
    for name in beginning_with(client, IN_USE)? {
        let Some(lease) = number_of(&name) else { continue };
        if try_lock(client, LEASES, lease)? {
            kept |= drop_leased(client, &name, lease, KEEP)?;
        }
    }
    Ok(kept)
}

/// Drops a database whose lease has just been taken, unless it has been kept for less than `keep`, and gives the lease back; whether it is kept.
fn drop_leased(
    client: &mut Client,
    name: &str,
    lease: i32,
    keep: Duration,
) -> Result<bool, postgres::Error> {
    // Read with the lease in hand: who wants to keep it says so before he gives it back.
    let kept =
        comment_on(client, name).map(|said| since(&said, KEPT).is_some_and(|age| age < keep));
    if let Ok(false) = kept {
        // Who looks next tries again.
        let _ = drop_database(client, name);
    }
    unlock(client, LEASES, lease).and(kept)
}

fn comment_on(client: &mut Client, name: &str) -> Result<String, postgres::Error> {
    let sql = "SELECT shobj_description(oid, 'pg_database') FROM pg_catalog.pg_database WHERE datname = $1::text";
    let row = client.query_opt(sql, &[&name])?;
    Ok(row.map(|row| row.try_get(0)).transpose()?.flatten().unwrap_or_default())
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// How long ago a comment of this kind was written.
fn since(comment: &str, kind: &str) -> Option<Duration> {
    let digits: String =
        comment.strip_prefix(kind)?.chars().take_while(char::is_ascii_digit).collect();
    let at: u64 = digits.parse().ok()?;
    Some(Duration::from_secs(now().saturating_sub(at)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Server;
    use crate::testing::keeper::draw;
    use crate::testing::statements::create_database;

    #[test]
    fn the_age_is_read_from_the_comment() {
        let hour_ago = now() - 3600;
        let comment = format!("{KEPT}{hour_ago} by a::test 7");
        assert!(since(&comment, KEPT).unwrap() >= Duration::from_hours(1));
        assert_eq!(since(&comment, USED), None);
        assert_eq!(since("somebody's own", KEPT), None);
        assert_eq!(since(KEPT, KEPT), None);
    }

    /// A server with databases that nobody uses, every other one of which cannot be dropped.
    fn stubborn() -> (Server, Client, Vec<String>) {
        let server = Server::start().unwrap();
        let mut client = server.config().connect(postgres::NoTls).unwrap();
        let mut stubborn = Vec::new();
        for number in 0..6 {
            let name = draw(IN_USE);
            create_database(&mut client, &name, "template0", "").unwrap();
            if number % 2 == 0 {
                let sql = format!("ALTER DATABASE {name} IS_TEMPLATE true");
                client.batch_execute(&sql).unwrap();
                stubborn.push(name);
            }
        }
        stubborn.sort();
        (server, client, stubborn)
    }

    fn left(client: &mut Client) -> (Vec<String>, i64) {
        let mut names = beginning_with(client, IN_USE).unwrap();
        names.sort();
        let sql = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'";
        (names, client.query_one(sql, &[]).unwrap().get(0))
    }

    #[test]
    fn what_cannot_be_dropped_keeps_nothing_else_and_no_lease() {
        let (_server, mut client, stubborn) = stubborn();
        some(&mut client, 10).unwrap();
        assert_eq!(left(&mut client), (stubborn, 0));
    }

    #[test]
    fn a_sweep_goes_on_after_what_cannot_be_dropped() {
        let (server, mut client, stubborn) = stubborn();
        sweep(&server.keeper, &mut client).unwrap();
        assert_eq!(left(&mut client), (stubborn, 0));
    }
}
