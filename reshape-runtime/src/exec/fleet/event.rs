//! What is told while a command runs on a fleet, and what stops it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::error::Error;
use crate::observer::Event;
use crate::report::{Report, Status};

/// What happens while a command runs on a [`Fleet`](super::Fleet).
#[derive(Debug)]
#[non_exhaustive]
pub enum FleetEvent<'e> {
    /// Work on a database begins.
    #[non_exhaustive]
    Begun {
        /// Its name in reports.
        target: &'e str,
        /// On how many databases the command is to run.
        total: usize,
    },
    /// Something happens there.
    Event {
        /// The database's name in reports.
        target: &'e str,
        /// What it is.
        event: &'e Event,
    },
    /// Work on a database has ended.
    #[non_exhaustive]
    Ended {
        /// Its name in reports.
        target: &'e str,
        /// What was done: `start`, `complete`, `abort`, `revert`, `pause`, `resume`, or `status`, which also comes before `complete`.
        command: &'static str,
        /// What came of it; of `status`, `pause` and `resume` there is no report.
        result: Result<Option<&'e Report>, &'e Error>,
        /// How long it took.
        elapsed: Duration,
        /// On how many databases the command has ended, on this one too.
        done: usize,
        /// On how many it is to run.
        total: usize,
    },
}

/// Stops a command of a [`Fleet`](super::Fleet) from elsewhere, a handler of signals, say. What has been begun is finished; nothing else is begun.
#[derive(Clone, Debug, Default)]
pub struct FleetStop(Arc<AtomicBool>);

impl FleetStop {
    /// From now on, no work on another database is begun.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was stopped.
    pub fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a command returns.
pub(super) trait Said: Send + Sync {
    /// The report that it is, if it is one.
    fn report(&self) -> Option<&Report>;
}

impl Said for Report {
    fn report(&self) -> Option<&Report> {
        Some(self)
    }
}

impl Said for bool {
    fn report(&self) -> Option<&Report> {
        None
    }
}

impl Said for Status {
    fn report(&self) -> Option<&Report> {
        None
    }
}
