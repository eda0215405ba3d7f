//! `validate` and `wait`: for instances that use the database but must not migrate it.
//!
//! **Invariant:** nothing is written, and no lock is taken but those of a SELECT.
//!
//! **Invariant:** who is at work is asked before what the state is. The other way round, a migrator that ended in between would be
//! taken for nobody, and what it has just finished for missing.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::Migrator;
use super::compare::{Readiness, readiness};
use super::lock;
use super::run::{Run, Task};
use super::session::{is_true, rows};
use crate::error::{Error, ErrorKind};
use crate::model::Migrations;
use crate::observer::Event;
use crate::report::{Outcome, Report, State};
use crate::sql::ident::literal;

/// Between two looks.
const POLL: Duration = Duration::from_millis(100);

/// What to do while the version cannot be used and nobody migrates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// Fail.
    Migrator,
    /// Wait for somebody who does.
    Deadline,
}

impl Migrator {
    /// Succeeds when the version of these migrations can be used; changes nothing. For instances that must not migrate: it needs no
    /// right to change anything, not even to read the schema `reshape`, without which it goes by the version's schema alone.
    ///
    /// While a migrator is at work it waits, up to [`wait_timeout`](Self::wait_timeout). A database that is ahead is fine as long as the
    /// version's schema is there, also when a later migration failed halfway.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Behind`] if the version is not there and nobody is migrating, [`ErrorKind::History`] if it has been retired or the
    /// histories do not fit together, [`ErrorKind::Locked`] if the migrator at work was not done in time.
    pub fn validate(&mut self) -> Result<Report, Error> {
        self.until_ready(Patience::Migrator)
    }

    /// As [`validate`](Self::validate), but waits as well while nobody is migrating yet: for instances that come up beside the job that
    /// migrates.
    ///
    /// # Errors
    ///
    /// As [`validate`](Self::validate); [`ErrorKind::Behind`] only after [`wait_timeout`](Self::wait_timeout).
    pub fn wait(&mut self) -> Result<Report, Error> {
        self.until_ready(Patience::Deadline)
    }

    fn until_ready(&mut self, patience: Patience) -> Result<Report, Error> {
        self.run_wanted(None, |run, wanted, _| run.until_ready(wanted, patience))
    }
}

impl Run<'_> {
    fn until_ready(&mut self, wanted: &Migrations, patience: Patience) -> Result<Report, Error> {
        // The usual case: one round trip.
        if let (_, Readiness::Ready(outcome)) = self.find_version(wanted)? {
            return Ok(self.as_it_is(outcome, None, wanted));
        }
        let began = Instant::now();
        let mut told: Option<Instant> = None;
        loop {
            let (migrator, _) = self.retrying(Task::Own("see who is migrating"), |run| {
                Ok(lock::holder(&mut run.client, &run.set)?)
            })?;
            let (state, readiness) = self.find_version(wanted)?;
            let missing = match readiness {
                Readiness::Ready(outcome) => return Ok(self.as_it_is(outcome, None, wanted)),
                Readiness::Not(missing) => missing,
            };
            let (elapsed, deadline) = (began.elapsed(), self.settings.wait_timeout);
            match &migrator {
                Some(holder) if elapsed >= deadline => {
                    return Err(lock::locked(holder, deadline).and(&missing));
                }
                None if patience == Patience::Migrator || elapsed >= deadline => {
                    return Err(behind(&missing, state, elapsed));
                }
                Some(_) | None => {}
            }
            if told.is_none_or(|told| told.elapsed() >= Duration::from_secs(1)) {
                let holder = migrator.unwrap_or_else(|| String::from("nobody is migrating yet"));
                self.emit(&Event::Waiting { holder, elapsed });
                told = Some(Instant::now());
            }
            sleep(POLL.min(deadline.saturating_sub(elapsed)));
        }
    }

    /// The state, where it can be read, and whether the version can be used.
    fn find_version(&mut self, wanted: &Migrations) -> Result<(Option<State>, Readiness), Error> {
        match self.read() {
            Ok(snapshot) => Ok((Some(snapshot.state), readiness(&snapshot, wanted)?)),
            Err(error) if error.kind() == ErrorKind::Permission => {
                Ok((None, self.by_schema(wanted)?))
            }
            Err(error) => Err(error),
        }
    }

    /// A role that may not read the metadata can still see whether the version's schema is there.
    fn by_schema(&mut self, wanted: &Migrations) -> Result<Readiness, Error> {
        let Some(latest) = wanted.latest() else { return Ok(Readiness::Ready(Outcome::Nothing)) };
        let schema = wanted.version_schema(&latest.name);
        let sql = format!(
            "SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = {})",
            literal(&schema)
        );
        let (found, _) = self.retrying(Task::Own("look for the version's schema"), |run| {
            Ok(is_true(rows(&mut run.client, &sql)?.first(), 0))
        })?;
        Ok(if found {
            Readiness::Ready(Outcome::Nothing)
        } else {
            Readiness::Not(format!(
                "the schema `{schema}` is not there (why cannot be told: this role may not read the schema `reshape`)"
            ))
        })
    }
}

fn behind(missing: &str, state: Option<State>, waited: Duration) -> Error {
    let nobody = if waited < POLL {
        String::from("nobody is migrating")
    } else {
        format!("nobody has migrated for {waited:.0?}")
    };
    let help = match state {
        Some(State::Applying) => {
            "its migrator died: start it again (it goes on where it was), or abort it"
        }
        Some(State::Aborting) => "abort it again, which finishes the rollback, then start",
        Some(State::Completing) => "complete it again: that goes on where it was",
        Some(State::Idle | State::InProgress) | None => {
            "run `reshape migration start`, or let an instance call `start`"
        }
    };
    Error::new(ErrorKind::Behind, format!("{missing}, and {nobody}")).with_help(help)
}
