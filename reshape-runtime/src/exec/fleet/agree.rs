//! Whether all databases of a fleet have been started, so that the old version can go.
//!
//! **Invariant:** pure; what is not certain is not ready.

use super::report::{FleetReport, TargetReport, TargetResult};
use crate::error::{Error, ErrorKind};
use crate::report::{State, Status};

/// What there is to do on a database that is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Complete,
    /// Its version is live already.
    Nothing {
        current: Option<String>,
    },
}

/// Where all databases have to be.
struct Wanted {
    migration: Option<String>,
    /// Whether a revert leads there.
    is_revert: bool,
}

/// For each database what is to be done, or why it is not ready. The migration that all of them have to be at is the one to which the batches
/// lead that are there; without any batch there is nothing to do anywhere.
pub(super) fn agree(statuses: FleetReport<Status>) -> Vec<TargetReport<Due>> {
    let wanted = wanted(&statuses.targets);
    let due = |TargetReport { target, schema, result, elapsed }: TargetReport<Status>| {
        let result = match result {
            TargetResult::Failed(error) => TargetResult::Failed(error),
            TargetResult::Left => TargetResult::Left,
            TargetResult::Done(status) => match ready(status, wanted.as_ref()) {
                Ok(due) => TargetResult::Done(due),
                Err(error) => TargetResult::Failed(error),
            },
        };
        TargetReport { target, schema, result, elapsed }
    };
    statuses.targets.into_iter().map(due).collect()
}

/// Where most batches lead; of those that are equally many, the first one.
fn wanted(targets: &[TargetReport<Status>]) -> Option<Wanted> {
    let statuses = targets.iter().filter_map(|target| target.result.done());
    let batches: Vec<&Status> = statuses.filter(|status| status.state != State::Idle).collect();
    let count =
        |target: &Option<String>| batches.iter().filter(|status| status.target == *target).count();
    // Of several that are equal the last one is taken, so from the end.
    let most = batches.iter().rev().max_by_key(|status| count(&status.target))?;
    Some(Wanted { migration: most.target.clone(), is_revert: !most.reverts.is_empty() })
}

fn ready(status: Status, wanted: Option<&Wanted>) -> Result<Due, Error> {
    let Status { state, current, target: own, applied, migrator, .. } = status;
    let Some(wanted) = wanted else { return Ok(Due::Nothing { current }) };
    let quoted = |name: &Option<String>| match name {
        Some(name) => format!("`{name}`"),
        None => String::from("the plain tables"),
    };
    let (own_name, wanted_name) = (quoted(&own), quoted(&wanted.migration));
    match state {
        State::InProgress | State::Completing if own == wanted.migration => Ok(Due::Complete),
        State::InProgress | State::Completing => Err(Error::new(
            ErrorKind::Behind,
            format!("the batch here leads to {own_name}, that of other databases to {wanted_name}"),
        )
        .with_help("complete those with the older one by themselves, then start all again")),
        // A revert leads to a migration that has been there before.
        State::Idle if wanted.is_revert && current == wanted.migration => {
            Ok(Due::Nothing { current })
        }
        State::Idle
            if !wanted.is_revert
                && wanted.migration.as_ref().is_some_and(|name| applied.contains(name)) =>
        {
            Ok(Due::Nothing { current })
        }
        State::Idle => {
            Err(Error::new(ErrorKind::Behind, format!("{wanted_name} has not been started here"))
                .with_help("start it, then complete again"))
        }
        State::Applying | State::Aborting if migrator.is_some() => {
            Err(Error::new(ErrorKind::Locked, "another migrator is at work here")
                .with_help("complete again when it has finished"))
        }
        State::Applying => Err(Error::new(
            ErrorKind::State,
            format!("the batch of {own_name} is only half started"),
        )
        .with_help("start it again (it goes on where it was), or abort it")),
        State::Aborting => Err(Error::new(
            ErrorKind::State,
            format!("the batch of {own_name} is being rolled back"),
        )
        .with_help("abort it again: that finishes the rollback")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn status(state: State, current: &str, target: Option<&str>) -> Status {
        Status {
            state,
            migrator: None,
            paused: None,
            current: Some(current.to_owned()),
            target: target.map(str::to_owned),
            live_schemas: Vec::new(),
            applied: ["1_a", "2_b", "3_c"]
                .into_iter()
                .take_while(|name| *name <= current)
                .map(str::to_owned)
                .collect(),
            batch: Vec::new(),
            reverts: Vec::new(),
            pending: Vec::new(),
            unknown: Vec::new(),
            edited: Vec::new(),
            step: None,
            progress: None,
            last_error: None,
            instances: Vec::new(),
            other_sets: Vec::new(),
        }
    }

    fn agreed(statuses: &[Status]) -> Vec<Result<Due, ErrorKind>> {
        let target = |status: &Status| TargetReport {
            target: String::new(),
            schema: None,
            result: TargetResult::Done(status.clone()),
            elapsed: Duration::ZERO,
        };
        let targets = statuses.iter().map(target).collect();
        agree(FleetReport { targets, elapsed: Duration::ZERO })
            .into_iter()
            .map(|due| match due.result {
                TargetResult::Done(due) => Ok(due),
                TargetResult::Failed(error) => Err(error.kind()),
                TargetResult::Left => panic!(),
            })
            .collect()
    }

    fn at(current: &str) -> Due {
        Due::Nothing { current: Some(current.to_owned()) }
    }

    #[test]
    fn all_are_started_or_done() {
        let statuses = [
            status(State::InProgress, "1_a", Some("2_b")),
            status(State::Completing, "1_a", Some("2_b")),
            status(State::Idle, "2_b", None),
            // Ahead.
            status(State::Idle, "3_c", None),
        ];
        let complete = || Ok(Due::Complete);
        assert_eq!(agreed(&statuses), [complete(), complete(), Ok(at("2_b")), Ok(at("3_c"))]);
        assert_eq!(agreed(&statuses[2..]), [Ok(at("2_b")), Ok(at("3_c"))]);
    }

    #[test]
    fn one_is_not_ready() {
        let started = || status(State::InProgress, "2_b", Some("3_c"));
        let mut busy = status(State::Applying, "2_b", Some("3_c"));
        busy.migrator = Some(String::from("pid 7"));
        let cases = [
            (status(State::Idle, "2_b", None), ErrorKind::Behind),
            (status(State::InProgress, "1_a", Some("2_b")), ErrorKind::Behind),
            (status(State::Applying, "2_b", Some("3_c")), ErrorKind::State),
            (status(State::Aborting, "2_b", Some("3_c")), ErrorKind::State),
            (busy, ErrorKind::Locked),
        ];
        for (other, kind) in cases {
            let due = agreed(&[other, started(), started()]);
            assert_eq!(due, [Err(kind), Ok(Due::Complete), Ok(Due::Complete)]);
        }
    }

    /// Those that still are at the later version have applied what the revert leads to.
    #[test]
    fn a_revert_has_to_be_started_everywhere() {
        let mut reverting = status(State::InProgress, "3_c", Some("2_b"));
        reverting.reverts = vec![String::from("3_c")];
        let (later, done) = (status(State::Idle, "3_c", None), status(State::Idle, "2_b", None));
        let due = agreed(&[reverting, later, done]);
        assert_eq!(due, [Ok(Due::Complete), Err(ErrorKind::Behind), Ok(at("2_b"))]);
    }
}
