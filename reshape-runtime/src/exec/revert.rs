//! `revert_to`: the way back to the version of a completed migration.
//!
//! **Invariant:** a batch that takes migrations back is one like any other: it has a stored plan, and is completed, aborted and resumed by the
//! same commands. Only what completion records differs.

use super::Migrator;
use super::command::stored_plan;
use super::metadata::Snapshot;
use super::run::Run;
use super::set::Set;
use crate::error::{Error, ErrorKind};
use crate::model::{Action, Migration};
use crate::plan::revert::Inverse;
use crate::plan::{Plan, Refusal};
use crate::report::{Outcome, Report, State};
use crate::sql::ident::literal;

impl Migrator {
    /// Goes back to the version of the completed migration `name`, without downtime: afterwards that version is live beside the
    /// latest one, and both see what the other writes. [`complete`](Self::complete) then removes the latest version, and the migrations that came
    /// after `name` are no longer recorded; [`abort`](Self::abort) stays with the latest version.
    ///
    /// Needs no migration files, so a [`detached`](Self::detached) migrator can do it: the database has recorded what the migrations did, and each
    /// action is taken back with its `up` and `down` exchanged. Goes on with a revert to the same version that was interrupted. Fails at once if
    /// another migrator is at work.
    ///
    /// A program that still has the migrations that were taken back takes them for pending: the next [`start`](Self::start) applies them
    /// again. Stop its instances before the revert is completed.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if an action cannot be taken back, because what it removed is gone, or it does not say how: nothing was changed.
    /// [`ErrorKind::State`] while another batch is not finished, [`ErrorKind::History`] if there is no completed migration of that name,
    /// [`ErrorKind::Locked`] if another migrator is at work; else as [`start`](Self::start).
    pub fn revert_to(&mut self, name: &str) -> Result<Report, Error> {
        self.run(|run, _, _| run.revert_to(name))
    }
}

impl Run<'_> {
    fn revert_to(&mut self, name: &str) -> Result<Report, Error> {
        self.enter(false)?;
        let snapshot = self.read()?;
        if snapshot.state != State::Idle {
            return self.revert_again(name, &snapshot);
        }
        let Some(place) = snapshot.applied.iter().position(|applied| applied.name == name) else {
            return Err(not_completed(name, &snapshot));
        };
        let latest = snapshot.applied.last().map(|applied| applied.name.clone());
        let Some(latest) = latest.filter(|latest| *latest != name) else {
            return Ok(self.reverted(name));
        };
        // Of those that stay, what cannot be read is of no interest.
        let completed = self.recorded(&snapshot, |number, _| (number <= place).then(Vec::new))?;
        let inverse = Inverse::new(self.set.name(), &completed, place + 1).map_err(refused)?;
        let (base, target) = (self.set.version(&latest), self.set.version(name));
        let (facts, others) = self.facts(Some(&base), &inverse.migrations, &[])?;
        let mut plan = inverse.plan(&base, &target, &facts).map_err(refused)?;
        let lost = lost(&inverse.migrations);
        if !lost.is_empty() {
            let note = format!(
                "completing the revert removes, with all that was written there: {}",
                lost.join(", ")
            );
            plan.notes.insert(0, note);
        }
        self.check_rights(&plan)?;
        if !self.begin_batch(&snapshot, &plan, &others)? {
            return Err(Error::new(
                ErrorKind::Locked,
                "another set of migrations began or ended a batch while the revert was being planned",
            )
            .with_help("run it again"));
        }
        self.expand(&plan, &Snapshot { journal: Vec::new(), ..snapshot })
    }

    /// There is a batch: the one that is wanted, perhaps.
    fn revert_again(&mut self, name: &str, snapshot: &Snapshot) -> Result<Report, Error> {
        let plan = stored_plan(snapshot)?;
        let is_wanted = !plan.reverts.is_empty() && self.set.migration(&plan.target) == name;
        match snapshot.state {
            State::InProgress if is_wanted => Ok(self.reverted(name)),
            State::Applying if is_wanted => self.resume(snapshot),
            state => Err(not_idle(state, plan)),
        }
    }

    fn reverted(&mut self, name: &str) -> Report {
        Report {
            base: Some(name.to_owned()),
            target: Some(name.to_owned()),
            steps: std::mem::take(&mut self.steps),
            notes: std::mem::take(&mut self.notes),
            elapsed: self.began.elapsed(),
            ..Report::new(Outcome::Nothing)
        }
    }
}

