//! Whether others write while a backfill is at work, by the number of transactions that the server has given an id to.
//!
//! The rows of a range are locked until its end, and whoever commits meanwhile waits until what the range has written before is on the disk, too.
//! Both are nobody's concern where nobody writes, and every range costs some messages: so they are long there, and short elsewhere.
//!
//! **Invariant:** no clock: who asks says what time it is.

use std::time::{Duration, Instant};

/// Fewer transactions of others in a second are no traffic.
const LEAST: f64 = 10.0;

/// For how long what was seen counts: users come and go.
const MEMORY: Duration = Duration::from_secs(5);

/// What was seen.
#[derive(Debug, Default)]
pub(in crate::exec) struct Traffic {
    /// The next id, and when it was that.
    last: Option<(Instant, u64)>,
    /// How many ids are ours since.
    own: u32,
    seen: Option<Instant>,
}

impl Traffic {
    /// A transaction of ours that has an id.
    pub(super) fn add_own(&mut self) {
        self.own += 1;
    }

    /// The server would give this id to the next transaction. Those of other databases count: they write to the same disk.
    pub(in crate::exec) fn look(&mut self, now: Instant, next: u64) {
        let own = f64::from(std::mem::take(&mut self.own));
        let Some((then, before)) = self.last.replace((now, next)) else { return };
        let seconds = now.duration_since(then).as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate is not exact")]
        let others = next.saturating_sub(before) as f64 - own;
        // Not every transaction of several workers is counted.
        if others >= LEAST * seconds && others > own / 2.0 {
            self.seen = Some(now);
        }
    }

    pub(in crate::exec) fn is_seen(&self, now: Instant) -> bool {
        self.seen.is_some_and(|seen| now.duration_since(seen) < MEMORY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is seen after each tenth of a second in which there were so many transactions, so many of them ours.
    fn seen(tenths: &[(u64, u32)]) -> Vec<bool> {
        let (start, mut next) = (Instant::now(), 1000);
        let mut traffic = Traffic::default();
        traffic.look(start, next);
        let mut at = |(tenth, (all, own)): (u64, &(u64, u32))| {
            let now = start + Duration::from_millis(100) * u32::try_from(tenth).unwrap();
            next += all;
            (0..*own).for_each(|_| traffic.add_own());
            traffic.look(now, next);
            traffic.is_seen(now)
        };
        (1..).zip(tenths).map(&mut at).collect()
    }

    #[test]
    fn transactions_of_others_are_traffic_and_ours_are_not() {
        assert_eq!(seen(&[(1, 1), (5, 5), (50, 50)]), [false; 3]);
        assert_eq!(seen(&[(1, 1), (3, 1)]), [false, true]);
        // The cron job of every second.
        assert_eq!(seen(&[(2, 2), (2, 2), (20, 19)]), [false; 3]);
    }

    #[test]
    fn it_counts_for_some_seconds() {
        let mut tenths = vec![(1, 1); 52];
        tenths[0] = (9, 1);
        let seen = seen(&tenths);
        assert_eq!(seen.iter().filter(|seen| **seen).count(), 50);
        assert!(seen[0] && !seen[51]);
    }

    #[test]
    fn where_nothing_was_seen_there_is_none() {
        let now = Instant::now();
        let mut traffic = Traffic::default();
        assert!(!traffic.is_seen(now));
        traffic.look(now, 1_000_000);
        assert!(!traffic.is_seen(now));
    }
}
