//! `start`, `complete` and `abort`: which state leads to which.
//!
//! **Invariant:** nothing is written before the lock is held and the plan is made; a refused batch leaves no trace.

use postgres::Client;

use super::Planner;
use super::compare::{Readiness, Todo, decide, readiness};
use super::metadata::Snapshot;
use super::probe::{Probe, probe};
use super::run::Run;
use super::set::Set;
use crate::error::{Error, ErrorKind};
use crate::model::Migrations;
use crate::plan::{Phase, Plan, Refusal, Request, Work};
use crate::report::{Outcome, Report, State};

impl Run<'_> {
    /// Starts what is pending of `wanted`; see [`Migrator::start`](super::Migrator::start).
    pub(super) fn start(
        &mut self,
        wanted: &Migrations,
        waits: bool,
        planner: &Planner,
    ) -> Result<Report, Error> {
        // The usual case, at every start of every instance: one round trip, no lock.
        let snapshot = match self.probe(wanted)? {
            Probe::Live(live) => return Ok(self.as_it_is(Outcome::Nothing, live.base, wanted)),
            probe => self.read_after(&probe)?,
        };
        match decide(&snapshot, wanted) {
            Ok(Todo::Nothing) => return Ok(self.unchanged(Outcome::Nothing, &snapshot, wanted)),
            Ok(Todo::Ahead) => return Ok(self.unchanged(Outcome::Ahead, &snapshot, wanted)),
            // Errors too: a migrator that is at work may be about to change what they complain of.
            Ok(Todo::Complete | Todo::RollBack | Todo::Resume | Todo::Start(_)) | Err(_) => {}
        }
        // A rollback leaves the version where it is: nobody has to wait for one, but of one that died somebody has to take care.
        let stays = snapshot.state == State::Aborting
            && matches!(readiness(&snapshot, wanted), Ok(Readiness::Ready(_)));
        let needless = |client: &mut Client, set: &Set| Ok(probe(client, set, wanted)?.live());
        match self.enter_unless(waits && !stays, needless) {
            Err(error) if stays && error.kind() == ErrorKind::Locked => {
                return Ok(self.unchanged(Outcome::Nothing, &snapshot, wanted));
            }
            Ok(Some(live)) => return Ok(self.as_it_is(Outcome::Nothing, live.base, wanted)),
            Ok(None) => {}
            Err(error) => return Err(error),
        }
        let mut before = Outcome::Nothing;
        loop {
            let snapshot = self.read()?;
            match decide(&snapshot, wanted)? {
                Todo::Nothing => return Ok(self.unchanged(before, &snapshot, wanted)),
                Todo::Ahead => return Ok(self.unchanged(Outcome::Ahead, &snapshot, wanted)),
                Todo::Complete => {
                    let plan = stored_plan(&snapshot)?;
                    self.shut(plan.base.as_deref(), Some(&plan.target))?;
                    self.contract(&snapshot)?;
                    before = Outcome::Completed;
                }
                Todo::RollBack => {
                    self.take_and_roll_back(&snapshot)?;
                    before = Outcome::Aborted;
                }
                Todo::Resume => return self.resume(&snapshot),
                Todo::Start(done) => {
                    let ground = self.ground(&snapshot, wanted, done)?;
                    let request = Request {
                        pending: &wanted.migrations[done..],
                        base: ground.base.as_deref(),
                        facts: &ground.facts,
                    };
                    let plan = planner(&request).map_err(refused)?;
                    self.check_rights(&plan)?;
                    if !self.begin_batch(&snapshot, &plan, &ground.others)? {
                        continue;
                    }
                    return self.expand(&plan, &Snapshot { journal: Vec::new(), ..snapshot });
                }
            }
        }
    }

    /// Completes the batch; see [`Migrator::complete`](super::Migrator::complete).
    pub(super) fn complete(&mut self) -> Result<Report, Error> {
        if let idle @ Snapshot { state: State::Idle, .. } = self.read()? {
            return Ok(self.idle(&idle));
        }
        self.enter(false)?;
        let snapshot = self.read()?;
        let snapshot = self.claim_base(snapshot, contract_has_begun)?;
        match snapshot.state {
            State::Idle => Ok(self.idle(&snapshot)),
            State::InProgress | State::Completing => {
                self.contract(&snapshot)?;
                let plan = stored_plan(&snapshot)?;
                Ok(self.report(Outcome::Completed, plan))
            }
            State::Applying => {
                let plan = stored_plan(&snapshot)?;
                let again = self.set.again(plan);
                Err(state_error(
                    "the batch is only half started, so it cannot be completed",
                    &format!("{again} (it goes on where it was), or abort it"),
                ))
            }
            State::Aborting => Err(state_error(
                "the batch is being rolled back, so it cannot be completed",
                "abort it again: that finishes the rollback",
            )),
        }
    }

    /// Rolls the batch back; see [`Migrator::abort`](super::Migrator::abort).
    pub(super) fn abort(&mut self) -> Result<Report, Error> {
        if let idle @ Snapshot { state: State::Idle, .. } = self.read()? {
            return Ok(self.idle(&idle));
        }
        self.end_paused()?;
        self.enter(false)?;
        let snapshot = self.read()?;
        match snapshot.state {
            State::Idle => Ok(self.idle(&snapshot)),
            State::Completing if contract_has_begun(&snapshot) => Err(state_error(
                "the batch is being completed: the old version is partly gone, so there is no way back",
                "complete it again: that goes on where it was",
            )),
            // A completion that ended before its first step has left the old version whole.
            State::Applying | State::InProgress | State::Aborting | State::Completing => {
                self.check_unrequired(stored_plan(&snapshot)?)?;
                self.take_and_roll_back(&snapshot)?;
                let plan = stored_plan(&snapshot)?;
                Ok(self.report(Outcome::Aborted, plan))
            }
        }
    }

    /// Runs every step up to publish that is not done yet. A failure is rolled back.
    pub(super) fn expand(&mut self, plan: &Plan, snapshot: &Snapshot) -> Result<Report, Error> {
        match self.expand_steps(plan, snapshot) {
            Ok(()) => Ok(self.report(Outcome::Started, plan)),
            // Cut off: nothing can be rolled back from here. The next run goes on.
            Err(error) if matches!(error.kind(), ErrorKind::Fenced | ErrorKind::Connect) => {
                Err(error)
            }
            Err(error) => Err(self.roll_back_after(plan, error)),
        }
    }

    fn expand_steps(&mut self, plan: &Plan, snapshot: &Snapshot) -> Result<(), Error> {
        let last = plan.steps.iter().rposition(|step| step.phase != Phase::Contract);
        // With the last step, so that nobody sees the new version's schema while the state is still `applying`.
        let live = self.live_in_progress_sql(plan, snapshot)?;
        let published = format!("{}; {live}", self.set.state_sql(State::InProgress, None));
        let with_last = last.filter(|n| matches!(plan.steps[*n].work, Work::Sql { .. }));
        for (n, step) in plan.steps.iter().enumerate() {
            if step.phase != Phase::Contract && !is_done(snapshot, n) {
                if step.phase == Phase::Backfill {
                    self.heed_pause()?;
                }
                let closing = if with_last == Some(n) { published.as_str() } else { "" };
                self.run_step(plan, n, closing)?;
            }
        }
        if with_last.is_none() {
            self.fenced("change the state", |_| false, &published)?;
        }
        Ok(())
    }

    /// Runs what is left of the contract phase and records the migrations. A failure leaves the batch `completing`, or, where
    /// no step has begun, `in_progress`: then both versions are whole, and the batch can still be aborted.
    pub(super) fn contract(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
        let plan = stored_plan(snapshot)?;
        self.take(snapshot, State::Completing, None)?;
        let Err(error) = self.contract_steps(plan, snapshot) else { return Ok(()) };
        let is_cut_off = matches!(error.kind(), ErrorKind::Fenced | ErrorKind::Connect);
        if !is_cut_off
            && self.read().is_ok_and(|now| !contract_has_begun(&now))
            && self.set_state(State::InProgress, Some(&error)).is_ok()
        {
            return Err(still(error, "nothing was removed: the batch is in progress, as before"));
        }
        self.remember(&error);
        Err(still(
            error,
            "the batch stays `completing`; completing it again goes on from this step",
        ))
    }

    fn contract_steps(&mut self, plan: &Plan, snapshot: &Snapshot) -> Result<(), Error> {
        for (n, step) in plan.steps.iter().enumerate() {
            if step.phase == Phase::Contract && !is_done(snapshot, n) {
                self.run_step(plan, n, "")?;
            }
        }
        let live = self.live_completed_sql(plan, snapshot)?;
        let record = format!("{}; {live}", self.set.record_sql(plan)?);
        self.fenced("record the migrations", |begun| begun.state == State::Idle.name(), &record)?;
        self.forget_leases(plan.base.as_deref());
        Ok(())
    }

    pub(super) fn take_and_roll_back(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
        let plan = stored_plan(snapshot)?;
        self.shut(Some(&plan.target), None)?;
        self.take(snapshot, State::Aborting, None)?;
        // Whatever went wrong before, it is over.
        let closing = format!("; {}", self.set.no_error_sql());
        let Err(error) = self.undo_all(plan, &closing) else {
            self.forget_leases(Some(&plan.target));
            return Ok(());
        };
        self.remember(&error);
        Err(still(error, "the batch stays `aborting`; aborting it again goes on from this step"))
    }

    /// Writes an error down for `status`, unless the batch is out of reach. The error itself matters more than that.
    pub(super) fn remember(&mut self, error: &Error) {
        if !matches!(error.kind(), ErrorKind::Fenced | ErrorKind::Connect) {
            let record = self.set.error_sql(error);
            let _ = self.fenced("record the error", |_| false, &record);
        }
    }

    pub(super) fn unchanged(
        &mut self,
        outcome: Outcome,
        snapshot: &Snapshot,
        wanted: &Migrations,
    ) -> Report {
        let base = snapshot.applied.last().map(|applied| applied.name.clone());
        self.as_it_is(outcome, base, wanted)
    }

    /// The report of a command that has changed no version.
    pub(super) fn as_it_is(
        &mut self,
        outcome: Outcome,
        base: Option<String>,
        wanted: &Migrations,
    ) -> Report {
        Report {
            base,
            target: wanted.latest().map(|migration| migration.name.to_string()),
            steps: std::mem::take(&mut self.steps),
            notes: std::mem::take(&mut self.notes),
            elapsed: self.began.elapsed(),
            ..Report::new(outcome)
        }
    }

    fn idle(&mut self, snapshot: &Snapshot) -> Report {
        self.unchanged(Outcome::Nothing, snapshot, &Migrations::default())
    }

    fn report(&mut self, outcome: Outcome, plan: &Plan) -> Report {
        Report {
            outcome,
            base: plan.base.as_deref().map(|base| self.set.migration(base)),
            target: Some(self.set.migration(&plan.target)),
            migrations: plan.migrations.iter().map(|m| m.name.to_string()).collect(),
            reverts: plan.reverts.clone(),
            steps: std::mem::take(&mut self.steps),
            notes: std::mem::take(&mut self.notes),
            elapsed: self.began.elapsed(),
        }
    }
}

