//! What `#[reshape_runtime::test]` expands to, besides the test's own words.

#[cfg(feature = "tokio")]
use std::future::Future;
use std::process::ExitCode;

use super::{TestDb, TestDbOptions};

/// What a test may return.
#[diagnostic::on_unimplemented(
    message = "a test with a database returns `()`, a `Result` or an `ExitCode`, not `{Self}`"
)]
pub trait Outcome {
    /// Whether the test has failed without a panic.
    fn is_failure(&self) -> bool;
}

impl Outcome for () {
    fn is_failure(&self) -> bool {
        false
    }
}

impl Outcome for ExitCode {
    fn is_failure(&self) -> bool {
        *self != ExitCode::SUCCESS
    }
}

impl<T, E> Outcome for Result<T, E> {
    fn is_failure(&self) -> bool {
        self.is_err()
    }
}

/// Runs a test with a database.
///
/// # Panics
///
/// If there is no database.
pub fn run<T: Outcome>(options: TestDbOptions, body: impl FnOnce(&TestDb) -> T) -> T {
    let db = expect(options.open());
    let outcome = body(&db);
    if outcome.is_failure() {
        db.fail();
    }
    outcome
}

/// Runs an asynchronous test with a database, in a runtime of its own on this thread.
///
/// # Panics
///
/// If there is no database, or no runtime.
#[cfg(feature = "tokio")]
pub fn run_async<T: Outcome, F: Future<Output = T>>(
    options: TestDbOptions,
    body: impl FnOnce(TestDb) -> F,
) -> T {
    run(options, |db| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        match runtime {
            Ok(runtime) => runtime.block_on(body(db.clone())),
            Err(error) => panic!("there is no runtime for the test: {error}"),
        }
    })
}

/// What was asked for, or the failure of the test.
///
/// # Panics
///
/// If there is none.
#[track_caller]
pub fn expect<T>(made: Result<T, crate::Error>) -> T {
    match made {
        Ok(made) => made,
        Err(error) => panic!("{}", error.report()),
    }
}
