//! Leases for async code: feature `tokio`.
//!
//! **Invariant:** no thread that polls futures waits for the database.

use std::panic::resume_unwind;

use super::{BackgroundCompletion, Lease, LeaseOptions};
use crate::error::{Error, ErrorKind};
use crate::report::Report;

impl LeaseOptions {
    /// As [`take`](Self::take), for async code. If the future is dropped, the lease is taken all the same and given back at once.
    ///
    /// ```no_run
    /// # async fn serve() -> Result<(), reshape_runtime::Error> {
    /// # let migrations = reshape_runtime::Migrations::embedded(&[]);
    /// use reshape_runtime::Lease;
    ///
    /// let lease = Lease::options(&migrations, "postgres://app@localhost/app").take_async().await?;
    /// // … serve …
    /// lease.release_async().await;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Panics
    ///
    /// Outside a runtime of tokio, and when an observer does.
    pub async fn take_async(self) -> Result<Lease, Error> {
        blocking(|| self.take()).await
    }
}

impl Lease {
    /// As [`release`](Self::release), for async code: dropping it would block the thread for about the time of a query.
    ///
    /// # Panics
    ///
    /// Outside a runtime of tokio.
    pub async fn release_async(self) {
        let _ = blocking(|| {
            self.release();
            Ok(())
        })
        .await;
    }
}

impl BackgroundCompletion {
    /// As [`join`](Self::join), for async code. If the future is dropped, it goes on.
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Panics
    ///
    /// As there, and outside a runtime of tokio.
    pub async fn finished(self) -> Result<Report, Error> {
        blocking(|| self.join()).await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    #[cfg(feature = "tracing")]
    let context = crate::exec::trace::Context::current();
    let work = move || {
        #[cfg(feature = "tracing")]
        return context.enter(work);
        #[cfg(not(feature = "tracing"))]
        work()
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
        Err(error) => {
            Err(Error::new(ErrorKind::State, "the runtime was shut down before the work began")
                .with_source(error))
        }
    }
}
