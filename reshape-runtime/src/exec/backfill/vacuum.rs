//! VACUUM while a backfill is at work: every row that is filled leaves its old version behind, and without it a table would be twice as large
//! at the end.
//!
//! Indexes are left alone where they can be: what is wanted is the room in the table, and each time they would be read as a whole. Where rows are so
//! narrow that the pointers to dead ones would use up what a block may have of them, only the indexes' cleanup frees those.
//!
//! **Invariant:** nothing waits for it but who alters the table, and it waits for nobody: where another VACUUM is at work, it does nothing.
//!
//! **Invariant:** no failure of it is worth more than a note.

use postgres::Client;

use super::position::Position;
use super::range::Pass;
use crate::exec::retry::{Class, classify, describe};
use crate::exec::session::rows;
use crate::sql::ident::literal;

/// In blocks, 64 MB: a table that is smaller may as well be twice its size for a while.
const SMALLEST: u64 = 8_192;

/// How many times during a pass.
const TIMES: u64 = 8;

/// How many times less often where most rows stay on their page.
const SELDOM: u64 = 3;

/// Half of the pointers that a block may have: with fewer rows, there is room for as many dead as living ones.
const POINTERS: u64 = 145;

/// When the next one is due, and whether it helps.
#[derive(Debug)]
pub(super) struct Vacuum {
    every: u64,
    /// How many blocks were done when the last one was ordered, or when this began.
    since: u64,
    is_worth_it: bool,
    /// How many were done at the last one, and how large the table was.
    last: (u64, u64),
    /// How many blocks were done before the first one, and how many the table grew by. None before, and where the pass is not seen from its
    /// beginning.
    without: Option<(u64, u64)>,
    /// The blocks that the last one may have emptied.
    room: u64,
    noted: bool,
}

/// What to do where a VACUUM is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Order {
    sql: String,
    /// How many blocks are done.
    done: u64,
}

/// What came of it.
pub(super) struct Answer {
    done: u64,
    /// The table's size before, in blocks.
    size: Result<u64, postgres::Error>,
}

impl Answer {
    /// Whether the connection is gone.
    pub(super) fn is_lost(&self) -> bool {
        matches!(&self.size, Err(error) if classify(error) == Class::Lost)
    }
}

impl Vacuum {
    /// For a pass that has got so far.
    pub(super) fn new(position: &Position) -> Self {
        let every = (position.blocks.max(SMALLEST) / TIMES).max(1);
        let is_worth_it = position.blocks >= SMALLEST;
        let since = position.blocks_done();
        let last = (since, position.blocks);
        Self { every, since, is_worth_it, last, without: None, room: 0, noted: false }
    }

    /// What to do now, if it is due: not at the end, where there is nothing left to use the room. Most rows may stay on their page.
    pub(super) fn order(
        &mut self,
        pass: Pass<'_>,
        position: &Position,
        (rows, most_stay): (u64, bool),
    ) -> Option<Order> {
        let done = position.blocks_done();
        let every = self.every.saturating_mul(if most_stay { SELDOM } else { 1 });
        let is_due = done.saturating_sub(self.since) >= every;
        // Of a table whose other partitions are none of this pass's business nothing is cleaned up.
        let is_ours = pass.walks.is_empty();
        if !self.is_worth_it || !is_due || !is_ours || done >= position.blocks {
            return None;
        }
        self.since = done;
        let cleanup = if rows / done.max(1) > POINTERS { "auto" } else { "off" };
        let sql = format!(
            "VACUUM (SKIP_LOCKED, TRUNCATE off, PROCESS_TOAST off, PARALLEL 0, INDEX_CLEANUP {cleanup}) {}",
            pass.table
        );
        Some(Order { sql, done })
    }

    /// What there is to say about one, once.
    pub(super) fn note(&mut self, pass: Pass<'_>, answer: Answer) -> Option<String> {
        let table = pass.table;
        let note = match answer.size {
            // Looked after by whoever uses the connection next.
            Err(error) if classify(&error) == Class::Lost => return None,
            Err(error) => format!("VACUUM of {table} failed: {}", describe(&error)),
            Ok(size) if self.helps(answer.done, size) => return None,
            Ok(_) => format!(
                "{table} grows while it is filled although VACUUM has run: a long transaction may still see old rows, or clients add many"
            ),
        };
        // It may be better by then.
        self.every = self.every.saturating_mul(2);
        let is_new = !std::mem::replace(&mut self.noted, true);
        is_new.then_some(note)
    }

