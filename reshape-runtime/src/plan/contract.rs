//! Contract: what only the old version needed goes.
//!
//! **Invariant:** no statement depends on the number of rows, and nothing is dropped with CASCADE.

use std::collections::BTreeSet;

use crate::model::{Index, IndexColumn};
use crate::plan::assemble::{checked_columns, shown};
use crate::plan::batch::{Batch, Draft};
use crate::plan::lineage::Table;
use crate::plan::sync::Sync;
use crate::plan::view::Views;
use crate::plan::{Phase, Step, not_null, numbers, partition};
use crate::sql::ident::{ident, literal, qualified};
use crate::sql::names::{self, ORIGIN};

/// The old version's views go first: they hold on to its columns. Nothing is dropped with CASCADE.
pub(crate) fn drop_base(batch: &Batch<'_>) -> Option<Step> {
    let facts = batch.facts();
    let base = batch.request.base?;
    let views: Vec<String> =
        facts.base_views.iter().map(|(schema, view)| qualified(schema, view)).collect();
    let mut statements = Vec::new();
    if !views.is_empty() {
        statements.push(format!("DROP VIEW IF EXISTS {}", views.join(", ")));
    }
    statements.extend(
        facts.base_schemas.iter().map(|schema| format!("DROP SCHEMA IF EXISTS {}", ident(schema))),
    );
    Some(
        Step::sql(Phase::Contract, format!("drop `{}`", names::version_schema(base)), statements)
            .locking("ACCESS EXCLUSIVE on the old version's views: nobody uses them any more"),
    )
}

/// One short transaction: nothing in it depends on the number of rows.
pub(crate) fn table(
    table: &Table,
    order: usize,
    sync: &Sync<'_>,
    views: &Views<'_>,
    indexes: &[&Index],
) -> Option<Draft> {
    let on = table.sql();
    let alter = |column: &str, change: &str| {
        format!("ALTER TABLE {on} ALTER COLUMN {} {change}", ident(column))
    };
    let mut sql = Vec::new();
    if sync.is_needed() {
        sql.push(views.lock(table));
        sql.extend(sync.remove());
        sql.extend(views.release(table));
    }
    sql.extend(table.drop_not_null.iter().map(|column| alter(column, "DROP NOT NULL")));
    sql.extend(
        table
            .new_defaults
            .iter()
            .map(|(column, default)| alter(column, &format!("SET DEFAULT {default}"))),
    );
    for column in table.shadows().filter(|column| column.added_default.is_some()) {
        if let (Some(physical), Some(default)) = (table.physical(column), &column.default) {
            sql.push(alter(physical, &format!("SET DEFAULT {default}")));
        }
    }
    let mut dropped: Vec<String> = Vec::new();
    if sync.is_needed() {
        dropped.push(ident(ORIGIN));
    }
    dropped.extend(table.dropped.iter().map(|column| ident(column)));
    if !dropped.is_empty() {
        let clauses: Vec<String> = dropped.iter().map(|c| format!("DROP COLUMN {c}")).collect();
        sql.push(format!("ALTER TABLE {on}\n  {}", clauses.join(",\n  ")));
    }
    sql.extend(rename_columns(table));
    let mut name = on.clone();
    if table.name != table.physical {
        sql.push(format!("ALTER TABLE {on} RENAME TO {}", ident(&table.name)));
        name = qualified(&table.schema, &table.name);
    }
    for physical in checked_columns(table) {
        if let Some(column) =
            table.columns.iter().find(|column| table.physical(column) == Some(physical.as_str()))
        {
            sql.extend(not_null::finish(&name, &physical, &column.name));
        }
    }
    sql.extend(numbers::finish(table, &name));
    for index in indexes {
        let renames = rename_index_columns(table, index);
        if !renames.is_empty() && !table.partition_key.is_empty() {
            sql.push(partition::rename_shares(&table.schema, &index.name));
        }
        sql.extend(renames);
    }
    for column in table.shadows() {
        if let Some(comment) = &column.comment {
            let column = ident(&column.name);
            sql.push(format!("COMMENT ON COLUMN {name}.{column} IS {}", literal(comment)));
        }
    }
    if sql.is_empty() {
        return None;
    }
    let step = Step::sql(Phase::Contract, format!("finish {}", shown(table)), sql)
        .locking("ACCESS EXCLUSIVE on the table: no row is read or written, catalog only");
    Some(Draft { order, step, fresh: false })
}

/// Renames, by way of generated names where two columns swap theirs.
fn rename_columns(table: &Table) -> Vec<String> {
    let rename = |from: &str, to: &str| {
        format!("ALTER TABLE {} RENAME COLUMN {} TO {}", table.sql(), ident(from), ident(to))
    };
    let renames: Vec<(&str, &str)> = table
        .columns
        .iter()
        .filter_map(|column| Some((table.physical(column)?, column.name.as_str())))
        .filter(|(from, to)| from != to)
        .collect();
    let crossed = renames.iter().any(|(_, to)| renames.iter().any(|(from, _)| from == to));
    if !crossed {
        return renames.iter().map(|(from, to)| rename(from, to)).collect();
    }
    let between: Vec<String> =
        renames.iter().map(|(_, to)| names::generated(&["rename", to])).collect();
    let away = renames.iter().zip(&between).map(|((from, _), between)| rename(from, between));
    let home = renames.iter().zip(&between).map(|((_, to), between)| rename(between, to));
    away.chain(home).collect()
}

/// An index names its columns after the table's, but does not follow when those are renamed.
fn rename_index_columns(table: &Table, index: &Index) -> Vec<String> {
    let on = qualified(&table.schema, &index.name);
    let names: BTreeSet<&str> = index.columns.iter().filter_map(IndexColumn::name).collect();
    let columns = names.into_iter().filter_map(|name| table.column(name));
    let renamed =
        columns.filter_map(|column| Some((table.physical(column)?, column.name.as_str())));
    renamed
        .filter(|(from, to)| from != to)
        .map(|(from, to)| {
            format!("ALTER TABLE {on} RENAME COLUMN {} TO {}", ident(from), ident(to))
        })
        .collect()
}
