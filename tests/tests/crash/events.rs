//! A migrator that dies after an event of start, complete or abort.
//!
//! The observer's panic drops the connection without any clean-up, as `kill -9` does.

use std::panic::{AssertUnwindSafe, catch_unwind};

use reshape_runtime::{Event, Migrator, Outcome};
use reshape_tests::{Rollout, catalog, rows};

use crate::batch::*;

fn prepare() -> Rollout {
    Rollout::prepare(BASE, ROWS, CHANGE)
}

/// Runs `command` with a migrator that dies at its event number `at`. `true` if it did.
fn dies_at(r: &Rollout, at: usize, command: impl FnOnce(&mut Migrator)) -> bool {
    let mut seen = 0;
    let mut migrator = r.migrator().observer(move |_: &Event| {
        assert!(seen != at, "killed");
        seen += 1;
    });
    catch_unwind(AssertUnwindSafe(|| command(&mut migrator))).is_err()
}

/// Clients of both versions see each other's writes, and every row is right.
fn check_both(r: &mut Rollout) {
    rows(&mut r.old, "INSERT INTO users (name) VALUES ('from the old')");
    rows(
        &mut r.new,
        "INSERT INTO users (name, shout, email) VALUES ('from the new', 'FROM THE NEW', 'none')",
    );
    assert_eq!(rows(&mut r.new, "SELECT count(*) FROM users WHERE shout <> upper(name)"), ["0"]);
    assert_eq!(rows(&mut r.new, "SELECT count(*) FROM users WHERE shout = upper(name)"), ["52"]);
    assert_eq!(rows(&mut r.old, "SELECT count(*) FROM users WHERE email IS NULL"), ["18"]);
    assert_eq!(rows(&mut r.new, "SELECT count(*) FROM users WHERE email = 'none'"), ["18"]);
}

fn start(r: &Rollout) {
    let report = r.start().unwrap_or_else(|error| panic!("{}", error.report()));
    assert!(matches!(report.outcome, Outcome::Started | Outcome::Nothing), "{report:?}");
}

/// The catalogs of an undisturbed run: in progress, and complete.
fn undisturbed() -> (Vec<String>, Vec<String>) {
    let mut r = prepare();
    start(&r);
    let in_progress = catalog(&mut r.old);
    check_both(&mut r);
    r.complete();
    assert_eq!(rows(&mut r.new, "SELECT * FROM public.log"), ["started", "completed"]);
    (in_progress, catalog(&mut r.new))
}

#[test]
fn a_start_that_dies_is_resumed_and_completed() {
    let (in_progress, complete) = undisturbed();
    let mut at = 0;
    loop {
        let mut r = prepare();
        let died = dies_at(&r, at, |migrator| drop(migrator.start()));
        start(&r);
        assert_eq!(catalog(&mut r.old), in_progress, "died at event {at}");
        check_both(&mut r);
        r.complete();
        assert_eq!(catalog(&mut r.new), complete, "died at event {at}");
        assert_eq!(rows(&mut r.new, "SELECT * FROM public.log"), ["started", "completed"]);
        if !died {
            break;
        }
        at += 1;
    }
    assert!(at > 20, "only {at} events");
}

#[test]
fn a_start_that_dies_is_aborted() {
    let mut at = 0;
    loop {
        let mut r = prepare();
        let died = dies_at(&r, at, |migrator| drop(migrator.start()));
        r.abort();
        if !died {
            break;
        }
        at += 1;
    }
    assert!(at > 20, "only {at} events");
}

#[test]
fn a_completion_that_dies_is_completed() {
    let (_, complete) = undisturbed();
    let mut at = 0;
    loop {
        let mut r = prepare();
        start(&r);
        let died = dies_at(&r, at, |migrator| drop(migrator.complete()));
        if at % 2 == 0 {
            r.complete();
        } else {
            // A start finishes the completion, too.
            let report = r.start().unwrap_or_else(|error| panic!("{}", error.report()));
            assert!(matches!(report.outcome, Outcome::Completed | Outcome::Nothing), "{report:?}");
            r.complete();
        }
        assert_eq!(catalog(&mut r.new), complete, "died at event {at}");
        assert_eq!(rows(&mut r.new, "SELECT * FROM public.log"), ["started", "completed"]);
        if !died {
            break;
        }
        at += 1;
    }
    assert!(at > 10, "only {at} events");
}

#[test]
fn a_rollback_that_dies_is_finished() {
    let mut at = 0;
    loop {
        let mut r = prepare();
        start(&r);
        let died = dies_at(&r, at, |migrator| drop(migrator.abort()));
        r.abort();
        if !died {
            break;
        }
        at += 1;
    }
    assert!(at > 20, "only {at} events");
}
