//! The columns and constraints that a table gets in expand, and the checks that keep some of them from NULL.

use crate::plan::assemble::{of, shown};
use crate::plan::batch::Batch;
use crate::plan::expand::Expansion;
use crate::plan::facts::LiveTable;
use crate::plan::lineage::Table;
use crate::plan::sync::{Mode, Sync};
use crate::plan::view::column_grants;
use crate::plan::{carry, domain, inherit, not_null, numbers, partition};
use crate::sql::ident::ident;
use crate::sql::names::ORIGIN;

/// What a table asks of the transaction that expands it.
pub(crate) fn expand_table(
    batch: &Batch<'_>,
    number: usize,
    live: &LiveTable,
    sync: &Sync<'_>,
) -> Option<Expansion> {
    let table = &batch.tables[number];
    let mut clauses = Vec::new();
    let mut defaults = Vec::new();
    let mut undo = Vec::new();
    if sync.is_needed() && !table.family.marker {
        clauses.push(format!("ADD COLUMN {} text", ident(ORIGIN)));
    }
    for column in table.shadows() {
        let Some(physical) = table.physical(column) else { continue };
        if table.is_inherited(column) {
            undo.push(format!("DROP COLUMN IF EXISTS {}", ident(physical)));
            let default = column.default.as_ref().filter(|_| !column.draws);
            defaults.extend(default.filter(|_| table.is_computed(column)).map(|default| {
                let on = table.itself();
                format!("ALTER TABLE {on} ALTER COLUMN {} SET DEFAULT {default}", ident(physical))
            }));
            continue;
        }
        let data_type = &table.values[column.value].data_type;
        let mut clause = format!("ADD COLUMN {} {data_type}", ident(physical));
        if let Some(ancestor) = column.ancestor.as_ref().and_then(|name| live.column(name)) {
            let collation = ancestor.collation.as_deref();
            clause.push_str(&carry::collation(collation, &ancestor.data_type, data_type));
        }
        // The default of a domain is for rows to come, those that exist are computed.
        let of_domain = domain::default(batch.facts(), data_type);
        if of_domain.is_some() && table.is_computed(column) {
            clause.push_str(" DEFAULT NULL");
            defaults.push(format!(
                "ALTER TABLE {} ALTER COLUMN {} DROP DEFAULT",
                table.sql(),
                ident(physical)
            ));
        }
        let default = column.added_default.as_ref().or(column.default.as_ref());
        // Two columns that draw from one sequence would draw twice, and `currval` would not be what the old one has got.
        if let Some(default) = default.filter(|_| !column.draws) {
            if table.is_computed(column) {
                defaults.push(format!(
                    "ALTER TABLE {} ALTER COLUMN {} SET DEFAULT {default}",
                    table.itself(),
                    ident(physical)
                ));
            } else {
                // A default that is no volatile expression is stored once, in the catalog, for all rows that exist.
                clause.push_str(&format!(" DEFAULT {default}"));
                if column.not_null {
                    let taken = live.column(&column.name).is_some();
                    clause.push_str(&format!(" {}", not_null::inline(table, &column.name, taken)));
                }
            }
        }
        clauses.push(clause);
        undo.push(format!("DROP COLUMN IF EXISTS {}", ident(physical)));
    }
    for value in table.hidden.iter().map(|id| &table.values[*id]) {
        let Some(physical) = value.physical.as_deref().map(ident) else { continue };
        clauses.push(format!("ADD COLUMN {physical} {}", value.data_type));
        undo.push(format!("DROP COLUMN IF EXISTS {physical}"));
    }
    let checked = checked_columns(table);
    clauses.extend(own_checked_columns(table).iter().map(|column| not_null::add(column)));
    let more = batch.asked.clauses.iter().filter(|(table, _, _)| *table == number);
    clauses.extend(more.clone().map(|(_, clause, _)| clause.clone()));
    let mut undo: Vec<String> = more
        .map(|(_, _, undo)| undo.clone())
        .chain(of(&batch.asked.expand_undo, number).cloned())
        .chain(checked.iter().map(|column| not_null::remove(column)))
        .chain(inherit::drop_admission(table))
        .chain(undo)
        .collect();
    let more: Vec<String> = of(&batch.asked.expand, number).cloned().collect();
    if clauses.is_empty() && more.is_empty() && undo.is_empty() && !sync.is_needed() {
        return None;
    }
    let mut statements: Vec<String> = inherit::guard(table).into_iter().collect();
    statements.extend(numbers::create(table));
    if !clauses.is_empty() {
        statements.push(format!("ALTER TABLE {}\n  {}", table.sql(), clauses.join(",\n  ")));
    }
    statements.extend(inherit::admit(table));
    statements.extend(defaults);
    statements.extend(numbers::own(table, live));
    statements.extend(more);
    statements.extend(column_grants(table, live));
    let what = if table.shadows().next().is_none() && !sync.is_needed() && checked.is_empty() {
        "constraints"
    } else {
        "columns"
    };
    let mut expansion =
        Expansion { name: shown(table), what, columns: statements, ..Expansion::default() };
    if sync.is_needed() {
        expansion.proofs = sync.proofs();
        if !sync.up().is_empty() {
            expansion.proofs.extend(partition::guard(table, live, partition::Stranger::WithRows));
        }
        expansion.triggers = sync.install(Mode::Filling, live);
        expansion.undo_triggers = sync.remove();
        undo.push(format!("DROP COLUMN IF EXISTS {}", ident(ORIGIN)));
    }
    if !undo.is_empty() {
        // A child may have been dropped.
        let there = if live.parents.is_empty() { "" } else { "IF EXISTS " };
        let all = undo.join(",\n  ");
        expansion.undo_columns.push(format!("ALTER TABLE {there}{}\n  {all}", table.sql()));
        if table.family.has_children {
            undo.retain(|clause| clause.contains("__reshape"));
            if !undo.is_empty() {
                expansion.undo_columns.push(inherit::left_in_children(&table.sql(), &undo));
            }
        }
    }
    expansion.undo_columns.extend(numbers::remove(table));
    Some(expansion)
}

/// The columns, by their names in the table, that a NOT VALID check keeps from NULL until contract.
pub(crate) fn checked_columns(table: &Table) -> Vec<String> {
    table
        .shadows()
        .filter(|column| column.not_null && table.is_computed(column))
        .filter_map(|column| table.physical(column))
        .chain(table.set_not_null.iter().map(String::as_str))
        .map(str::to_owned)
        .collect()
}

/// Of these, those whose check does not come from a parent.
pub(crate) fn own_checked_columns(table: &Table) -> Vec<String> {
    let mut columns = checked_columns(table);
    columns.retain(|column| !table.family.checks.contains(column));
    columns
}
