//! Many databases, or schemas, by one command: tenants, shards.
//!
//! **Invariant:** nothing is remembered between databases or commands. What is to be done on a database is what its own metadata says, so the
//! same command goes on wherever it was cut off, and a database that is done costs a look.
//!
//! **Invariant:** what happens on one database, even a failure, keeps no other from its turn.

mod agree;
mod event;
#[cfg(feature = "cli")]
mod query;
mod report;
mod target;
mod tenants;

use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::Migrator;
use super::connection::IntoConnection;
use crate::error::Error;
use crate::model::{DEFAULT_NAMESPACE, Migrations, Str};
use crate::observer::Event;
use crate::report::{Outcome, Report, Status};
use crate::sql::tenant;
use agree::{Due, agree};
use event::Said;

pub use event::{FleetEvent, FleetStop};
#[cfg(feature = "cli")]
pub(crate) use query::rows;
pub use report::{FleetReport, TargetReport, TargetResult};
pub use target::Target;

/// How many databases are worked on at once, if nothing else is said.
const JOBS: usize = 4;

type Configure = dyn Fn(Migrator) -> Result<Migrator, Error> + Send + Sync;
type Watch = dyn FnMut(&FleetEvent<'_>) + Send;

/// Runs the same migrations on many databases: one of each tenant, or the shards of one application.
///
/// ```no_run
/// # fn main() -> Result<(), reshape_runtime::Error> {
/// # let migrations = reshape_runtime::Migrations::embedded(&[]);
/// use reshape_runtime::{Fleet, Target};
///
/// let targets = ["postgres://app@a/tenants_1", "postgres://app@b/tenants_2"];
/// let targets = targets.iter().map(|url| url.parse()).collect::<Result<Vec<Target>, _>>()?;
/// let fleet = Fleet::new(&migrations, targets).jobs(8);
/// let report = fleet.start(); // both versions are live wherever it succeeded
/// for (database, error) in report.failed() {
///     eprintln!("{database}: {error}");
/// }
/// // … once no instance of the old version is left, and every database is started:
/// fleet.complete();
/// # Ok(())
/// # }
/// ```
///
/// A database that fails stops no other, and running the same command again does what is left: each database's own state says what that is. The
/// commands block the calling thread; inside an async runtime they belong on a thread for blocking work.
///
/// A tenant is a database here, or a schema with tables of its own in one: [`Fleet::schemas`]. Whatever is said of databases here goes for these.
pub struct Fleet {
    migrations: Option<Migrations>,
    namespace: Str,
    /// As they were given.
    given: Vec<Target>,
    /// Each place once.
    targets: Vec<Target>,
    jobs: usize,
    is_partial: bool,
    configure: Option<Box<Configure>>,
    observer: Option<Arc<Mutex<Watch>>>,
    stop: FleetStop,
}

impl Fleet {
    /// A fleet of these databases. One that is named twice counts once.
    pub fn new(
        migrations: impl Into<Migrations>,
        targets: impl IntoIterator<Item = Target>,
    ) -> Self {
        Self::with(Some(migrations.into()), targets)
    }

    /// A fleet that knows no migrations, as a [detached migrator](Migrator::detached): it can complete and abort what is in the databases,
    /// and tell the status.
    pub fn detached(targets: impl IntoIterator<Item = Target>) -> Self {
        Self::with(None, targets)
    }

    fn with(migrations: Option<Migrations>, targets: impl IntoIterator<Item = Target>) -> Self {
        let namespace = migrations.as_ref().map_or(DEFAULT_NAMESPACE, Migrations::namespace);
        let given: Vec<Target> = targets.into_iter().collect();
        Self {
            targets: distinct(&given, namespace),
            namespace: namespace.to_owned().into(),
            migrations,
            given,
            jobs: JOBS,
            is_partial: false,
            configure: None,
            observer: None,
            stop: FleetStop::default(),
        }
    }

    /// The same for the set of that name, as [`Migrator::in_namespace`].
    #[must_use]
    pub fn in_namespace(mut self, namespace: impl Into<Str>) -> Self {
        self.namespace = namespace.into();
        self.targets = distinct(&self.given, &self.namespace);
        self
    }

    /// On how many databases to work at once; the default is 4, and 0 counts as 1. Each of them takes as many connections as a migrator with the
    /// same settings does: one, unless the settings say otherwise.
    #[must_use]
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.jobs = jobs.max(1);
        self
    }

    /// Whether to complete where it is possible although other databases are not ready. The default is no.
    #[must_use]
    pub fn partial(mut self, partial: bool) -> Self {
        self.is_partial = partial;
        self
    }

    /// How each migrator is to be set up; an error is one of the database.
    ///
    /// ```no_run
    /// # use reshape_runtime::Fleet;
    /// # fn set(fleet: Fleet) -> Fleet {
    /// fleet.configure(|migrator| Ok(migrator.limits_from_environment()?.retry_budget(std::time::Duration::from_mins(1))))
    /// # }
    /// ```
    #[must_use]
    pub fn configure(
        mut self,
        configure: impl Fn(Migrator) -> Result<Migrator, Error> + Send + Sync + 'static,
    ) -> Self {
        self.configure = Some(Box::new(configure));
        self
    }

    /// Who is told what happens, on the threads that work, one at a time.
    #[must_use]
    pub fn observer(mut self, observer: impl FnMut(&FleetEvent<'_>) + Send + 'static) -> Self {
        self.observer = Some(Arc::new(Mutex::new(observer)));
        self
    }

    /// What stops a command of this fleet.
    pub fn stopper(&self) -> FleetStop {
        self.stop.clone()
    }

    /// The databases.
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// [Starts](Migrator::start) on all databases what is pending there: where it succeeds, both versions are live.
    pub fn start(&self) -> FleetReport {
        self.run("start", |_| true, Migrator::start)
    }

    /// [Completes](Migrator::complete) on all databases, if all are ready for it: the batch is started, or completed already. If one is not, or
    /// cannot be reached, nothing is changed anywhere and the report says which, unless the command is to be [partial](Self::partial).
    pub fn complete(&self) -> FleetReport {
        if self.is_partial {
            return self.run("complete", |_| true, Migrator::complete);
        }
        let began = Instant::now();
        let ready = agree(self.status());
        if ready.iter().any(|target| target.result.done().is_none()) {
            let targets =
                ready.into_iter().map(|TargetReport { target, schema, result, elapsed }| {
                    let result = match result {
                        TargetResult::Failed(error) => TargetResult::Failed(error),
                        TargetResult::Done(_) | TargetResult::Left => TargetResult::Left,
                    };
                    TargetReport { target, schema, result, elapsed }
                });
            return FleetReport { targets: targets.collect(), elapsed: began.elapsed() };
        }
        let is_due = |n: usize| matches!(ready[n].result.done(), Some(Due::Complete));
        let mut report = self.run("complete", is_due, Migrator::complete);
        for (target, ready) in report.targets.iter_mut().zip(ready) {
            target.elapsed += ready.elapsed;
            if let TargetResult::Done(Due::Nothing { current }) = ready.result {
                let mut nothing = Report::new(Outcome::Nothing);
                nothing.base.clone_from(&current);
                nothing.target = current;
                nothing.elapsed = target.elapsed;
                target.result = TargetResult::Done(nothing);
            }
        }
        report.elapsed = began.elapsed();
        report
    }

    /// [Starts](Self::start) on all databases, and once that has succeeded everywhere completes on all: for databases that no application is
    /// using. If it has not, nothing is completed anywhere, unless the command is to be [partial](Self::partial).
    ///
    /// What is pending on a database has to go into one batch, as for [`start`](Migrator::start). A new tenant's database is better made with
    /// [`Migrator::start_and_complete`], which takes as many batches as it needs.
    pub fn start_and_complete(&self) -> FleetReport {
        let mut report = self.start();
        if !report.is_done() && !self.is_partial {
            return report;
        }
        let is_due = |n: usize| {
            report.targets[n].result.done().is_some_and(|report| match report.outcome {
                Outcome::Started => true,
                // What was live before is still live beside it.
                Outcome::Nothing => report.base != report.target,
                Outcome::Ahead | Outcome::Completed | Outcome::Aborted => false,
            })
        };
        let due: Vec<bool> = (0..report.targets.len()).map(is_due).collect();
        let completed = self.run("complete", |n| due[n], Migrator::complete);
        for ((target, second), _) in
            report.targets.iter_mut().zip(completed.targets).zip(due).filter(|(_, due)| *due)
        {
            target.elapsed += second.elapsed;
            let first = std::mem::replace(&mut target.result, second.result);
            if let (TargetResult::Done(first), TargetResult::Done(all)) =
                (first, &mut target.result)
            {
                all.steps.splice(0..0, first.steps);
                all.notes.splice(0..0, first.notes);
                all.elapsed += first.elapsed;
            }
        }
        report.elapsed += completed.elapsed;
        report
    }

    /// [Rolls back](Migrator::abort) on all databases what is started or half started there.
    pub fn abort(&self) -> FleetReport {
        self.run("abort", |_| true, Migrator::abort)
    }

    /// Tells the [state](Migrator::status) of all databases.
    pub fn status(&self) -> FleetReport<Status> {
        self.run("status", |_| true, Migrator::status)
    }

    /// Runs a command on the databases that it `is_due` on; the others count as left.
    fn run<T: Said>(
        &self,
        name: &'static str,
        is_due: impl Fn(usize) -> bool,
        command: impl Fn(&mut Migrator) -> Result<T, Error> + Sync,
    ) -> FleetReport<T> {
        let began = Instant::now();
        let due: Vec<usize> = (0..self.targets.len()).filter(|n| is_due(*n)).collect();
        let ended: Vec<OnceLock<(Result<T, Error>, Duration)>> =
            self.targets.iter().map(|_| OnceLock::new()).collect();
        let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let total = due.len();
        let work = || {
            while !self.stop.is_stopped()
                && let Some(&n) = due.get(next.fetch_add(1, Ordering::Relaxed))
            {
                let target = self.targets[n].name();
                #[cfg(feature = "tracing")]
                let _span = tracing::info_span!("database", name = target).entered();
                self.tell(&FleetEvent::Begun { target, total });
                let began = Instant::now();
                let result = self.migrator(n).and_then(|mut migrator| command(&mut migrator));
                let elapsed = began.elapsed();
                let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                let (result, _) = ended[n].get_or_init(|| (result, elapsed));
                let result = result.as_ref().map(Said::report);
                self.tell(&FleetEvent::Ended {
                    target,
                    command: name,
                    result,
                    elapsed,
                    done,
                    total,
                });
            }
        };
        #[cfg(feature = "tracing")]
        let context = super::trace::Context::current();
        #[cfg(feature = "tracing")]
        let work = || context.clone().enter(work);
        thread::scope(|scope| {
            // The calling thread works too; with fewer threads than wanted it takes longer, nothing else.
            for _ in 1..self.jobs.min(total) {
                let thread = thread::Builder::new().name(String::from("reshape fleet"));
                let _ = thread.spawn_scoped(scope, work);
            }
            work();
        });
        let report = |(target, ended): (&Target, OnceLock<_>)| {
            let (result, elapsed) = match ended.into_inner() {
                Some((Ok(report), elapsed)) => (TargetResult::Done(report), elapsed),
                Some((Err(error), elapsed)) => (TargetResult::Failed(error), elapsed),
                None => (TargetResult::Left, Duration::ZERO),
            };
            let schema = target.schema().map(str::to_owned);
            TargetReport { target: target.name().to_owned(), schema, result, elapsed }
        };
        let targets = self.targets.iter().zip(ended).map(report).collect();
        FleetReport { targets, elapsed: began.elapsed() }
    }

    fn migrator(&self, n: usize) -> Result<Migrator, Error> {
        let target = &self.targets[n];
        let source = target.config.clone().into_source();
        let mut migrator =
            Migrator::with(self.migrations.clone(), source).in_namespace(self.namespace.clone());
        if let Some(schema) = target.schema() {
            migrator = migrator.in_schema(schema);
        }
        if let Some(configure) = &self.configure {
            migrator = configure(migrator)?;
        }
        let Some(observer) = self.observer.clone() else { return Ok(migrator) };
        let name = target.name().to_owned();
        Ok(migrator.observer(move |event: &Event| {
            tell(&observer, &FleetEvent::Event { target: &name, event });
        }))
    }

    fn tell(&self, event: &FleetEvent<'_>) {
        if let Some(observer) = &self.observer {
            tell(observer, event);
        }
    }
}

/// Each place once, by its first name: the schema of the set and no schema at all are one.
fn distinct(given: &[Target], namespace: &str) -> Vec<Target> {
    let mut places = HashSet::new();
    let home = tenant::schema_of(namespace);
    given.iter().filter(|one| places.insert(one.place(home))).cloned().collect()
}

fn tell(observer: &Mutex<Watch>, event: &FleetEvent<'_>) {
    // One that has panicked has ended its thread; the others go on telling.
    observer.lock().unwrap_or_else(PoisonError::into_inner)(event);
}

impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fleet")
            .field("targets", &self.targets)
            .field("jobs", &self.jobs)
            .finish_non_exhaustive()
    }
}
