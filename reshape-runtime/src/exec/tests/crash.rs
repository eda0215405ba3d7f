//! A crash at every event of every command; whatever command comes next finishes the job.

use super::{Fixture, crash};
use crate::error::ErrorKind;
use crate::exec::Migrator;
use crate::plan::Phase;
use crate::report::{Outcome, State};

#[test]
fn start_resumes_a_start() {
    let mut fixture = Fixture::new();
    let mut at = 0;
    while crash(fixture.migrator(), at, Migrator::start) {
        let report = fixture.migrator().start().unwrap();
        assert!(matches!(report.outcome, Outcome::Started | Outcome::Nothing), "{report:?}");
        fixture.assert_both();
        fixture.reset();
        at += 1;
    }
    assert!(at > 12, "the crashes have covered {at} events only");
    fixture.assert_both();
}

#[test]
fn abort_takes_back_a_start() {
    let mut fixture = Fixture::new();
    let mut at = 0;
    while crash(fixture.migrator(), at, Migrator::start) {
        fixture.wait_until_unlocked();
        let has_begun = fixture.text("SELECT to_regclass('reshape.batch') IS NOT NULL") == "t";
        let report = fixture.detached().abort().unwrap();
        if has_begun {
            assert_eq!(report.outcome, Outcome::Aborted);
            fixture.assert_old();
        } else {
            assert_eq!(report.outcome, Outcome::Nothing);
        }
        fixture.reset();
        at += 1;
    }
}

#[test]
fn complete_refuses_half_a_start() {
    let mut fixture = Fixture::new();
    let mut at = 0;
    while crash(fixture.migrator(), at, Migrator::start) {
        fixture.wait_until_unlocked();
        match fixture.detached().status().unwrap().state {
            State::Idle => {
                assert_eq!(fixture.detached().complete().unwrap().outcome, Outcome::Nothing);
            }
            State::Applying => {
                let error = fixture.detached().complete().unwrap_err();
                assert_eq!(error.kind(), ErrorKind::State);
                assert_eq!(fixture.state(), "applying");
            }
            State::InProgress => {
                fixture.detached().complete().unwrap();
                fixture.assert_new();
            }
            other => panic!("{other:?}"),
        }
        fixture.reset();
        at += 1;
    }
}

#[test]
fn a_completion_goes_on() {
    let mut fixture = Fixture::new();
    for next_is_start in [false, true] {
        let mut at = 0;
        loop {
            fixture.reset();
            fixture.migrator().start().unwrap();
            if !crash(fixture.detached(), at, Migrator::complete) {
                break;
            }
            fixture.wait_until_unlocked();
            if fixture.state() == "completing" && contract_has_begun(&mut fixture) {
                assert_eq!(fixture.detached().abort().unwrap_err().kind(), ErrorKind::State);
            }
            if next_is_start && fixture.state() == "completing" {
                let report = fixture.migrator().start().unwrap();
                assert_eq!(report.outcome, Outcome::Completed);
            } else {
                fixture.detached().complete().unwrap();
            }
            fixture.assert_new();
            at += 1;
        }
        assert!(at >= 5, "the crashes have covered {at} events only");
        fixture.assert_new();
    }
}

#[test]
fn a_completion_that_has_removed_nothing_can_be_aborted() {
    let mut fixture = Fixture::new();
    let (mut at, mut aborted) = (0, 0);
    loop {
        fixture.reset();
        fixture.migrator().start().unwrap();
        if !crash(fixture.detached(), at, Migrator::complete) {
            break;
        }
        fixture.wait_until_unlocked();
        if fixture.state() == "completing" && !contract_has_begun(&mut fixture) {
            assert_eq!(fixture.detached().abort().unwrap().outcome, Outcome::Aborted);
            fixture.assert_old();
            aborted += 1;
        }
        at += 1;
    }
    assert!(aborted > 0, "no crash came between the state and the first step");
}

fn contract_has_begun(fixture: &mut Fixture) -> bool {
    let first = super::batch().steps.iter().position(|step| step.phase == Phase::Contract).unwrap();
    let rows = format!("SELECT count(*) FROM reshape.journal WHERE step >= {first}");
    fixture.text(&rows) != "0"
}

#[test]
fn a_rollback_goes_on() {
    let mut fixture = Fixture::new();
    for next_is_start in [false, true] {
        let mut at = 0;
        loop {
            fixture.reset();
            fixture.migrator().start().unwrap();
            if !crash(fixture.detached(), at, Migrator::abort) {
                break;
            }
            fixture.wait_until_unlocked();
            if next_is_start {
                fixture.migrator().start().unwrap();
                fixture.assert_both();
            } else {
                fixture.detached().abort().unwrap();
                fixture.assert_old();
            }
            at += 1;
        }
        assert!(at >= 12, "the crashes have covered {at} events only");
        fixture.assert_old();
    }
}
