//! Random writes of clients: what they do to the model, and their SQL.

mod apply;
mod sql;

use std::collections::BTreeSet;

use crate::function::Kind;
use crate::random::{Cell, Random};
use crate::relations::keys::number;
use crate::relations::schema::{Column, ColumnId, Draw, Shape, TableId};
use crate::relations::world::{Row, RowId, Side, World};

/// How far a shift goes.
const SHIFT: i64 = 1_500;

/// One statement.
#[derive(Clone, Debug)]
pub(crate) enum Write {
    Insert {
        table: TableId,
        given: Row,
        conflict: Conflict,
        select: Option<RowId>,
    },
    Update {
        table: TableId,
        rows: Vec<RowId>,
        set: Row,
    },
    /// Each row gets a number that it did not have.
    Shift {
        table: TableId,
        rows: Vec<RowId>,
        column: ColumnId,
    },
    Delete {
        table: TableId,
        rows: Vec<RowId>,
    },
}

#[derive(Clone, Debug)]
pub(crate) enum Conflict {
    Fail,
    Nothing,
    Update { key: Vec<ColumnId>, set: Vec<ColumnId> },
}

impl Write {
    pub(crate) fn table(&self) -> TableId {
        match self {
            Self::Insert { table, .. }
            | Self::Update { table, .. }
            | Self::Shift { table, .. }
            | Self::Delete { table, .. } => *table,
        }
    }

    /// A random one; `None` if what the dice say makes no sense.
    pub(crate) fn random(random: &mut Random, world: &World, side: Side) -> Option<Self> {
        let schema = &world.levels[world.level(side)];
        let ids: Vec<TableId> = schema.keys().copied().collect();
        let table = *random.pick(&ids)?;
        let shape = &schema[&table];
        let rows: Vec<RowId> = world.rows(side, table).keys().copied().collect();
        let writable = |column: &&Column| column.draw != Some(Draw::Always);
        match random.next(10) {
            0 | 1 if rows.len() > 2 => {
                let count = 1 + random.next(2);
                let rows: BTreeSet<RowId> =
                    (0..count).filter_map(|_| random.pick(&rows).copied()).collect();
                Some(Self::Delete { table, rows: rows.into_iter().collect() })
            }
            2 if !rows.is_empty() => {
                // A key that others may refer to.
                let row = *random.pick(&rows)?;
                let keys: Vec<&[ColumnId]> =
                    shape.uniques.iter().map(|unique| unique.columns.as_slice()).collect();
                let key = *random.pick(&keys)?;
                let column = shape.column(*random.pick(key)?).filter(writable)?;
                let set = Row::from([(column.id, cell(random, world, side, table, column))]);
                Some(Self::Update { table, rows: vec![row], set })
            }
            3..=5 if !rows.is_empty() => {
                let rows: Vec<RowId> = rows.into_iter().filter(|_| random.chance(25)).collect();
                let columns = shape.columns.iter().filter(writable);
                let columns: Vec<&Column> = columns.filter(|_| random.chance(35)).collect();
                let set: Row = columns
                    .into_iter()
                    .filter(|column| rows.len() < 2 || !shape.key().contains(&column.id))
                    .map(|column| (column.id, cell(random, world, side, table, column)))
                    .collect();
                (!set.is_empty() && !rows.is_empty()).then_some(Self::Update { table, rows, set })
            }
            6 if !rows.is_empty() && random.chance(50) => {
                let ints = shape.columns.iter().filter(writable).filter(|c| c.kind == Kind::Int);
                let ints: Vec<&Column> = ints.collect();
                let column = random.pick(&ints)?.id;
                // None takes the place of another that has not moved yet.
                let moves = |row: &RowId| {
                    number(&world.rows(side, table)[row][&column]).is_some_and(|n| n < SHIFT)
                };
                let rows = rows.into_iter().filter(|row| moves(row) && random.chance(40));
                let rows: Vec<RowId> = rows.collect();
                (!rows.is_empty()).then_some(Self::Shift { table, rows, column })
            }
            _ => Some(Self::insert(random, world, side, table, &rows)),
        }
    }

    fn insert(
        random: &mut Random,
        world: &World,
        side: Side,
        table: TableId,
        rows: &[RowId],
    ) -> Self {
        let shape = &world.levels[world.level(side)][&table];
        let mut given = Row::new();
        let defaults = random.chance(10)
            && shape.columns.iter().all(|c| !c.not_null || c.default.is_some() || c.draw.is_some());
        for column in shape.columns.iter().filter(|c| c.draw != Some(Draw::Always) && !defaults) {
            let needed = column.not_null && column.default.is_none() && column.draw.is_none();
            let often = if column.draw.is_some() { 20 } else { 60 };
            if needed || random.chance(often) {
                given.insert(column.id, cell(random, world, side, table, column));
            }
        }
        let select = random.pick(rows).copied().filter(|_| !defaults && random.chance(15));
        if let Some(from) = select {
            let source = &world.rows(side, table)[&from];
            let copied = shape
                .columns
                .iter()
                .filter(|column| column.draw.is_none() && !shape.key().contains(&column.id));
            given.extend(copied.map(|column| (column.id, source[&column.id].clone())));
        }
        let plain: Vec<&Vec<ColumnId>> = shape
            .uniques
            .iter()
            .filter(|unique| unique.shape == Shape::Plain)
            .map(|unique| &unique.columns)
            .collect();
        let conflict = match (random.next(10), random.pick(&plain)) {
            (0..=2, _) => Conflict::Nothing,
            (3..=6, Some(key)) => {
                let others = shape
                    .columns
                    .iter()
                    .filter(|column| !key.contains(&column.id) && column.draw.is_none());
                let set: Vec<ColumnId> =
                    others.map(|column| column.id).filter(|_| random.chance(50)).collect();
                if set.is_empty() {
                    Conflict::Nothing
                } else {
                    Conflict::Update { key: (*key).clone(), set }
                }
            }
            _ => Conflict::Fail,
        };
        Self::Insert { table, given, conflict, select }
    }
}

/// A value for the column: one that a foreign key asks for, most of the time.
fn cell(random: &mut Random, world: &World, side: Side, table: TableId, column: &Column) -> Cell {
    if !column.not_null && random.chance(25) {
        return None;
    }
    let shape = &world.levels[world.level(side)][&table];
    let reference = shape.foreign_keys.iter().find_map(|key| {
        let place = key.columns.iter().position(|c| *c == column.id)?;
        Some((key.table, key.referenced[place]))
    });
    if let Some((parent, target)) = reference.filter(|_| random.chance(85)) {
        let rows = world.rows(side, parent).values();
        let cells: Vec<Cell> = rows.map(|row| row[&target].clone()).collect();
        if let Some(cell) = random.pick(&cells) {
            return cell.clone();
        }
        if !column.not_null {
            return None;
        }
    }
    Some(value(random, column.kind))
}

/// One of few: duplicates and references that fit are wanted.
pub(crate) fn value(random: &mut Random, kind: Kind) -> String {
    let n = if random.chance(90) { random.next(40) } else { 400 + random.next(200) };
    match kind {
        Kind::Int => n.to_string(),
        Kind::Text => format!("it's \\{n}"),
        Kind::Tagged => format!("v{n}"),
    }
}
