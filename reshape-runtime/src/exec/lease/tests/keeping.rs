//! A lease's life: taken, interrupted, taken again, lost.

use std::time::Duration;

use super::{LEASE_PIDS, changes, instance, new, old, started, until};
use crate::error::ErrorKind;
use crate::exec::lease::Lease;
use crate::exec::tests::Fixture;
use crate::instance::LeaseChange;
use crate::model::Migrations;
use crate::report::Outcome;

const KILL: &str = "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity \
    WHERE application_name = 'web-1' AND datname = current_database()";

#[test]
fn a_lease_that_lost_its_connection_is_taken_again() {
    let mut fixture = started();
    let (options, changes) = changes(instance(&fixture, "web-1"));
    let lease = options.take().unwrap();
    assert_eq!(changes.recv().unwrap(), LeaseChange::Held);
    assert_eq!(fixture.text(KILL), "1");
    assert!(matches!(changes.recv().unwrap(), LeaseChange::Interrupted(_)));
    assert_eq!(changes.recv().unwrap(), LeaseChange::Held);
    assert_eq!(fixture.text(LEASE_PIDS), "1");
    assert_eq!(fixture.detached().complete().unwrap_err().kind(), ErrorKind::InUse);
    assert!(!lease.is_lost());
    drop(lease);
    assert_eq!(fixture.text(LEASE_PIDS), "0");
}

#[test]
fn a_lease_that_was_cut_off_while_its_version_was_removed_is_lost() {
    let mut fixture = started();
    // Looks only when it is told to, which is never: it is cut off for as long as the completion takes.
    let (options, changes) = changes(instance(&fixture, "web-1"));
    let lease = options.check_interval(Duration::from_millis(300)).take().unwrap();
    assert_eq!(changes.recv().unwrap(), LeaseChange::Held);
    assert_eq!(fixture.text(KILL), "1");
    // Whatever it does meanwhile: it has the lease, or it has not.
    let outcome = loop {
        match fixture.detached().complete() {
            Ok(report) => break report.outcome,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::InUse);
                assert_eq!(fixture.text(KILL), "1");
            }
        }
    };
    assert_eq!(outcome, Outcome::Completed);
    while !lease.is_lost() {
        changes.recv().unwrap();
    }
    let LeaseChange::Lost(reason) = lease.state() else { panic!() };
    assert!(reason.contains("`1` has been retired"), "{reason}");
}

#[test]
fn a_lease_on_an_open_client_is_lost_with_it() {
    let mut fixture = started();
    let mut client = fixture.database.connect().unwrap();
    client.batch_execute("SET application_name TO 'web-1'").unwrap();
    let options = Lease::options(old(), client).check_interval(Duration::from_millis(10));
    let (options, changes) = changes(options);
    let lease = options.take().unwrap();
    assert_eq!(changes.recv().unwrap(), LeaseChange::Held);
    assert_eq!(fixture.text(KILL), "1");
    assert!(matches!(changes.recv().unwrap(), LeaseChange::Interrupted(_)));
    assert!(matches!(changes.recv().unwrap(), LeaseChange::Lost(_)));
    assert!(lease.is_lost());
}

#[test]
fn a_version_that_is_not_live_gets_no_lease() {
    let fixture = Fixture::new();
    let error = Lease::take(new(), fixture.database.url()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::History);
    assert!(error.message().contains("there is no schema `migration_2`"), "{error}");
    // Without a word from the migrator: the schema is what counts.
    assert_eq!(Lease::take(old(), fixture.database.url()).unwrap().version(), "1");
    let options = Lease::options(new(), fixture.database.url());
    assert_eq!(options.version("1").take().unwrap().version(), "1");
    let options = Lease::options(new(), fixture.database.url());
    assert_eq!(options.version("3").take().unwrap_err().kind(), ErrorKind::History);
    let error = Lease::take(Migrations::owned(Vec::new()), "").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::State);
    let error = Lease::take(old(), "host=127.0.0.1 port=1 user=x").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);
}

#[test]
fn a_role_without_any_rights_takes_both_kinds_of_leases() {
    let mut fixture = started();
    // Roles belong to the whole server: this one has the database's name.
    let role = fixture.database.name().to_owned();
    fixture.client.batch_execute(&format!("CREATE ROLE {role} LOGIN")).unwrap();
    let mut config = fixture.database.config();
    config.user(&role);
    let lease = Lease::options(old(), config.clone()).name("web-1").take().unwrap();
    let ttl = Duration::from_mins(1);
    let beat = Lease::options(old(), config).name("web-2").heartbeat(ttl).take().unwrap();
    let error = fixture.detached().complete().unwrap_err();
    let may_read = format!(
        "SELECT has_table_privilege('{role}', 'reshape.leases', 'SELECT, INSERT, UPDATE, DELETE')"
    );
    let may_read = fixture.text(&may_read);
    drop((lease, beat));
    let left = fixture.text("SELECT count(*) FROM reshape.leases");
    fixture.client.batch_execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).unwrap();
    assert!(error.message().contains("used by 2 instances: `web-1` (pid "), "{error}");
    assert!(error.message().contains("; `web-2` (heartbeat, since "), "{error}");
    assert_eq!((may_read.as_str(), left.as_str()), ("f", "0"));
    assert_eq!(fixture.detached().complete().unwrap().outcome, Outcome::Completed);
}

#[test]
fn an_observer_that_panics_is_the_end_of_the_lease() {
    let mut fixture = started();
    let lease = instance(&fixture, "web-1");
    let mut changes = 0;
    let lease = lease.observer(move |_: &crate::Event| {
        changes += 1;
        // Unwinds without the message of a panic.
        if changes == 2 {
            std::panic::resume_unwind(Box::new("no more"));
        }
    });
    let lease = lease.take().unwrap();
    assert_eq!(fixture.text(KILL), "1");
    until(&mut fixture, LEASE_PIDS, "0");
    while !lease.is_lost() {
        std::thread::yield_now();
    }
}

#[cfg(feature = "tokio")]
#[test]
fn a_lease_is_taken_and_released_in_a_runtime() {
    let mut fixture = started();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let options = instance(&fixture, "web-1");
    let lease = runtime.block_on(options.take_async()).unwrap();
    assert_eq!(fixture.text(LEASE_PIDS), "1");
    runtime.block_on(lease.release_async());
    assert_eq!(fixture.text(LEASE_PIDS), "0");
    // Taken and dropped without a word of async, inside a runtime all the same.
    let options = instance(&fixture, "web-2");
    runtime.block_on(async { drop(options.take().unwrap()) });
    assert_eq!(fixture.text(LEASE_PIDS), "0");
}
