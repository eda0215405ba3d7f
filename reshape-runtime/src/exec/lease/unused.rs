//! `complete_when_unused`: the background of a new instance completes once nobody uses the old version any more.
//!
//! **Invariant:** completes only a batch that leads to the version of its own program, and never by force.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::panic::resume_unwind;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind};
use crate::exec::Migrator;
use crate::exec::lock;
use crate::exec::run::{Run, Task};
use crate::model::Migrations;
use crate::observer::Event;
use crate::report::{Outcome, Report, State};

/// When [`Migrator::complete_when_unused`] looks, and when it completes.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Unused {
    interval: Duration,
    unused_for: Duration,
}

impl Default for Unused {
    fn default() -> Self {
        Self { interval: Duration::from_secs(30), unused_for: Duration::from_mins(10) }
    }
}

impl Unused {
    /// How often it looks, give or take a quarter. The default is 30 seconds.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// For how long nobody must have been seen to use the old version. The default is 10 minutes. Choose more than the time that
    /// it takes to put the old release back: once it is over, [`Migrator::abort`] is no more.
    pub fn unused_for(mut self, unused_for: Duration) -> Self {
        self.unused_for = unused_for;
        self
    }
}

/// A thread that completes when nobody uses the old version; see [`Migrator::complete_when_unused`].
///
/// Dropping it stops it, and waits for a completion that has begun.
#[must_use = "dropping it stops it"]
pub struct BackgroundCompletion {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<Result<Option<Report>, Error>>>,
}

impl BackgroundCompletion {
    /// Whether it has ended: the batch is completed, whoever did it, or there is an error.
    pub fn is_finished(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Stops it unless it is completing already, and says what came of it: as [`join`](Self::join), and `None` if it was stopped.
    ///
    /// # Errors
    ///
    /// As [`join`](Self::join).
    ///
    /// # Panics
    ///
    /// If the observer has panicked.
    pub fn stop(mut self) -> Result<Option<Report>, Error> {
        drop(self.stop.take());
        self.end()
    }

    /// Waits until it has ended. [`Outcome::Completed`] if it was this one that completed, [`Outcome::Nothing`] if it was another, or if
    /// there was nothing to complete.
    ///
    /// # Errors
    ///
    /// Those of [`Migrator::complete`] that would come again; for what may pass (a lost connection, another migrator at work, a lock) it tries again later.
    ///
    /// # Panics
    ///
    /// If the observer has panicked.
    pub fn join(mut self) -> Result<Report, Error> {
        let report = self.end()?;
        // Another one has completed.
        Ok(report.unwrap_or_else(|| Report::new(Outcome::Nothing)))
    }

    fn end(&mut self) -> Result<Option<Report>, Error> {
        match self.thread.take().map(JoinHandle::join) {
            None => Ok(None),
            Some(Ok(result)) => result,
            Some(Err(panic)) => resume_unwind(panic),
        }
    }
}

impl Drop for BackgroundCompletion {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for BackgroundCompletion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackgroundCompletion")
            .field("is_finished", &self.is_finished())
            .finish_non_exhaustive()
    }
}

