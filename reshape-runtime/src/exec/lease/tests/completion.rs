//! Completing while instances use the old version.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::{changes, instance, names, new, old, started};
use crate::error::ErrorKind;
use crate::exec::Migrator;
use crate::exec::lease::Lease;
use crate::exec::tests::{batch, crash};
use crate::instance::{Evidence, LeaseChange};
use crate::model::Migration;
use crate::observer::Event;
use crate::plan::Plan;
use crate::report::Outcome;

#[test]
fn a_completion_names_the_instances_of_the_old_version_and_changes_nothing() {
    let mut fixture = started();
    let first = instance(&fixture, "web-1").take().unwrap();
    let second = instance(&fixture, "web-2").take().unwrap();
    // One of the new version is in nobody's way.
    let _new = Lease::take(new(), fixture.database.url()).unwrap();
    let error = fixture.detached().complete().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InUse);
    let text = error.message();
    assert!(text.contains("the version `1` is still used by 2 instances: `web-"), "{text}");
    assert!(text.contains("`web-1` (pid ") && text.contains("; `web-2` (pid "), "{text}");
    assert!(text.contains(", since 20") && text.ends_with("; nothing was removed"), "{text}");
    fixture.assert_both();

    first.release();
    let error = fixture.detached().complete().unwrap_err();
    assert!(error.message().contains("used by 1 instance: `web-2` (pid "), "{error}");
    drop(second);
    let report = fixture.detached().complete().unwrap();
    assert_eq!((report.outcome, report.notes), (Outcome::Completed, Vec::new()));
    fixture.assert_new();
}

#[test]
fn a_completion_waits_for_instances_and_tells_whom_it_waits_for() {
    let mut fixture = started();
    let mut lease = Some(instance(&fixture, "web-1").take().unwrap());
    let mut status = fixture.detached();
    let mut late = Some(instance(&fixture, "late"));
    let mut migrator =
        fixture.detached().drain_timeout(Duration::from_mins(10)).observer(move |event: &Event| {
            if let Event::Draining { version, instances, .. } = event {
                assert_eq!((version.as_str(), names(instances)), ("1", vec!["web-1"]));
                // Nobody is kept out meanwhile: neither an instance that restarts, nor a migrator.
                drop(late.take().unwrap().take().unwrap());
                assert_eq!(status.status().unwrap().migrator, None);
                lease.take().unwrap().release();
            }
        });
    assert_eq!(migrator.complete().unwrap().outcome, Outcome::Completed);
    fixture.assert_new();
}

#[test]
fn waiting_for_instances_has_an_end() {
    let mut fixture = started();
    let _lease = instance(&fixture, "web-1").take().unwrap();
    let error = fixture.detached().drain_timeout(Duration::from_millis(30)).complete().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InUse);
    fixture.assert_both();
}

#[test]
fn a_batch_that_is_aborted_meanwhile_is_not_completed() {
    let mut fixture = started();
    let _lease = instance(&fixture, "web-1").take().unwrap();
    let mut abort = fixture.detached();
    let mut migrator = fixture.detached().drain_timeout(Duration::from_millis(300)).observer(
        move |event: &Event| {
            if matches!(event, Event::Draining { .. }) {
                abort.abort().unwrap();
            }
        },
    );
    assert_eq!(migrator.complete().unwrap().outcome, Outcome::Nothing);
    fixture.assert_old();
}

#[test]
fn a_forced_completion_notes_who_was_cut_off_and_tells_them() {
    let mut fixture = started();
    let (options, changes) = changes(instance(&fixture, "web-1"));
    let lease = options.take().unwrap();
    assert_eq!(changes.recv().unwrap(), LeaseChange::Held);
    let report = fixture.detached().force(true).complete().unwrap();
    assert_eq!(report.notes.len(), 1, "{:?}", report.notes);
    assert!(report.notes[0].starts_with("1 instance of `1` cut off: `web-1` (pid "));
    fixture.assert_new();
    let reason = String::from("the version `1` has been retired: its schema is gone");
    assert_eq!(changes.recv().unwrap(), LeaseChange::Lost(reason));
    assert!(lease.is_lost());
    assert_eq!(lease.version(), "1");
}

