//! Tables and columns of every shape: what they are made of must not matter to what clients of both versions read and write.

// Test input: how it is built does not matter.
#![allow(clippy::format_collect)]

mod generated;
mod numbers;
mod tables;
mod types;

use reshape_tests::Rollout;

/// Runs a scenario twice: to its completion, and to its rollback.
pub(crate) fn both_ways(
    base: &str,
    data: &str,
    change: &str,
    during: impl Fn(&mut Rollout),
    after: impl Fn(&mut Rollout),
) {
    let mut rollout = Rollout::begin(base, data, change);
    during(&mut rollout);
    rollout.abort();

    let mut rollout = Rollout::begin(base, data, change);
    during(&mut rollout);
    rollout.complete();
    after(&mut rollout);
}

/// What `start` says no with; nothing has changed then.
pub(crate) fn refusal(base: &str, data: &str, change: &str) -> String {
    let mut rollout = Rollout::prepare(base, data, change);
    let error = rollout.start().expect_err("a refusal");
    assert_eq!(reshape_tests::catalog(&mut rollout.old), rollout.before);
    error.report()
}
