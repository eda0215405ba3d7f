//! What is refused of tables that inherit.

use super::{above, is_synced};
use crate::plan::batch::Batch;
use crate::plan::cross::Cross;
use crate::plan::facts::{LiveTable, TableKind};
use crate::plan::lineage::{Column, Table};
use crate::plan::{Refusal, columns};

/// A child that can follow its parent.
pub(super) fn require_child(batch: &Batch<'_>, parent: usize, child: usize) -> Result<(), Refusal> {
    let Some(live) = batch.live(&batch.tables[child]) else { return Ok(()) };
    let (parent, child) = (&batch.tables[parent].name, &batch.tables[child].name);
    if live.kind == TableKind::Foreign {
        return Err(batch
            .refuse(format!("`{child}`, which inherits from `{parent}`, is a foreign table: no trigger of ours translates its rows"))
            .with_help("end the inheritance first, with `ALTER TABLE … NO INHERIT`"));
    }
    if live.parents.len() > 1 {
        let others = live.parents.iter().map(|parent| format!("`{}`", parent.name));
        let others: Vec<String> = others.collect();
        return Err(batch
            .not_supported(&format!(
                "changing columns of `{parent}`, whose child `{child}` inherits from {},",
                others.join(" and ")
            ))
            .with_help("let it inherit from one table alone, with `ALTER TABLE … NO INHERIT`"));
    }
    Ok(())
}

/// A table of a composite type has the type's columns, and no others.
pub(crate) fn require_untyped(batch: &Batch<'_>, live: &LiveTable) -> Result<(), Refusal> {
    if !live.inherits || live.has_family() {
        return Ok(());
    }
    Err(batch
        .not_supported(&format!("changing `{}`, a table of a composite type,", live.name))
        .with_help("make it a table with columns of its own first, with `ALTER TABLE … NOT OF`"))
}

/// A column is changed where it comes from.
pub(super) fn require_own(batch: &Batch<'_>, number: usize, name: &str) -> Result<(), Refusal> {
    let table = &batch.tables[number];
    let (Some(live), Some(column)) = (batch.live(table), table.column(name)) else { return Ok(()) };
    let there = |column: &Column| table.physical(column).and_then(|name| live.column(name));
    if !table.is_inherited(column) && !there(column).is_some_and(|column| column.inherited) {
        return Ok(());
    }
    let parents: Vec<String> =
        live.parents.iter().map(|parent| format!("`{}`", parent.name)).collect();
    Err(batch
        .refuse(format!(
            "column `{name}` of table `{}` is inherited from {}",
            table.name,
            parents.join(" or ")
        ))
        .with_help("change it there: the tables that inherit from it follow"))
}

/// Values that go from table to table do not go by the tables' families.
pub(super) fn alone(batch: &Batch<'_>, table: &Table) -> Refusal {
    let what = format!(
        "a value from, or for, another table where `{}` inherits, or is inherited from,",
        table.name
    );
    batch.not_supported(&what)
}

/// The same, of the batch as a whole.
pub(crate) fn require_alone(batch: &Batch<'_>, cross: &Cross) -> Result<(), Refusal> {
    for table in cross.members.iter().map(|member| &batch.tables[*member]) {
        if batch.live(table).is_some_and(LiveTable::has_family) {
            return Err(Refusal { action: None, ..alone(batch, table) });
        }
    }
    Ok(())
}

/// What would go wrong between the tables of a family.
pub(crate) fn require_possible(batch: &Batch<'_>) -> Result<(), Refusal> {
    for (number, table) in batch.tables.iter().enumerate().filter(|(_, table)| !table.created) {
        let refuse = |message: String| {
            let help = "split the migration, and complete the first part before the second";
            Err(Refusal { action: None, ..batch.refuse(message) }.with_help(help))
        };
        let changed = |above: &usize| {
            let above = &batch.tables[*above];
            !above.removed && (is_synced(above) || !columns::checked_columns(above).is_empty())
        };
        let above = above(&batch.tables, number).find(changed);
        if let (true, Some(above)) = (table.removed, above) {
            return refuse(format!(
                "table `{}` is removed in the batch that changes `{}`, from which it inherits",
                table.name, batch.tables[above].name
            ));
        }
        let mut inherited = table.columns.iter().filter(|column| table.is_inherited(column));
        let taken = inherited.find(|column| {
            table.physical(column) != Some(&column.name)
                && table.columns.iter().any(|own| {
                    !table.is_inherited(own)
                        && own.name != column.name
                        && table.physical(own) == Some(&column.name)
                })
        });
        if let (false, Some(column)) = (table.removed, taken) {
            return refuse(format!(
                "an inherited column of `{}` takes the name `{}`, which one of its own has until the batch is complete",
                table.name, column.name
            ));
        }
    }
    Ok(())
}
