//! One turn of a range: a transaction of its own that fills rows in some blocks.
//!
//! **Invariant:** the table cannot be rewritten or dropped while a range is at work: it has the lock that its UPDATE takes anyway.

use postgres::Client;
use postgres::error::SqlState;

use super::position::Position;
use super::turns::{Told, Turn};
use crate::exec::fence::Fence;
use crate::exec::retry::Failure;
use crate::exec::session::rows;
use crate::sql::ident::literal;

/// A pass over a table.
#[derive(Clone, Copy, Debug)]
pub(in crate::exec) struct Pass<'p> {
    /// The plan's.
    pub(in crate::exec) search_path: &'p str,
    /// The step's place in the plan.
    pub(in crate::exec) step: usize,
    /// The table, quoted and qualified.
    pub(in crate::exec) table: &'p str,
    pub(in crate::exec) statement: &'p str,
    pub(in crate::exec) ctid: &'p str,
    pub(in crate::exec) rest: &'p str,
    pub(in crate::exec) in_turns: bool,
    /// Empty where `rest` leaves out what has been written.
    pub(in crate::exec) xmin: &'p str,
    /// Whether several workers may be at it at once.
    pub(in crate::exec) parallel: bool,
    /// A query for what is walked, where that is not the table itself.
    pub(in crate::exec) walks: &'p str,
}

/// What a transaction of a pass has left behind.
#[derive(Debug)]
pub(super) enum Left {
    /// The position, and the rows that have been written until then.
    At(Position, u64),
    /// The same, and the step is done.
    Done(Position, u64),
    /// The pass has to begin again: it never has, or the table was rewritten.
    Again,
}

/// What the table is like while a transaction has it locked.
struct Opened {
    is_done: bool,
    rows: u64,
    /// Where a pass would begin.
    fresh: Position,
    /// Where this one is, if it has begun on this file.
    stored: Option<Position>,
    xid: u32,
    /// How many rows the session is known to have updated without leaving their page.
    stayed: u64,
}

