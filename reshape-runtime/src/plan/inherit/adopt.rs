//! What a child has from its parent: values, names, checks, the marker.

use super::{Family, above, find, is_synced};
use crate::plan::batch::Batch;
use crate::plan::columns::checked_columns;
use crate::plan::facts::Facts;
use crate::plan::lineage::{Stage, Table};

/// Notes where tables and their columns come from. The tables are those of the facts, in their order.
pub(crate) fn link(tables: &mut [Table], facts: &Facts) {
    for (number, live) in facts.tables.iter().enumerate() {
        let [parent] = &live.parents[..] else { continue };
        let Some(above) = find(tables, parent.key()) else { continue };
        tables[number].parent = Some(above);
        for column in live.columns.iter().filter(|column| column.inherited) {
            let of = |table: &Table| {
                let named = |value: &_| physical(value) == Some(column.name.as_str());
                table.values.iter().position(named)
            };
            let source = of(&tables[above]);
            if let Some(value) = of(&tables[number]) {
                tables[number].values[value].inherited = source;
            }
        }
    }
}

fn physical(value: &crate::plan::lineage::Value) -> Option<&str> {
    value.physical.as_deref()
}

/// An action has been planned for the parent, and again for the child: the values that are new in the child are those that are new in the
/// parent, and what computes them sees the parent's names. Both tables come with the number of values that they had before.
pub(super) fn adopt(
    batch: &mut Batch<'_>,
    (parent, parent_knew): (usize, usize),
    (child, child_knew): (usize, usize),
) {
    let new = batch.tables[parent].values.len() - parent_knew;
    for place in 0..new {
        if let Some(value) = batch.tables[child].values.get_mut(child_knew + place) {
            value.inherited = Some(parent_knew + place);
        }
    }
    let above = batch.tables[parent].clone();
    let table = &mut batch.tables[child];
    let inherited: Vec<Option<usize>> = table.values.iter().map(|value| value.inherited).collect();
    for (own, of_parent) in [(&mut table.ups, &above.ups), (&mut table.downs, &above.downs)] {
        for stage in own.iter_mut() {
            let Some(Some(result)) = inherited.get(stage.result) else { continue };
            if let Some(source) = of_parent.iter().find(|source| source.result == *result) {
                see(stage, source);
            }
        }
    }
}

/// The expression was written for the parent's row: it knows neither the child's name nor the columns that only the child has.
fn see(stage: &mut Stage, source: &Stage) {
    stage.scope.table.clone_from(&source.scope.table);
    let own = std::mem::take(&mut stage.scope.names);
    let names = source.scope.names.iter();
    // In the parent's order, for expressions over the whole row.
    let seen = names.filter_map(|(name, _)| own.iter().find(|(known, _)| known == name));
    stage.scope.names = seen.cloned().collect();
}

/// The shadow columns of a child are called as its parent's, whose statement adds them.
pub(crate) fn take_names(tables: &mut [Table], number: usize) {
    let Some(above) = tables[number].parent else { return };
    for value in 0..tables[number].values.len() {
        let known = &tables[number].values[value];
        if let (None, Some(source)) = (&known.physical, known.inherited) {
            let name = tables[above].values[source].physical.clone();
            tables[number].values[value].physical = name;
        }
    }
}

/// What the statements of each table need to know of its family, once all columns have their names.
pub(crate) fn settle(batch: &mut Batch<'_>) {
    for number in super::parents_first(&batch.tables) {
        let tables = &batch.tables;
        let Some(live) = batch.live(&tables[number]) else { continue };
        if !live.has_family() {
            continue;
        }
        let changed = |above: &usize| !tables[*above].removed && is_synced(&tables[*above]);
        let above: Vec<usize> = above(tables, number).collect();
        let synced = above.iter().any(changed);
        let checks = tables[number].parent.map(|parent| checked_columns(&tables[parent]));
        let checks = checks.unwrap_or_default();
        let first = !synced && changed(&number) && !live.children.is_empty();
        let family = Family {
            has_children: !live.children.is_empty(),
            marker: synced,
            checks: checked_columns(&tables[number])
                .into_iter()
                .filter(|column| checks.contains(column))
                .collect(),
            guarded: synced || first,
            known: if first { whole(batch, number) } else { Vec::new() },
        };
        if let Some(parent) = tables[number].parent.filter(|above| tables[*above].touched.is_some())
        {
            batch.asked.links.push((parent, number));
        }
        batch.tables[number].family = family;
    }
}

/// The table and all below it, quoted and qualified.
fn whole(batch: &Batch<'_>, number: usize) -> Vec<String> {
    let mut found = vec![number];
    let mut next = 0;
    while let Some(table) = found.get(next).map(|number| &batch.tables[*number]) {
        let children = batch.live(table).map_or(&[][..], |live| &live.children);
        found.extend(children.iter().filter_map(|child| find(&batch.tables, child.key())));
        next += 1;
    }
    found.into_iter().map(|number| batch.tables[number].sql()).collect()
}
