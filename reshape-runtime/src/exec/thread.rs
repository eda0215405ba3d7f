//! Where a [`postgres::Client`] may be used: the client brings a runtime of tokio, and panics on a thread that a runtime is using.
//!
//! **Invariant:** a panic of the work is the caller's panic, on whichever thread it was.

use std::panic::resume_unwind;
use std::thread::{Builder, scope};

use tokio::runtime::Handle;

use crate::error::{Error, ErrorKind};

/// Runs `work`: on the caller's thread, or, where that may belong to a runtime, on a new one that the caller waits for. To start one and to wake
/// the caller up takes as long as the look whether anything is to be done.
pub(super) fn run<T: Send>(work: impl FnOnce() -> Result<T, Error> + Send) -> Result<T, Error> {
    if is_free() { work() } else { elsewhere(work) }
}

/// Drops `value` where it may be dropped.
pub(super) fn drop_there<T: Send>(value: T) {
    // Without a thread there is nothing better to do than to drop it here.
    let _ = run(move || {
        drop(value);
        Ok(())
    });
}

/// Whether no runtime is entered on this thread. A thread that is ending cannot tell.
fn is_free() -> bool {
    Handle::try_current().is_err_and(|error| error.is_missing_context())
}

fn elsewhere<T: Send>(work: impl FnOnce() -> Result<T, Error> + Send) -> Result<T, Error> {
    // On the caller's own thread it is there already.
    #[cfg(feature = "tracing")]
    let context = super::trace::Context::current();
    #[cfg(feature = "tracing")]
    let work = || context.enter(work);
    scope(|scope| {
        let thread = Builder::new()
            .name(String::from("reshape"))
            .spawn_scoped(scope, work)
            .map_err(|error| {
                Error::new(ErrorKind::Database, "cannot start a thread for the migrator")
                    .with_source(error)
            })?;
        match thread.join() {
            Ok(result) => result,
            Err(panic) => resume_unwind(panic),
        }
    })
}

#[cfg(test)]
mod tests {
    use std::thread::{ThreadId, current};

    use tokio::runtime::Builder;

    use super::*;

    fn worker() -> ThreadId {
        run(|| {
            // What a client does; it panics where a runtime is at work.
            Builder::new_current_thread().build().unwrap().block_on(async {});
            Ok(current().id())
        })
        .unwrap()
    }

    #[test]
    fn work_is_done_on_the_callers_thread_unless_a_runtime_is_there() {
        let here = current().id();
        assert_eq!(worker(), here);
        let runtime = Builder::new_multi_thread().worker_threads(1).build().unwrap();
        runtime.block_on(async {
            assert_ne!(worker(), current().id());
            let task = tokio::spawn(async { assert_ne!(worker(), current().id()) });
            task.await.unwrap();
            tokio::task::spawn_blocking(worker).await.unwrap();
        });
        let entered = runtime.enter();
        worker();
        drop(entered);
        assert_eq!(worker(), here);
    }

    #[cfg(feature = "tracing")]
    #[test]
    fn the_callers_span_is_entered_again_only_on_another_thread() {
        use std::sync::Arc;
        use std::sync::atomic::{AtomicUsize, Ordering};

        use tracing::Subscriber;
        use tracing::span::Id;
        use tracing_subscriber::Layer;
        use tracing_subscriber::layer::{Context, SubscriberExt};

        struct Count(Arc<AtomicUsize>);
        impl<S: Subscriber> Layer<S> for Count {
            fn on_enter(&self, _: &Id, _: Context<'_, S>) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }

        let entered = Arc::new(AtomicUsize::new(0));
        let subscriber = tracing_subscriber::registry().with(Count(Arc::clone(&entered)));
        let runtime = Builder::new_current_thread().build().unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info_span!("boot").in_scope(|| {
                run(|| Ok(())).unwrap();
                assert_eq!(entered.load(Ordering::Relaxed), 1);
                runtime.block_on(async { run(|| Ok(())).unwrap() });
            });
        });
        assert_eq!(entered.load(Ordering::Relaxed), 2);
    }
}
