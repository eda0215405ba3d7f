//! What one lookup asks of the two tables.

use std::collections::BTreeSet;

use super::relay::Parts;
use super::{Cross, Direction, Place, Relay, key, relax};
use crate::plan::Refusal;
use crate::plan::batch::Batch;
use crate::plan::lineage::{Formula, Table, ValueId};

/// Adds the trigger that keeps the results up to date, or says why that is impossible.
/// `sources` are the tables that anything is looked up in.
pub(super) fn lookup(
    batch: &Batch<'_>,
    cross: &mut Cross,
    sources: &BTreeSet<usize>,
    place: Place,
) -> Result<(), Refusal> {
    let Place { table, direction, .. } = place;
    let reader = &batch.tables[table];
    let stage = place.stage(&batch.tables);
    let Formula::Lookup(lookup) = &stage.formula else { return Ok(()) };
    let source = &batch.tables[lookup.table];
    if source.created && source.removed {
        return Err(refuse(
            batch,
            format!(
                "a value of `{}` comes from `{}`, which the batch creates and removes",
                reader.name, lookup.scope.table
            ),
            "remove that table in a later batch",
        ));
    }
    let mut own: BTreeSet<&str> = BTreeSet::new();
    for (name, id) in &stage.scope.names {
        if lookup.uses(&stage.scope, name) {
            own.extend(reader.values[*id].physical.as_deref());
            let is_computed = direction == Direction::Up && is_computed(reader, *id);
            if reader.values[*id].physical.is_none() || is_computed {
                return Err(changes(batch, &stage.scope.table, name));
            }
        }
    }
    let mut reads: BTreeSet<&str> = BTreeSet::new();
    let mut condition: BTreeSet<&str> = BTreeSet::new();
    let mut waits = source.created;
    for (name, id) in &lookup.scope.names {
        let decides = lookup.reads(&lookup.condition, &stage.scope, name);
        if !decides && !lookup.reads(&lookup.value, &stage.scope, name) {
            continue;
        }
        let is_stale = source.created && !source.columns.iter().any(|column| column.value == *id);
        let column = source.values[*id].physical.as_deref().filter(|_| !is_stale);
        let Some(column) = column else {
            return Err(changes(batch, &lookup.scope.table, name));
        };
        not_generated(batch, source, column)?;
        reads.insert(column);
        condition.extend(decides.then_some(column));
        waits |= is_computed(source, *id);
    }
    let Some(slot) = reader.values[stage.result].physical.as_deref() else { return Ok(()) };
    if reader.values[stage.result].is_always_identity {
        return Err(batch.not_supported(&format!(
            "a value of another table for the identity column `{}`.`{slot}`",
            reader.name
        )));
    }
    let column = reader.columns.iter().find(|column| column.value == stage.result);
    let base = batch.live(reader).and_then(|live| live.column(slot));
    let required =
        column.is_some_and(|column| column.not_null) || base.is_some_and(|column| column.not_null);
    let relaxed = relax::is_relaxed(batch, place);
    if direction == Direction::Up && waits {
        if required {
            return Err(refuse(
                batch,
                format!(
                    "`{}`.`{}` is NOT NULL and comes from `{}`, whose rows are not complete before the batch has filled them",
                    reader.name,
                    column.map_or(slot, |column| column.name.as_str()),
                    source.name
                ),
                "start and complete the change of the other table first, or make the column NOT NULL in a later batch",
            ));
        }
        cross.needs.push((table, lookup.table));
    }
    cross.members.extend([table, lookup.table]);
    // Nobody but old clients knows a table that the batch removes.
    if source.removed && direction == Direction::Down {
        return Ok(());
    }
    let parts = Parts {
        reader,
        source,
        stage,
        lookup,
        direction,
        slot,
        required: required && !relaxed,
        relaxed,
        is_looked_up: sources.contains(&table),
        condition,
        key: key(batch, lookup.table),
    };
    let number = cross.relays.len() + 1;
    cross.relays.push(Relay {
        number,
        source: lookup.table,
        direction,
        reads: reads.into_iter().map(str::to_owned).collect(),
        when: None,
        deletes: true,
        fills: false,
        body: parts.body(),
    });
    // A row that must have a value is not written without one.
    if !(parts.required && lookup.otherwise.is_none()) {
        cross.relays.push(Relay {
            number: number + 1,
            source: table,
            direction,
            reads: own.into_iter().map(str::to_owned).collect(),
            when: parts.missing(),
            deletes: false,
            fills: false,
            body: parts.again(&key(batch, table)),
        });
    }
    Ok(())
}

/// The triggers that tell who wrote do not see generated columns.
pub(super) fn not_generated(batch: &Batch<'_>, table: &Table, column: &str) -> Result<(), Refusal> {
    let live = batch.live(table).and_then(|live| live.column(column));
    if !live.is_some_and(|live| live.generated) {
        return Ok(());
    }
    Err(refuse(
        batch,
        format!(
            "taking a value from the generated column `{}`.`{column}` is not supported yet",
            table.name
        ),
        "write the generated column's expression in its place",
    ))
}

/// Whether the rows that exist have the value only when the batch has filled it in.
pub(super) fn is_computed(table: &Table, value: ValueId) -> bool {
    table.ups.iter().any(|stage| stage.result == value)
}

pub(super) fn changes(batch: &Batch<'_>, table: &str, column: &str) -> Refusal {
    refuse(
        batch,
        format!(
            "taking values from another table by `{table}`.`{column}`, which the same batch changes, is not supported yet"
        ),
        "start and complete the batch that changes the column first",
    )
}

pub(super) fn refuse(batch: &Batch<'_>, message: String, help: &str) -> Refusal {
    Refusal { action: None, ..batch.refuse(message) }.with_help(help)
}
