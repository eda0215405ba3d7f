//! How a batch begins, or is taken up again, whichever command does it.

use super::command::stored_plan;
use super::drift;
use super::metadata::Snapshot;
use super::owners::Others;
use super::run::Run;
use crate::error::Error;
use crate::model::Migrations;
use crate::observer::Event;
use crate::plan::Plan;
use crate::plan::facts::Facts;
use crate::report::{Report, State};

/// What a plan is made from.
pub(super) struct Ground {
    /// The version that is live.
    pub(super) base: Option<String>,
    pub(super) facts: Facts,
    /// What the other sets were doing then.
    pub(super) others: Others,
}

impl Run<'_> {
    /// Looks at the database before the migrations from `done` on are planned; fails where they must not be started.
    pub(super) fn ground(
        &mut self,
        snapshot: &Snapshot,
        wanted: &Migrations,
        done: usize,
    ) -> Result<Ground, Error> {
        let base = snapshot.applied.last().map(|last| self.set.version(&last.name));
        let pending = &wanted.migrations[done..];
        let (facts, others) =
            self.facts(base.as_deref(), pending, &drift::schemas(wanted, done))?;
        self.check_tenant(pending, &facts)?;
        self.check_requirements(pending)?;
        self.check_drift(wanted, done, &facts)?;
        Ok(Ground { base, facts, others })
    }

    /// Stores the plan; false if another set has been at work since it was made.
    pub(super) fn begin_batch(
        &mut self,
        snapshot: &Snapshot,
        plan: &Plan,
        others: &Others,
    ) -> Result<bool, Error> {
        if !self.take(snapshot, State::Applying, Some((plan, others)))? {
            return Ok(false);
        }
        for note in &plan.notes {
            self.note(note.clone());
        }
        Ok(true)
    }

    /// Goes on with a batch whose migrator died.
    pub(super) fn resume(&mut self, snapshot: &Snapshot) -> Result<Report, Error> {
        let plan = stored_plan(snapshot)?;
        self.take(snapshot, State::Applying, None)?;
        let done = snapshot.journal.iter().filter(|entry| entry.status == "done").count();
        self.emit(&Event::Resuming { done, total: plan.steps.len() });
        self.expand(plan, snapshot)
    }
}