impl Migrator {
    /// Completes in the background, once nobody uses the old version any more: for new instances, after [`start`](Self::start).
    ///
    /// Returns at once. A thread looks now and then, and completes when for a while nobody has held a [`Lease`](crate::Lease) on the old
    /// version or was seen to use its views (or, where the old clients use the plain tables, those tables). All instances may do it:
    /// one completes, the others see that it is done. While another migrator is at work, or the database cannot be
    /// reached, it waits. A batch that does not lead to the latest version of this program's migrations is left alone.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), reshape_runtime::Error> {
    /// # let migrations = reshape_runtime::Migrations::embedded(&[]);
    /// use reshape_runtime::{Lease, Migrator, Unused};
    ///
    /// let url = "postgres://app@localhost/app";
    /// Migrator::new(&migrations, url).start()?;
    /// let lease = Lease::take(&migrations, url)?;
    /// let completion = Migrator::new(&migrations, url).complete_when_unused(Unused::default())?;
    /// // … serve, and keep both for as long.
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Database`] if there can be no further thread. What else may go wrong is told by the handle.
    pub fn complete_when_unused(mut self, settings: Unused) -> Result<BackgroundCompletion, Error> {
        // Whoever uses the old version is waited for here, and nobody is cut off.
        self.settings.force = false;
        self.settings.drain_timeout = Duration::ZERO;
        let (stop, stopped) = mpsc::channel();
        #[cfg(feature = "tracing")]
        let context = crate::exec::trace::Context::current();
        let work = move || {
            #[cfg(feature = "tracing")]
            return context.enter(|| watch(self, settings, &stopped));
            #[cfg(not(feature = "tracing"))]
            watch(self, settings, &stopped)
        };
        let thread =
            Builder::new().name(String::from("reshape unused")).spawn(work).map_err(|error| {
                Error::new(ErrorKind::Database, "cannot start a thread for the completion")
                    .with_source(error)
            })?;
        Ok(BackgroundCompletion { stop: Some(stop), thread: Some(thread) })
    }
}

/// What a look at the database says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// There is nothing of ours to complete, or not any more.
    Over,
    /// Another migrator is at work, or has to go on first.
    NotNow,
    /// Somebody uses the old version.
    InUse,
    /// Nobody does.
    Unused,
    /// A completion has died on the way.
    Died,
}

impl Run<'_> {
    fn look(&mut self, ours: Option<&str>) -> Result<Look, Error> {
        let snapshot = self.read()?;
        let plan = match (snapshot.state, &snapshot.plan) {
            (State::Idle, _) | (_, None) => return Ok(Look::Over),
            (_, Some(plan)) => plan,
        };
        if ours.is_some_and(|ours| ours != self.set.migration(&plan.target)) {
            return Ok(Look::Over);
        }
        let (migrator, _) = self
            .retrying(Task::Own("see who holds the migration lock"), |run| {
                Ok(lock::holder(&mut run.client, &run.set)?)
            })?;
        match snapshot.state {
            _ if migrator.is_some() => return Ok(Look::NotNow),
            State::Idle | State::Applying | State::Aborting => return Ok(Look::NotNow),
            State::Completing => return Ok(Look::Died),
            State::InProgress => {}
        }
        let base = plan.base.as_deref();
        let mut users = match base {
            Some(base) => self.leases(base)?,
            None => Vec::new(),
        };
        users.extend(self.clients(base, Some(&plan.target))?);
        let is_used = users.iter().any(|user| user.evidence.is_certain());
        Ok(if is_used { Look::InUse } else { Look::Unused })
    }
}

fn watch(
    mut migrator: Migrator,
    settings: Unused,
    stop: &Receiver<()>,
) -> Result<Option<Report>, Error> {
    let latest = migrator.migrations.as_ref().and_then(Migrations::latest);
    let ours = latest.map(|latest| latest.name.to_string());
    let mut unused_since: Option<Instant> = None;
    let mut failed = 0;
    // Instances of a release come up together: they should not look together.
    let mut pause = settings.interval.mul_f64(random());
    loop {
        if !matches!(stop.recv_timeout(pause), Err(RecvTimeoutError::Timeout)) {
            return Ok(None);
        }
        pause = settings.interval.mul_f64(0.75 + random() / 2.0);
        let result = migrator.run(|run, _, _| run.look(ours.as_deref()));
        let result = match result {
            Ok(Look::Over) => return Ok(Some(Report::new(Outcome::Nothing))),
            Ok(Look::NotNow) => Ok(()),
            Ok(Look::InUse) => {
                unused_since = None;
                Ok(())
            }
            Ok(Look::Unused)
                if unused_since.get_or_insert_with(Instant::now).elapsed()
                    < settings.unused_for =>
            {
                Ok(())
            }
            Ok(Look::Unused | Look::Died) => match migrator.complete() {
                Ok(report) => return Ok(Some(report)),
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        let Err(error) = result else {
            failed = 0;
            continue;
        };
        match error.kind() {
            // Another one is at it.
            ErrorKind::Locked | ErrorKind::Behind => {}
            ErrorKind::InUse => unused_since = None,
            ErrorKind::Connect
            | ErrorKind::ReadOnly
            | ErrorKind::LockTimeout
            | ErrorKind::Fenced
            | ErrorKind::State
            | ErrorKind::Database => {
                failed += 1;
                let reason = error.message().to_owned();
                migrator.tell(&Event::Retry { reason, attempt: failed, delay: pause });
            }
            ErrorKind::Permission
            | ErrorKind::Setting
            | ErrorKind::History
            | ErrorKind::Refused
            | ErrorKind::Drift
            | ErrorKind::Metadata
            | ErrorKind::Failed => return Err(error),
        }
    }
}

impl Migrator {
    fn tell(&mut self, event: &Event) {
        #[cfg(feature = "tracing")]
        crate::exec::trace::emit(event);
        if let Some(observer) = &mut self.observer {
            observer.event(event);
        }
    }
}

/// From 0 to 1.
fn random() -> f64 {
    let bits = u32::try_from(RandomState::new().hash_one(std::process::id()) >> 32);
    f64::from(bits.unwrap_or_default()) / f64::from(u32::MAX)
}
