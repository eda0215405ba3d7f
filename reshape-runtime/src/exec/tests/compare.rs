//! How histories relate, without a database.

use super::{migration, plan};
use crate::error::ErrorKind;
use crate::exec::compare::{Todo, decide};
use crate::exec::metadata::{Applied, Snapshot};
use crate::model::{Migration, Migrations};
use crate::plan::Plan;
use crate::report::State;

fn snapshot(state: State, applied: &[&'static str], batch: &[&'static str]) -> Snapshot {
    let live = match (state, batch) {
        (State::InProgress, [.., target]) => Some(format!("migration_{target}")),
        _ => None,
    };
    let old = applied.last().map(|name| format!("migration_{name}"));
    Snapshot {
        installed: true,
        has_live: true,
        state,
        token: 1,
        plan: (!batch.is_empty()).then(|| Plan {
            migrations: batch.iter().map(|name| migration(name)).collect(),
            ..plan(Vec::new())
        }),
        last_error: None,
        applied: applied.iter().map(|name| Applied::from(&migration(name))).collect(),
        journal: Vec::new(),
        schemas: live.into_iter().chain(old).collect(),
    }
}

fn todo(
    state: State,
    applied: &[&'static str],
    batch: &[&'static str],
    wanted: &[&'static str],
) -> Result<Todo, ErrorKind> {
    let wanted = Migrations::owned(wanted.iter().map(|name| migration(name)).collect());
    decide(&snapshot(state, applied, batch), &wanted).map_err(|error| error.kind())
}

#[test]
fn idle() {
    let idle =
        |applied: &[&'static str], wanted: &[&'static str]| todo(State::Idle, applied, &[], wanted);
    assert_eq!(idle(&[], &[]), Ok(Todo::Nothing));
    assert_eq!(idle(&[], &["a"]), Ok(Todo::Start(0)));
    assert_eq!(idle(&["a"], &["a", "b", "c"]), Ok(Todo::Start(1)));
    assert_eq!(idle(&["a", "b"], &["a", "b"]), Ok(Todo::Nothing));
    // Retired: the schema of `a` is gone.
    assert_eq!(idle(&["a", "b"], &["a"]), Err(ErrorKind::History));
    // Two branches, one of them applied.
    assert_eq!(idle(&["a", "x"], &["a", "b"]), Err(ErrorKind::History));
    // Merged from another branch, in the middle; our own version is the live one.
    assert_eq!(idle(&["a", "x", "b"], &["a", "b"]), Ok(Todo::Ahead));
    // A new migration that sorts before one that is applied.
    assert_eq!(idle(&["b"], &["a", "b"]), Err(ErrorKind::History));
}

#[test]
fn in_progress() {
    let todo = |wanted: &[&'static str]| todo(State::InProgress, &["a"], &["b", "c"], wanted);
    assert_eq!(todo(&["a", "b", "c"]), Ok(Todo::Nothing));
    assert_eq!(todo(&["a"]), Ok(Todo::Ahead));
    assert_eq!(todo(&["a", "b"]), Err(ErrorKind::History));
    assert_eq!(todo(&["a", "b", "c", "d"]), Err(ErrorKind::State));
    assert_eq!(todo(&["a", "x"]), Err(ErrorKind::History));
}

#[test]
fn interrupted() {
    let all = ["a", "b", "c"];
    assert_eq!(todo(State::Applying, &["a"], &["b", "c"], &all), Ok(Todo::Resume));
    assert_eq!(todo(State::Applying, &["a"], &["b", "c"], &["a"]), Ok(Todo::Ahead));
    assert_eq!(todo(State::Applying, &["a"], &["b"], &all), Ok(Todo::RollBack));
    assert_eq!(todo(State::Applying, &["a"], &["x"], &all), Ok(Todo::RollBack));
    assert_eq!(todo(State::Completing, &["a"], &["b", "c"], &all), Ok(Todo::Complete));
    assert_eq!(todo(State::Aborting, &["a"], &["b", "c"], &all), Ok(Todo::RollBack));
}

#[test]
fn errors_name_the_migrations() {
    let message = |applied: &[&'static str], wanted: Migrations| {
        decide(&snapshot(State::Idle, applied, &[]), &wanted).unwrap_err().message().to_owned()
    };
    let set =
        |names: &[&'static str]| Migrations::owned(names.iter().map(|n| migration(n)).collect());
    let both = message(&["a", "x"], set(&["a", "b"]));
    assert!(both.contains("unknown here: `x`") && both.contains("pending here: `b`"), "{both}");
    let edited = |name: &'static str| Migration { checksum: "other".into(), ..migration(name) };
    assert_eq!(
        message(&["a"], Migrations::owned(vec![edited("a")])),
        "the migration `a` (its batch is in progress) was edited after it was applied"
    );
    let mut snapshot = snapshot(State::Idle, &["a", "b", "c"], &[]);
    for applied in &mut snapshot.applied {
        applied.completed_at = Some(String::from("2026-01-02 03:04"));
    }
    let wanted = Migrations::owned(vec![edited("a"), migration("b"), edited("c")]);
    assert_eq!(
        decide(&snapshot, &wanted).unwrap_err().message(),
        "the migrations `a` (applied on 2026-01-02 03:04), `c` (applied on 2026-01-02 03:04) were edited after they were applied"
    );
}

/// `c` and `b` are being taken back; `a` is where that leads.
fn reverting(state: State, wanted: &[&'static str]) -> Result<Todo, ErrorKind> {
    let mut snapshot = snapshot(State::Idle, &["0", "a", "b", "c"], &[]);
    snapshot.state = state;
    snapshot.plan = Some(Plan {
        target: String::from("a"),
        migrations: Vec::new(),
        reverts: vec![String::from("b"), String::from("c")],
        ..plan(Vec::new())
    });
    if state == State::InProgress {
        snapshot.schemas.insert(String::from("migration_a"));
    }
    let wanted = Migrations::owned(wanted.iter().map(|name| migration(name)).collect());
    decide(&snapshot, &wanted).map_err(|error| error.kind())
}

#[test]
fn a_revert_in_progress_is_ended_by_nobody_who_starts() {
    let todo = |wanted: &[&'static str]| reverting(State::InProgress, wanted);
    assert_eq!(todo(&["0", "a"]), Ok(Todo::Nothing));
    // Not `Nothing`, upon which a `start --complete` completes the batch.
    assert_eq!(todo(&["0", "a", "b", "c"]), Ok(Todo::Ahead));
    assert_eq!(todo(&[]), Ok(Todo::Ahead));
    assert_eq!(todo(&["0", "a", "b"]), Err(ErrorKind::History));
    assert_eq!(todo(&["0"]), Err(ErrorKind::History));
    assert_eq!(todo(&["0", "a", "b", "c", "d"]), Err(ErrorKind::State));
    assert_eq!(todo(&["0", "a", "d"]), Err(ErrorKind::History));
}

#[test]
fn an_interrupted_revert_is_resumed_by_those_to_whom_it_leads() {
    let todo = |wanted: &[&'static str]| reverting(State::Applying, wanted);
    assert_eq!(todo(&["0", "a"]), Ok(Todo::Resume));
    assert_eq!(todo(&["0", "a", "b", "c"]), Ok(Todo::Ahead));
    assert_eq!(todo(&[]), Ok(Todo::Ahead));
    assert_eq!(todo(&["0", "a", "b", "c", "d"]), Ok(Todo::RollBack));
    assert_eq!(todo(&["0"]), Err(ErrorKind::History));
    for wanted in [&["0", "a"][..], &["0", "a", "b", "c"]] {
        assert_eq!(reverting(State::Completing, wanted), Ok(Todo::Complete));
        assert_eq!(reverting(State::Aborting, wanted), Ok(Todo::RollBack));
    }
}
