//! Backfills: one pass over a table in ranges of blocks.
//!
//! **Invariant:** the end is fixed when the pass begins: rows written later are the trigger's, so it ends under any load.
//!
//! **Invariant:** a range and its position in the journal commit together, so no row is counted twice, whatever happens.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::journal::Row;
use super::retry::Failure;
use super::run::{Rules, Run, Task};
use super::session::rows;
use super::set::Set;
use crate::error::{Error, ErrorKind};
use crate::observer::Event;
use crate::plan::Plan;
use crate::sql::ident::literal;

/// The smallest and the largest range, in blocks of 8 kB: 128 kB and 512 MB.
const RANGE: (u64, u64) = (16, 65_536);

/// The first range: small enough to be harmless on a slow disk.
const FIRST_RANGE: u64 = 128;

/// Where a backfill is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    /// The table's file. Another one means that the table was rewritten: every row may be anywhere.
    filenode: Option<u64>,
    /// The table's size when the pass began, in blocks.
    pub(super) blocks: u64,
    /// The first block to do.
    pub(super) next: u64,
}

/// What one transaction of a backfill left to do.
struct Progress {
    position: Position,
    rows: u64,
    elapsed: Duration,
    is_done: bool,
}

impl Run<'_> {
    /// Runs the pass, from where it was left; returns rows and retries.
    pub(super) fn backfill(
        &mut self,
        plan: &Plan,
        n: usize,
        table: &str,
        (statement, ctid, rest): (&str, &str, &str),
    ) -> Result<(u64, u32), Error> {
        let rules = Rules::of(plan, n);
        let task = Task::Step { title: &plan.steps[n].title, sql: statement, rules };
        let (mut range, mut retries) = (FIRST_RANGE, 0);
        loop {
            let result = self.retrying(task, |run| {
                run.backfill_range(plan, n, table, (statement, ctid, rest), range)
            });
            let (progress, tries) = result.map_err(|error| self.with_row(plan, n, range, error))?;
            retries += tries;
            let Progress { position, rows, elapsed, is_done } = progress;
            let (blocks, total) = (position.next.min(position.blocks), position.blocks);
            self.emit(&Event::Backfill { table: table.to_owned(), blocks, total, rows });
            if is_done {
                return Ok((rows, retries));
            }
            // The first transaction has only measured the table: it says nothing about the speed.
            if blocks > 0 {
                range = next_range(range, elapsed, self.settings.batch_duration, tries > 0);
            }
        }
    }

    /// One range, in a transaction of its own. The first call only notes where the pass ends.
    fn backfill_range(
        &mut self,
        plan: &Plan,
        n: usize,
        table: &str,
        (statement, ctid, rest): (&str, &str, &str),
        range: u64,
    ) -> Result<Progress, Failure> {
        let start = Instant::now();
        let entry = self.begin(&plan.search_path, n)?.entry;
        // A partition may have been dropped since the plan was made: its rows need nothing any more.
        let found =
            rows(&mut self.client, &format!("SELECT pg_catalog.to_regclass({})", literal(table)))?;
        if found.first().and_then(|row| row.get(0)).is_none() {
            let written = entry.map_or(0, |entry| entry.rows);
            let (mark, done) =
                (self.set.mark_sql(n, "started"), self.set.done_sql(n, Some(written)));
            self.commit(&format!("{mark}; {done}"))?;
            let position = Position { filenode: None, blocks: 0, next: 0 };
            return Ok(Progress {
                position,
                rows: written,
                elapsed: start.elapsed(),
                is_done: true,
            });
        }
        // ROW EXCLUSIVE, which the UPDATE takes anyway: it keeps VACUUM FULL and the like out until the range is done.
        let facts = rows(
            &mut self.client,
            &format!(
                "LOCK TABLE {table} IN ROW EXCLUSIVE MODE; SET LOCAL reshape.backfill = 'on'; \
                 SELECT pg_catalog.pg_relation_filenode({0}::regclass), \
                   pg_catalog.pg_relation_size({0}::regclass) \
                     / pg_catalog.current_setting('block_size')::int",
                literal(table)
            ),
        )?;
        let cell = |column: usize| {
            facts.last().and_then(|row| row.get(column)).and_then(|text| text.parse().ok())
        };
        let fresh = Position { filenode: cell(0), blocks: cell(1).unwrap_or_default(), next: 0 };
        let stored = entry.as_ref().and_then(|entry| entry.position.as_deref());
        let stored = stored.map(parse).transpose()?;
        let before = entry.as_ref().map_or(0, |entry| entry.rows);
        let progress = |position: Position, rows: u64, is_done: bool| Progress {
            position,
            rows,
            elapsed: start.elapsed(),
            is_done,
        };
        if entry.is_some_and(|entry| entry.status == "done") {
            self.commit("")?;
            return Ok(progress(stored.unwrap_or(fresh), before, true));
        }
        let mut position = match stored {
            Some(stored) if stored.filenode == fresh.filenode => stored,
            // The size counts from when the trigger is in place, which was committed before.
            Some(_) | None => {
                if fresh.blocks > 0 {
                    let mark = self.set.mark_sql(n, "started");
                    let begin = format!("{mark}; {}", position_sql(&self.set, n, &fresh, 0));
                    self.commit(&begin)?;
                    return Ok(progress(fresh, 0, false));
                }
                fresh
            }
        };
        let mut written = before;
        if position.next < position.blocks {
            let end = position.next.saturating_add(range).min(position.blocks);
            let (from, to) = (format!("({},0)", position.next), format!("({end},0)"));
            let sql = over_range((statement, ctid, rest), &from, &to);
            written += self.client.execute_typed(&sql, &[])?;
            position.next = end;
        }
        let is_done = position.next >= position.blocks;
        let mut closing = format!(
            "{}; {}",
            self.set.mark_sql(n, "started"),
            position_sql(&self.set, n, &position, written)
        );
        if is_done {
            closing = format!("{closing}; {}", self.set.done_sql(n, Some(written)));
        }
        self.commit(&closing)?;
        Ok(progress(position, written, is_done))
    }
}

