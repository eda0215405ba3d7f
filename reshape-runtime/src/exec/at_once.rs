//! Starts and completes in one go, on a database that nobody uses.
//!
//! **Invariant:** what is cut off anywhere is finished by the next run: each batch is stored, fenced and journalled like any other.

use postgres::Client;

use super::command::{contract_has_begun, refused, stored_plan};
use super::compare::{Todo, decide};
use super::metadata::Snapshot;
use super::probe::{Live, Probe, probe};
use super::run::Run;
use super::set::Set;
use super::{Migrator, Planner};
use crate::error::{Error, ErrorKind};
use crate::model::{Migration, Migrations};
use crate::plan::gather::gather;
use crate::plan::{Plan, Request};
use crate::report::{Outcome, Report, State};

impl Migrator {
    /// Starts what is pending and completes it, on a database that no application is using: the old version goes at once.
    ///
    /// All of it is one batch if it can be. Where migrations cannot be combined in one, those before are completed first. On an empty database there
    /// are as few transactions as possible. A batch that is in progress is completed, if these migrations begin with it.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start) and [`complete`](Self::complete). What has been completed stays so; the error says how far it went.
    pub fn start_and_complete(&mut self) -> Result<Report, Error> {
        self.run_at_once(None)
    }

    /// Like [`start_and_complete`](Self::start_and_complete), up to and including the migration `name`, but fails at once if another migrator is
    /// at work.
    ///
    /// # Errors
    ///
    /// As [`start_and_complete`](Self::start_and_complete) and [`start_to`](Self::start_to).
    pub fn start_and_complete_to(&mut self, name: &str) -> Result<Report, Error> {
        self.run_at_once(Some(name))
    }

    fn run_at_once(&mut self, name: Option<&str>) -> Result<Report, Error> {
        self.run_wanted(name, |run, wanted, planner| {
            run.start_and_complete(wanted, name.is_none(), planner)
        })
    }
}

/// What has been completed so far.
#[derive(Default)]
struct Done {
    /// The version before the first batch; `None` for plain tables.
    base: Option<String>,
    /// How many batches.
    batches: usize,
    migrations: Vec<String>,
}

