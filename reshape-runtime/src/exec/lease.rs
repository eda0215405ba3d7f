//! Leases: an instance says which version it uses, for as long as it lives.
//!
//! **Invariant:** a lease goes when its program goes, however it ends: a lock with its session, a heartbeat when its time is up.
//!
//! **Invariant:** a lease is held only on a version that is live, and none is given while the version is being removed.

mod claim;
mod keeper;
mod retire;
mod unused;
mod users;

#[cfg(feature = "tokio")]
mod asynchronous;
#[cfg(test)]
#[cfg(feature = "testing")]
mod tests;

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::panic::resume_unwind;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

pub use unused::{BackgroundCompletion, Unused};

use super::compare;
use super::connection::{IntoConnection, Source};
use crate::error::{Error, ErrorKind};
use crate::instance::LeaseChange;
use crate::model::Migrations;
use crate::observer::Observer;
use crate::sql::names;
use claim::{Claim, Kind};
use keeper::Keeper;

/// The table of heartbeats, and the function by which roles without rights on it write there.
pub(super) const INSTALL: &str = include_str!("lease/install.sql");

/// How long giving a lease back may take: the network may be gone, and with it the lease. Its thread then ends by itself.
const FAREWELL: Duration = Duration::from_secs(5);

/// Says that this program uses a version, so that [`Migrator::complete`](crate::Migrator::complete) does not remove it.
///
/// Taken after [`start`](crate::Migrator::start) and kept for as long as the program uses the database. A thread of its own keeps
/// a connection of its own open; dropping the lease ends both. When the connection is lost, the lease is taken again as soon
/// as the server is back.
///
/// ```no_run
/// # fn main() -> Result<(), reshape_runtime::Error> {
/// # let migrations = reshape_runtime::Migrations::embedded(&[]);
/// use reshape_runtime::{Lease, Migrator};
///
/// let url = "postgres://app@localhost/app";
/// Migrator::new(&migrations, url).start()?;
/// let lease = Lease::take(&migrations, url)?;
/// // … serve; and now and then, e.g. where the load balancer asks for the instance's health:
/// if lease.is_lost() {
///     // The version is gone: this instance cannot go on.
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Two kinds
///
/// A lease is a session-level advisory lock, unless [`LeaseOptions::heartbeat`] asks for a row that is renewed again and again:
/// for a connection by way of a proxy that pools transactions (PgBouncer), where no session lasts. The role needs
/// no rights for either: not on the tables of the schema `reshape`, and not on the application's.
///
/// Clients of the plain tables, as there are before the first migration, have no version and take no lease.
///
/// # In async code
///
/// Taking a lease and dropping it block, for about the time of a query. With the feature `tokio` there are
/// `LeaseOptions::take_async` and `Lease::release_async`.
#[must_use = "a lease that is dropped is given back"]
pub struct Lease {
    version: String,
    shared: Arc<Shared>,
    stop: Option<Sender<()>>,
    /// Closed when the thread ends.
    ended: Mutex<Receiver<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread tells.
#[derive(Debug)]
struct Shared(Mutex<LeaseChange>);

impl Shared {
    fn set(&self, change: LeaseChange) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = change;
    }

