//! Backfills: one pass over a table in ranges of blocks.
//!
//! **Invariant:** the end is fixed when the pass begins: rows written later are the trigger's, so it ends under any load.
//!
//! **Invariant:** rows and their number in the journal commit together, and with the last of a range its position, so no row is counted twice,
//! whatever happens: unless it is written twice, as the rows of a range may be whose first turns are forgotten.
//!
//! **Invariant:** what is done is what the journal says. Nothing is concluded from a commit's answer alone: a server that crashes may have
//! lost it.

use std::time::{Duration, Instant};

mod crew;
mod position;
mod range;
mod turns;
mod vacuum;

pub(super) use position::Position;
pub(super) use range::Pass;

use super::run::{Rules, Run, Task};
use crate::error::Error;
use crate::plan::Plan;
use range::Left;
use turns::{Turn, Turns};
use vacuum::Vacuum;

/// The smallest and the largest range, in blocks of 8 kB: 128 kB and 512 MB.
const RANGE: (u64, u64) = (16, 65_536);

/// The first range: small enough to be harmless on a slow disk.
const FIRST_RANGE: u64 = 128;

/// While a range waits for one row it keeps thousands of others: the first try waits no longer than this, or than a range should take.
const PATIENCE: Duration = Duration::from_millis(100);

impl Run<'_> {
    /// Runs the pass, from where it was left; returns rows and retries.
    pub(super) fn backfill(&mut self, plan: &Plan, pass: Pass<'_>) -> Result<(u64, u32), Error> {
        let step = &plan.steps[pass.step];
        let rules = Rules::of(plan, pass.step);
        let task = Task::Step { title: &step.title, sql: pass.statement, rules };
        let (mut size, mut retries) = (FIRST_RANGE, 0);
        let mut workers = if pass.parallel { self.settings.workers } else { 1 };
        loop {
            let (left, tries) = self.retrying(task, |run| {
                let fence = run.fence();
                pass.look(&mut run.client, &fence)
            })?;
            retries += tries;
            let mut position = match left {
                Left::At(position, rows) => {
                    self.got_to(pass, &position, rows);
                    position
                }
                Left::Done(position, rows) => {
                    self.got_to(pass, &position, rows);
                    return Ok((rows, retries));
                }
                Left::Again => continue,
            };
            // What is done in one range needs no crew.
            let left = position.blocks.saturating_sub(position.blocks_done());
            if workers > 1 && left > FIRST_RANGE {
                let crew = self.hire(workers);
                workers = crew.len();
                if workers > 1 {
                    let shift = self.work(plan, pass, task, (crew, position, size))?;
                    (size, retries) = (shift.size, retries + shift.retries);
                    // Connections that are lost again and again are no help.
                    workers -= usize::from(shift.ranges == 0);
                    continue;
                }
            }
            let mut vacuum = Vacuum::new(&position);
            let mut turns = Turns::new(pass, &position, 1);
            while !position.is_done() {
                self.before_range(pass, 0)?;
                let (left, tries) = self.one_turn(plan, pass, task, (&mut turns, &mut size))?;
                retries += tries;
                let rows;
                (position, rows) = match left {
                    Left::At(position, rows) => (position, rows),
                    Left::Done(position, rows) => {
                        self.got_to(pass, &position, rows);
                        return Ok((rows, retries));
                    }
                    Left::Again => break,
                };
                self.got_to(pass, &position, rows);
                if let Some(order) = vacuum.order(pass, &position, (rows, turns.are_of_use())) {
                    let answer = order.run(&mut self.client, pass);
                    vacuum.note(pass, answer).into_iter().for_each(|note| self.note(note));
                }
            }
        }
    }

    /// What has to be so before the next range is begun, while so many workers are busy. The connection is outside a transaction. It may wait here
    /// as long as it has to.
    fn before_range(&mut self, pass: Pass<'_>, busy: usize) -> Result<(), Error> {
        self.keep_pace(pass.step, busy)
    }

    /// The next turn, on the run's own connection; also how often it was tried again.
    fn one_turn(
        &mut self,
        plan: &Plan,
        pass: Pass<'_>,
        task: Task<'_>,
        (turns, size): (&mut Turns, &mut u64),
    ) -> Result<(Left, u32), Error> {
        let mut turn: Option<Turn> = None;
        let mut began = None;
        let result = self.retrying(task, |run| {
            let mut fence = run.fence();
            if began.is_some() {
                *size = (*size / 2).max(RANGE.0);
                turn.take().into_iter().for_each(|failed| turns.failed(failed));
            } else {
                fence.lock_timeout = run.patience();
            }
            let began = began.insert(Instant::now());
            let choose = |position: &Position| turns.choose(position, &[], *size);
            let (left, told) = pass.fill(&mut run.client, &fence, choose, &mut turn)?;
            Ok((left, told, began.elapsed()))
        });
        match result {
            Ok(((left, told, took), tries)) => {
                if let (Some(turn), Some(told)) = (turn, told) {
                    let next = turns.had(turn, &told, took, self.range_duration());
                    *size = next.unwrap_or(*size);
                }
                Ok((left, tries))
            }
            Err(error) => Err(self.with_row(plan, pass, turn.map(|turn| turn.range), error)),
        }
    }

    /// How long the first try of a range waits for a lock.
    fn patience(&self) -> Duration {
        self.settings.lock_timeout.min(self.settings.batch_duration.max(PATIENCE))
    }

    fn got_to(&mut self, pass: Pass<'_>, position: &Position, rows: u64) {
        let (blocks, total) = (position.blocks_done(), position.blocks);
        self.has_got_to(pass.step, pass.table, blocks, total, rows);
    }
}

/// How long a range has taken, as far as the size of the next is concerned: one that somebody waited for was too long, however short.
fn felt(took: Duration, in_the_way: bool, target: Duration) -> Duration {
    if in_the_way { took.max(target * 2) } else { took }
}

/// The size of the next range: towards `target`, at most twice or half the last one.
fn next_range(range: u64, elapsed: Duration, target: Duration) -> u64 {
    let range = if elapsed > target + target / 2 {
        range / 2
    } else if elapsed < target / 2 {
        range * 2
    } else {
        range
    };
    range.clamp(RANGE.0, RANGE.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_follow_the_target() {
        let target = Duration::from_millis(100);
        let next = |range, millis| next_range(range, Duration::from_millis(millis), target);
        assert_eq!(next(128, 10), 256);
        assert_eq!(next(128, 100), 128);
        assert_eq!(next(128, 200), 64);
        assert_eq!(next(16, 900), 16);
        assert_eq!(next(65_536, 1), 65_536);
        let felt = |in_the_way| felt(Duration::from_millis(1), in_the_way, target);
        assert_eq!(next_range(128, felt(false), target), 256);
        assert_eq!(next_range(128, felt(true), target), 64);
    }
}
