//! What came of a command on a fleet.

use std::time::Duration;

use crate::error::{Error, ErrorKind};
use crate::report::Report;

/// What a command did on the databases of a [`Fleet`](super::Fleet).
#[derive(Debug)]
#[non_exhaustive]
pub struct FleetReport<T = Report> {
    /// The databases, in the order in which they were given.
    pub targets: Vec<TargetReport<T>>,
    /// How long all of it took.
    pub elapsed: Duration,
}

/// What a command did on one database.
#[derive(Debug)]
#[non_exhaustive]
pub struct TargetReport<T = Report> {
    /// The database's name in reports.
    pub target: String,
    /// The schema in it that was worked on, if it is a tenant's.
    pub schema: Option<String>,
    /// What came of it.
    pub result: TargetResult<T>,
    /// How long it took there.
    pub elapsed: Duration,
}

/// What came of a command on one database.
#[derive(Debug)]
#[non_exhaustive]
pub enum TargetResult<T = Report> {
    /// The command has done there what it should.
    Done(T),
    /// It has failed there; or the database is the reason why it was not begun anywhere.
    Failed(Error),
    /// It was not begun there: it was [stopped](super::FleetStop) before, or another database is not ready for it. The same command does it.
    Left,
}

impl<T> TargetResult<T> {
    /// What the command returned, where it has succeeded.
    pub fn done(&self) -> Option<&T> {
        match self {
            Self::Done(report) => Some(report),
            Self::Failed(_) | Self::Left => None,
        }
    }

    /// Why it has failed there.
    pub fn error(&self) -> Option<&Error> {
        match self {
            Self::Failed(error) => Some(error),
            Self::Done(_) | Self::Left => None,
        }
    }

    /// Whether it was not begun there.
    pub fn is_left(&self) -> bool {
        matches!(self, Self::Left)
    }
}

impl<T> FleetReport<T> {
    /// Whether the command has done on all databases what it should.
    pub fn is_done(&self) -> bool {
        self.targets.iter().all(|target| target.result.done().is_some())
    }

    /// Whether the same command may do the rest without any change by somebody: nothing was in the way but locks, migrators and instances
    /// of the old version, or it was stopped.
    pub fn may_try_again(&self) -> bool {
        let passes = |kind| {
            matches!(
                kind,
                ErrorKind::Locked
                    | ErrorKind::InUse
                    | ErrorKind::LockTimeout
                    | ErrorKind::Fenced
                    | ErrorKind::Behind
            )
        };
        !self.is_done() && self.failed().all(|(_, error)| passes(error.kind()))
    }

    /// The databases on which it has failed, and why.
    pub fn failed(&self) -> impl Iterator<Item = (&str, &Error)> {
        self.targets
            .iter()
            .filter_map(|target| Some((target.target.as_str(), target.result.error()?)))
    }

    /// The databases on which it was not begun.
    pub fn left(&self) -> impl Iterator<Item = &str> {
        let left = self.targets.iter().filter(|target| target.result.is_left());
        left.map(|target| target.target.as_str())
    }
}