    fn get(&self) -> LeaseChange {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Lease {
    /// Takes a lease on the latest version of `migrations`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::History`] if the version is not live: it has been retired, or was never started. [`ErrorKind::Locked`] if it is
    /// being removed and that takes longer than [`LeaseOptions::wait_timeout`]. [`ErrorKind::ReadOnly`] on a standby.
    /// [`ErrorKind::Connect`], [`ErrorKind::Database`]. [`ErrorKind::State`] if there are no migrations.
    pub fn take(
        migrations: impl Into<Migrations>,
        connection: impl IntoConnection,
    ) -> Result<Self, Error> {
        Self::options(migrations, connection).take()
    }

    /// A lease that is not taken yet.
    pub fn options(
        migrations: impl Into<Migrations>,
        connection: impl IntoConnection,
    ) -> LeaseOptions {
        LeaseOptions {
            migrations: migrations.into(),
            version: None,
            source: connection.into_source(),
            name: None,
            heartbeat: None,
            patience: Patience {
                check_interval: Duration::from_secs(5),
                wait_timeout: Duration::from_mins(10),
            },
            observer: None,
        }
    }

    /// The version, by the name of its migration.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// What became of it, as of the last look.
    pub fn state(&self) -> LeaseChange {
        self.shared.get()
    }

    /// Whether it is over: the version has been removed while this program was cut off or although it held the lease, or the
    /// connection was lost and cannot be opened again. An interruption is not the end.
    pub fn is_lost(&self) -> bool {
        matches!(self.state(), LeaseChange::Lost(_))
    }

    /// Gives it back, which dropping it does as well. If the server does not answer within five seconds, it goes with its connection.
    pub fn release(self) {
        drop(self);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        if ended.recv_timeout(FAREWELL) == Err(RecvTimeoutError::Timeout) {
            return;
        }
        if let Some(thread) = self.thread.take() {
            // Its panic has been told as the loss of the lease.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("version", &self.version)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

/// How patient a lease is.
#[derive(Clone, Copy, Debug)]
struct Patience {
    check_interval: Duration,
    wait_timeout: Duration,
}

/// A [`Lease`] that is not taken yet: made by [`Lease::options`], ended by [`LeaseOptions::take`].
#[must_use = "nothing happens until the lease is taken"]
pub struct LeaseOptions {
    migrations: Migrations,
    version: Option<String>,
    source: Source,
    name: Option<String>,
    heartbeat: Option<Duration>,
    patience: Patience,
    observer: Option<Box<dyn Observer>>,
}

impl LeaseOptions {
    /// The version of this migration, not of the latest.
    pub fn version(mut self, migration: impl Into<String>) -> Self {
        self.version = Some(migration.into());
        self
    }

    /// What this instance is called where people read it: the session's `application_name`. The default is that of the connection
    /// string, or `reshape lease`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// For a connection by way of a proxy that pools transactions: the lease is a row that is renewed three times in `ttl`, and
    /// counts for nothing once it has not been for that long; at most a day. 30 seconds are a good choice: for so long an instance that was killed is
    /// still taken for a user of its version. Less than 100 ms counts as 100 ms.
    ///
    /// An instance that is cut off for longer than `ttl` does not keep its version from being removed.
    pub fn heartbeat(mut self, ttl: Duration) -> Self {
        self.heartbeat = Some(ttl.clamp(Duration::from_millis(100), Duration::from_hours(24)));
        self
    }

    /// How often a lease without heartbeat looks whether its connection and its version are still there. The default is 5 seconds.
    pub fn check_interval(mut self, interval: Duration) -> Self {
        self.patience.check_interval = interval;
        self
    }

    /// For how long [`take`](Self::take) waits while the version is being removed (after which it is gone, or the removal has
    /// failed), and while the server has no room for a connection. The default is 10 minutes.
    pub fn wait_timeout(mut self, timeout: Duration) -> Self {
        self.patience.wait_timeout = timeout;
        self
    }

    /// Who is told when the lease is taken, interrupted or lost. Called on the lease's thread; a panic there is the loss of the lease.
    pub fn observer(mut self, observer: impl Observer + 'static) -> Self {
        self.observer = Some(Box::new(observer));
        self
    }

    /// Takes the lease.
    ///
    /// # Errors
    ///
    /// As [`Lease::take`]; [`ErrorKind::History`] also if there is no migration of the given name.
    pub fn take(self) -> Result<Lease, Error> {
        let Self { migrations, version, source, name, heartbeat, mut patience, observer } = self;
        let version = match version {
            Some(name) => {
                migrations.up_to(&name).ok_or_else(|| compare::no_such(&migrations, &name))?;
                name
            }
            None => match migrations.latest() {
                Some(latest) => latest.name.to_string(),
                None => {
                    return Err(Error::new(
                        ErrorKind::State,
                        "there are no migrations, so there is no version to take a lease on",
                    ));
                }
            },
        };
        let kind = heartbeat.map_or(Kind::Session, Kind::Heartbeat);
        if let Some(ttl) = heartbeat {
            patience.check_interval = ttl / 3;
        }
        let random = RandomState::new();
        let instance = format!("{:016x}{:016x}", random.hash_one(0), random.hash_one(1));
        let claim = Claim {
            namespace: migrations.namespace().to_owned(),
            version: names::version(migrations.namespace(), &version),
            kind,
            instance,
            name,
            pid: None,
        };
        let shared = Arc::new(Shared(Mutex::new(LeaseChange::Held)));
        let (stop, stopped) = mpsc::channel();
        let (tell, told) = mpsc::channel();
        let keeper = Keeper { claim, source, patience, observer, shared: Arc::clone(&shared) };
        #[cfg(feature = "tracing")]
        let context = super::trace::Context::current();
        let (end, ended) = mpsc::channel::<()>();
        let work = move || {
            let _end = end;
            keeper.keep(&stopped, &tell);
        };
        let thread = Builder::new()
            .name(String::from("reshape lease"))
            .spawn(move || {
                #[cfg(feature = "tracing")]
                return context.enter(work);
                #[cfg(not(feature = "tracing"))]
                work();
            })
            .map_err(|error| {
                Error::new(ErrorKind::Database, "cannot start a thread for the lease")
                    .with_source(error)
            })?;
        match told.recv() {
            Ok(Ok(())) => Ok(Lease {
                version,
                shared,
                stop: Some(stop),
                ended: Mutex::new(ended),
                thread: Some(thread),
            }),
            Ok(Err(error)) => {
                let _ = thread.join();
                Err(error)
            }
            // It ended without a word.
            Err(_) => match thread.join() {
                Err(panic) => resume_unwind(panic),
                Ok(()) => Err(Error::new(ErrorKind::Database, "the lease's thread has ended")),
            },
        }
    }
}

impl fmt::Debug for LeaseOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the source: it may hold a password.
        f.debug_struct("LeaseOptions")
            .field("version", &self.version)
            .field("name", &self.name)
            .field("heartbeat", &self.heartbeat)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}
