//! The transactions that make tables ready: for the writes of old clients in expand, for those of both versions in publish.
//!
//! **Invariant:** no statement in them depends on the number of rows.

use crate::plan::assemble::shown;
use crate::plan::cross::Part;
use crate::plan::lineage::Table;
use crate::plan::sync::{Mode, Sync};
use crate::plan::{Phase, Step};
use crate::sql::ident::ident;
use crate::sql::names::ORIGIN;

/// What an expansion adds, unless it is constraints alone.
const COLUMNS: &str = "columns";

/// What a table asks of the transaction that expands it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expansion {
    pub(crate) name: String,
    /// What it adds, for people.
    pub(crate) what: &'static str,
    pub(crate) columns: Vec<String>,
    pub(crate) proofs: Vec<String>,
    pub(crate) triggers: Vec<String>,
    pub(crate) undo_triggers: Vec<String>,
    pub(crate) undo_columns: Vec<String>,
}

/// One short transaction: columns, constraints, function and triggers. A write before it is the backfill's, one after it the trigger's.
/// Tables that take values from each other are expanded together, since the triggers of one read and write the columns of another.
pub(crate) fn expansion_step(expansions: &[Expansion], proofs: &[String]) -> Step {
    let of = |list: fn(&Expansion) -> &Vec<String>| -> Vec<String> {
        expansions.iter().flat_map(list).cloned().collect()
    };
    let mut statements = of(|e| &e.columns);
    statements.extend(of(|e| &e.proofs));
    statements.extend_from_slice(proofs);
    statements.extend(of(|e| &e.triggers));
    let mut undo = of(|e| &e.undo_triggers);
    undo.extend(of(|e| &e.undo_columns));
    let names: Vec<&str> = expansions.iter().map(|e| e.name.as_str()).collect();
    let lock = if names.len() > 1 {
        "ACCESS EXCLUSIVE on the tables: no row is read or written, catalog only"
    } else {
        "ACCESS EXCLUSIVE on the table: no row is read or written, catalog only"
    };
    let what = expansions.iter().map(|e| e.what).find(|what| *what == COLUMNS);
    let what = what.or_else(|| expansions.first().map(|e| e.what)).unwrap_or(COLUMNS);
    Step::sql(Phase::Expand, format!("add {what} to {}", names.join(", ")), statements)
        .locking(lock)
        .undone_by(undo)
}

/// A table that the batch creates or removes, and that gives values to others or has its rows from one.
pub(crate) fn expand_member(table: &Table, sync: &Sync<'_>) -> Expansion {
    let alter = |change: &str| {
        let marker = ident(ORIGIN);
        let change = format!("ALTER TABLE {} {change}", table.sql());
        if table.created { vec![format!("{change} {marker}")] } else { Vec::new() }
    };
    Expansion {
        name: shown(table),
        what: COLUMNS,
        columns: alter("ADD COLUMN").into_iter().map(|sql| sql + " text").collect(),
        triggers: sync.install_relays(Mode::Filling),
        undo_triggers: sync.remove_relays(),
        undo_columns: alter("DROP COLUMN IF EXISTS"),
        ..Expansion::default()
    }
}

/// From now on both versions write.
pub(crate) fn translate(table: &Table, install: Vec<String>, part: &Part<'_>) -> Step {
    let mut statements: Vec<String> = part.relaxed.iter().map(|r| r.open(table)).collect();
    let lock = if statements.is_empty() {
        "SHARE ROW EXCLUSIVE on the table: functions and triggers, catalog only"
    } else {
        "ACCESS EXCLUSIVE on the table: functions, triggers and NOT NULL, catalog only"
    };
    statements.extend(install);
    let title = format!("translate writes of both versions to {}", shown(table));
    let mut step = Step::sql(Phase::Publish, title, statements).locking(lock);
    step.undo = part.relaxed.iter().flat_map(|relaxed| relaxed.undo(table)).collect();
    step
}
