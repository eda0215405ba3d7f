//! The turns in which the rows of a range are written, a transaction each.
//!
//! The new version of a row has to be somewhere. On a full page there is no room for it, so it goes to another page, and every index gets an entry
//! for it. Where a few rows of each page go first, Postgres clears away what they have left behind as soon as the page is read again, and the next
//! few have room beside themselves, which no index needs to know of
//! (<https://www.postgresql.org/docs/current/storage-hot.html>).
//!
//! **Invariant:** a range is done when its last turn is, which takes every row that the others have not written. Which rows the others take, and
//! whether they are remembered, decides how much is written, not what.
//!
//! **Invariant:** turns are remembered here alone. If they are forgotten, the range begins again.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use super::position::Position;
use super::range::Pass;
use super::{RANGE, next_range};

/// Of 64 rows, how many are written when a turn but the last one is over. The room that a turn leaves behind is a little less than what as many rows need
/// then, and few rows may leave their page at once: a page of an index has room for a tenth more entries, and can clear away those of rows that
/// left in earlier turns.
const SHARES: [u8; 7] = [5, 14, 23, 32, 41, 49, 57];

/// How many times as many blocks a range has as its turns could write as a whole in the same time.
const SPREAD: u64 = 6;

/// In blocks, 4 MB: a table that is smaller is filled before any of this matters.
const SMALLEST: u64 = 512;

/// How many ranges are done as a whole when turns were of no use, before it is tried again; at first, and at most.
const ALONE: (u32, u32) = (8, 64);

/// One turn of a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) range: Range<u64>,
    /// The size that was wanted, in blocks that are written as a whole.
    size: u64,
    /// Whether it is the only one.
    is_alone: bool,
    /// The transactions of those before.
    by: Vec<u32>,
    /// How many rows were written in turns that could find room, and how many have stayed on their page.
    written: u64,
    stayed: u64,
    /// The longest turn until now.
    longest: Duration,
    /// Whether a try of it has failed.
    has_failed: bool,
}

/// What a transaction tells of a turn.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) xid: u32,
    pub(super) written: u64,
    /// How many of the rows have stayed on their page.
    pub(super) stayed: u64,
    /// Whether somebody waited for it at its end.
    pub(super) in_the_way: bool,
}

impl Turn {
    /// Whether the range is done with it.
    pub(super) fn is_last(&self) -> bool {
        self.is_alone || self.by.len() >= SHARES.len()
    }

    /// Which rows of the range it takes in the transaction `own`: none that an earlier one has written, and of each page about the same part.
    ///
    /// A row that has the number of that transaction already is very old, since no statement sees what it writes itself: numbers come again after four
    /// billion others, and stay readable when a row is frozen. Later turns would take it for one that is written.
    pub(super) fn condition(&self, pass: Pass<'_>, own: u32) -> String {
        let Pass { ctid, xmin, .. } = pass;
        let by = self.by.iter().filter(|_| !xmin.is_empty());
        let by: Vec<String> =
            by.map(|xid| format!(" AND {xmin} <> '{xid}'::pg_catalog.xid")).collect();
        let mut condition = by.concat();
        if let (false, Some(share)) = (self.is_last(), SHARES.get(self.by.len())) {
            // The last byte of a row's number on its page. What follows each other is spread by the golden ratio, 39 of 64.
            let in_share =
                format!("(pg_catalog.get_byte(pg_catalog.tidsend({ctid}), 5) * 39) & 63 < {share}");
            if xmin.is_empty() {
                condition.push_str(&format!(" AND {in_share}"));
            } else {
                let again = format!("{xmin} = '{own}'::pg_catalog.xid");
                condition.push_str(&format!(" AND ({in_share} OR {again})"));
            }
        }
        condition
    }

    /// Takes a half off it, if it is not too small for that.
    fn halve(&mut self) -> Option<Self> {
        let middle = self.range.start + (self.range.end - self.range.start) / 2;
        self.size = (self.size / 2).max(RANGE.0);
        if middle - self.range.start < RANGE.0 {
            return None;
        }
        let mut other = self.clone();
        (self.range.end, other.range.start) = (middle, middle);
        Some(other)
    }
}

/// The ranges that have been begun and wait for their next turn, and what is known of the use of turns.
#[derive(Debug)]
pub(super) struct Turns {
    waiting: VecDeque<Turn>,
    /// How many ranges may be on their way: while others have their turn, whoever might still see what one of them has left behind gets done.
    most: usize,
    /// How many ranges are to be done as a whole.
    alone: u32,
    /// How many, when turns are of no use once more.
    next_alone: u32,
    is_possible: bool,
}

