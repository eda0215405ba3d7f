//! Do the database's migrations and the embedded ones fit together? Pure.
//!
//! **Invariant:** a database that is ahead is no error while the wanted version's schema is live.

use std::collections::{HashMap, HashSet};

use super::metadata::{Applied, Snapshot};
use super::set::Set;
use crate::error::{Error, ErrorKind};
use crate::model::{Action, Migration, Migrations};
use crate::plan::Plan;
use crate::report::{Outcome, State};

/// How the wanted migrations relate to what a list of migrations in the database says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    /// The same.
    Equal,
    /// The database has more, and the wanted version is live.
    Ahead,
    /// The database has the first `n` of the wanted ones.
    Behind(usize),
}

/// What `start` has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Todo {
    /// Nothing: the wanted version is there.
    Nothing,
    /// Nothing: the database is ahead, and the wanted version is live.
    Ahead,
    /// Finish the completion that was interrupted, then look again.
    Complete,
    /// Finish the rollback that was interrupted, or roll back a batch that is not ours to resume; then look again.
    RollBack,
    /// Resume the batch that was interrupted.
    Resume,
    /// Start the migrations from this one on.
    Start(usize),
}

/// Decides what `start` has to do, provided that no other migrator is at work.
pub(super) fn decide(snapshot: &Snapshot, wanted: &Migrations) -> Result<Todo, Error> {
    let applied = snapshot.applied.clone();
    let batch: &[Migration] = snapshot.plan.as_ref().map_or(&[], |plan| &plan.migrations);
    if let Some(plan) = snapshot.plan.as_ref().filter(|plan| !plan.reverts.is_empty()) {
        return decide_beside_revert(snapshot, plan, wanted);
    }
    let with_batch = || [applied.clone(), batch.iter().map(Applied::from).collect()].concat();
    Ok(match snapshot.state {
        State::Idle => match compare(&applied, wanted, snapshot)? {
            Relation::Equal => Todo::Nothing,
            Relation::Ahead => Todo::Ahead,
            Relation::Behind(done) => Todo::Start(done),
        },
        State::InProgress => match compare(&with_batch(), wanted, snapshot)? {
            Relation::Equal => Todo::Nothing,
            Relation::Ahead => Todo::Ahead,
            Relation::Behind(_) => return Err(in_progress(batch)),
        },
        // Its migrator died. An instance of the old version must come up all the same, and must not undo the new one's work.
        State::Applying => match compare(&applied, wanted, snapshot)? {
            Relation::Equal | Relation::Ahead => Todo::Ahead,
            Relation::Behind(_) => match compare(&with_batch(), wanted, snapshot) {
                Ok(Relation::Equal) => Todo::Resume,
                Ok(Relation::Ahead | Relation::Behind(_)) | Err(_) => Todo::RollBack,
            },
        },
        State::Completing => Todo::Complete,
        State::Aborting => Todo::RollBack,
    })
}

/// Whether the wanted version can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Readiness {
    /// It can: it is the latest, or the database is ahead.
    Ready(Outcome),
    /// It cannot, or not for much longer: what is missing.
    Not(String),
}

/// Says whether the wanted version can be used, whoever is at work.
pub(super) fn readiness(snapshot: &Snapshot, wanted: &Migrations) -> Result<Readiness, Error> {
    let Some(latest) = wanted.latest() else { return Ok(Readiness::Ready(Outcome::Nothing)) };
    let plan = snapshot.plan.as_ref();
    let reverts = plan.filter(|plan| !plan.reverts.is_empty());
    // A batch that takes migrations back adds none.
    let batch: &[Migration] =
        plan.filter(|_| reverts.is_none()).map_or(&[], |plan| &plan.migrations);
    let with_batch =
        [snapshot.applied.clone(), batch.iter().map(Applied::from).collect::<Vec<_>>()].concat();
    let name = &latest.name;
    let leaving = |how: &str| Readiness::Not(format!("the version `{name}` is being {how}"));
    let missing = |known: &[Applied]| {
        let pending = pending(known, &wanted.migrations);
        Readiness::Not(match snapshot.state {
            State::Applying if batch.iter().any(|m| m.name == *name) => {
                format!("the version `{name}` is only half started")
            }
            _ => format!("the database is behind: pending here: {}", list(&pending)),
        })
    };
    let of = |known: &[Applied]| compare(known, wanted, snapshot);
    let schema = wanted.version_schema(name);
    let ready = |outcome| {
        if snapshot.schemas.contains(&schema) {
            Readiness::Ready(outcome)
        } else {
            Readiness::Not(format!("the schema `{schema}` of the version `{name}` is not there"))
        }
    };
    if let Some(plan) = reverts {
        let leads_here = matches!(of(&remaining(snapshot, plan)), Ok(Relation::Equal));
        match snapshot.state {
            State::Applying if leads_here => {
                return Ok(Readiness::Not(format!("the version `{name}` is only half started")));
            }
            State::Aborting if leads_here => return Ok(leaving("rolled back")),
            State::Idle | State::InProgress | State::Completing if leads_here => {
                return Ok(ready(Outcome::Nothing));
            }
            State::Completing => return Ok(leaving("retired: a completion is at work, or died")),
            State::Idle | State::InProgress | State::Applying | State::Aborting => {}
        }
    }
    Ok(match snapshot.state {
        State::Idle | State::InProgress => match of(&with_batch)? {
            Relation::Equal => ready(Outcome::Nothing),
            Relation::Ahead => ready(Outcome::Ahead),
            Relation::Behind(_) => missing(&with_batch),
        },
        State::Completing => match of(&with_batch)? {
            Relation::Equal => ready(Outcome::Nothing),
            // What the batch leads away from is being removed.
            Relation::Ahead => leaving("retired: a completion is at work, or died"),
            Relation::Behind(_) => missing(&with_batch),
        },
        State::Applying | State::Aborting => match of(&snapshot.applied)? {
            Relation::Equal => ready(Outcome::Nothing),
            Relation::Ahead => ready(Outcome::Ahead),
            Relation::Behind(_) => {
                let is_its_target =
                    matches!(of(&with_batch), Ok(Relation::Equal | Relation::Ahead));
                if snapshot.state == State::Aborting && is_its_target {
                    leaving("rolled back")
                } else {
                    missing(&snapshot.applied)
                }
            }
        },
    })
}

