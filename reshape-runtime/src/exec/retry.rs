//! What is tried again, when, and for how long.
//!
//! **Invariant:** only what may succeed the next time is tried again; everything else fails at once.

use std::error::Error as StdError;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use postgres::error::SqlState;

use super::Settings;
use crate::error::Error;

/// Delays that double, with jitter, until a budget is used up.
pub(super) struct Retry {
    delays: ExponentialBackoff,
    budget: Duration,
    first_failure: Option<Instant>,
    attempt: u32,
}

impl Retry {
    /// The budget runs from the first failure: work that has gone well for an hour may be tried again too.
    pub(super) fn new(settings: &Settings) -> Self {
        let (first, longest) = settings.retry_delays;
        let delays = ExponentialBuilder::new()
            .with_min_delay(first.min(longest))
            .with_max_delay(longest)
            .without_max_times()
            .with_jitter()
            // A seed per process and try: two migrators that collide once must not collide for ever.
            .with_jitter_seed(RandomState::new().hash_one(std::process::id()))
            .build();
        Self { delays, budget: settings.retry_budget, first_failure: None, attempt: 0 }
    }

    /// How long to sleep before the next try; `None` once the budget is used up.
    pub(super) fn next(&mut self) -> Option<Duration> {
        let failed_for = self.first_failure.get_or_insert_with(Instant::now).elapsed();
        let left = self.budget.checked_sub(failed_for)?;
        self.attempt += 1;
        self.delays.next().map(|delay| delay.min(left))
    }

    /// Tries so far that failed.
    pub(super) fn attempt(&self) -> u32 {
        self.attempt
    }
}

/// What a failed statement means for the next try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// A lock was not to be had in time.
    Busy,
    /// A deadlock or a serialization failure: the same again.
    Conflict,
    /// What is to be dropped is used by a temporary object, which goes with its session.
    Held,
    /// The connection is gone.
    Lost,
    /// It would fail again.
    Fatal,
}

/// Classes an error of the server or the connection.
pub(super) fn classify(error: &postgres::Error) -> Class {
    let Some(code) = error.code() else {
        let io = error.source().is_some_and(<dyn StdError>::is::<std::io::Error>);
        return if error.is_closed() || io { Class::Lost } else { Class::Fatal };
    };
    let is = |codes: &[SqlState]| codes.contains(code);
    if is(&[SqlState::LOCK_NOT_AVAILABLE]) {
        Class::Busy
    } else if is(&[SqlState::T_R_DEADLOCK_DETECTED, SqlState::T_R_SERIALIZATION_FAILURE]) {
        Class::Conflict
    } else if !temporary_dependents(error).is_empty() {
        Class::Held
    } else if is(&[
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
    ]) || code.code().starts_with("08")
    {
        Class::Lost
    } else {
        Class::Fatal
    }
}

/// The numbers of the temporary schemas (`pg_temp_3`) with objects that depend on what was to be dropped.
pub(super) fn temporary_dependents(error: &postgres::Error) -> Vec<u32> {
    let failed = error.as_db_error();
    let detail = failed
        .filter(|failed| *failed.code() == SqlState::DEPENDENT_OBJECTS_STILL_EXIST)
        .and_then(|failed| failed.detail())
        .unwrap_or_default();
    let after = detail.split("pg_temp_").skip(1);
    let digits = after.map(|text| text.split(|c: char| !c.is_ascii_digit()).next().unwrap_or(""));
    let mut numbers: Vec<u32> = digits.filter_map(|digits| digits.parse().ok()).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

/// Why a try failed.
pub(super) enum Failure {
    /// The server or the connection said so; it may be worth another try.
    Server(postgres::Error),
    /// Decided here: not worth another try.
    Final(Error),
}

impl From<postgres::Error> for Failure {
    fn from(error: postgres::Error) -> Self {
        Self::Server(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}

/// The server's own words, on one line; for an error of the connection, its causes.
pub(super) fn describe(error: &postgres::Error) -> String {
    if let Some(error) = error.as_db_error() {
        let detail = error.detail().map(|detail| format!(" ({detail})")).unwrap_or_default();
        return format!("{}{detail}", error.message());
    }
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
