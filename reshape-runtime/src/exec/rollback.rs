//! Takes a batch back: the undo of every step that has begun, newest first.
//!
//! **Invariant:** a step without a journal row never began, and is not undone.

use super::index::locked_by;
use super::journal::Begun;
use super::run::{Rules, Run, Task};
use crate::error::{Error, ErrorKind};
use crate::plan::{Plan, Work};
use crate::report::State;

impl Run<'_> {
    /// Rolls back after `error`, and says in it what came of that.
    pub(super) fn roll_back_after(&mut self, plan: &Plan, error: Error) -> Error {
        let aborting = self.set.state_sql(State::Aborting, Some(&error));
        let result = self
            .fenced("record the error", |_| false, &aborting)
            .and_then(|()| self.undo_all(plan, ""));
        match result {
            Ok(()) => error.and("the batch was rolled back"),
            Err(second) => {
                let help = if second.kind() == ErrorKind::Fenced {
                    "look at the status: another migrator is in charge of the batch"
                } else {
                    "once the cause is gone, abort (or start again): that finishes the rollback"
                };
                let kind = second.kind();
                let both = error
                    .and(&format!("rolling the batch back failed too: {second}"))
                    .with_help(help);
                if !matches!(kind, ErrorKind::Fenced | ErrorKind::Connect) {
                    self.remember(&both);
                }
                both
            }
        }
    }

    /// Undoes every step that has begun, then ends the batch, with `closing` in the same transaction. The batch is ours and its state is
    /// `aborting`.
    pub(super) fn undo_all(&mut self, plan: &Plan, closing: &str) -> Result<(), Error> {
        let journal = self.read()?.journal;
        for entry in journal.iter().rev() {
            let Some(step) = plan.steps.get(entry.step) else { continue };
            self.reported(plan, entry.step, true, |run| run.undo(plan, entry.step, &step.undo))?;
        }
        let end = self.set.end_sql(false, self.has_live) + closing;
        self.fenced("end the batch", |begun| begun.state == State::Idle.name(), &end)
    }

    fn undo(&mut self, plan: &Plan, n: usize, works: &[Work]) -> Result<(Option<u64>, u32), Error> {
        let forget = self.set.forget_sql(n);
        let Some((last, others)) = works.split_last() else {
            self.fenced("forget a step", |_| false, &forget)?;
            return Ok((None, 0));
        };
        let mut retries = 0;
        // Undo work can be run again, so only the last one takes the journal's row along.
        let mark = self.set.mark_sql(n, "undoing");
        for work in others {
            retries += self.undo_one(plan, n, work, &mark)?;
        }
        retries += self.undo_one(plan, n, last, &forget)?;
        Ok((None, retries))
    }

    fn undo_one(
        &mut self,
        plan: &Plan,
        n: usize,
        work: &Work,
        closing: &str,
    ) -> Result<u32, Error> {
        let title = format!("undo: {}", plan.steps[n].title);
        let rules = Rules::default();
        let is_undone = |begun: &Begun| begun.entry.is_none();
        let ((), retries) = match work {
            Work::Sql { statements } => {
                let sql = statements.join(";\n");
                let result = self.retrying(Task::Step { title: &title, sql: &sql, rules }, |run| {
                    run.transaction(plan, n, (statements, true), is_undone, closing)
                });
                match result {
                    Err(error) => self.skip(&plan.steps[n], error, closing)?,
                    Ok(done) => done,
                }
            }
            Work::CreateIndex { .. } | Work::DefineIndex { .. } | Work::DropIndex { .. } => {
                let sql = locked_by(work);
                self.retrying(Task::Step { title: &title, sql: &sql, rules }, |run| {
                    run.outside(plan, n, "undoing", is_undone, closing, |run| run.index(work))
                })?
            }
            // Only statistics: nothing depends on it, so no more than the row has to go.
            Work::Analyze { .. } => {
                self.fenced("forget a step", |_| false, closing)?;
                ((), 0)
            }
            Work::Backfill { .. } | Work::CreateIndexes { .. } => {
                return Err(Error::new(
                    ErrorKind::Metadata,
                    format!(
                        "the plan undoes the step `{}` by what takes its time",
                        plan.steps[n].title
                    ),
                )
                .with_help("this is a mistake in the planner that made the plan: report it"));
            }
        };
        Ok(retries)
    }
}