impl Turns {
    /// For a pass that so many connections are at.
    pub(super) fn new(pass: Pass<'_>, position: &Position, workers: usize) -> Self {
        let is_possible = pass.in_turns && position.blocks >= SMALLEST;
        let most = match workers {
            workers if !is_possible => workers,
            0 | 1 => 2,
            several => several * 3,
        };
        let waiting = VecDeque::new();
        Self { waiting, most, alone: 0, next_alone: ALONE.0, is_possible }
    }

    /// How many ranges may be on their way.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// Whether the next range is one that has turns.
    pub(super) fn are_of_use(&self) -> bool {
        self.is_possible && self.alone == 0
    }

    /// The next turn, while others are had of the ranges that are `busy`; a new range is about as large as `size` blocks that are written as a whole.
    pub(super) fn choose(
        &mut self,
        position: &Position,
        busy: &[Range<u64>],
        size: u64,
    ) -> Option<Turn> {
        self.waiting.retain(|turn| !position.has(&turn.range));
        let (may_begin, spread) = if self.are_of_use() {
            (self.waiting.len() + busy.len() < self.most, SPREAD)
        } else {
            (self.waiting.is_empty(), 1)
        };
        if may_begin && !self.waiting.front().is_some_and(|turn| turn.has_failed) {
            let taken: Vec<Range<u64>> =
                self.waiting.iter().map(|turn| turn.range.clone()).chain(busy.to_vec()).collect();
            if let Some(range) = position.gap(&taken, (size * spread).min(RANGE.1)) {
                return Some(Turn {
                    range,
                    size,
                    is_alone: spread == 1,
                    by: Vec::new(),
                    written: 0,
                    stayed: 0,
                    longest: Duration::ZERO,
                    has_failed: false,
                });
            }
        }
        self.waiting.pop_front()
    }

    /// A try has failed: the halves of it come next. Fewer rows are in fewer people's way.
    pub(super) fn failed(&mut self, mut turn: Turn) {
        turn.has_failed = true;
        if let Some(half) = turn.halve() {
            self.waiting.push_front(half);
        }
        self.waiting.push_front(turn);
    }

    /// A turn is over. If it was its range's last one, returns how large the next range should be so that a turn takes as long as `target`.
    pub(super) fn had(
        &mut self,
        mut turn: Turn,
        told: &Told,
        took: Duration,
        target: Duration,
    ) -> Option<u64> {
        turn.longest = turn.longest.max(super::felt(took, told.in_the_way, target));
        if !turn.by.is_empty() {
            turn.written += told.written;
            turn.stayed += told.stayed;
        }
        if turn.is_last() {
            self.judge(&turn);
            return Some(next_range(turn.size, turn.longest, target));
        }
        turn.by.push(told.xid);
        turn.has_failed = false;
        self.waiting.push_back(turn);
        None
    }

