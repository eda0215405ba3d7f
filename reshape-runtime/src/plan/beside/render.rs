//! The WITH clause of one expression, or why there can be none.

use std::collections::BTreeSet;

use super::{ROW, Seen, complete_first, query};
use crate::plan::Refusal;
use crate::plan::batch::Batch;
use crate::plan::lineage::{Table, ValueId};
use crate::plan::mention::{locks_rows, reads_column, reads_rows, says};
use crate::sql::ident::ident;
use crate::sql::names::shown;

/// What a table has, and a query over it does not. A name that is missing there would mean the row's own.
const OF_TABLES_ALONE: [&str; 7] =
    ["ctid", "xmin", "xmax", "cmin", "cmax", "tableoid", "tablesample"];

/// When an expression is evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// At once: what the batch creates is there, but no shadow column is.
    Now,
    /// While the shadow columns are being filled, and later.
    Up,
    /// When both versions are in use.
    Down,
}

#[derive(Debug, Default)]
pub(super) struct Rendered {
    pub(super) with: String,
    /// The tables that exist and of which it reads columns that the batch adds.
    pub(super) shadows_of: BTreeSet<usize>,
}

/// The clause for `sql`, the expression of the action at `at`.
pub(super) fn render(
    batch: &Batch<'_>,
    at: (usize, usize),
    sql: &str,
    tables: &[Seen],
    when: When,
) -> Result<Rendered, Refusal> {
    let mut rendered = Rendered::default();
    let mut queries = Vec::new();
    for seen in tables {
        let table = &batch.tables[seen.table];
        let is_read = seen.alone || seen.with_schema;
        let rows = is_read && reads_rows(sql, &seen.name);
        let more = rows && may_have_more(table, when);
        if is_read {
            require_rows(batch, at, seen, when)?;
        }
        let is_changed = differs(batch, seen, when) || more;
        if table.touched.is_none() || !is_changed {
            continue;
        }
        if let Some(word) = OF_TABLES_ALONE.into_iter().find(|word| says(sql, word)) {
            let what = format!(
                "`{word}` in a sub-select on `{}`, which the same batch changes",
                seen.name
            );
            return Err(not_supported(batch, at, &what, seen.changed_by));
        }
        if seen.alone && locks_rows(sql, &seen.name) {
            let what = format!(
                "locking rows in a sub-select on `{}`, which the same batch changes,",
                seen.name
            );
            return Err(not_supported(batch, at, &what, seen.changed_by));
        }
        if seen.with_schema || seen.row_type {
            require_alike(batch, (at, sql), seen, more)?;
        }
        if !is_read {
            continue;
        }
        let mut columns = Vec::new();
        for (name, id) in &seen.columns {
            match source(batch, table, *id, when) {
                Some(source) => {
                    if !table.created && !table.values[*id].in_base && when != When::Now {
                        rendered.shadows_of.insert(seen.table);
                    }
                    columns.push((name.clone(), source));
                }
                None if rows || reads_column(sql, name) => {
                    return Err(unknown(batch, at, seen, name, *id));
                }
                None => {}
            }
        }
        if seen.alone {
            queries.push(query(&seen.name, table, &columns));
        }
    }
    rendered.with = queries.join(",\n  ");
    Ok(rendered)
}

/// What the column is in the catalog while the expression is evaluated; `None` if it is not there, or not filled.
fn source(batch: &Batch<'_>, table: &Table, id: ValueId, when: When) -> Option<String> {
    let value = &table.values[id];
    let physical = || Some(format!("{ROW}.{}", ident(value.physical.as_deref()?)));
    if table.created {
        return physical().filter(|_| table.columns.iter().any(|column| column.value == id));
    }
    let is_computed = || table.ups.iter().any(|stage| stage.result == id);
    match when {
        _ if value.in_base => physical(),
        // The new table whose expression it is has no rows, unless SQL of the user's has given it some.
        When::Now => {
            (!batch.runs_custom_sql()).then(|| format!("CAST(NULL AS {})", value.data_type))
        }
        When::Up => physical().filter(|_| !is_computed()),
        When::Down => physical(),
    }
}

/// Whether the catalog has the table by another name, or with other columns than the expression sees; columns of ours do not count.
pub(super) fn differs(batch: &Batch<'_>, seen: &Seen, when: When) -> bool {
    let table = &batch.tables[seen.table];
    let is_same = |(name, id): &(String, ValueId)| {
        let there = source(batch, table, *id, when).is_some();
        there && table.values[*id].physical.as_deref() == Some(name)
    };
    seen.name != table.physical
        || !seen.columns.iter().all(is_same)
        || there(table).any(|column| !seen.columns.iter().any(|(name, _)| name == column))
}

