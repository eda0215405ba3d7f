//! Heartbeats, and a proxy that gives every message another session.

use std::time::Duration;

use super::{changes, instance, started, until};
use crate::error::ErrorKind;
use crate::exec::lease::Lease;
use crate::exec::tests::pooler::pooled;
use crate::instance::LeaseChange;
use crate::report::Outcome;

const BEATS: &str = "SELECT count(*) FROM reshape.leases";
/// An instance that died long ago.
const EXPIRED: &str = "INSERT INTO reshape.leases (namespace, version, instance, since, beat, ttl) \
    VALUES ('default', '1', 'dead', now(), now() - interval '31 s', '30 s')";

#[test]
fn a_heartbeat_counts_for_as_long_as_it_lives() {
    let mut fixture = started();
    fixture.client.batch_execute(EXPIRED).unwrap();
    let options = instance(&fixture, "web-1").heartbeat(Duration::from_mins(1));
    let lease = options.take().unwrap();
    assert_eq!(fixture.text(BEATS), "2");
    let error = fixture.detached().complete().unwrap_err();
    assert!(error.message().contains("used by 1 instance: `web-1` (heartbeat, since"), "{error}");
    // Killed, as far as the server can see: nobody beats any more.
    let stop = "UPDATE reshape.leases SET beat = beat - interval '61 s'";
    fixture.client.batch_execute(stop).unwrap();
    assert_eq!(fixture.detached().complete().unwrap().outcome, Outcome::Completed);
    assert_eq!(fixture.text(BEATS), "0");
    drop(lease);
}

#[test]
fn a_heartbeat_is_renewed_and_notices_that_its_version_is_gone() {
    let mut fixture = started();
    let options = instance(&fixture, "web-1").heartbeat(Duration::from_millis(600));
    let (options, changes) = changes(options);
    let lease = options.take().unwrap();
    assert_eq!(changes.recv().unwrap(), LeaseChange::Held);
    // As if it had not been heard of for long: it is heard of again.
    fixture.client.batch_execute("UPDATE reshape.leases SET beat = '2000-01-01'").unwrap();
    until(&mut fixture, "SELECT count(*) FROM reshape.leases WHERE beat > '2001-01-01'", "1");
    fixture.detached().force(true).complete().unwrap();
    assert!(matches!(changes.recv().unwrap(), LeaseChange::Lost(_)));
    assert!(lease.is_lost());
    assert_eq!(fixture.text(BEATS), "0");
}

#[test]
fn a_heartbeat_needs_metadata_that_knows_leases() {
    let mut fixture = started();
    fixture.client.batch_execute("DROP FUNCTION reshape.beat; DROP TABLE reshape.leases").unwrap();
    let options = instance(&fixture, "web-1").heartbeat(Duration::from_mins(1));
    assert_eq!(options.take().unwrap_err().kind(), ErrorKind::Metadata);
    // A batch of an older version of the crate is completed all the same.
    assert_eq!(fixture.detached().complete().unwrap().outcome, Outcome::Completed);
}

#[test]
fn a_heartbeat_lives_behind_a_proxy_that_pools_and_a_lock_is_refused_there() {
    let mut fixture = started();
    let Some(pool) = pooled(&fixture.database.config()) else { return };
    let options = Lease::options(super::old(), pool.clone()).name("web-1");
    let (options, changes) = changes(options.heartbeat(Duration::from_millis(300)));
    let lease = options.take().unwrap();
    assert_eq!(changes.recv().unwrap(), LeaseChange::Held);
    // Renewed by way of a session that has never heard of it.
    let first = fixture.text("SELECT max(beat) FROM reshape.leases");
    until(&mut fixture, &format!("SELECT max(beat) > '{first}' FROM reshape.leases"), "t");
    assert_eq!(fixture.detached().complete().unwrap_err().kind(), ErrorKind::InUse);
    drop(lease);
    assert_eq!(fixture.text(BEATS), "0");

    let error = Lease::take(super::old(), pool).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert!(error.help().unwrap().contains(".heartbeat("), "{error}");
}
