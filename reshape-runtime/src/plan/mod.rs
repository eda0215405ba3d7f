//! The pure planner: from pending migrations and live facts to a list of steps.
//!
//! **Invariant:** a [`Plan`] is data. It is stored in the database when a batch starts, so a binary that has never
//! seen the migrations can complete or abort it exactly.
//!
//! **Invariant:** planning does no I/O; the same input gives the same plan.

use serde::Serialize;

use crate::model::Migration;

pub(crate) mod asked;
pub(crate) mod assemble;
pub(crate) mod backfill;
pub(crate) mod batch;
pub(crate) mod beside;
pub(crate) mod carry;
pub(crate) mod columns;
pub(crate) mod constraint;
pub(crate) mod contract;
pub(crate) mod cross;
pub(crate) mod define;
pub(crate) mod direct;
pub(crate) mod domain;
pub(crate) mod expand;
pub mod facts;
pub(crate) mod flow;
pub(crate) mod foreign;
pub(crate) mod found;
#[cfg(feature = "client")]
pub(crate) mod gather;
pub(crate) mod generated;
pub(crate) mod index;
pub(crate) mod inherit;
pub(crate) mod lineage;
pub(crate) mod mention;
pub(crate) mod not_null;
pub(crate) mod numbers;
pub(crate) mod offenders;
pub(crate) mod own;
pub(crate) mod partition;
pub(crate) mod publish;
pub(crate) mod refuse;
#[cfg(feature = "client")]
pub(crate) mod revert;
pub(crate) mod schema;
pub(crate) mod step;
pub(crate) mod sync;
pub(crate) mod takeover;
pub(crate) mod trial;
pub(crate) mod under;
pub(crate) mod view;

pub(crate) use batch::Batch;
use facts::Facts;

/// When a step runs. The order of the variants is the order of the phases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Adds what the new version needs beside what the old one has.
    Expand,
    /// Fills it for the rows that exist; builds indexes; validates constraints.
    Backfill,
    /// Makes the new version's schema visible. From here on both versions are in use.
    Publish,
    /// Removes what only the old version needed.
    Contract,
}

impl Phase {
    /// The phase's name, in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Expand => "expand",
            Self::Backfill => "backfill",
            Self::Publish => "publish",
            Self::Contract => "contract",
        }
    }
}

/// Everything a batch does, in order, and how it is undone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct Plan {
    /// The version that is live before; `None` when clients use the plain tables.
    pub base: Option<String>,
    /// The version that is live after.
    pub target: String,
    /// The migrations of the batch, oldest first: all that has to be recorded when it is complete.
    pub migrations: Vec<Migration>,
    /// The `search_path` under which every statement runs and user expressions are evaluated: an SQL list.
    pub search_path: String,
    /// Ordered by phase. A step's place in the list is its identity in the journal.
    pub steps: Vec<Step>,
    /// What the operator should know: side effects that cannot be avoided.
    pub notes: Vec<String>,
    /// The completed migrations that the batch takes back, oldest first: all that is no longer recorded when it is complete.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reverts: Vec<String>,
    /// The tables that are there already and that the batch changes, quoted and qualified.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<String>,
    /// Tables of other sets that must stay as they are while the batch is in progress, quoted and qualified.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uses: Vec<String>,
}

/// One step: it is done or it is not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct Step {
    /// When it runs.
    pub phase: Phase,
    /// What it does, for people: "add columns to `public.users`".
    pub title: String,
    /// Which lock it takes, and why that is short; `None` if nothing that clients do can wait for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<String>,
    /// The work.
    pub work: Work,
    /// The rules that rows may break, and how to find those rows: for when the step fails because of data.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub offenders: Vec<Offenders>,
    /// Of a backfill: a query that shows a row as text, without its WHERE clause; for when an expression fails on a row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<String>,
    /// What takes it back. Undo work can be run again after a crash in the middle of it, and also when the step itself never finished.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undo: Vec<Work>,
    /// Whether it is SQL of the user's own, which may be wrong for good: an operator can have it skipped in contract and in a rollback.
    #[serde(default, skip_serializing_if = "is_false")]
    pub custom: bool,
    /// Whether no query of a client waits behind it while it waits for its locks, so that it may wait for long.
    #[serde(default, skip_serializing_if = "is_false")]
    pub patient: bool,
    /// Whether SQL of the user's own is among its statements, which are then sent one by one.
    #[serde(default, skip_serializing_if = "is_false")]
    pub mixed: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_false(value: &bool) -> bool {
    !*value
}

