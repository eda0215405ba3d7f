//! Completing safely: the old version is removed when nobody uses it any more, or when the operator says so.
//!
//! **Invariant:** from the last look at who uses the base until it is gone, its gate is shut: nobody gets a lease on it.
//!
//! **Invariant:** whoever waits for instances holds neither the migration lock nor the gate meanwhile: the batch can be aborted, and an
//! instance of the old version can restart.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::claim::gate_key;
use super::users;
use crate::error::{Error, ErrorKind};
use crate::exec::lock::GRACE;
use crate::exec::metadata::Snapshot;
use crate::exec::retry::{Failure, Retry};
use crate::exec::run::{Run, Task};
use crate::exec::session::{is_true, rows};
use crate::instance::{Instance, list};
use crate::observer::Event;
use crate::plan::Plan;
use crate::report::State;
use crate::sql::ident::literal;

/// Between two looks at instances that are waited for.
const POLL: Duration = Duration::from_millis(200);

impl Run<'_> {
    /// Makes sure that the base of the batch may be removed, and shuts its gate. Waits for its instances as long as the settings say;
    /// what was read before is read again then, and returned.
    pub(in crate::exec) fn claim_base(
        &mut self,
        mut snapshot: Snapshot,
        contract_has_begun: impl Fn(&Snapshot) -> bool,
    ) -> Result<Snapshot, Error> {
        let began = Instant::now();
        let mut told = None;
        let asked = to_complete(&snapshot).map(identity);
        loop {
            let Some(plan) = to_complete(&snapshot) else { return Ok(snapshot) };
            let (base, target) = (plan.base.clone(), plan.target.clone());
            // While it waited, the batch may have been aborted, and another one started: nobody has asked for the completion of that.
            if asked.as_ref().is_some_and(|asked| *asked != identity(plan)) {
                return Err(Error::new(
                    ErrorKind::State,
                    format!(
                        "the batch that this completion waited for is over; another one, which leads to `{target}`, is in progress"
                    ),
                )
                .with_help("look at the status; complete that one if it is what you want"));
            }
            // Then there is no way back, and whoever used the base has noticed.
            if contract_has_begun(&snapshot) {
                self.shut_gate(base.as_deref())?;
                return Ok(snapshot);
            }
            let instances = match &base {
                Some(base) if self.shut_gate(Some(base))? => self.leases(base)?,
                Some(base) => self.at_the_gate(base)?,
                None => Vec::new(),
            };
            let is_over = began.elapsed() >= self.settings.drain_timeout;
            if instances.is_empty() || is_over && self.settings.force {
                self.note_users(base.as_deref(), Some(&target), &instances);
                return Ok(snapshot);
            }
            // Nobody on the plain tables holds a lease.
            let base = base.unwrap_or_default();
            if is_over {
                return Err(in_use(&base, &instances));
            }
            self.leave();
            self.drain(&base, began, &mut told)?;
            self.enter(false)?;
            snapshot = self.read()?;
        }
    }

    /// Keeps new instances out of a version that is removed whoever uses it, and says who is cut off: the base of a completion that was
    /// decided on and died, the target of a rollback.
    pub(in crate::exec) fn shut(
        &mut self,
        version: Option<&str>,
        other: Option<&str>,
    ) -> Result<(), Error> {
        let Some(version) = version else { return Ok(()) };
        self.shut_gate(Some(version))?;
        let instances = self.leases(version)?;
        self.note_users(Some(version), other, &instances);
        Ok(())
    }

    /// Waits until no lease is to be seen, or the time is up.
    fn drain(
        &mut self,
        base: &str,
        began: Instant,
        told: &mut Option<Instant>,
    ) -> Result<(), Error> {
        loop {
            let instances = self.leases(base)?;
            let elapsed = began.elapsed();
            let left = self.settings.drain_timeout.saturating_sub(elapsed);
            if instances.is_empty() || left.is_zero() {
                return Ok(());
            }
            if told.is_none_or(|told: Instant| told.elapsed() >= Duration::from_secs(1)) {
                self.emit(&Event::Draining { version: base.to_owned(), instances, elapsed });
                *told = Some(Instant::now());
            }
            sleep(POLL.min(left));
        }
    }

    /// Says who is cut off, and who seems to use the version without a lease; as far as it can be seen.
    fn note_users(&mut self, version: Option<&str>, other: Option<&str>, cut_off: &[Instance]) {
        let shown =
            version.map_or_else(|| String::from("the plain tables"), |name| format!("`{name}`"));
        if !cut_off.is_empty() {
            self.note(format!(
                "{} of {shown} cut off: {}",
                count(cut_off.len(), "instance"),
                list(cut_off)
            ));
        }
        let seen = self.clients(version, other).unwrap_or_default();
        if !seen.is_empty() {
            self.note(format!(
                "{} without a lease may still use {shown}: {}",
                count(seen.len(), "session"),
                list(&seen)
            ));
        }
    }

    pub(super) fn leases(&mut self, version: &str) -> Result<Vec<Instance>, Error> {
        let (found, _) = self.retrying(Task::Own("see who holds a lease"), |run| {
            users::leases(&mut run.client, &run.set, version)
        })?;
        Ok(found)
    }

    fn at_the_gate(&mut self, version: &str) -> Result<Vec<Instance>, Error> {
        let (found, _) = self.retrying(Task::Own("see who takes a lease"), |run| {
            users::at_the_gate(&mut run.client, &run.set, version)
        })?;
        Ok(found)
    }

    pub(super) fn clients(
        &mut self,
        version: Option<&str>,
        target: Option<&str>,
    ) -> Result<Vec<Instance>, Error> {
        let (found, _) = self.retrying(Task::Own("see who uses a version"), |run| {
            users::clients(&mut run.client, &run.set, version, target)
        })?;
        Ok(found)
    }

    /// Everybody who is known to use a live version: with a lease, or seen without one.
    pub(in crate::exec) fn instances(
        &mut self,
        current: Option<&str>,
        target: Option<&str>,
    ) -> Result<Vec<Instance>, Error> {
        let mut found = Vec::new();
        for version in current.into_iter().chain(target) {
            found.extend(self.leases(version)?);
        }
        found.extend(self.clients(current, target)?);
        if target.is_some() {
            found.extend(self.clients(target, None)?);
        }
        Ok(found)
    }

    /// Keeps everybody out who wants a lease on the version. False if somebody stays at the gate: a session that takes a lease does so in
    /// one message, so one that is seen for a whole second hangs.
    fn shut_gate(&mut self, version: Option<&str>) -> Result<bool, Error> {
        let Some(version) = version else { return Ok(true) };
        let gate = gate_key(self.set.name(), version);
        if self.gate.as_ref() == Some(&gate) {
            return Ok(true);
        }
        let began = Instant::now();
        loop {
            let (is_shut, _) = self.retrying(Task::Own("shut the old version's gate"), |run| {
                Ok(try_shut(&mut run.client, &gate)?)
            })?;
            if is_shut {
                self.gate = Some(gate);
                return Ok(true);
            }
            if began.elapsed() >= GRACE {
                return Ok(false);
            }
            sleep(Duration::from_millis(5));
        }
    }

    /// The gate was lost with the connection. Who got in meanwhile will be told that the version is gone.
    pub(in crate::exec) fn shut_gate_again(&mut self, retry: &mut Retry) -> Result<(), Failure> {
        let Some(gate) = self.gate.clone() else { return Ok(()) };
        while !try_shut(&mut self.client, &gate)? {
            let Some(delay) = retry.next() else { return Ok(()) };
            sleep(delay.min(GRACE));
        }
        Ok(())
    }

    /// Lets instances in again: the version is gone, or stays.
    pub(in crate::exec) fn open_gate(&mut self) {
        if let Some(gate) = self.gate.take() {
            let sql = format!("SELECT pg_catalog.pg_advisory_unlock({gate})");
            let _ = self.client.batch_execute(&sql);
        }
    }

    /// Heartbeats that nobody needs any more: those of a version that is gone, and old ones. Best effort: they count for nothing.
    pub(in crate::exec) fn forget_leases(&mut self, gone: Option<&str>) {
        let gone = gone.map_or_else(String::new, |gone| format!("version = {} OR ", literal(gone)));
        let sql = format!(
            "DELETE FROM reshape.leases WHERE {} AND ({gone}beat + ttl < clock_timestamp())",
            self.set.own()
        );
        let _ = self.client.batch_execute(&sql);
    }
}