/// What is left when the migrations have been taken back.
pub(super) fn remaining(snapshot: &Snapshot, plan: &Plan) -> Vec<Applied> {
    let reverts: HashSet<&str> = plan.reverts.iter().map(String::as_str).collect();
    let remaining = snapshot.applied.iter().filter(|one| !reverts.contains(one.name.as_str()));
    remaining.cloned().collect()
}

/// The same while migrations are being taken back. Their versions are live until that is complete, so an instance of the version that is being left
/// has nothing to do, and must not end the batch. One of the version that the batch leads to goes on with it.
fn decide_beside_revert(
    snapshot: &Snapshot,
    plan: &Plan,
    wanted: &Migrations,
) -> Result<Todo, Error> {
    let remaining = remaining(snapshot, plan);
    let leads_to_wanted = wanted.latest().is_some()
        && matches!(compare(&remaining, wanted, snapshot), Ok(Relation::Equal));
    let relation = || compare(&snapshot.applied, wanted, snapshot);
    Ok(match snapshot.state {
        State::Completing => Todo::Complete,
        State::Aborting => Todo::RollBack,
        State::InProgress if leads_to_wanted => Todo::Nothing,
        State::Applying if leads_to_wanted => Todo::Resume,
        State::Idle | State::InProgress | State::Applying => match relation()? {
            Relation::Equal | Relation::Ahead => Todo::Ahead,
            Relation::Behind(_) if snapshot.state == State::Applying => Todo::RollBack,
            Relation::Behind(_) => return Err(reverting(plan)),
        },
    })
}

/// The names of the wanted migrations that the database does not know.
fn pending<'m>(known: &[Applied], wanted: &'m [Migration]) -> Vec<&'m str> {
    let known: HashSet<&str> = known.iter().map(|applied| applied.name.as_str()).collect();
    let names = wanted.iter().map(|migration| &*migration.name);
    names.filter(|name| !known.contains(name)).collect()
}

fn compare(known: &[Applied], wanted: &Migrations, snapshot: &Snapshot) -> Result<Relation, Error> {
    let Some(latest) = wanted.latest() else { return Ok(Relation::Equal) };
    let edited: Vec<&Applied> = edited(known, wanted).collect();
    if !edited.is_empty() {
        return Err(were_edited(&edited));
    }
    let set = wanted;
    let wanted = &wanted.migrations;
    let is_prefix =
        known.len() <= wanted.len() && known.iter().zip(&**wanted).all(|(a, m)| a.name == m.name);
    if is_prefix {
        let is_all = known.len() == wanted.len();
        return Ok(if is_all { Relation::Equal } else { Relation::Behind(known.len()) });
    }
    let names: HashSet<&str> = wanted.iter().map(|migration| &*migration.name).collect();
    let unknown: Vec<&str> =
        known.iter().map(|a| a.name.as_str()).filter(|name| !names.contains(name)).collect();
    let pending = pending(known, wanted);
    match (unknown.is_empty(), pending.is_empty()) {
        (false, true) if snapshot.schemas.contains(&set.version_schema(&latest.name)) => Ok(Relation::Ahead),
        (false, true) => Err(retired(set, latest, &unknown)),
        (false, false) => Err(Error::new(
            ErrorKind::History,
            format!(
                "the database and this program have gone different ways: applied but unknown here: {}; \
                 pending here: {}",
                list(&unknown),
                list(&pending)
            ),
        )
        .with_help("merge both histories: add the unknown migrations here, before the pending ones")),
        (true, _) => Err(Error::new(
            ErrorKind::History,
            format!(
                "the migrations are in another order than the one in which the database has applied \
                 them: {}",
                list(&known.iter().map(|a| a.name.as_str()).collect::<Vec<_>>())
            ),
        )
        .with_help("new migrations go after all that are applied: rename the ones that sort before them")),
    }
}

