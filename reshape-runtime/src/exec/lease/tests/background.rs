//! `complete_when_unused`.

use std::sync::mpsc;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use super::{instance, new, old, started};
use crate::error::ErrorKind;
use crate::exec::Migrator;
use crate::exec::lease::{Lease, Unused};
use crate::exec::tests::{Fixture, crash};
use crate::observer::Event;
use crate::report::Outcome;

fn often() -> Unused {
    Unused::default().interval(Duration::from_millis(5)).unused_for(Duration::ZERO)
}

fn migrator(fixture: &Fixture) -> Migrator {
    Migrator::new(new(), fixture.database.url())
}

#[test]
fn of_many_that_complete_when_unused_one_does() {
    let mut fixture = started();
    let lease = instance(&fixture, "web-1").take().unwrap();
    let barrier = Arc::new(Barrier::new(11));
    let threads: Vec<_> = (0..10)
        .map(|_| {
            let (migrator, barrier) = (migrator(&fixture), Arc::clone(&barrier));
            thread::spawn(move || {
                let completion = migrator.complete_when_unused(often()).unwrap();
                barrier.wait();
                completion.join().unwrap().outcome
            })
        })
        .collect();
    barrier.wait();
    fixture.assert_both();
    drop(lease);
    let outcomes: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    let completed = outcomes.iter().filter(|outcome| **outcome == Outcome::Completed).count();
    let nothing = outcomes.iter().filter(|outcome| **outcome == Outcome::Nothing).count();
    assert_eq!((completed, nothing), (1, 9));
    fixture.assert_new();
}

#[test]
fn an_instance_of_the_old_version_keeps_everybody_from_completing() {
    let mut fixture = started();
    let lease = instance(&fixture, "web-1").take().unwrap();
    let completion = migrator(&fixture).complete_when_unused(often()).unwrap();
    let mut reader = fixture.database.connect().unwrap();
    // Once the lease is gone, the transaction still counts.
    reader.batch_execute("BEGIN; SELECT id FROM migration_1.users LIMIT 1").unwrap();
    drop(lease);
    let looked = "SELECT count(*) FROM pg_stat_database WHERE datname = current_database()";
    for _ in 0..20 {
        fixture.text(looked);
        thread::sleep(Duration::from_millis(5));
    }
    fixture.assert_both();
    assert!(!completion.is_finished());
    reader.batch_execute("COMMIT").unwrap();
    assert_eq!(completion.join().unwrap().outcome, Outcome::Completed);
    fixture.assert_new();
}

#[test]
fn it_waits_for_as_long_as_it_is_told_and_can_be_stopped() {
    let mut fixture = started();
    let patient = often().unused_for(Duration::from_hours(1));
    let completion = migrator(&fixture).complete_when_unused(patient).unwrap();
    fixture.assert_both();
    assert!(completion.stop().unwrap().is_none());
    fixture.assert_both();
    // Stopped before the first look, at once.
    let rarely = Unused::default().interval(Duration::from_hours(1));
    drop(migrator(&fixture).complete_when_unused(rarely).unwrap());
    fixture.assert_both();
}

#[test]
fn a_batch_of_another_release_is_left_alone() {
    let mut fixture = started();
    // An instance of the old release runs the same code.
    let old = Migrator::new(old(), fixture.database.url());
    let report = old.complete_when_unused(often()).unwrap().join().unwrap();
    assert_eq!(report.outcome, Outcome::Nothing);
    fixture.assert_both();
}

#[test]
fn a_completion_that_died_is_finished() {
    let mut fixture = started();
    // After its first step.
    assert!(crash(fixture.detached(), 3, Migrator::complete));
    fixture.wait_until_unlocked();
    assert_eq!(fixture.state(), "completing");
    let patient = often().unused_for(Duration::from_hours(1));
    let completion = migrator(&fixture).complete_when_unused(patient).unwrap();
    assert_eq!(completion.join().unwrap().outcome, Outcome::Completed);
    fixture.assert_new();
}

#[test]
fn it_keeps_quiet_while_another_migrator_works() {
    let mut fixture = started();
    let (send, receive) = mpsc::channel();
    let watcher = migrator(&fixture).observer(move |event: &Event| {
        let _ = send.send(format!("{event:?}"));
    });
    let mut holder = fixture.database.connect().unwrap();
    holder.batch_execute("SELECT pg_advisory_lock(4036779288569897133)").unwrap();
    let completion = watcher.complete_when_unused(often()).unwrap();
    for _ in 0..20 {
        thread::sleep(Duration::from_millis(5));
    }
    assert!(!completion.is_finished());
    assert!(receive.try_recv().is_err());
    drop(holder);
    assert_eq!(completion.join().unwrap().outcome, Outcome::Completed);
    fixture.assert_new();
}

#[test]
fn a_lost_server_is_waited_for() {
    let mut fixture = started();
    let lease = instance(&fixture, "web-1").take().unwrap();
    let (send, receive) = mpsc::channel();
    let mut config = fixture.database.config();
    config.application_name("watcher");
    let database = fixture.database.config();
    let mut tries = 0;
    let connector = crate::Connector::new(move || {
        tries += 1;
        // Every third connection leads nowhere.
        let mut nowhere = postgres::Config::new();
        nowhere.host("127.0.0.1").port(1).user("x");
        if tries % 3 == 0 { &nowhere } else { &database }.connect(postgres::NoTls)
    });
    let watcher = Migrator::new(new(), connector).observer(move |event: &Event| {
        if let Event::Retry { .. } = event {
            let _ = send.send(());
        }
    });
    let completion = watcher.complete_when_unused(often()).unwrap();
    receive.recv().unwrap();
    receive.recv().unwrap();
    drop(lease);
    assert_eq!(completion.join().unwrap().outcome, Outcome::Completed);
    fixture.assert_new();
}

#[test]
fn what_would_fail_again_is_told() {
    let fixture = started();
    let mut client = fixture.database.connect().unwrap();
    client.batch_execute("UPDATE reshape.data SET value = '99' WHERE key = 'metadata'").unwrap();
    let completion = migrator(&fixture).complete_when_unused(often()).unwrap();
    assert_eq!(completion.join().unwrap_err().kind(), ErrorKind::Metadata);
    client.batch_execute("UPDATE reshape.data SET value = '2' WHERE key = 'metadata'").unwrap();
}

#[cfg(feature = "tokio")]
#[test]
fn its_end_is_a_future_too() {
    let mut fixture = started();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let completion = migrator(&fixture).complete_when_unused(often()).unwrap();
    let report = runtime.block_on(completion.finished()).unwrap();
    assert_eq!(report.outcome, Outcome::Completed);
    fixture.assert_new();
    drop(Lease::take(new(), fixture.database.url()).unwrap());
}
