//! What happens while a command runs, for those who want to see it.

use std::time::Duration;

use crate::instance::{Instance, LeaseChange};
use crate::plan::Phase;

/// Something that happened. New variants may be added.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// Another migrator holds the lock; reported when the wait begins and then about once a second.
    Waiting {
        /// Who holds it: pid, `application_name`, since when; as text.
        holder: String,
        /// How long the wait has lasted.
        elapsed: Duration,
    },
    /// The migration lock is ours.
    Locked,
    /// A batch is resumed that another process had begun.
    Resuming {
        /// Steps already done.
        done: usize,
        /// Steps in all.
        total: usize,
    },
    /// A step begins (or its undo, when `undo` is set).
    StepStarted {
        /// Its place in the plan, from 0.
        step: usize,
        /// Steps in all.
        total: usize,
        /// Its phase.
        phase: Phase,
        /// What it does.
        title: String,
        /// Whether it is being undone.
        undo: bool,
    },
    /// A step is done.
    StepDone {
        /// Its place in the plan, from 0.
        step: usize,
        /// Its phase.
        phase: Phase,
        /// What it does.
        title: String,
        /// How long it took, retries and waits included.
        elapsed: Duration,
        /// Rows written, for a backfill.
        rows: Option<u64>,
        /// Whether it was undone.
        undo: bool,
    },
    /// A statement could not be run now and will be tried again.
    Retry {
        /// Why: the server's message, and who is in the way.
        reason: String,
        /// Tries so far.
        attempt: u32,
        /// How long until the next.
        delay: Duration,
    },
    /// A backfill has got so far.
    Backfill {
        /// The table.
        table: String,
        /// Blocks done.
        blocks: u64,
        /// Blocks to do.
        total: u64,
        /// Rows written.
        rows: u64,
        /// Rows per second, over the last seconds; `None` at the beginning and after a pause.
        rate: Option<u64>,
        /// How long it will take at this rate, as far as that can be told.
        left: Option<Duration>,
    },
    /// A batch that is being started makes a pause; reported when it begins and then about once a second.
    Paused {
        /// Why: somebody has asked for it (`Migrator::pause`), or a replica lags, say.
        reason: String,
        /// How long the pause has lasted.
        elapsed: Duration,
    },
    /// Instances still use the version that is to be removed, and are waited for; reported when the wait begins and then about once
    /// a second.
    Draining {
        /// The version, by the name of its migration.
        version: String,
        /// Who uses it.
        instances: Vec<Instance>,
        /// How long the wait has lasted.
        elapsed: Duration,
    },
    /// A lease of this program has changed; told to the observer of the lease.
    Lease {
        /// The version, by the name of its migration.
        version: String,
        /// What became of the lease.
        change: LeaseChange,
    },
    /// Something the operator should know.
    Note(String),
}

/// Receives events. Called on the thread that migrates: it should return at once.
pub trait Observer: Send {
    /// Something happened.
    fn event(&mut self, event: &Event);
}

impl<F: FnMut(&Event) + Send> Observer for F {
    fn event(&mut self, event: &Event) {
        self(event);
    }
}