impl Run<'_> {
    fn start_and_complete(
        &mut self,
        wanted: &Migrations,
        waits: bool,
        planner: &Planner,
    ) -> Result<Report, Error> {
        // Only once there is nothing to complete either.
        let is_over = |live: &Live| live.state == State::Idle;
        let snapshot = match self.probe(wanted)? {
            Probe::Live(live) if is_over(&live) => {
                return Ok(self.as_it_is(Outcome::Nothing, live.base, wanted));
            }
            probe => self.read_after(&probe)?,
        };
        match (snapshot.state, decide(&snapshot, wanted)) {
            (State::Idle, Ok(Todo::Nothing)) => {
                return Ok(self.unchanged(Outcome::Nothing, &snapshot, wanted));
            }
            (_, Ok(Todo::Ahead)) => {
                return Ok(self.unchanged(Outcome::Ahead, &snapshot, wanted));
            }
            _ => {}
        }
        let needless =
            |client: &mut Client, set: &Set| Ok(probe(client, set, wanted)?.live().filter(is_over));
        if let Some(live) = self.enter_unless(waits, needless)? {
            return Ok(self.as_it_is(Outcome::Nothing, live.base, wanted));
        }
        let mut done = Done::default();
        let result = self.run_batches(wanted, planner, &mut done);
        match (result, done.migrations.last()) {
            (Err(error), Some(last)) if error.kind() != ErrorKind::Fenced => {
                Err(error.and(&format!("the migrations up to `{last}` are completed")))
            }
            (result, _) => result,
        }
    }

    fn run_batches(
        &mut self,
        wanted: &Migrations,
        planner: &Planner,
        done: &mut Done,
    ) -> Result<Report, Error> {
        // Whether the tables are all made by this run: then nobody can be using them.
        let mut is_new = false;
        let mut may_gather = true;
        loop {
            let snapshot = self.read()?;
            let todo = match decide(&snapshot, wanted) {
                // A batch that these migrations go on from.
                Err(error)
                    if snapshot.state == State::InProgress && error.kind() == ErrorKind::State =>
                {
                    Todo::Nothing
                }
                todo => todo?,
            };
            match todo {
                Todo::Nothing if snapshot.state == State::InProgress => {
                    // Tables that this run has made are used by nobody.
                    let snapshot = if is_new {
                        snapshot
                    } else {
                        self.claim_base(snapshot, contract_has_begun)?
                    };
                    // Another one may have ended it while this one waited for instances.
                    if snapshot.state == State::InProgress {
                        self.finish(&snapshot, done)?;
                    }
                }
                Todo::Nothing => {
                    let outcome =
                        if done.batches > 0 { Outcome::Completed } else { Outcome::Nothing };
                    let report = self.unchanged(outcome, &snapshot, wanted);
                    let migrations = std::mem::take(&mut done.migrations);
                    let base =
                        if done.batches > 0 { done.base.take() } else { report.base.clone() };
                    return Ok(Report { base, migrations, ..report });
                }
                Todo::Ahead => return Ok(self.unchanged(Outcome::Ahead, &snapshot, wanted)),
                Todo::Complete => {
                    let plan = stored_plan(&snapshot)?;
                    self.shut(plan.base.as_deref(), Some(&plan.target))?;
                    self.finish(&snapshot, done)?;
                }
                Todo::RollBack => self.take_and_roll_back(&snapshot)?,
                Todo::Resume => {
                    let report = self.resume(&snapshot)?;
                    self.go_on(report);
                }
                Todo::Start(from) => {
                    let ground = self.ground(&snapshot, wanted, from)?;
                    is_new |= ground.base.is_none() && ground.facts.tables.is_empty();
                    let request = Request {
                        pending: &wanted.migrations[from..],
                        base: ground.base.as_deref(),
                        facts: &ground.facts,
                    };
                    let plan = longest(planner, request)?;
                    self.check_rights(&plan)?;
                    let gathers = is_new && may_gather;
                    let plan = if gathers { gather(plan) } else { plan };
                    if !self.begin_batch(&snapshot, &plan, &ground.others)? {
                        continue;
                    }
                    let new = Snapshot { journal: Vec::new(), ..snapshot };
                    match self.expand(&plan, &new) {
                        Ok(report) => self.go_on(report),
                        // Rolled back. What cannot be in one transaction may be possible in several.
                        Err(error) if gathers && error.kind() == ErrorKind::Failed => {
                            may_gather = false;
                            self.note(format!(
                                "once more, in several transactions: {}",
                                error.message()
                            ));
                        }
                        Err(error) => return Err(error),
                    }
                }
            }
        }
    }

    /// The report of a batch that is only a part of what is being done.
    fn go_on(&mut self, report: Report) {
        self.steps = report.steps;
        self.notes = report.notes;
    }

    fn finish(&mut self, snapshot: &Snapshot, done: &mut Done) -> Result<(), Error> {
        let plan = stored_plan(snapshot)?;
        self.contract(snapshot)?;
        if done.batches == 0 {
            done.base = plan.base.as_deref().map(|base| self.set.migration(base));
        }
        done.batches += 1;
        done.migrations.extend(plan.migrations.iter().map(|m| m.name.to_string()));
        Ok(())
    }
}

/// The plan of as many of the pending migrations as can be combined, the first at least.
fn longest(planner: &Planner, request: Request<'_>) -> Result<Plan, Error> {
    let mut pending: &[Migration] = request.pending;
    loop {
        let refusal = match planner(&Request { pending, ..request }) {
            Ok(plan) => return Ok(plan),
            Err(refusal) => refusal,
        };
        if pending.len() <= 1 {
            return Err(refused(refusal));
        }
        // The migration that does not go together with those before it; or, if it is the first that is refused, not with those after it.
        let at = pending.iter().position(|migration| migration.name == *refusal.migration);
        let count = at.unwrap_or(pending.len() / 2).clamp(1, pending.len() - 1);
        pending = &pending[..count];
    }
}
