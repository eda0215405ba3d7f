//! Leases against a real server, with the batch of `exec::tests`: from version `1` to version `2`.

mod background;
mod clients;
mod completion;
mod keeping;
mod pooled;
mod processes;

use std::sync::mpsc::{self, Receiver};
use std::thread::sleep;
use std::time::Duration;

use super::{Lease, LeaseOptions};
use crate::exec::tests::{Fixture, migration};
use crate::instance::{Instance, LeaseChange};
use crate::model::Migrations;
use crate::observer::Event;

/// A batch in progress.
fn started() -> Fixture {
    let mut fixture = Fixture::new();
    fixture.migrator().start().unwrap();
    fixture.assert_both();
    fixture
}

/// The migrations of a program of version `1`.
fn old() -> Migrations {
    Migrations::owned(vec![migration("1")])
}

/// Those of a program of version `2`.
fn new() -> Migrations {
    Migrations::owned(vec![migration("1"), migration("2")])
}

/// An instance of version `1` that looks after its lease often.
fn instance(fixture: &Fixture, name: &str) -> LeaseOptions {
    Lease::options(old(), fixture.database.url())
        .name(name)
        .check_interval(Duration::from_millis(10))
        .wait_timeout(Duration::from_mins(1))
}

fn names(instances: &[Instance]) -> Vec<&str> {
    instances.iter().filter_map(|instance| instance.application_name.as_deref()).collect()
}

/// What becomes of a lease, and whatever else its observer is told.
fn changes(options: LeaseOptions) -> (LeaseOptions, Receiver<LeaseChange>) {
    let (send, receive) = mpsc::channel();
    let options = options.observer(move |event: &Event| {
        if let Event::Lease { change, .. } = event {
            let _ = send.send(change.clone());
        }
    });
    (options, receive)
}

/// Waits until `sql` gives `value`.
fn until(fixture: &mut Fixture, sql: &str, value: &str) {
    while fixture.text(sql) != value {
        sleep(Duration::from_millis(2));
    }
}

const LEASE_PIDS: &str = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' \
    AND ((classid::bigint << 32) | objid::bigint) = hashtextextended('reshape lease default/1', 0) \
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
