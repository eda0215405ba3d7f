//! Contract: what only the old version needed goes.
//!
//! **Invariant:** no statement depends on the number of rows, and nothing is dropped with CASCADE.

use std::collections::BTreeSet;

use crate::model::{Index, IndexColumn};
use crate::plan::assemble::shown;
use crate::plan::batch::{Batch, Draft};
use crate::plan::columns::checked_columns;
use crate::plan::lineage::{Table, Value};
use crate::plan::sync::Sync;
use crate::plan::view::Views;
use crate::plan::{Phase, Step, inherit, not_null, numbers, partition};
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

/// Where a statement stands in the transaction that finishes one or more tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// Locks of views alone, where a table is locked by way of several.
    Enter,
    /// Locks, in the order in which queries take them.
    Lock,
    /// What must not see the columns change, or would hold them, is taken off: triggers, foreign keys, the user's views.
    Detach,
    /// NOT NULL goes; defaults change.
    Settle,
    /// Columns and constraints are dropped.
    Drop,
    /// Shadows take the names of the columns that they replace, so that what was taken off can be made again from its own text.
    Home,
    /// What was taken off is made again.
    Attach,
    /// Columns and tables get their last names.
    Rename,
    /// Tables that are to have a name which another one has go away from theirs.
    Away,
    /// They get it.
    Name,
    /// What goes by the last names.
    Finish,
}

/// What one table asks of the transaction.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// Its place among the batch's tables.
    pub(crate) table: usize,
    /// The last action that touched it.
    pub(crate) order: usize,
    /// Tables, quoted and qualified, that have to be gone before: it takes their names.
    pub(crate) waits_for: Vec<String>,
    pub(crate) statements: Vec<(Stage, String)>,
}

/// The steps: one short transaction for each table, or for tables that cannot be finished apart. Nothing in them depends on the
/// number of rows. First those that go before the drop of a table at the same place, then those that wait for it.
pub(crate) fn steps(batch: &Batch<'_>, parts: Vec<Part>) -> (Vec<Draft>, Vec<Draft>) {
    let mut groups: Vec<Vec<Part>> = Vec::new();
    for part in parts {
        let linked = |other: &Part| {
            batch.asked.links.iter().any(|(a, b)| {
                (*a, *b) == (part.table, other.table) || (*b, *a) == (part.table, other.table)
            })
        };
        let (mut together, apart): (Vec<_>, Vec<_>) =
            groups.into_iter().partition(|group: &Vec<Part>| group.iter().any(linked));
        let mut group: Vec<Part> = together.drain(..).flatten().collect();
        group.push(part);
        groups = apart;
        groups.push(group);
    }
    let waits = |group: &Vec<Part>| group.iter().any(|part| !part.waits_for.is_empty());
    let (mut late, now): (Vec<_>, Vec<_>) = groups.into_iter().partition(waits);
    // What is still said of a table that goes must not be said of the one that gets its name.
    for part in late.iter_mut().flatten() {
        let says = |other: &&Part| {
            let mut said = other.statements.iter();
            said.any(|(_, sql)| part.waits_for.iter().any(|name| sql.contains(name)))
        };
        let groups = now.iter().filter(|group| group.iter().any(|other| says(&other)));
        part.order = groups.flatten().map(|other| other.order).fold(part.order, usize::max);
    }
    let steps = |groups: Vec<Vec<Part>>| {
        groups.into_iter().filter_map(|group| finish(batch, group)).collect()
    };
    (steps(now), steps(late))
}

/// What a table asks that the batch creates or removes, and that gives values to others or has its rows from one.
pub(crate) fn member(table: &Table, sync: &Sync<'_>) -> Vec<(Stage, String)> {
    let detach = sync.remove_relays().into_iter().map(|sql| (Stage::Detach, sql));
    let drop = format!("ALTER TABLE {} DROP COLUMN {}", table.sql(), ident(ORIGIN));
    detach.chain(table.created.then_some((Stage::Drop, drop))).collect()
}

