//! `status`: what the metadata says, for people and programs.

use super::backfill::Position;
use super::compare::{edited, live};
use super::lock;
use super::metadata::{Applied, Snapshot};
use super::pace;
use super::pace::meter::time_left;
use super::run::{Run, Task};
use super::session::rows;
use crate::error::Error;
use crate::model::Migrations;
use crate::plan::Phase;
use crate::report::{State, Status, StepStatus};

impl Run<'_> {
    /// Tells the state; see [`Migrator::status`](super::Migrator::status).
    pub(super) fn status(&mut self, migrations: Option<&Migrations>) -> Result<Status, Error> {
        let snapshot = self.read()?;
        let (migrator, _) = self
            .retrying(Task::Own("see who holds the migration lock"), |run| {
                Ok(lock::holder(&mut run.client, &run.set)?)
            })?;
        let plan = snapshot.plan.as_ref();
        let current = plan.map_or_else(
            || snapshot.applied.last().map(|applied| self.set.version(&applied.name)),
            |plan| plan.base.clone(),
        );
        let instances =
            self.instances(current.as_deref(), plan.map(|plan| plan.target.as_str()))?;
        let applied: Vec<String> = snapshot.applied.iter().map(|a| a.name.clone()).collect();
        let batch: Vec<String> = plan
            .map(|plan| plan.migrations.iter().map(|m| m.name.to_string()).collect())
            .unwrap_or_default();
        let known: Vec<String> = migrations
            .map(|set| set.migrations.iter().map(|m| m.name.to_string()).collect())
            .unwrap_or_default();
        let in_database = || applied.iter().chain(&batch);
        // The base may be a version that the metadata does not know: a schema that was there before.
        let base = plan.and_then(|plan| plan.base.as_deref()).map(|base| self.set.migration(base));
        let found = base.as_ref().filter(|base| !applied.contains(base));
        let live_schemas = found
            .into_iter()
            .chain(in_database())
            .filter_map(|name| live(&snapshot, &self.set, name))
            .collect();
        let pending = known
            .iter()
            .filter(|name| !in_database().any(|other| other == *name))
            .cloned()
            .collect();
        let unknown = if migrations.is_some() {
            in_database().filter(|name| !known.contains(name)).cloned().collect()
        } else {
            Vec::new()
        };
        let edited = migrations.map_or_else(Vec::new, |set| {
            let batch = plan.into_iter().flat_map(|plan| plan.migrations.iter());
            let known: Vec<Applied> =
                snapshot.applied.iter().cloned().chain(batch.map(Applied::from)).collect();
            edited(&known, set).map(|applied| applied.name.clone()).collect()
        });
        let reverts = plan.map_or_else(Vec::new, |plan| plan.reverts.clone());
        let done = snapshot.journal.iter().filter(|entry| entry.status == "done").count();
        let other_sets = self.other_sets()?;
        let step = match step(&snapshot) {
            Some(step) if migrator.is_some() => Some(self.with_pace(&snapshot, step)?),
            step => step,
        };
        let paused = match snapshot.state {
            State::Applying => self.paused()?,
            State::Idle | State::InProgress | State::Completing | State::Aborting => None,
        };
        Ok(Status {
            other_sets,
            state: snapshot.state,
            migrator,
            current: if plan.is_some() { base.clone() } else { applied.last().cloned() },
            target: plan.map(|plan| self.set.migration(&plan.target)),
            live_schemas,
            paused,
            step,
            progress: plan.map(|plan| (done, plan.steps.len())),
            last_error: snapshot.last_error,
            applied,
            batch,
            reverts,
            pending,
            unknown,
            edited,
            instances,
        })
    }
}

impl Run<'_> {
    /// The step that a migrator is at, with how fast it is.
    fn with_pace(
        &mut self,
        snapshot: &Snapshot,
        mut step: StepStatus,
    ) -> Result<StepStatus, Error> {
        let (record, _) = self.retrying(Task::Own("see how fast the migrator is"), |run| {
            Ok(pace::recorded(&mut run.client, &run.set)?)
        })?;
        if let Some(record) = record.filter(|record| Some(record.step) == number(snapshot)) {
            let left = step.blocks.zip(record.blocks_per_second);
            let left = left.and_then(|((done, all), speed)| time_left(all - done, speed));
            step.seconds_left = left.map(|left| left.as_secs());
            step.rows_per_second = record.rows_per_second;
            step.waits = record.waits;
        }
        if step.blocks.is_none() {
            step.blocks = self.index_build()?;
        }
        Ok(step)
    }

    /// How far the migrator is with an index, if it builds one. Another role's progress is hidden.
    fn index_build(&mut self) -> Result<Option<(u64, u64)>, Error> {
        let sql = format!(
            "SELECT p.blocks_done, p.blocks_total FROM pg_catalog.pg_stat_progress_create_index p \
               JOIN pg_catalog.pg_locks l USING (pid) \
             WHERE p.datname = current_database() AND p.blocks_done <= p.blocks_total AND p.blocks_total > 0 \
               AND l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 \
               AND ((l.classid::bigint << 32) | l.objid::bigint) = {}",
            self.set.lock_key()
        );
        let (found, _) = self.retrying(Task::Own("see how far an index is"), |run| {
            Ok(rows(&mut run.client, &sql)?)
        })?;
        let cell =
            |column: usize| found.first().and_then(|row| row.get(column)?.parse::<u64>().ok());
        Ok(cell(0).zip(cell(1)))
    }
}

/// What is being done, for an error: "the batch `2_x` is being started, step 3 of 7: fill new columns of `users`".
pub(super) fn work(snapshot: &Snapshot) -> Option<String> {
    let plan = snapshot.plan.as_ref()?;
    let what = match snapshot.state {
        State::Idle | State::InProgress => return None,
        State::Applying => "started",
        State::Completing => "completed",
        State::Aborting => "rolled back",
    };
    let step = number(snapshot).and_then(|n| {
        let title = &plan.steps.get(n)?.title;
        Some(format!(", step {} of {}: {title}", n + 1, plan.steps.len()))
    });
    Some(format!("the batch of `{}` is being {what}{}", plan.target, step.unwrap_or_default()))
}

/// The step that is at work, or at which the run died. A step in one transaction has no row before it is done, so this is
/// the first that is left to do.
fn number(snapshot: &Snapshot) -> Option<usize> {
    let plan = snapshot.plan.as_ref()?;
    let entry = |n: usize| snapshot.journal.iter().find(|entry| entry.step == n);
    let left = |contract: bool| {
        plan.steps.iter().enumerate().position(|(n, step)| {
            (step.phase == Phase::Contract) == contract
                && entry(n).is_none_or(|entry| entry.status != "done")
        })
    };
    match snapshot.state {
        State::Idle | State::InProgress => None,
        State::Applying => left(false),
        State::Completing => left(true),
        State::Aborting => snapshot.journal.last().map(|entry| entry.step),
    }
}

fn step(snapshot: &Snapshot) -> Option<StepStatus> {
    let n = number(snapshot)?;
    let step = snapshot.plan.as_ref()?.steps.get(n)?;
    let entry = snapshot.journal.iter().find(|entry| entry.step == n);
    let position = entry.and_then(|entry| entry.position.clone());
    let position: Option<Position> = position.and_then(|json| serde_json::from_value(json).ok());
    Some(StepStatus {
        phase: step.phase,
        title: step.title.clone(),
        undo: snapshot.state == State::Aborting,
        rows: entry.and_then(|entry| entry.rows),
        blocks: position.map(|position| (position.blocks_done(), position.blocks)),
        rows_per_second: None,
        seconds_left: None,
        waits: None,
    })
}
