//! A thread of one's own for everything that touches a [`postgres::Client`].
//!
//! **Invariant:** a panic on that thread is the caller's panic.

use std::panic::resume_unwind;
use std::thread::{Builder, scope};

use crate::error::{Error, ErrorKind};

/// Runs `work` on a new thread and waits for it.
pub(super) fn run<T: Send>(work: impl FnOnce() -> Result<T, Error> + Send) -> Result<T, Error> {
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

/// Drops `value` on a thread of its own, and waits for it.
pub(super) fn drop_there<T: Send>(value: T) {
    // Without a thread there is nothing better to do than to drop it here.
    let _ = run(move || {
        drop(value);
        Ok(())
    });
}