fn try_shut(client: &mut postgres::Client, gate: &str) -> Result<bool, postgres::Error> {
    let rows = rows(client, &format!("SELECT pg_catalog.pg_try_advisory_lock({gate})"))?;
    Ok(is_true(rows.first(), 0))
}

/// The plan of a batch that can be completed.
fn to_complete(snapshot: &Snapshot) -> Option<&Plan> {
    match snapshot.state {
        State::InProgress | State::Completing => snapshot.plan.as_ref(),
        State::Idle | State::Applying | State::Aborting => None,
    }
}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// Which batch it is.
fn identity(plan: &Plan) -> (Option<String>, String, Vec<String>) {
    let checksums = plan.migrations.iter().map(|migration| migration.checksum.to_string());
    (plan.base.clone(), plan.target.clone(), checksums.chain(plan.reverts.clone()).collect())
}

fn in_use(base: &str, instances: &[Instance]) -> Error {
    Error::new(
        ErrorKind::InUse,
        format!(
            "the version `{base}` is still used by {}: {}; nothing was removed",
            count(instances.len(), "instance"),
            list(instances)
        ),
    )
    .with_help(
        "stop them, or wait until they have stopped (`migration complete --wait 5min`, `Migrator::drain_timeout`); `--force` (`Migrator::force`) cuts them off",
    )
}