/// The statement of a backfill, its name for the row's place, and its end, for the rows from one place up to another.
pub(super) fn over_range(
    (statement, ctid, rest): (&str, &str, &str),
    from: &str,
    to: &str,
) -> String {
    format!("{statement} WHERE {ctid} >= '{from}'::tid AND {ctid} < '{to}'::tid{rest}")
}

/// Where the journal says that a backfill is.
pub(super) fn stored_position(entry: Option<&Row>) -> Option<Position> {
    parse(entry?.position.as_deref()?).ok()
}

fn parse(text: &str) -> Result<Position, Error> {
    serde_json::from_str(text).map_err(|error| {
        Error::new(
            ErrorKind::Metadata,
            format!("the position of a backfill cannot be read: {error}"),
        )
        .with_help("`reshape.journal` was changed by hand: set its column `position` to NULL")
    })
}

fn position_sql(set: &Set, step: usize, position: &Position, rows: u64) -> String {
    let Position { filenode, blocks, next } = position;
    let filenode = filenode.map_or_else(|| String::from("null"), |node| node.to_string());
    format!(
        "UPDATE reshape.journal SET rows = {rows}, \
           position = '{{\"filenode\": {filenode}, \"blocks\": {blocks}, \"next\": {next}}}' \
         WHERE {} AND step = {step}",
        set.own()
    )
}

/// The size of the next range: towards `target`, at most twice or half the last one.
fn next_range(range: u64, elapsed: Duration, target: Duration, was_in_the_way: bool) -> u64 {
    let range = if was_in_the_way || elapsed > target + target / 2 {
        range / 2
    } else if elapsed < target / 2 {
        range * 2
    } else {
        range
    };
    range.clamp(RANGE.0, RANGE.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_follow_the_target() {
        let target = Duration::from_millis(100);
        let next = |range, millis| next_range(range, Duration::from_millis(millis), target, false);
        assert_eq!(next(128, 10), 256);
        assert_eq!(next(128, 100), 128);
        assert_eq!(next(128, 200), 64);
        assert_eq!(next(16, 900), 16);
        assert_eq!(next(65_536, 1), 65_536);
        assert_eq!(next_range(128, Duration::ZERO, target, true), 64);
    }
}