impl Pass<'_> {
    /// Opens the pass, or finds out where it is; done if there is nothing to do.
    pub(super) fn look(&self, client: &mut Client, fence: &Fence) -> Result<Left, Failure> {
        let step = self.step;
        let Some(opened) = self.open(client, fence)? else {
            // A partition may have been dropped since the plan was made: its rows need nothing any more.
            let written = fence.begin(client, self.search_path, step)?.entry.map_or(0, |e| e.rows);
            let mark = fence.set.mark_sql(step, "started");
            let done = fence.set.done_sql(step, Some(written));
            Fence::commit(client, &format!("{mark}; {done}"))?;
            return Ok(Left::Done(Position::start(None, 0), written));
        };
        if opened.is_done {
            Fence::commit(client, "")?;
            return Ok(Left::Done(opened.stored.unwrap_or(opened.fresh), opened.rows));
        }
        let mark = fence.set.mark_sql(step, "started");
        let (position, rows, sql) = if let Some(stored) = opened.stored {
            (stored, opened.rows, mark)
        } else {
            // The size counts from when the trigger is in place, which was committed before.
            let start = opened.fresh.start_sql(&fence.set, step);
            (opened.fresh, 0, format!("{mark}; {start}"))
        };
        if position.is_done() {
            let done = fence.set.done_sql(step, Some(rows));
            let kept = "SET LOCAL synchronous_commit TO DEFAULT";
            Fence::commit(client, &format!("{kept}; {sql}; {done}"))?;
            return Ok(Left::Done(position, rows));
        }
        Fence::commit(client, &sql)?;
        Ok(Left::At(position, rows))
    }

    /// Fills the rows of the turn that `choose` takes of what is not done. If it takes none, they are done already. Whoever has waited for it at all
    /// still does at its end, unless they gave up.
    pub(super) fn fill(
        &self,
        client: &mut Client,
        fence: &Fence,
        choose: impl FnOnce(&Position) -> Option<Turn>,
        took: &mut Option<Turn>,
    ) -> Result<(Left, Option<Told>), Failure> {
        let Some(opened) = self.open(client, fence)? else { return Ok((Left::Again, None)) };
        let Opened { stored: Some(stored), is_done: false, rows: before, xid, .. } = opened else {
            client.batch_execute("ROLLBACK")?;
            return Ok((Left::Again, None));
        };
        let Some(turn) = choose(&stored) else {
            client.batch_execute("ROLLBACK")?;
            return Ok((Left::At(stored, before), None));
        };
        let turn = took.insert(turn);
        let range = &turn.range;
        let mut sql = self.over(&format!("({},0)", range.start), &format!("({},0)", range.end));
        sql.push_str(&turn.condition(*self, xid));
        let written = client.execute_typed(&sql, &[])?;
        let done = turn.is_last().then_some(range);
        let is_last = done.is_some() && stored.gap(std::slice::from_ref(range), 1).is_none();
        let add = stored.add_sql(&fence.set, self.step, done, written);
        let mut closing = format!("{add}, {}, {}", self.is_in_the_way(), self.stayed_sql());
        if is_last {
            // What has been done until now is lost with the server, or all of it is kept.
            let done = fence.set.done_sql(self.step, None);
            closing = format!("SET LOCAL synchronous_commit TO DEFAULT; {closing}; {done}");
        }
        let answer = Fence::commit(client, &closing)?;
        let Some(row) = answer.first() else { return Ok((Left::Again, None)) };
        let number = |text: Option<&str>| text.and_then(|text| text.parse().ok());
        let rows = number(row.get(0)).unwrap_or_default();
        let position = Position::parse(row.get(1).unwrap_or_default())?;
        let left = if is_last { Left::Done(position, rows) } else { Left::At(position, rows) };
        let stayed: u64 = number(row.get(3)).unwrap_or_default();
        let told = Told {
            xid,
            written,
            stayed: stayed.saturating_sub(opened.stayed),
            in_the_way: row.get(2) == Some("t"),
        };
        Ok((left, Some(told)))
    }

    /// How many rows the session has updated without leaving their page, those aside that it has told the server of, as SQL.
    fn stayed_sql(&self) -> String {
        format!("pg_stat_get_xact_tuples_hot_updated({}::regclass)", literal(self.table))
    }

    /// Whether somebody waits for a row of this transaction's, or for the table, as SQL. `pg_locks` shows it to every role.
    fn is_in_the_way(&self) -> String {
        format!(
            "EXISTS (SELECT FROM pg_locks l WHERE NOT l.granted AND (\
               l.locktype = 'transactionid' AND l.transactionid = pg_current_xact_id()::xid \
               OR l.locktype = 'relation' AND l.relation = {}::regclass AND l.database = \
                 (SELECT oid FROM pg_database WHERE datname = current_database())))",
            literal(self.table)
        )
    }

    /// The statement for the rows from one place up to another.
    pub(in crate::exec) fn over(&self, from: &str, to: &str) -> String {
        let Self { statement, ctid, rest, .. } = self;
        format!("{statement} WHERE {ctid} >= '{from}'::tid AND {ctid} < '{to}'::tid{rest}")
    }

    /// The file that is walked and its blocks, as SQL; of several, a number that changes with any of them, and the blocks of the largest.
    fn measure(&self) -> String {
        let blocks = "current_setting('block_size')::int";
        if self.walks.is_empty() {
            let name = literal(self.table);
            return format!(
                "pg_relation_filenode({name}::regclass), pg_relation_size({name}::regclass) / {blocks}"
            );
        }
        let of = |what: &str| format!("(SELECT {what} FROM ({}) AS walked)", self.walks);
        format!(
            "{}, {}",
            of("sum(pg_relation_filenode(relid)::bigint)"),
            of(&format!("max(pg_relation_size(relid)) / {blocks}"))
        )
    }

    /// Begins a transaction and locks the table in it; `None`, and no transaction, if there is none.
    fn open(&self, client: &mut Client, fence: &Fence) -> Result<Option<Opened>, Failure> {
        let name = literal(self.table);
        // ROW EXCLUSIVE, which the UPDATE takes anyway: it keeps VACUUM FULL and the like out until the range is done. Compiling an
        // expression anew for each range costs more than it saves. A range and its position are lost together, so no commit
        // waits for the disk, unless a standby is to have it first: such a wait keeps us from being faster than it is.
        let query = format!(
            "LOCK TABLE {} IN ROW EXCLUSIVE MODE; SET LOCAL reshape.backfill = 'on'; SET LOCAL jit = off; \
             SELECT {}, {}, \
               CASE WHEN current_setting('synchronous_standby_names') = '' \
                 THEN set_config('synchronous_commit', 'off', true) END; ",
            self.table,
            self.measure(),
            self.stayed_sql()
        );
        let begun = fence.begin_and(client, self.search_path, self.step, &query);
        let (begun, facts) = match begun {
            Ok(found) => found,
            Err(Failure::Server(error))
                if [Some(&SqlState::UNDEFINED_TABLE), Some(&SqlState::INVALID_SCHEMA_NAME)]
                    .contains(&error.code()) =>
            {
                client.batch_execute("ROLLBACK")?;
                let found = rows(client, &format!("SELECT to_regclass({name})"))?;
                if found.first().and_then(|row| row.get(0)).is_some() {
                    return Err(error.into());
                }
                return Ok(None);
            }
            Err(failure) => return Err(failure),
        };
        let cell = |column: usize| {
            facts.as_ref().and_then(|row| row.get(column)).and_then(|text| text.parse().ok())
        };
        let fresh = Position::start(cell(0), cell(1).unwrap_or_default());
        let entry = begun.entry;
        let stored = entry.as_ref().and_then(|entry| entry.position.as_deref());
        let stored = stored.map(Position::parse).transpose()?;
        Ok(Some(Opened {
            is_done: entry.as_ref().is_some_and(|entry| entry.status == "done"),
            rows: entry.map_or(0, |entry| entry.rows),
            stored: stored.filter(|stored| stored.filenode == fresh.filenode),
            fresh,
            xid: begun.xid.parse::<u64>().map_or(0, short),
            stayed: cell(2).unwrap_or_default(),
        }))
    }
}

/// A transaction's number as rows have it.
#[expect(clippy::cast_possible_truncation, reason = "rows have the lower half of it")]
fn short(xid: u64) -> u32 {
    xid as u32
}