impl Set {
    /// Records what the migration takes upon itself: a revert of it does, too. Few do, and only then the column is needed.
    pub(super) fn allow_sql(&self, migration: &Migration) -> Result<String, Error> {
        if migration.allow.is_empty() {
            return Ok(String::new());
        }
        let allow = serde_json::to_string(&migration.allow).map_err(|error| {
            let message = format!("the migration `{}` cannot be stored", migration.name);
            Error::new(ErrorKind::Database, message).with_source(error)
        })?;
        Ok(format!(
            "ALTER TABLE reshape.migrations ADD COLUMN IF NOT EXISTS allow jsonb; \
             UPDATE reshape.migrations SET allow = {}::jsonb WHERE {} AND name = {}; ",
            literal(&allow),
            self.own(),
            literal(&migration.name)
        ))
    }

    /// Forgets the migrations that the batch has taken back.
    pub(super) fn unrecord_sql(&self, plan: &Plan) -> String {
        if plan.reverts.is_empty() {
            return String::new();
        }
        let names: Vec<String> = plan.reverts.iter().map(|name| literal(name)).collect();
        format!(
            "DELETE FROM reshape.migrations WHERE {} AND name IN ({}); ",
            self.own(),
            names.join(", ")
        )
    }
}

/// The tables and columns that the older version does not have.
fn lost(inverse: &[Migration]) -> Vec<String> {
    let actions = inverse.iter().flat_map(|migration| migration.actions.iter());
    let lost = actions.filter_map(|action| {
        if let Action::RemoveTable(remove) = action {
            Some(format!("table `{}`", remove.table))
        } else if let Action::RemoveColumn(remove) = action {
            Some(format!("column `{}`.`{}`", remove.table, remove.column))
        } else {
            None
        }
    });
    lost.collect()
}

fn not_completed(name: &str, snapshot: &Snapshot) -> Error {
    let names: Vec<String> =
        snapshot.applied.iter().map(|applied| format!("`{}`", applied.name)).collect();
    let message = format!("there is no completed migration `{name}`");
    let error = Error::new(ErrorKind::History, message);
    if names.is_empty() {
        return error.with_help("nothing has been completed, so there is nothing to go back to");
    }
    error.with_help(format!("there are {}", names.join(", ")))
}

fn not_idle(state: State, plan: &Plan) -> Error {
    let what = if plan.reverts.is_empty() {
        format!("the batch that leads to `{}`", plan.target)
    } else {
        format!("the revert to `{}`", plan.target)
    };
    let (state, help) = match state {
        State::Idle | State::InProgress => ("in progress", "end it first: complete or abort it"),
        State::Applying => {
            ("only half started", "start it again (it goes on where it was), or abort it")
        }
        State::Completing => ("being completed", "complete it first: that goes on where it was"),
        State::Aborting => ("being rolled back", "abort it first: that finishes the rollback"),
    };
    Error::new(ErrorKind::State, format!("{what} is {state}, so nothing can be reverted"))
        .with_help(help)
}

fn refused(refusal: Refusal) -> Error {
    let action = refusal.action.map(|action| format!(", action {action},")).unwrap_or_default();
    let error = Error::new(
        ErrorKind::Refused,
        format!(
            "the migration `{}`{action} cannot be reverted: {}",
            refusal.migration, refusal.message
        ),
    );
    match refusal.help {
        Some(help) => error.with_help(help),
        None => error,
    }
}
