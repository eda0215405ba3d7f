//! A new table that is filled from another new one: the rows are copied at once.
//!
//! **Invariant:** neither table is known to a client of the version before, so there is nothing to follow and nothing to wait for. What later
//! actions of the batch do to either of them is done to a table with rows.

use super::fill::Fill;
use super::key;
use crate::plan::batch::Batch;
use crate::sql::ident::{ident, idents};

/// Copies the rows, if the source is new as well, has its rows by now, and the key is there already that the upsert goes by.
pub(crate) fn fill_directly(batch: &mut Batch<'_>, fill: &Fill) -> bool {
    let (table, source) = (&batch.tables[fill.table], &batch.tables[fill.source]);
    let later = batch.fills.iter().any(|earlier| earlier.table == fill.source);
    let by_key =
        fill.constraint.as_deref().is_none_or(|name| name == format!("{}_pkey", fill.created_as));
    let by = key(batch, fill.table);
    let physical =
        |id| table.columns.iter().find(|c| c.value == id).and_then(|c| table.physical(c));
    let columns: Option<Vec<&str>> = fill.values.iter().map(|(id, _)| physical(*id)).collect();
    let Some(columns) = columns else { return false };
    let by_given = !by.is_empty() && by.iter().all(|name| columns.contains(name));
    if !source.created || later || !by_key || !by_given {
        return false;
    }
    let values: Vec<String> = fill.values.iter().map(|(_, sql)| format!("(\n{sql}\n)")).collect();
    let condition = fill.condition.as_deref();
    let copy = format!(
        "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE\n  SELECT {}\n  FROM {} AS {}{}\n  ON CONFLICT ({}) DO NOTHING",
        table.sql(),
        idents(columns),
        values.join(", "),
        source.sql(),
        ident(&fill.scope.table),
        condition.map(|sql| format!(" WHERE (\n{sql}\n)")).unwrap_or_default(),
        idents(by)
    );
    let title = format!("fill `{}` from `{}`", fill.created_as, fill.scope.table);
    batch.push_fresh(title, vec![copy], Vec::new());
    true
}
