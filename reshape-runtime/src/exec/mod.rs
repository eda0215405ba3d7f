//! The executor: the only part of the crate that talks to a database.
//!
//! It knows no action. It stores a [`Plan`](crate::plan::Plan), runs its steps in order, writes a journal row for each
//! and, to roll back, undoes the journalled steps in reverse.
//!
//! **Invariant:** every transaction of a run takes the batch's row and compares the run's token before it changes anything.
//!
//! **Invariant:** nothing runs on drop. A panic leaves the database as a crash would, and a later run goes on from there.
//!
//! **Invariant:** a [`postgres::Client`] is opened, used and dropped where no runtime of tokio is at work: the client brings one of its own and
//! panics inside another; see `thread`.

use std::fmt;
use std::time::Duration;

use crate::error::Error;
use crate::model::{DEFAULT_NAMESPACE, Migrations, Str};
use crate::observer::{Event, Observer};
use crate::plan::{Plan, Refusal, Request};
use crate::report::{Report, Status};
use crate::sql::tenant as names;

#[cfg(feature = "tokio")]
mod asynchronous;
mod at_once;
mod backfill;
mod begin;
mod blockers;
mod catalog;
mod command;
mod compare;
mod connection;
mod control;
mod drift;
mod fence;
mod fleet;
mod index;
mod journal;
mod lease;
mod limits;
mod lock;
mod metadata;
mod offenders;
mod owners;
mod pace;
mod patience;
mod probe;
mod recorded;
mod requires;
mod retry;
mod revert;
mod rights;
mod rollback;
mod run;
mod session;
mod set;
mod sets;
mod status;
mod step;
mod tenant;
mod thread;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "tracing")]
mod trace;
mod validate;
mod wanted;

#[cfg(test)]
#[cfg(feature = "testing")]
mod tests;

#[cfg(feature = "tokio")]
pub use asynchronous::AsyncMigrator;
pub use connection::{Connector, IntoConnection};
#[cfg(feature = "cli")]
pub(crate) use fleet::rows;
pub use fleet::{Fleet, FleetEvent, FleetReport, FleetStop, Target, TargetReport, TargetResult};
pub use lease::{BackgroundCompletion, Lease, LeaseOptions, Unused};
#[cfg(feature = "cli")]
pub(crate) use limits::Limits;
pub use pace::Throttle;
pub use sets::Sets;

use connection::Source;
use run::Run;
use set::Set;

/// The planner as a value, so that the executor can be tested with plans of its own.
type Planner = Box<dyn Fn(&Request<'_>) -> Result<Plan, Refusal> + Send + Sync>;

/// How patient a migrator is.
#[derive(Clone, Copy, Debug)]
struct Settings {
    lock_timeout: Duration,
    retry_budget: Duration,
    /// The first delay, and the longest.
    retry_delays: (Duration, Duration),
    wait_timeout: Duration,
    batch_duration: Duration,
    /// Connections that fill a table at the same time.
    workers: usize,
    /// Zero: none.
    max_lag: Duration,
    /// 0: none.
    max_load: u32,
    skip_custom: bool,
    drain_timeout: Duration,
    force: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            lock_timeout: Duration::from_millis(500),
            retry_budget: Duration::from_mins(5),
            retry_delays: (Duration::from_millis(50), Duration::from_secs(5)),
            wait_timeout: Duration::from_mins(10),
            batch_duration: Duration::from_millis(100),
            workers: 1,
            max_lag: Duration::from_secs(10),
            max_load: 0,
            skip_custom: false,
            drain_timeout: Duration::ZERO,
            force: false,
        }
    }
}

/// Runs migrations on a database.
///
/// Each command connects, does its work and disconnects. It can be called from anywhere, also from inside an async runtime: there it does its
/// work on a thread of its own, and blocks the calling one. Elsewhere it works on the calling thread, whose stack has to be that of a usual
/// one: the 2 MiB of Rust's own threads are several times what is needed.
///
/// ```no_run
/// # fn main() -> Result<(), reshape_runtime::Error> {
/// # let migrations = reshape_runtime::Migrations::embedded(&[]);
/// use reshape_runtime::Migrator;
///
/// let mut migrator = Migrator::new(&migrations, "postgres://app@localhost/app");
/// let report = migrator.start()?; // both versions are live
/// // … once no instance of the old version is left:
/// migrator.complete()?;
/// # Ok(())
/// # }
/// ```
pub struct Migrator {
    migrations: Option<Migrations>,
    set: Set,
    source: Source,
    settings: Settings,
    observer: Option<Box<dyn Observer>>,
    program: pace::Program,
    planner: Planner,
}

