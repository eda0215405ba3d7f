//! What the program itself says of a backfill that is at work beside it.
//!
//! A migrator cannot see how long the program's users wait. Its own statements do not tell: where four clients and a backfill share two processors, `SELECT
//! 1` takes as long as without the backfill, because whoever has slept for long is let go first. So the program is asked, where it knows.
//!
//! **Invariant:** the program is asked outside any transaction.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::exec::Migrator;

/// The first rest, and the longest: a thirtieth of the time is left to the backfill then. As multiples of the work before it.
const RESTS: (f64, f64) = (0.5, 32.0);

/// No rest is longer: somebody may want the migrator to pause, or the program be well again.
const LONGEST: Duration = Duration::from_secs(2);

/// What a program says of a backfill; see [`Migrator::throttle`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Throttle {
    /// It may go on.
    Go,
    /// It has to wait, for this reason, which the observer and `status` show.
    Wait(String),
}

type Verdict = Box<dyn FnMut() -> Throttle + Send>;
type Latency = Box<dyn FnMut() -> Duration + Send>;

/// Who is asked.
#[derive(Default)]
struct Hooks {
    verdict: Option<Verdict>,
    latency: Option<(Duration, Latency)>,
}

/// The same, for the migrator and its runs.
#[derive(Clone, Default)]
pub(in crate::exec) struct Program(Arc<Mutex<Hooks>>);

impl Program {
    fn hooks(&self) -> MutexGuard<'_, Hooks> {
        // A panic of the program's own has been passed on to whoever called the command.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why it wants the backfill to wait.
    pub(super) fn reason_to_wait(&self) -> Option<String> {
        match self.hooks().verdict.as_mut()?() {
            Throttle::Go => None,
            Throttle::Wait(reason) => Some(reason),
        }
    }

    /// How long its users wait, and how long they may.
    pub(super) fn latency(&self) -> Option<(Duration, Duration)> {
        self.hooks().latency.as_mut().map(|(limit, latency)| (latency(), *limit))
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program").finish_non_exhaustive()
    }
}

impl Migrator {
    /// Asks the program, between the ranges of a backfill and at most ten times a second, whether it may go on: for example while a queue of jobs is
    /// long. While the answer is [`Throttle::Wait`] it waits, without a transaction, and asks again twice a second.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), reshape_runtime::Error> {
    /// # let migrations = reshape_runtime::Migrations::embedded(&[]);
    /// use std::sync::atomic::{AtomicUsize, Ordering};
    ///
    /// use reshape_runtime::{Migrator, Throttle};
    ///
    /// static JOBS: AtomicUsize = AtomicUsize::new(0);
    ///
    /// let mut migrator = Migrator::new(&migrations, "postgres://app@localhost/app").throttle(|| {
    ///     match JOBS.load(Ordering::Relaxed) {
    ///         0..1000 => Throttle::Go,
    ///         jobs => Throttle::Wait(format!("{jobs} jobs wait")),
    ///     }
    /// });
    /// migrator.start()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// It is called on the thread that migrates, also that of an [`AsyncMigrator`](https://docs.rs/reshape-runtime/latest/reshape_runtime/struct.AsyncMigrator.html),
    /// and should return at once: it reads what other tasks have measured. A panic in it is passed on as one of the [observer](Self::observer).
    #[must_use]
    pub fn throttle(self, throttle: impl FnMut() -> Throttle + Send + 'static) -> Self {
        self.program.hooks().verdict = Some(Box::new(throttle));
        self
    }

    /// Lets a backfill rest between its ranges, and more and more, as long as the program's `latency` is above `limit`: what its users wait for an
    /// answer, of the last second or so (an average, or a high percentile). Where that does not help, a thirtieth of the time is left to the backfill.
    /// Below three quarters of `limit` it rests less again.
    ///
    /// ```no_run
    /// # async fn migrate() -> Result<(), reshape_runtime::Error> {
    /// # let migrations = reshape_runtime::Migrations::embedded(&[]);
    /// use std::sync::atomic::{AtomicU64, Ordering};
    /// use std::time::Duration;
    ///
    /// use reshape_runtime::Migrator;
    ///
    /// // Written by whoever answers requests.
    /// static LATENCY: AtomicU64 = AtomicU64::new(0);
    ///
    /// let migrator = Migrator::new(&migrations, "postgres://app@localhost/app")
    ///     .max_latency(Duration::from_millis(50), || {
    ///         Duration::from_micros(LATENCY.load(Ordering::Relaxed))
    ///     });
    /// # #[cfg(feature = "tokio")]
    /// migrator.into_async().start().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// It is called as that of [`throttle`](Self::throttle) is.
    #[must_use]
    pub fn max_latency(
        self,
        limit: Duration,
        latency: impl FnMut() -> Duration + Send + 'static,
    ) -> Self {
        self.program.hooks().latency = Some((limit, Box::new(latency)));
        self
    }
}

/// How much the backfill rests.
#[derive(Debug, Default)]
pub(super) struct Brake {
    /// As a multiple of the work before it.
    rest: f64,
    noted: bool,
}

impl Brake {
    /// Adapts to what the program says; what the operator should know of it, once.
    pub(super) fn adapt(&mut self, latency: Duration, limit: Duration) -> Option<String> {
        if latency > limit {
            self.rest = (self.rest * 2.0).clamp(RESTS.0, RESTS.1);
            let is_new = !std::mem::replace(&mut self.noted, true);
            return is_new.then(|| {
                format!(
                    "the backfill rests now and then: the program's latency is {latency:?}, more than {limit:?}"
                )
            });
        }
        if latency < limit * 3 / 4 {
            let less = self.rest * 0.75;
            self.rest = if less < RESTS.0 / 4.0 { 0.0 } else { less };
        }
        None
    }

    pub(super) fn is_on(&self) -> bool {
        self.rest > 0.0
    }

    /// How long to rest after so much work.
    pub(super) fn after(&self, work: Duration) -> Duration {
        work.mul_f64(self.rest).min(LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_millis(40);
    const WORK: Duration = Duration::from_millis(10);

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn it_rests_more_and_more_while_the_latency_is_high() {
        let mut brake = Brake::default();
        let mut rests = Vec::new();
        let mut notes = 0;
        for _ in 0..9 {
            notes += usize::from(brake.adapt(millis(41), LIMIT).is_some());
            rests.push(brake.after(WORK).as_millis());
        }
        assert_eq!(rests, [5, 10, 20, 40, 80, 160, 320, 320, 320]);
        assert_eq!(notes, 1);
        assert_eq!(brake.after(Duration::from_secs(1)), LONGEST);
    }

    #[test]
    fn it_goes_on_once_the_latency_is_low() {
        let mut brake = Brake::default();
        brake.adapt(millis(60), LIMIT).unwrap();
        brake.adapt(millis(60), LIMIT);
        // It is well as it is.
        brake.adapt(millis(35), LIMIT);
        assert_eq!(brake.after(WORK), WORK);
        let mut tries = 0;
        while brake.is_on() {
            brake.adapt(millis(20), LIMIT);
            tries += 1;
        }
        assert_eq!((tries, brake.after(WORK)), (8, Duration::ZERO));
    }

    #[test]
    fn who_is_well_is_left_alone() {
        let mut brake = Brake::default();
        assert_eq!(brake.adapt(LIMIT, LIMIT), None);
        assert!(!brake.is_on());
    }
}
