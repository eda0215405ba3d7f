//! The migrator for async code: feature `tokio`.
//!
//! **Invariant:** the work runs on blocking threads of the runtime; no thread that polls futures waits for the database.

use std::panic::resume_unwind;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::Migrator;
use crate::error::{Error, ErrorKind};
use crate::report::{Report, Status};

/// A [`Migrator`] whose commands are futures, for the runtime of tokio.
///
/// ```no_run
/// # async fn migrate() -> Result<(), reshape_runtime::Error> {
/// # let migrations = reshape_runtime::Migrations::embedded(&[]);
/// use reshape_runtime::Migrator;
///
/// let migrator = Migrator::new(&migrations, "postgres://app@localhost/app").into_async();
/// migrator.start().await?;
/// # Ok(())
/// # }
/// ```
///
/// Clones are the same migrator; its commands run one after the other, in the order in which they were first polled. A command that
/// has begun is not cancelled when its future is dropped: it runs to its end, and the next command waits for it. So does the
/// shutdown of the runtime.
///
/// # Panics
///
/// The commands panic outside a runtime of tokio, and when an observer does.
#[derive(Clone, Debug)]
pub struct AsyncMigrator(Arc<Mutex<Migrator>>);

impl Migrator {
    /// The same migrator with commands that are futures.
    pub fn into_async(self) -> AsyncMigrator {
        AsyncMigrator(Arc::new(Mutex::new(self)))
    }
}

impl AsyncMigrator {
    /// See [`Migrator::start`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn start(&self) -> Result<Report, Error> {
        self.run(Migrator::start).await
    }

    /// See [`Migrator::start_to`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn start_to(&self, name: impl Into<String>) -> Result<Report, Error> {
        let name = name.into();
        self.run(move |migrator| migrator.start_to(&name)).await
    }

    /// See [`Migrator::revert_to`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn revert_to(&self, name: impl Into<String>) -> Result<Report, Error> {
        let name = name.into();
        self.run(move |migrator| migrator.revert_to(&name)).await
    }

    /// See [`Migrator::start_and_complete`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn start_and_complete(&self) -> Result<Report, Error> {
        self.run(Migrator::start_and_complete).await
    }

    /// See [`Migrator::start_and_complete_to`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn start_and_complete_to(&self, name: impl Into<String>) -> Result<Report, Error> {
        let name = name.into();
        self.run(move |migrator| migrator.start_and_complete_to(&name)).await
    }

    /// See [`Migrator::complete`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn complete(&self) -> Result<Report, Error> {
        self.run(Migrator::complete).await
    }

    /// See [`Migrator::abort`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn abort(&self) -> Result<Report, Error> {
        self.run(Migrator::abort).await
    }

    /// See [`Migrator::pause`]. Of use on a migrator that is not itself at work, whose commands run one after the other.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn pause(&self) -> Result<bool, Error> {
        self.run(Migrator::pause).await
    }

    /// See [`Migrator::resume`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn resume(&self) -> Result<bool, Error> {
        self.run(Migrator::resume).await
    }

    /// See [`Migrator::validate`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn validate(&self) -> Result<Report, Error> {
        self.run(Migrator::validate).await
    }

    /// See [`Migrator::wait`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn wait(&self) -> Result<Report, Error> {
        self.run(Migrator::wait).await
    }

    /// See [`Migrator::status`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn status(&self) -> Result<Status, Error> {
        self.run(Migrator::status).await
    }

    /// See [`Migrator::drift`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn drift(&self) -> Result<crate::Drift, Error> {
        self.run(Migrator::drift).await
    }

    async fn run<T: Send + 'static>(
        &self,
        command: impl FnOnce(&mut Migrator) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        // Held by the work, not by this future, which may be dropped.
        let mut migrator = Arc::clone(&self.0).lock_owned().await;
        #[cfg(feature = "tracing")]
        let context = super::trace::Context::current();
        let work = move || {
            #[cfg(feature = "tracing")]
            return context.enter(|| command(&mut migrator));
            #[cfg(not(feature = "tracing"))]
            command(&mut migrator)
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(result) => result,
            Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
            Err(error) => Err(Error::new(
                ErrorKind::State,
                "the runtime was shut down before the command began",
            )
            .with_source(error)),
        }
    }
}