/// Those in the database whose content is another one here.
pub(super) fn edited<'a>(
    known: &'a [Applied],
    wanted: &'a Migrations,
) -> impl Iterator<Item = &'a Applied> {
    let here: HashMap<&str, &Migration> =
        wanted.migrations.iter().map(|migration| (&*migration.name, migration)).collect();
    known.iter().filter(move |applied| {
        here.get(applied.name.as_str()).is_some_and(|migration| !same(applied, migration))
    })
}

/// Whether the migration is still the one that was applied. A row of the command line has no checksum, so its actions are
/// compared; where they cannot be read, the name has to do.
fn same(applied: &Applied, migration: &Migration) -> bool {
    match (&applied.checksum, &applied.actions) {
        (Some(checksum), _) => *checksum == *migration.checksum,
        (None, Some(actions)) => serde_json::from_value::<Vec<Action>>(actions.clone())
            .map_or(true, |actions| actions == *migration.actions),
        (None, None) => true,
    }
}

fn were_edited(edited: &[&Applied]) -> Error {
    let since = |applied: &Applied| match &applied.completed_at {
        Some(time) => format!("`{}` (applied on {time})", applied.name),
        None => format!("`{}` (its batch is in progress)", applied.name),
    };
    let message = match edited {
        [one] => format!("the migration {} was edited after it was applied", since(one)),
        several => {
            let names: Vec<String> = several.iter().map(|applied| since(applied)).collect();
            format!("the migrations {} were edited after they were applied", names.join(", "))
        }
    };
    let in_progress = edited.iter().any(|applied| applied.completed_at.is_none());
    let (kept, discard) = if in_progress {
        ("", "`abort` the batch, and start it as it is now")
    } else {
        (
            " (the column `actions` of `reshape.migrations` has it)",
            "revert the database to the migration before it, and start again",
        )
    };
    Error::new(ErrorKind::History, message).with_help(format!(
        "restore what was applied{kept}, and put the change into a new migration; or, if nobody else needs what was applied, {discard}"
    ))
}

fn retired(set: &Migrations, latest: &Migration, unknown: &[&str]) -> Error {
    let schema = set.version_schema(&latest.name);
    Error::new(
        ErrorKind::History,
        format!(
            "the version `{}` has been retired: the database is ahead of it by {}, and its schema \
             `{schema}` is gone",
            latest.name,
            list(unknown)
        ),
    )
    .with_help("deploy a build that knows these migrations")
}

fn in_progress(batch: &[Migration]) -> Error {
    let names: Vec<&str> = batch.iter().map(|migration| &*migration.name).collect();
    Error::new(
        ErrorKind::State,
        format!("a batch is in progress ({}), so nothing further can be started", list(&names)),
    )
    .with_help("end it first: `complete` once nothing uses the old version any more, or `abort`")
}

fn reverting(plan: &Plan) -> Error {
    let names: Vec<&str> = plan.reverts.iter().map(String::as_str).collect();
    let message = format!(
        "a revert to `{}` is in progress, which takes back {}: nothing further can be started",
        plan.target,
        list(&names)
    );
    Error::new(ErrorKind::State, message).with_help(
        "end it first: `complete` once nothing uses the newer version any more, or `abort`",
    )
}

/// The error for a name that is not in the set.
pub(super) fn no_such(migrations: &Migrations, name: &str) -> Error {
    let names: Vec<&str> = migrations.migrations.iter().map(|migration| &*migration.name).collect();
    let error = Error::new(ErrorKind::History, format!("there is no migration `{name}`"));
    if names.is_empty() { error } else { error.with_help(format!("there are {}", list(&names))) }
}

/// Names in backticks; of many, the last ones.
fn list(names: &[&str]) -> String {
    const MOST: usize = 10;
    let skipped = names.len().saturating_sub(MOST);
    let shown: Vec<String> = names[skipped..].iter().map(|name| format!("`{name}`")).collect();
    if skipped == 0 { shown.join(", ") } else { format!("… {}", shown.join(", ")) }
}

/// The schema of the set's version `name`, if it is live.
pub(super) fn live(snapshot: &Snapshot, set: &Set, name: &str) -> Option<String> {
    Some(set.version_schema(name)).filter(|schema| snapshot.schemas.contains(schema))
}
