//! Indexes whose expressions name columns as they are called at their own point of the batch, where the table calls them otherwise.
//!
//! An index is built outside a transaction, so the columns cannot be given those names meanwhile. But the server can be asked how the
//! expression reads over the table's own columns: an index like it is created on an empty temporary table with the columns of that point, these
//! are given the names that the table has, and Postgres prints the expression again. No SQL of the user's is rewritten.
//!
//! **Invariant:** nothing is left of the trial: its transaction is rolled back.

use crate::model::IndexColumn;
use crate::plan::Refusal;
use crate::plan::batch::{Batch, PendingIndex};
use crate::plan::contract::rename_columns;
use crate::plan::index;
use crate::plan::lineage::Table;
use crate::plan::mention::{mentions, mentions_beside_namesake, says};
use crate::sql::ident::{ident, literal, qualified};

/// The index of the trial.
const INDEX: &str = "__reshape_trial";

impl Batch<'_> {
    /// A column of the table goes: no index that the batch adds may name it in an expression.
    pub(crate) fn leave_indexes(&mut self, table: usize, column: &str) -> Result<(), Refusal> {
        let own = |pending: &&PendingIndex| pending.table == table;
        for pending in self.indexes.iter().filter(own) {
            let called = pending.names.iter().find(|(_, now)| now == column);
            if called.is_some_and(|(called, _)| names(pending, called)) {
                let what = format!("an expression of the index `{}`", pending.index.name);
                return Err(self.in_the_way(table, column, &what));
            }
        }
        for pending in self.indexes.iter_mut().filter(|pending| pending.table == table) {
            pending.names.retain(|(_, now)| now != column);
        }
        Ok(())
    }
}

/// The expressions of the index.
fn expressions(pending: &PendingIndex) -> impl Iterator<Item = &str> {
    let keys = pending.index.columns.iter().filter_map(|key| match key {
        IndexColumn::Expression { expression, .. } => Some(expression.as_ref()),
        IndexColumn::Name(_) | IndexColumn::Column { .. } => None,
    });
    keys.chain(pending.index.predicate.as_deref())
}

/// Whether an expression of the index may refer to the column that it calls `name`.
pub(crate) fn names(pending: &PendingIndex, name: &str) -> bool {
    let namesake = pending.names.iter().any(|(called, _)| *called == pending.scope);
    let mentions = if namesake { mentions_beside_namesake } else { mentions };
    expressions(pending).any(|sql| mentions(sql, &pending.scope, name))
}

/// Whether the expressions do not mean on the table what they say.
pub(crate) fn is_needed(table: &Table, pending: &PendingIndex) -> bool {
    let physical = |now: &str| table.column(now).and_then(|column| table.physical(column));
    let differs = |(called, now): &(String, String)| {
        physical(now) != Some(called.as_str()) && names(pending, called)
    };
    let renamed = pending.scope != table.physical
        && expressions(pending).any(|sql| says(sql, &pending.scope));
    let other = |column: &crate::plan::lineage::Column| {
        table.physical(column) != Some(&column.name) && names(pending, &column.name)
    };
    // A column of that name that cannot be seen at that point: it would be taken for one, and go in contract.
    let mut there = table.values.iter().filter_map(|value| value.physical.as_deref());
    renamed
        || pending.names.iter().any(differs)
        || table.columns.iter().any(other)
        || there.any(|column| {
            !pending.names.iter().any(|(called, _)| called == column) && names(pending, column)
        })
}

/// The statements of the trial, to be run under the plan's `search_path`; the last returns the `CREATE INDEX CONCURRENTLY` of the index `name`.
pub(crate) fn define(
    batch: &Batch<'_>,
    table: &Table,
    pending: &PendingIndex,
    name: &str,
) -> Result<Vec<String>, Refusal> {
    let mut columns: Vec<(&str, &str)> = Vec::new();
    for (called, now) in &pending.names {
        let column = batch.column(table, now)?;
        let physical = table.physical(column).ok_or_else(|| batch.unknown_column(table, now))?;
        columns.push((called, physical));
    }
    let selected: Vec<String> = columns
        .iter()
        .map(|(called, physical)| format!("{} AS {}", ident(physical), ident(called)))
        .collect();
    let on = qualified("pg_temp", &pending.scope);
    let trial = literal(&qualified("pg_temp", INDEX));
    let mut parts: Vec<String> = Vec::new();
    let mut tried: Vec<String> = Vec::new();
    for key in pending.index.columns.iter() {
        let (sql, order) = match key {
            IndexColumn::Expression { expression, direction, nulls } => {
                tried.push(format!("(\n{expression}\n)"));
                let number = tried.len();
                let printed =
                    format!("pg_catalog.pg_get_indexdef({trial}::regclass, {number}, false)");
                (printed, index::order(*direction, *nulls))
            }
            IndexColumn::Name(column) => {
                (literal(&index::plain(batch, table, column)?), String::new())
            }
            IndexColumn::Column { column, direction, nulls } => {
                (literal(&index::plain(batch, table, column)?), index::order(*direction, *nulls))
            }
        };
        parts.push(if order.is_empty() { sql } else { format!("{sql} || {}", literal(&order)) });
    }
    let method = if tried.is_empty() {
        tried.push(String::from("(1)"));
        String::new()
    } else {
        index::using(&pending.index)
    };
    let predicate = pending.index.predicate.as_ref();
    let condition = predicate.map(|sql| format!(" WHERE (\n{sql}\n)")).unwrap_or_default();
    let head = index::head(&pending.index, name, true, &table.sql());
    let mut sql = vec![
        format!(
            "CREATE TEMPORARY TABLE {on} ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA",
            selected.join(", "),
            table.sql()
        ),
        format!("CREATE INDEX {} ON {on}{method} ({}){condition}", ident(INDEX), tried.join(", ")),
    ];
    sql.extend(rename_columns(&on, &columns));
    sql.push(String::from("SET LOCAL search_path TO pg_catalog, pg_temp"));
    sql.push(format!(
        "SELECT {} || {} || ')'{} FROM pg_catalog.pg_index AS \"index\" WHERE \"index\".indexrelid = {trial}::regclass",
        literal(&format!("{head} (")),
        parts.join(" || ', ' || "),
        if predicate.is_some() {
            " || ' WHERE (' || pg_catalog.pg_get_expr(\"index\".indpred, \"index\".indrelid) || ')'"
        } else {
            ""
        }
    ));
    Ok(sql)
}

/// Contract: the names of the index's own columns. Expressions keep those that Postgres has given them, unless they are made of generated ones.
pub(crate) fn name_columns(table: &Table, pending: &PendingIndex) -> String {
    let last = |key: &IndexColumn| key.name().map(str::to_owned);
    let wanted: Vec<Option<String>> = pending.index.columns.iter().map(last).collect();
    crate::plan::carry::name_by_place(&qualified(&table.schema, &pending.index.name), &wanted)
}