/// Also not where an instance holds one already, so that only a forced completion gets so far.
#[test]
fn nobody_gets_a_lease_on_a_version_that_is_being_removed() {
    for forced in [false, true] {
        let mut fixture = started();
        let holder = forced.then(|| instance(&fixture, "web-1").take().unwrap());
        let (send, receive) = mpsc::channel();
        let (waits, waiting) = mpsc::channel();
        let mut options = Some(instance(&fixture, "web-2").observer(move |event: &Event| {
            if let Event::Waiting { holder, .. } = event {
                let _ = waits.send(holder.clone());
            }
        }));
        let mut impatient = Some(instance(&fixture, "web-3").wait_timeout(Duration::ZERO));
        let mut migrator = fixture.detached().force(forced).observer(move |event: &Event| {
            // The schema of version 1 is still there.
            if matches!(event, Event::StepStarted { .. }) && options.is_some() {
                let error = impatient.take().unwrap().take().unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Locked);
                let (send, options) = (send.clone(), options.take().unwrap());
                thread::spawn(move || send.send(options.take().unwrap_err()).unwrap());
                assert!(waiting.recv().unwrap().contains("(`reshape`)"));
            }
        });
        migrator.complete().unwrap();
        let error = receive.recv().unwrap();
        assert_eq!(error.kind(), ErrorKind::History);
        assert!(error.message().starts_with("the version `1` is not live: it has been retired"));
        fixture.assert_new();
        drop(holder);
    }
}

#[test]
fn a_completion_that_fails_lets_instances_in_again() {
    let mut fixture = started();
    // The first step of the contract phase cannot get its lock.
    let mut report = fixture.database.connect().unwrap();
    report.batch_execute("BEGIN; LOCK TABLE public.users IN ACCESS EXCLUSIVE MODE").unwrap();
    let client = fixture.database.connect().unwrap();
    let mut migrator = Migrator::detached(client)
        .lock_timeout(Duration::from_millis(5))
        .retry_budget(Duration::from_millis(5));
    // An index would be dropped without a timeout.
    let plan_without_index = fixture.text(
        "UPDATE reshape.batch SET plan = plan #- '{steps,6}' RETURNING jsonb_array_length(plan -> 'steps')",
    );
    assert_eq!(plan_without_index, "7");
    let error = migrator.complete().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LockTimeout);
    drop(report);
    // The migrator keeps its connection, but not the gate.
    drop(instance(&fixture, "web-1").wait_timeout(Duration::ZERO).take().unwrap());
    assert_eq!(fixture.state(), "in_progress");
    assert_eq!(migrator.complete().unwrap().outcome, Outcome::Completed);
}

#[test]
fn a_completion_that_has_begun_is_not_stopped_by_leases() {
    for by_start in [false, true] {
        let mut fixture = started();
        // In the middle of its last step, so the first is done.
        let mut crashed = 0;
        while !fixture
            .text("SELECT string_agg(step::text, ',' ORDER BY step) FROM reshape.journal")
            .ends_with("5,6")
        {
            assert!(crash(fixture.detached(), crashed, Migrator::complete));
            fixture.wait_until_unlocked();
            crashed += 1;
        }
        assert_eq!(fixture.state(), "completing");
        let _lease = instance(&fixture, "web-1").take().unwrap();
        if by_start {
            let mut migrator = fixture.migrator();
            assert_eq!(migrator.start().unwrap().outcome, Outcome::Completed);
        } else {
            assert_eq!(fixture.detached().complete().unwrap().outcome, Outcome::Completed);
        }
        fixture.assert_new();
    }
}