/// A rule that rows may break.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct Offenders {
    /// The constraint or the unique index, by the name that the server reports.
    pub constraint: String,
    /// What it is, by the names that the user knows: "the check `short` of `users`".
    pub rule: String,
    /// A query for the rows: one row with their number, at most [`Offenders::LIMIT`], and one of them as text.
    pub query: String,
    /// What to do about them.
    pub help: String,
}

impl Offenders {
    /// Where counting ends: how many there are exactly matters less than that the answer comes soon.
    pub const LIMIT: u64 = 1_000;
}

/// What the executor can do. Everything else is data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Work {
    /// Statements in one transaction, together with the journal's row: done exactly once.
    Sql {
        /// In order; each is one or more complete statements without the last semicolon.
        statements: Vec<String>,
    },
    /// `CREATE INDEX CONCURRENTLY`, outside a transaction. A valid index of that name is adopted, an invalid one dropped and rebuilt.
    CreateIndex {
        /// The schema of the table and so of the index.
        schema: String,
        /// The index.
        name: String,
        /// The statement.
        statement: String,
    },
    /// The same where the server has to say what the statement is.
    DefineIndex {
        /// The schema of the table and so of the index.
        schema: String,
        /// The index.
        name: String,
        /// Statements of a transaction that is rolled back; the last one returns the statement that creates the index.
        define: Vec<String>,
    },
    /// As [`Work::CreateIndex`], for relations that only the server knows when the step runs: partitions come and go.
    CreateIndexes {
        /// A query for the schema, the name and the statement of each.
        query: String,
    },
    /// `DROP INDEX CONCURRENTLY IF EXISTS`, outside a transaction.
    DropIndex {
        /// The schema of the index.
        schema: String,
        /// The index.
        name: String,
    },
    /// One pass over the table in ranges of blocks, each in a transaction of its own with its position in the journal.
    Backfill {
        /// The table, quoted and qualified, for `regclass`.
        table: String,
        /// `UPDATE … SET …`, without a WHERE clause; the executor adds the range.
        statement: String,
        /// The row's `ctid` as the statement knows it, e.g. `"users".ctid`.
        ctid: String,
        /// What follows the range.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        rest: String,
        /// Whether several connections may do ranges at the same time: no range touches a row that another one may touch.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        parallel: bool,
        /// Whether the statement writes the very rows that it finds: those of a range can then be written in several turns.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        in_turns: bool,
        /// The row's `xmin` as the statement knows it, by which a turn leaves out what earlier ones have written, where `rest` does not.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        xmin: String,
        /// Where the table has no blocks of its own: a query for the relations (`relid`) whose rows are written, which may come and go. Their blocks are
        /// walked side by side.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        walks: String,
    },
    /// `ANALYZE` of the named table, outside a transaction.
    Analyze {
        /// The table, quoted and qualified.
        table: String,
    },
}

/// What a plan is made for.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The migrations to apply, oldest first; not empty.
    pub pending: &'a [Migration],
    /// The migration whose version is live; `None` when clients use the plain tables.
    pub base: Option<&'a str>,
    /// What the database looks like.
    pub facts: &'a Facts,
}

/// Why no plan can be made. Nothing has been changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The migration.
    pub migration: String,
    /// The action's place in it, counted from 1; `None` if it is the batch as a whole.
    pub action: Option<usize>,
    /// What is in the way.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// Plans the batch.
pub fn plan(request: &Request<'_>) -> Result<Plan, Refusal> {
    let target = request.pending.last().map(|last| request.facts.version(&last.name));
    plan_to(request, &target.unwrap_or_default(), &[])
}

/// Plans the batch that leads to the version `target`. Tables that are `hidden` have no view there unless an action names them.
pub(crate) fn plan_to(
    request: &Request<'_>,
    target: &str,
    hidden: &[String],
) -> Result<Plan, Refusal> {
    let mut batch = Batch::new(*request);
    for table in batch.tables.iter_mut().filter(|table| hidden.contains(&table.name)) {
        table.in_version &= table.schema != request.facts.home();
    }
    schema::create_home(&mut batch)?;
    for (number, migration) in request.pending.iter().enumerate() {
        for (place, action) in migration.actions.iter().enumerate() {
            batch.at = (number, place);
            let point = beside::before(action, &batch)?;
            inherit::plan(action, &mut batch)?;
            if let Some(point) = point {
                beside::after(&point, &mut batch);
            }
            batch.origins.note(&batch.tables, Some(number));
            batch.order += 1;
        }
    }
    assemble::assemble(batch, target)
}