/// The columns that the table has in the catalog, but for those of ours.
fn there(table: &Table) -> impl Iterator<Item = &str> {
    let own = table.columns.iter().filter(|_| table.created).map(|column| column.value);
    let values = table.values.iter().enumerate().filter(|(_, v)| !table.created && v.in_base);
    let ids = own.chain(values.map(|(id, _)| id));
    ids.filter_map(|id| table.values[id].physical.as_deref())
}

/// Whether a table that the batch changes may have columns of ours.
fn may_have_more(table: &Table, when: When) -> bool {
    when != When::Now && !table.created
}

/// Whether contract takes columns or names away by which the table is known until then.
pub(super) fn moves(table: &Table) -> bool {
    let is_renamed = |name: &str, id: ValueId| table.values[id].physical.as_deref() != Some(name);
    !table.dropped.is_empty()
        || table.name != table.physical
        || table.columns.iter().any(|column| is_renamed(&column.name, column.value))
}

/// The table has its rows, or never had any.
fn require_rows(
    batch: &Batch<'_>,
    at: (usize, usize),
    seen: &Seen,
    when: When,
) -> Result<(), Refusal> {
    let table = &batch.tables[seen.table];
    let is_gone = table.created && table.removed;
    let is_empty = table.filled && when == When::Up;
    if !(is_gone || is_empty) {
        return Ok(());
    }
    let what = if is_gone { "creates and removes" } else { "fills" };
    Err(refuse(
        batch,
        at,
        format!("a sub-select reads `{}`, which the same batch {what}", seen.name),
        seen.changed_by,
    ))
}

/// A name with a schema means the table in the catalog, and so does that of a type: it has to have what the expression reads, and no more if that is `whole` rows.
fn require_alike(
    batch: &Batch<'_>,
    (at, sql): ((usize, usize), &str),
    seen: &Seen,
    whole: bool,
) -> Result<(), Refusal> {
    let table = &batch.tables[seen.table];
    let is_same = |name: &str, id: ValueId| table.values[id].physical.as_deref() == Some(name);
    let columns = &seen.columns;
    let others = columns.iter().any(|(name, id)| !is_same(name, *id) && reads_column(sql, name));
    let is_gone = |name: &&str| !columns.iter().any(|(known, _)| known == name);
    let gone = there(table).filter(is_gone).any(|name| reads_column(sql, name));
    if seen.name == table.physical && !(whole || others || gone) {
        return Ok(());
    }
    if !seen.with_schema {
        let name = &seen.name;
        let message = format!(
            "a sub-select names the type of the rows of `{name}`, and the same batch changes that table"
        );
        return Err(refuse(batch, at, message, seen.changed_by));
    }
    let name = format!("{}.{}", table.schema, seen.name);
    let refusal = refuse(
        batch,
        at,
        format!(
            "a sub-select names `{name}` with its schema, and the same batch changes that table"
        ),
        seen.changed_by,
    );
    Err(or(refusal, |help| {
        let name = &seen.name;
        format!(
            "leave the schema out, so that `{name}` can be shown as it is at this point; or {help}"
        )
    }))
}

/// The values are not there when the expression needs them.
fn unknown(batch: &Batch<'_>, at: (usize, usize), seen: &Seen, name: &str, id: ValueId) -> Refusal {
    let by = batch.origins.of(seen.table, id);
    let table = &batch.tables[seen.table];
    let whose = by.map_or(String::from("the same batch"), |by| {
        format!("`{}` in the same batch", batch.request.pending[by].name)
    });
    let message = format!(
        "a sub-select reads `{}`.`{name}`, whose values are computed by {whose}",
        shown(&table.schema, &seen.name)
    );
    let refusal = refuse(batch, at, message, by);
    or(refusal, |help| {
        let name = &seen.name;
        format!(
            "{help}; or take the value by `{{ table = \"{name}\", value = …, where = … }}`, which follows the other table"
        )
    })
}

/// With another way out beside the one that there is.
fn or(refusal: Refusal, both: impl FnOnce(&str) -> String) -> Refusal {
    let help = both(refusal.help.as_deref().unwrap_or_default());
    refusal.with_help(help)
}

fn refuse(
    batch: &Batch<'_>,
    at: (usize, usize),
    message: String,
    changed_by: Option<usize>,
) -> Refusal {
    batch.refuse_at(at, message).with_help(complete_first(batch, at, changed_by))
}

/// As [`Batch::not_supported`], of the action at `at`.
pub(super) fn not_supported(
    batch: &Batch<'_>,
    at: (usize, usize),
    what: &str,
    changed_by: Option<usize>,
) -> Refusal {
    refuse(batch, at, format!("{what} is not supported yet"), changed_by)
}