/// It was decided on, when nobody used the old version, and died before its first step.
#[test]
fn a_start_goes_on_with_a_dead_completion_and_says_who_is_cut_off() {
    let mut fixture = started();
    fixture.client.batch_execute("UPDATE reshape.batch SET state = 'completing'").unwrap();
    let _lease = instance(&fixture, "web-1").take().unwrap();
    let error = fixture.detached().complete().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InUse);
    let report = fixture.migrator().start().unwrap();
    assert_eq!(report.outcome, Outcome::Completed);
    assert!(report.notes[0].starts_with("1 instance of `1` cut off: `web-1`"), "{report:?}");
    fixture.assert_new();
}

#[test]
fn an_abort_says_which_instances_of_the_new_version_it_cuts_off() {
    let mut fixture = started();
    let _old = Lease::take(old(), fixture.database.url()).unwrap();
    let new = Lease::options(new(), fixture.database.url()).name("new-1");
    let (options, changes) = changes(new.check_interval(Duration::from_millis(10)));
    let _new = options.take().unwrap();
    let report = fixture.detached().abort().unwrap();
    assert_eq!(report.notes.len(), 1, "{report:?}");
    assert!(report.notes[0].starts_with("1 instance of `2` cut off: `new-1`"), "{report:?}");
    assert_eq!(changes.recv().unwrap(), LeaseChange::Held);
    assert!(matches!(changes.recv().unwrap(), LeaseChange::Lost(_)));
    fixture.assert_old();
}

#[test]
fn the_gate_is_shut_again_after_a_lost_connection() {
    let mut fixture = started();
    let mut killer = fixture.database.connect().unwrap();
    let mut options = vec![instance(&fixture, "web-1"), instance(&fixture, "web-2")];
    let mut seen = 0;
    let (send, receive) = mpsc::channel();
    let mut migrator = fixture.detached().observer(move |event: &Event| {
        if matches!(event, Event::StepStarted { .. }) {
            seen += 1;
            // Before the first step the connection goes; before the second one there is another.
            if seen == 1 {
                let kill = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity \
                    WHERE application_name = 'reshape' AND datname = current_database()";
                killer.batch_execute(kill).unwrap();
            } else {
                let options = options.pop().unwrap().wait_timeout(Duration::ZERO);
                send.send(options.take().unwrap_err().kind()).unwrap();
            }
        }
    });
    migrator.complete().unwrap();
    assert_eq!(receive.recv().unwrap(), ErrorKind::Locked);
    fixture.assert_new();
}

#[test]
fn status_tells_the_instances_of_each_version() {
    let fixture = started();
    let _old = instance(&fixture, "web-1").take().unwrap();
    let _new = Lease::options(new(), fixture.database.url())
        .name("web-2")
        .heartbeat(Duration::from_mins(1))
        .take()
        .unwrap();
    let status = fixture.detached().status().unwrap();
    let found: Vec<_> = status
        .instances
        .iter()
        .map(|i| (i.version.as_deref(), i.evidence, i.application_name.as_deref()))
        .collect();
    assert_eq!(
        found,
        [
            (Some("1"), Evidence::Lease, Some("web-1")),
            (Some("2"), Evidence::Heartbeat, Some("web-2"))
        ]
    );
    assert!(status.instances[0].pid.is_some() && status.instances[0].since.is_some());
}

#[test]
fn a_completion_that_waits_is_not_one_of_another_batch() {
    let mut fixture = started();
    let _lease = instance(&fixture, "web-1").take().unwrap();
    let mut abort = fixture.detached();
    let plan = batch();
    let migrations = vec![Migration { name: "3".into(), ..plan.migrations[0].clone() }];
    let mut other = fixture.migrator_for(Plan {
        target: String::from("3"),
        migrations,
        steps: Vec::new(),
        ..plan
    });
    let mut is_first = true;
    let mut migrator =
        fixture.detached().drain_timeout(Duration::from_secs(2)).observer(move |event: &Event| {
            if matches!(event, Event::Draining { .. }) && std::mem::take(&mut is_first) {
                abort.abort().unwrap();
                other.start().unwrap();
            }
        });
    let error = migrator.complete().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::State, "{error}");
    assert!(error.message().contains("which leads to `3`"), "{error}");
    assert_eq!(fixture.state(), "in_progress");
}