impl Migrator {
    /// A migrator for `migrations`. A connection that cannot be made is reported by the first command.
    pub fn new(migrations: impl Into<Migrations>, connection: impl IntoConnection) -> Self {
        Self::with(Some(migrations.into()), connection.into_source())
    }

    /// A migrator that knows no migrations: it can complete or abort the batch in the database, whose plan is stored there,
    /// and tell the status.
    pub fn detached(connection: impl IntoConnection) -> Self {
        Self::with(None, connection.into_source())
    }

    /// The same migrator for the set of that name, as [`Migrations::in_namespace`]. Of use to one that is [`detached`](Self::detached).
    #[must_use]
    pub fn in_namespace(mut self, namespace: impl Into<Str>) -> Self {
        let namespace = names::renamed(self.set.name(), &namespace.into());
        self.set = Set::new(&namespace);
        self.migrations = self.migrations.map(|migrations| migrations.in_namespace(namespace));
        self
    }

    fn with(migrations: Option<Migrations>, source: Source) -> Self {
        let namespace = migrations.as_ref().map_or(DEFAULT_NAMESPACE, Migrations::namespace);
        Self {
            set: Set::new(namespace),
            migrations,
            source,
            settings: Settings::default(),
            observer: None,
            program: pace::Program::default(),
            planner: Box::new(crate::plan::plan),
        }
    }

    /// How long a statement may wait for a lock on a table, and so hold up the queries behind it, before it gives way and
    /// is tried again. The default is 500 ms; less than 1 ms counts as 1 ms.
    #[must_use]
    pub fn lock_timeout(mut self, timeout: Duration) -> Self {
        self.settings.lock_timeout = timeout.max(Duration::from_millis(1));
        self
    }

    /// For how long each step may be tried again after a lock timeout, a deadlock or a lost connection. The default is 5 minutes.
    #[must_use]
    pub fn retry_budget(mut self, budget: Duration) -> Self {
        self.settings.retry_budget = budget;
        self
    }

    /// How long to sleep before the first repetition, and at most before any: the delays double, with jitter. The default is 50 ms
    /// and 5 s.
    #[must_use]
    pub fn retry_delays(mut self, first: Duration, longest: Duration) -> Self {
        self.settings.retry_delays = (first, longest);
        self
    }

    /// For how long [`start`](Self::start) waits for another migrator. The default is 10 minutes.
    #[must_use]
    pub fn wait_timeout(mut self, timeout: Duration) -> Self {
        self.settings.wait_timeout = timeout;
        self
    }

    /// How long one range of a backfill should take; ranges grow and shrink towards it. The default is 100 ms. While other sessions write, a fifth of it:
    /// a range locks its rows, and who commits waits for what it has written.
    #[must_use]
    pub fn batch_duration(mut self, duration: Duration) -> Self {
        self.settings.batch_duration = duration;
        self
    }

