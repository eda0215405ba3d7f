//! Events for `tracing`: feature `tracing`.
//!
//! **Invariant:** what happens on a thread of the migrator's belongs to the caller's subscriber and span, also when those are the
//! caller's thread's alone.

use tracing::dispatcher::{self, Dispatch};
use tracing::{Span, debug, info, warn};

use crate::instance::LeaseChange;
use crate::observer::Event;

/// What a thread's events belong to.
#[derive(Clone)]
pub(super) struct Context {
    dispatch: Dispatch,
    span: Span,
}

impl Context {
    /// That of this thread.
    pub(super) fn current() -> Self {
        Self { dispatch: dispatcher::get_default(Clone::clone), span: Span::current() }
    }

    /// Runs `work`, on whatever thread, in this context.
    pub(super) fn enter<T>(self, work: impl FnOnce() -> T) -> T {
        let Self { dispatch, span } = self;
        dispatcher::with_default(&dispatch, || span.in_scope(work))
    }
}

/// Times are in milliseconds.
pub(super) fn emit(event: &Event) {
    match event {
        Event::Waiting { holder, elapsed } => {
            info!(%holder, elapsed = millis(*elapsed), "waiting for another migrator");
        }
        Event::Locked => debug!("the migration lock is held"),
        Event::Resuming { done, total } => info!(done, total, "resuming a batch"),
        Event::StepStarted { step, total, phase, title, undo } => {
            debug!(step, total, phase = phase.name(), %title, undo, "step begins");
        }
        Event::StepDone { step, phase, title, elapsed, rows, undo } => {
            info!(step, phase = phase.name(), %title, elapsed = millis(*elapsed), rows, undo, "step done");
        }
        Event::Retry { reason, attempt, delay } => {
            warn!(%reason, attempt, delay = millis(*delay), "trying again");
        }
        Event::Backfill { table, blocks, total, rows, rate, left } => {
            debug!(%table, blocks, total, rows, rate, left = left.map(millis), "backfilling");
        }
        Event::Paused { reason, elapsed } => {
            info!(%reason, elapsed = millis(*elapsed), "pausing");
        }
        Event::Draining { version, instances, elapsed } => {
            let instances = crate::instance::list(instances);
            info!(%version, %instances, elapsed = millis(*elapsed), "waiting for instances of the old version");
        }
        Event::Lease { version, change } => match change {
            LeaseChange::Held => info!(%version, "the lease is held"),
            LeaseChange::Interrupted(reason) => {
                warn!(%version, %reason, "the lease is interrupted");
            }
            LeaseChange::Lost(reason) => warn!(%version, %reason, "the lease is lost"),
        },
        Event::Note(note) => warn!(%note, "note"),
    }
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