    /// Where few rows find room on their page, turns are not worth their reading: an old transaction may still see what was there, or an index has
    /// the column, or a page has only a few rows.
    fn judge(&mut self, turn: &Turn) {
        if turn.is_alone {
            self.alone = self.alone.saturating_sub(1);
        } else if turn.stayed * 4 < turn.written {
            // Others that were on their way by then say the same.
            if self.alone == 0 {
                self.alone = self.next_alone;
                self.next_alone = (self.next_alone * 2).min(ALONE.1);
            }
        } else if turn.written > 0 {
            self.next_alone = ALONE.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASS: Pass<'_> = Pass {
        search_path: "",
        step: 0,
        table: "t",
        statement: "",
        ctid: "c",
        rest: "",
        parallel: false,
        in_turns: true,
        xmin: "x",
        walks: "",
    };

    const TARGET: Duration = Duration::from_millis(100);

    fn at(done: &str) -> Position {
        let json = format!(r#"{{"filenode": 1, "blocks": 10000, "next": 0, "done": "{done}"}}"#);
        Position::parse(&json).unwrap()
    }

    fn told(xid: u32, stayed: u64) -> Told {
        Told { xid, written: 100, stayed, in_the_way: false }
    }

    #[test]
    fn two_ranges_are_on_their_way() {
        let mut turns = Turns::new(PASS, &at("{}"), 1);
        let position = at("{}");
        let first = turns.choose(&position, &[], 16).unwrap();
        assert_eq!(first.range, 0..96);
        assert_eq!(
            first.condition(PASS, 9),
            " AND ((pg_catalog.get_byte(pg_catalog.tidsend(c), 5) * 39) & 63 < 5 OR x = '9'::pg_catalog.xid)"
        );
        assert_eq!(turns.had(first, &told(7, 0), TARGET, TARGET), None);
        let second = turns.choose(&position, &[], 16).unwrap();
        assert_eq!(second.range, 96..192);
        turns.had(second, &told(8, 0), TARGET, TARGET);
        let third = turns.choose(&position, &[], 16).unwrap();
        assert_eq!(third.range, 0..96);
        assert!(third.condition(PASS, 9).starts_with(" AND x <> '7'::pg_catalog.xid AND ("));
        let by_rest = Pass { xmin: "", ..PASS };
        assert!(third.condition(by_rest, 9).ends_with(" & 63 < 14"));
        assert!(!third.condition(by_rest, 9).contains("xid"));
    }

    #[test]
    fn the_last_turn_takes_whatever_is_left() {
        let mut turns = Turns::new(PASS, &at("{}"), 1);
        let mut turn = turns.choose(&at("{}"), &[], 16).unwrap();
        turn.by = vec![1; SHARES.len()];
        assert!(turn.is_last());
        assert!(!turn.condition(PASS, 9).contains("get_byte"));
        assert_eq!(turns.had(turn, &told(9, 90), TARGET / 4, TARGET), Some(32));
    }

    #[test]
    fn what_is_of_no_use_is_given_up_for_a_while() {
        let mut turns = Turns::new(PASS, &at("{}"), 1);
        let turn = turns.choose(&at("{}"), &[], 16).unwrap();
        let judged = |turns: &mut Turns, stayed| {
            turns.judge(&Turn { written: 100, stayed, ..turn.clone() });
            turns.are_of_use()
        };
        let as_a_whole = |turns: &mut Turns, ranges: u32| {
            (0..ranges).for_each(|_| turns.judge(&Turn { is_alone: true, ..turn.clone() }));
            turns.are_of_use()
        };
        assert!(judged(&mut turns, 80));
        assert!(!judged(&mut turns, 10));
        // Another one that was on its way.
        assert!(!judged(&mut turns, 10));
        assert!(!as_a_whole(&mut turns, 7));
        assert!(as_a_whole(&mut turns, 1));
        assert!(!judged(&mut turns, 10));
        assert!(!as_a_whole(&mut turns, 15));
        assert!(as_a_whole(&mut turns, 1));
        assert!(judged(&mut turns, 80));
        assert!(!judged(&mut turns, 10));
        assert!(as_a_whole(&mut turns, 8));
    }

    #[test]
    fn small_tables_and_other_statements_have_none() {
        let small = Position::start(None, 500);
        assert!(!Turns::new(PASS, &small, 1).are_of_use());
        let reads = Pass { in_turns: false, ..PASS };
        let mut turns = Turns::new(reads, &at("{}"), 1);
        let turn = turns.choose(&at("{}"), &[], 16).unwrap();
        assert!(turn.is_last());
        assert_eq!((turn.range.clone(), turn.condition(reads, 9)), (0..16, String::new()));
    }

    #[test]
    fn a_turn_that_fails_is_halved_and_comes_next() {
        let mut turns = Turns::new(PASS, &at("{}"), 1);
        let position = at("{}");
        let mut turn = turns.choose(&position, &[], 16).unwrap();
        turn.by = vec![7];
        turns.failed(turn);
        let half = turns.choose(&position, &[], 16).unwrap();
        assert_eq!((half.range.clone(), half.by.clone()), (0..48, vec![7]));
        let other = turns.choose(&position, std::slice::from_ref(&half.range), 16).unwrap();
        assert_eq!((other.range, other.by), (48..96, vec![7]));
        // Whoever has done it meanwhile has done it.
        turns.failed(half);
        let next = turns.choose(&at("{[0,96)}"), &[], 16).unwrap();
        assert_eq!(next.range.start, 96);
    }

    #[test]
    fn of_each_page_a_turn_takes_about_its_share() {
        for rows in [4_u32, 20, 65, 200] {
            for share in SHARES.map(u32::from) {
                let taken = (1..=rows).map(|n| u32::from((n * 39) & 63 < share)).sum::<u32>();
                assert!((taken * 64).abs_diff(rows * share) < 128, "{taken} of {rows}: {share}");
            }
        }
    }
}