fn finish(batch: &Batch<'_>, mut group: Vec<Part>) -> Option<Draft> {
    group.sort_by_key(|part| inherit::depth(batch, part.table));
    let order = group.iter().map(|part| part.order).max()?;
    let names: Vec<String> = group
        .iter()
        .filter(|part| !part.statements.is_empty())
        .map(|part| shown(&batch.tables[part.table]))
        .collect();
    let mut locked = names.clone();
    for (_, other) in batch
        .asked
        .locked_too
        .iter()
        .filter(|(number, _)| group.iter().any(|part| part.table == *number))
    {
        if !locked.contains(other) {
            locked.push(other.clone());
        }
    }
    let mut statements: Vec<(Stage, String)> =
        group.into_iter().flat_map(|part| part.statements).collect();
    if statements.is_empty() {
        return None;
    }
    statements.sort_by_key(|(stage, _)| *stage);
    let statements = statements.into_iter().map(|(_, sql)| sql).collect();
    let step = Step::sql(Phase::Contract, format!("finish {}", names.join(", ")), statements)
        .locking(if locked.len() > 1 {
            format!(
                "ACCESS EXCLUSIVE on {}: no row is read or written, catalog only",
                locked.join(", ")
            )
        } else {
            String::from("ACCESS EXCLUSIVE on the table: no row is read or written, catalog only")
        });
    Some(Draft { order, step, fresh: false })
}

/// What `table` asks for itself, before what hangs on its columns.
pub(crate) fn table(
    table: &Table,
    sync: &Sync<'_>,
    views: &Views<'_>,
    indexes: &[&Index],
    goes_home: bool,
) -> Vec<(Stage, String)> {
    let on = table.sql();
    let alter = |column: &str, change: &str| {
        format!("ALTER TABLE {on} ALTER COLUMN {} {change}", ident(column))
    };
    let mut sql: Vec<(Stage, String)> = Vec::new();
    let mut add = |stage: Stage, statement: String| sql.push((stage, statement));
    if sync.is_needed() {
        // A client may come by the view of a parent or by that of a child: both before any table.
        if table.family.guarded {
            add(Stage::Enter, views.enter(table));
        }
        add(Stage::Lock, views.lock(table));
        for statement in sync.remove().into_iter().chain(views.release(table)) {
            add(Stage::Detach, statement);
        }
    }
    for column in &table.drop_not_null {
        add(Stage::Settle, alter(column, "DROP NOT NULL"));
    }
    for (column, default) in &table.new_defaults {
        add(Stage::Settle, alter(column, &format!("SET DEFAULT {default}")));
    }
    for column in table.shadows().filter(|column| column.added_default.is_some()) {
        if let (Some(physical), Some(default)) = (table.physical(column), &column.default) {
            add(Stage::Settle, alter(physical, &format!("SET DEFAULT {default}")));
        }
    }
    if let Some(clause) = inherit::drop_admission(table) {
        add(Stage::Settle, format!("ALTER TABLE {on} {clause}"));
        if table.family.has_children {
            add(Stage::Settle, inherit::left_in_children(&on, &[clause]));
        }
    }
    // A column that comes from a parent has gone with the parent's, as a rule.
    let drop = |column: &str, inherited: bool| {
        format!("DROP COLUMN {}{}", if inherited { "IF EXISTS " } else { "" }, ident(column))
    };
    let mut gone: Vec<(&str, bool)> = Vec::new();
    if sync.is_needed() {
        gone.push((ORIGIN, table.family.marker));
    }
    gone.extend(table.dropped.iter().map(|column| {
        let is_meant = |value: &&Value| value.physical.as_deref() == Some(column);
        let value = table.values.iter().find(is_meant);
        (column.as_str(), value.is_some_and(|value| value.inherited.is_some()))
    }));
    if !gone.is_empty() {
        let clauses: Vec<String> =
            gone.iter().map(|(column, inherited)| drop(column, *inherited)).collect();
        add(Stage::Drop, format!("ALTER TABLE {on}\n  {}", clauses.join(",\n  ")));
        if table.family.has_children {
            let left: Vec<String> = gone.iter().map(|(column, _)| drop(column, true)).collect();
            add(Stage::Drop, inherit::left_in_children(&on, &left));
        }
    }
    // The name of each column just before the renames.
    let mut current: Vec<(&str, &str)> = Vec::new();
    let mut inherited: Vec<(&str, &str)> = Vec::new();
    for column in &table.columns {
        let Some(physical) = table.physical(column) else { continue };
        let is_inherited = table.is_inherited(column);
        let list = if is_inherited { &mut inherited } else { &mut current };
        let home = column.ancestor.as_deref().filter(|_| goes_home && table.is_new(column));
        match home {
            Some(home) if is_inherited => {
                for statement in inherit::rename_columns(table, &[(physical, home)]) {
                    add(Stage::Home, statement);
                }
                list.push((home, &column.name));
            }
            Some(home) => {
                add(Stage::Home, rename_column(&on, physical, home));
                list.push((home, &column.name));
            }
            None => list.push((physical, &column.name)),
        }
    }
    for statement in inherit::rename_columns(table, &inherited) {
        add(Stage::Rename, statement);
    }
    for statement in rename_columns(&on, &current) {
        add(Stage::Rename, statement);
    }
    if table.name != table.physical {
        let rename = |on: &str, to: &str| format!("ALTER TABLE {on} RENAME TO {}", ident(to));
        match &table.by_way_of {
            None => add(Stage::Rename, rename(&on, &table.name)),
            Some(way) => {
                add(Stage::Away, rename(&on, way));
                add(Stage::Name, rename(&qualified(&table.schema, way), &table.name));
            }
        }
    }
    let name = table.last_sql();
    for physical in checked_columns(table) {
        if let Some(column) =
            table.columns.iter().find(|column| table.physical(column) == Some(physical.as_str()))
        {
            if table.family.checks.contains(&physical) {
                add(Stage::Finish, inherit::finish_not_null(&name, &physical, &column.name));
                continue;
            }
            for statement in not_null::finish(&name, &physical, &column.name) {
                add(Stage::Finish, statement);
            }
            if table.family.has_children {
                let left = [not_null::remove(&physical)];
                add(Stage::Finish, inherit::left_in_children(&name, &left));
            }
        }
    }
    for statement in numbers::finish(table, &name) {
        add(Stage::Finish, statement);
    }
    for index in indexes {
        let renames = rename_index_columns(table, index);
        if !renames.is_empty() && !table.partition_key.is_empty() {
            add(Stage::Finish, partition::rename_shares(&table.schema, &index.name));
        }
        for statement in renames {
            add(Stage::Finish, statement);
        }
    }
    for column in table.shadows() {
        if let Some(comment) = &column.comment {
            let column = ident(&column.name);
            add(
                Stage::Finish,
                format!("COMMENT ON COLUMN {name}.{column} IS {}", literal(comment)),
            );
        }
    }
    sql
}