    /// Whether at least a quarter of the room that the one before should have freed has been used again: the table has grown by that much less
    /// than it would have without any.
    fn helps(&mut self, done: u64, size: u64) -> bool {
        let (blocks, grown) = (done.saturating_sub(self.last.0), size.saturating_sub(self.last.1));
        let (room, began) = (std::mem::replace(&mut self.room, blocks), self.last.0);
        self.last = (done, size);
        let Some((before, growth)) = self.without else {
            self.without = (room == 0 && began == 0).then_some((blocks.max(1), grown));
            return true;
        };
        let expected = growth * blocks / before;
        let room = room.min(expected);
        room == 0 || expected.saturating_sub(grown) >= room / 4
    }
}

impl Order {
    /// Outside a transaction.
    pub(super) fn run(&self, client: &mut Client, pass: Pass<'_>) -> Answer {
        Answer { done: self.done, size: self.vacuum(client, pass) }
    }

    fn vacuum(&self, client: &mut Client, pass: Pass<'_>) -> Result<u64, postgres::Error> {
        let size = format!(
            "SELECT pg_relation_size(to_regclass({})) / current_setting('block_size')::int",
            literal(pass.table)
        );
        let size = rows(client, &size)?;
        client.batch_execute(&self.sql)?;
        let size = size.first().and_then(|row| row.get(0));
        Ok(size.and_then(|size| size.parse().ok()).unwrap_or_default())
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
        ctid: "",
        rest: "",
        parallel: false,
        in_turns: false,
        xmin: "",
        walks: "",
    };

    fn at(blocks: u64, done: u64) -> Position {
        let json = format!(r#"{{"filenode": 1, "blocks": {blocks}, "next": {done}}}"#);
        Position::parse(&json).unwrap()
    }

    #[test]
    fn it_is_due_now_and_then() {
        let mut vacuum = Vacuum::new(&at(80_000, 20_000));
        let mut is_due =
            |done, most_stay| vacuum.order(PASS, &at(80_000, done), (0, most_stay)).is_some();
        assert!(!is_due(29_000, false));
        assert!(is_due(31_000, false));
        assert!(!is_due(40_000, false));
        assert!(is_due(41_000, false));
        assert!(!is_due(70_000, true));
        assert!(is_due(71_000, true));
        assert!(!is_due(80_000, false));
    }

    #[test]
    fn a_small_table_needs_none() {
        let mut vacuum = Vacuum::new(&at(8_000, 0));
        assert_eq!(vacuum.order(PASS, &at(8_000, 7_000), (0, false)), None);
    }

    #[test]
    fn indexes_are_cleaned_where_rows_are_narrow() {
        let order =
            |rows| Vacuum::new(&at(80_000, 0)).order(PASS, &at(80_000, 10_000), (rows, false));
        assert!(order(900_000).unwrap().sql.contains("INDEX_CLEANUP off"));
        assert!(order(2_000_000).unwrap().sql.contains("INDEX_CLEANUP auto"));
    }

    /// What is said of a table whose size at those numbers of blocks done is that.
    fn notes(sizes: &[(u64, u64)]) -> Vec<String> {
        let mut vacuum = Vacuum::new(&at(80_000, 0));
        let answer = |&(done, size): &(u64, u64)| Answer { done, size: Ok(size) };
        sizes.iter().filter_map(|size| vacuum.note(PASS, answer(size))).collect()
    }

    #[test]
    fn a_table_that_grows_all_the_same_is_noted_once() {
        let found = notes(&[(10_000, 90_000), (20_000, 100_000), (40_000, 120_000)]);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("t grows"), "{found:?}");
    }

    #[test]
    fn a_table_that_needs_more_room_than_there_was_is_not_noted() {
        // The same rows; ranges that grow; rows of twice the size; room that was there before.
        assert!(notes(&[(10_000, 90_000), (20_000, 90_000), (30_000, 90_000)]).is_empty());
        assert!(notes(&[(10_000, 90_000), (40_000, 110_000)]).is_empty());
        assert!(notes(&[(10_000, 100_000), (20_000, 110_000), (30_000, 120_000)]).is_empty());
        assert!(notes(&[(10_000, 80_000), (20_000, 85_000), (30_000, 90_000)]).is_empty());
    }
}