/// Whether a step of the contract phase is done or may be half done: then there is no way back.
pub(super) fn contract_has_begun(snapshot: &Snapshot) -> bool {
    let steps = snapshot.plan.as_ref().map_or(&[][..], |plan| &plan.steps);
    let contracts = |n: usize| steps.get(n).is_some_and(|step| step.phase == Phase::Contract);
    snapshot.journal.iter().any(|entry| contracts(entry.step))
}

fn is_done(snapshot: &Snapshot, step: usize) -> bool {
    snapshot.journal.iter().any(|entry| entry.step == step && entry.status == "done")
}

pub(super) fn stored_plan(snapshot: &Snapshot) -> Result<&Plan, Error> {
    snapshot.plan.as_ref().ok_or_else(|| {
        Error::new(
            ErrorKind::Metadata,
            format!("the state is `{}`, but no plan is stored", snapshot.state.name()),
        )
        .with_help("`reshape.batch` was changed by hand: restore its column `plan` from a backup")
    })
}

/// Says what became of the batch, unless it is another migrator's by now.
fn still(error: Error, consequence: &str) -> Error {
    if error.kind() == ErrorKind::Fenced { error } else { error.and(consequence) }
}

fn state_error(message: &str, help: &str) -> Error {
    Error::new(ErrorKind::State, message).with_help(help)
}

pub(super) fn refused(refusal: Refusal) -> Error {
    let action = refusal.action.map(|action| format!(", action {action}")).unwrap_or_default();
    let error = Error::new(
        ErrorKind::Refused,
        format!("the migration `{}`{action} is refused: {}", refusal.migration, refusal.message),
    );
    match refusal.help {
        Some(help) => error.with_help(help),
        None => error,
    }
}