    /// How many connections fill a table at the same time, where its rows can be filled in any order. The default is 1, the migrator's own;
    /// more have one each besides. They make a backfill shorter where the server has processors and a disk to spare.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.settings.workers = workers.max(1);
        self
    }

    /// How far standbys may be behind before a backfill waits for them; zero for as far as they like. The default is 10 s.
    ///
    /// Seeing them takes the rights of `pg_monitor`; without them a note says that nothing waits. One that stays behind is not waited for longer
    /// than 5 minutes. Subscribers of logical replication do not count.
    #[must_use]
    pub fn max_lag(mut self, lag: Duration) -> Self {
        self.settings.max_lag = lag;
        self
    }

    /// How many sessions of others may be running something before a backfill waits; 0, which is the default, for any number.
    #[must_use]
    pub fn max_load(mut self, sessions: u32) -> Self {
        self.settings.max_load = sessions;
        self
    }

    /// Lets [`complete`](Self::complete) and [`abort`](Self::abort) go on where SQL of a `custom` action (its `complete`, its `abort`)
    /// fails: it is skipped, and a note says so. For SQL that can never succeed, which would keep the batch where it is for ever;
    /// what it should have done is the operator's to do. The SQL of `start` is never skipped.
    #[must_use]
    pub fn skip_custom(mut self, skip: bool) -> Self {
        self.settings.skip_custom = skip;
        self
    }

    /// For how long [`complete`](Self::complete) waits for instances that hold a [`Lease`] on the old version. The default is not at all.
    #[must_use]
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.settings.drain_timeout = timeout;
        self
    }

    /// Whether [`complete`](Self::complete) goes on although instances hold a [`Lease`] on the old version, after it has waited for
    /// them. Their queries fail from then on; the report notes who they were. The default is no.
    #[must_use]
    pub fn force(mut self, force: bool) -> Self {
        self.settings.force = force;
        self
    }

    /// Who is told what happens. Called on the thread that does the work; a panic there is passed on to the caller of the command and
    /// leaves the batch where it is, as a crash would.
    #[must_use]
    pub fn observer(mut self, observer: impl Observer + 'static) -> Self {
        self.observer = Some(Box::new(observer));
        self
    }

    #[cfg(all(test, feature = "testing"))]
    fn planner(
        mut self,
        planner: impl Fn(&Request<'_>) -> Result<Plan, Refusal> + Send + Sync + 'static,
    ) -> Self {
        self.planner = Box::new(planner);
        self
    }

    /// Starts what is pending: afterwards the old and the latest version are both live.
    ///
    /// Waits for another migrator that is at work; resumes or rolls back a batch whose migrator died; finishes an
    /// interrupted completion or rollback first. A start that fails rolls itself back.
    ///
    /// # Errors
    ///
    /// Every [`ErrorKind`](crate::ErrorKind); with [`ErrorKind::History`](crate::ErrorKind::History) and [`ErrorKind::Refused`](crate::ErrorKind::Refused) nothing was changed.
    pub fn start(&mut self) -> Result<Report, Error> {
        self.start_migrations(None)
    }

    /// Like [`start`](Self::start), up to and including the migration `name`, but fails at once if another migrator is at work.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start); [`ErrorKind::Locked`](crate::ErrorKind::Locked) if another migrator is at work, [`ErrorKind::History`](crate::ErrorKind::History) if there is no
    /// migration of that name.
    pub fn start_to(&mut self, name: &str) -> Result<Report, Error> {
        self.start_migrations(Some(name))
    }

    /// Completes the batch that is in progress: the old version's schema and all that only it needed are removed. Fails at once
    /// if another migrator is at work.
    ///
    /// Instances that hold a [`Lease`] on the old version are waited for, or cut off, as [`drain_timeout`](Self::drain_timeout) and
    /// [`force`](Self::force) say. Sessions that seem to use it without a lease are noted in the report and keep nobody from completing.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InUse`](crate::ErrorKind::InUse), with nothing changed, if an instance holds a lease on the old version.
    /// [`ErrorKind::State`](crate::ErrorKind::State) if the batch is still being started or is being rolled back. A step that fails leaves the batch
    /// `completing`, and the next `complete` goes on from there; if it is the first step, the batch is in progress as before.
    pub fn complete(&mut self) -> Result<Report, Error> {
        self.run(|run, _, _| run.complete())
    }

    /// Rolls back the batch that is in progress or half started. Fails at once if another migrator is at work.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::State`](crate::ErrorKind::State) if the completion has removed something; a step that fails leaves the batch `aborting`, and the next
    /// `abort` goes on from there.
    pub fn abort(&mut self) -> Result<Report, Error> {
        self.run(|run, _, _| run.abort())
    }

    /// Tells the state of the database's migrations. Changes nothing and takes no lock.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Connect`](crate::ErrorKind::Connect), [`ErrorKind::Permission`](crate::ErrorKind::Permission), [`ErrorKind::Metadata`](crate::ErrorKind::Metadata) or [`ErrorKind::Database`](crate::ErrorKind::Database).
    pub fn status(&mut self) -> Result<Status, Error> {
        self.run(|run, migrations, _| run.status(migrations))
    }

    fn start_migrations(&mut self, name: Option<&str>) -> Result<Report, Error> {
        self.run_wanted(name, |run, wanted, planner| run.start(wanted, name.is_none(), planner))
    }

    fn run<T: Send>(
        &mut self,
        command: impl FnOnce(&mut Run<'_>, Option<&Migrations>, &Planner) -> Result<T, Error> + Send,
    ) -> Result<T, Error> {
        let Self { migrations, set, source, settings, observer, program, planner } = self;
        set.check(migrations.as_ref())?;
        thread::run(move || {
            let mut all = |event: &Event| {
                #[cfg(feature = "tracing")]
                trace::emit(event);
                if let Some(observer) = observer {
                    observer.event(event);
                }
            };
            let observer: &mut dyn Observer = &mut all;
            let mut run = Run::open(source, set.clone(), settings, observer)?;
            run.pace.program = program.clone();
            let result = command(&mut run, migrations.as_ref(), planner);
            run.close();
            result
        })
    }
}

impl fmt::Debug for Migrator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the source: it may hold a password.
        f.debug_struct("Migrator")
            .field("migrations", &self.migrations.as_ref().map(|set| set.migrations.len()))
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl From<&Migrations> for Migrations {
    fn from(migrations: &Migrations) -> Self {
        migrations.clone()
    }
}
