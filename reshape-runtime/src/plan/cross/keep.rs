//! Values in between that another table reads: they get a column, and are kept up to date by both versions.

use super::fill::Fill;
use super::{Direction, Place};
use crate::plan::batch::Batch;
use crate::plan::lineage::{Formula, Table, ValueId};

/// Finds values that have to be kept; whether there were any more.
pub(super) fn values(batch: &mut Batch<'_>, places: &[Place]) -> bool {
    let mut read: Vec<(usize, ValueId)> = Vec::new();
    for place in places {
        let stage = place.stage(&batch.tables);
        let Formula::Lookup(lookup) = &stage.formula else { continue };
        for (name, id) in &lookup.scope.names {
            let mut expressions = [&lookup.value, &lookup.condition].into_iter();
            if expressions.any(|sql| lookup.reads(sql, &stage.scope, name)) {
                read.push((lookup.table, *id));
            }
        }
        // The rows that a new value of the other table belongs to are found by it.
        if place.direction == Direction::Down {
            let own = stage.scope.names.iter().filter(|(name, _)| lookup.uses(&stage.scope, name));
            read.extend(own.map(|(_, id)| (place.table, *id)));
        }
    }
    for fill in &batch.fills {
        read.extend(fill_reads(fill).map(|(_, id)| (fill.source, id)));
    }
    let mut more = false;
    for (number, id) in read {
        let table = &mut batch.tables[number];
        if table.created || table.removed || !is_between(table, id) || table.kept.contains(&id) {
            continue;
        }
        if table.values[id].physical.is_none() {
            table.hide(id);
        }
        table.kept.push(id);
        more = true;
    }
    more
}

/// The names of the source that the expressions of a fill may refer to.
pub(super) fn fill_reads(fill: &Fill) -> impl Iterator<Item = (&str, ValueId)> {
    let names = fill.scope.names.iter().filter(|(name, _)| fill.mentions(name));
    names.map(|(name, id)| (name.as_str(), *id))
}

/// Whether the value is neither the base's nor the target's.
fn is_between(table: &Table, value: ValueId) -> bool {
    !table.values[value].in_base && !table.columns.iter().any(|column| column.value == value)
}
