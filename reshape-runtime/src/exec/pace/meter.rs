//! How fast a backfill is, and how long it will take.
//!
//! **Invariant:** no clock: who asks says what time it is.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Over how long the speed is measured: long enough to even out ranges, short enough to follow a change.
const WINDOW: Duration = Duration::from_secs(10);

/// The shortest time that says anything.
const SHORTEST: Duration = Duration::from_millis(500);

/// Where a backfill was in the last seconds. What it did before a pause says nothing.
#[derive(Debug, Default)]
pub(super) struct Meter {
    /// Time, blocks, rows.
    places: VecDeque<(Instant, u64, u64)>,
}

/// A speed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Speed {
    pub(super) blocks_per_second: f64,
    pub(super) rows_per_second: f64,
}

impl Meter {
    /// It has got so far.
    pub(super) fn add(&mut self, now: Instant, blocks: u64, rows: u64) {
        // It has begun again, or this is another table.
        if self.places.back().is_some_and(|last| last.1 > blocks || last.2 > rows) {
            self.places.clear();
        }
        self.places.push_back((now, blocks, rows));
        // The oldest place stays outside the window, so that what remains covers all of it.
        while self.places.get(1).is_some_and(|second| now.duration_since(second.0) >= WINDOW) {
            self.places.pop_front();
        }
    }

    /// Forgets what was.
    pub(super) fn restart(&mut self) {
        self.places.clear();
    }

    #[expect(clippy::cast_precision_loss, reason = "a speed is not exact")]
    pub(super) fn speed(&self) -> Option<Speed> {
        let ((first, blocks, rows), (last, blocks_now, rows_now)) =
            (self.places.front()?, self.places.back()?);
        let took = last.duration_since(*first);
        if took < SHORTEST {
            return None;
        }
        let per_second = |from: u64, to: u64| (to - from) as f64 / took.as_secs_f64();
        Some(Speed {
            blocks_per_second: per_second(*blocks, *blocks_now),
            rows_per_second: per_second(*rows, *rows_now),
        })
    }
}

impl Speed {
    /// Whole rows per second.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is never negative, and not exact"
    )]
    pub(super) fn rows(self) -> u64 {
        self.rows_per_second.round() as u64
    }
}

/// How long so many blocks take; `None` if that cannot be told.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
pub(in crate::exec) fn time_left(blocks: u64, blocks_per_second: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(blocks as f64 / blocks_per_second).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_speed_is_that_of_the_last_seconds() {
        let start = Instant::now();
        let mut meter = Meter::default();
        let at = |millis| start + Duration::from_millis(millis);
        meter.add(at(0), 100, 1000);
        assert_eq!(meter.speed(), None);
        meter.add(at(400), 200, 2000);
        assert_eq!(meter.speed(), None, "too short");
        meter.add(at(1000), 300, 3000);
        let speed = meter.speed().unwrap();
        assert!((speed.blocks_per_second - 200.0).abs() < 0.1, "{speed:?}");
        assert_eq!(speed.rows(), 2000);
        // Ten times as slow from now on: after the window the beginning counts no more.
        for second in 2..=14 {
            meter.add(at(second * 1000), 300 + 20 * (second - 1), 3000 + 200 * (second - 1));
        }
        assert_eq!(meter.speed().unwrap().rows(), 200);
    }

    #[test]
    fn what_begins_again_is_measured_again() {
        let start = Instant::now();
        let mut meter = Meter::default();
        meter.add(start, 100, 1000);
        meter.add(start + Duration::from_secs(1), 200, 2000);
        meter.add(start + Duration::from_secs(2), 0, 0);
        assert_eq!(meter.speed(), None);
        meter.restart();
        meter.add(start + Duration::from_secs(3), 10, 10);
        assert_eq!(meter.speed(), None);
    }

    #[test]
    fn no_speed_is_no_estimate() {
        assert_eq!(time_left(100, 50.0), Some(Duration::from_secs(2)));
        assert_eq!(time_left(100, 0.0), None);
        assert_eq!(time_left(0, 0.0), None);
    }
}