fn rename_column(on: &str, from: &str, to: &str) -> String {
    format!("ALTER TABLE {on} RENAME COLUMN {} TO {}", ident(from), ident(to))
}

/// Statements that rename columns of a table, or of an index, from the names that they have to their last ones.
pub(crate) fn rename_columns(on: &str, wanted: &[(&str, &str)]) -> Vec<String> {
    renames(wanted).iter().map(|(from, to)| rename_column(on, from, to)).collect()
}

/// What leads from the first names to the second, one after the other: by way of generated names where two of them cross.
pub(crate) fn renames(wanted: &[(&str, &str)]) -> Vec<(String, String)> {
    let wanted: Vec<(&str, &str)> =
        wanted.iter().copied().filter(|(from, to)| from != to).collect();
    let crossed = wanted.iter().any(|(_, to)| wanted.iter().any(|(from, _)| from == to));
    if !crossed {
        return wanted.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect();
    }
    let between = |to: &str| names::generated(&["rename", to]);
    let away = wanted.iter().map(|(from, to)| ((*from).to_owned(), between(to)));
    let home = wanted.iter().map(|(_, to)| (between(to), (*to).to_owned()));
    away.chain(home).collect()
}

/// An index names its columns after the table's, but does not follow when those are renamed.
fn rename_index_columns(table: &Table, index: &Index) -> Vec<String> {
    let on = qualified(&table.schema, &index.name);
    let names: BTreeSet<&str> = index.columns.iter().filter_map(IndexColumn::name).collect();
    let columns = names.into_iter().filter_map(|name| table.column(name));
    let last: Vec<(&str, &str)> = columns
        .filter_map(|column| Some((table.physical(column)?, column.name.as_str())))
        .collect();
    rename_columns(&on, &last)
}
