//! The rows of all tables at all points of a batch, and what a write at one end makes of those at the other.

use std::collections::{BTreeMap, BTreeSet};

use super::op::Op;
use super::schema::{ColumnId, Schema, Table, TableId};
use crate::random::Cell;

pub(crate) type RowId = usize;
pub(crate) type Row = BTreeMap<ColumnId, Cell>;
pub(crate) type Data = BTreeMap<TableId, BTreeMap<RowId, Row>>;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Side {
    Old,
    New,
}

/// Who writes; `told` is whether that can be told from the `search_path`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Writer {
    pub(crate) side: Side,
    pub(crate) told: bool,
}

/// What a write does to a row.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Insert,
    /// The columns that it gives another value, and the row as it was.
    Update(BTreeSet<ColumnId>, Row),
    /// The row as it was.
    Delete(Row),
}

pub(crate) type Changes = BTreeMap<(TableId, RowId), Change>;

#[derive(Clone, Debug)]
pub(crate) struct World {
    /// Before each action and after the last.
    pub(crate) levels: Vec<Schema>,
    pub(crate) data: Vec<Data>,
    pub(crate) ops: Vec<Op>,
    /// The number that the next insert into the table draws.
    pub(crate) drawn: Cell,
    pub(crate) next_row: RowId,
}

impl World {
    pub(crate) fn last(&self) -> &Schema {
        self.levels.last().expect("the base")
    }

    pub(crate) fn level(&self, side: Side) -> usize {
        if side == Side::Old { 0 } else { self.ops.len() }
    }

    pub(crate) fn table(&self, side: Side, table: TableId) -> Option<&Table> {
        self.levels[self.level(side)].get(&table)
    }

    pub(crate) fn rows(&self, side: Side, table: TableId) -> &BTreeMap<RowId, Row> {
        const EMPTY: &BTreeMap<RowId, Row> = &BTreeMap::new();
        self.data[self.level(side)].get(&table).unwrap_or(EMPTY)
    }

    /// Whether base and target have the same values in the column.
    pub(crate) fn is_shared(&self, table: TableId, column: ColumnId) -> bool {
        let has = |schema: &Schema| schema.get(&table).is_some_and(|t| t.column(column).is_some());
        has(&self.levels[0]) && has(self.last()) && !self.ops.iter().any(|op| op.replaces(column))
    }

    /// One more point at the end, with the rows that the action makes of those before.
    pub(crate) fn push(&mut self, schema: Schema, op: Op) {
        let last = self.ops.len();
        self.levels.push(schema);
        self.ops.push(op);
        self.data.push(Data::new());
        let rows = self.data[last].iter();
        let all = rows.flat_map(|(table, rows)| rows.keys().map(|row| (*table, *row)));
        let changes: Changes = all.map(|place| (place, Change::Insert)).collect();
        self.forward(last, &changes);
    }

    pub(crate) fn insert(&mut self, writer: Writer, table: TableId, row: Row) -> RowId {
        let level = self.level(writer.side);
        let id = self.next_row;
        self.next_row += 1;
        self.data[level].entry(table).or_default().insert(id, row);
        self.spread(writer.side, Changes::from([((table, id), Change::Insert)]));
        id
    }

    pub(crate) fn delete(&mut self, writer: Writer, table: TableId, row: RowId) {
        // A row does not say who deletes it; the search_path may.
        let known = self.levels[0].contains_key(&table);
        let side = if known && !writer.told { Side::Old } else { writer.side };
        let level = self.level(side);
        if let Some(old) = self.data[level].entry(table).or_default().remove(&row) {
            self.spread(side, Changes::from([((table, row), Change::Delete(old))]));
        }
    }

    pub(crate) fn update(&mut self, writer: Writer, table: TableId, row: RowId, set: &Row) {
        let shared = set.keys().all(|column| self.is_shared(table, *column));
        // Nothing but shared columns, by nobody in particular: counts as an old client's write.
        let side = if shared && !writer.told { Side::Old } else { writer.side };
        let level = self.level(side);
        let Some(cells) = self.data[level].get_mut(&table).and_then(|rows| rows.get_mut(&row))
        else {
            return;
        };
        let changed = set.iter().filter(|(column, cell)| cells[*column] != **cell);
        let changed: BTreeSet<ColumnId> = changed.map(|(column, _)| *column).collect();
        let old = cells.clone();
        cells.extend(set.clone());
        self.spread(side, Changes::from([((table, row), Change::Update(changed, old))]));
    }

    fn spread(&mut self, side: Side, mut changes: Changes) {
        match side {
            Side::Old => {
                for level in 0..self.ops.len() {
                    changes = self.forward(level, &changes);
                }
            }
            Side::New => {
                for level in (0..self.ops.len()).rev() {
                    changes = self.backward(level, &changes);
                }
            }
        }
    }

    fn forward(&mut self, level: usize, changes: &Changes) -> Changes {
        let mut next = Changes::new();
        for (place, change) in changes {
            self.pass(level, level + 1, *place, change, &mut next);
        }
        let op = self.ops[level].clone();
        op.forward(self, level, changes, &mut next);
        next
    }

    fn backward(&mut self, level: usize, changes: &Changes) -> Changes {
        let mut next = Changes::new();
        for (place, change) in changes {
            self.pass(level + 1, level, *place, change, &mut next);
        }
        let op = self.ops[level].clone();
        op.backward(self, level, changes, &mut next);
        next
    }

    /// Takes along what is the same on both sides of the action.
    fn pass(
        &mut self,
        from: usize,
        to: usize,
        place: (TableId, RowId),
        change: &Change,
        next: &mut Changes,
    ) {
        let (table, row) = place;
        let Some(there) = self.levels[to].get(&table) else { return };
        let op = &self.ops[from.min(to)];
        let rows = self.data[to].entry(table).or_default();
        if let Change::Delete(_) = change {
            if let Some(old) = rows.remove(&row) {
                next.insert(place, Change::Delete(old));
            }
            return;
        }
        let old = rows.get(&row).cloned().unwrap_or_default();
        let cells = self.data[from][&table][&row].clone();
        let same = |column: &ColumnId| there.column(*column).is_some() && !op.replaces(*column);
        let after = self.data[to].entry(table).or_default().entry(row).or_default();
        after.extend(cells.into_iter().filter(|(column, _)| same(column)));
        next.insert(
            place,
            match change {
                Change::Update(changed, _) => {
                    Change::Update(changed.iter().copied().filter(same).collect(), old)
                }
                Change::Insert | Change::Delete(_) => change.clone(),
            },
        );
    }

    /// The batch is over: the target is the base.
    pub(crate) fn complete(&mut self) {
        let last = self.ops.len();
        self.levels.drain(..last);
        self.data.drain(..last);
        self.ops.clear();
    }

    pub(crate) fn abort(&mut self) {
        self.levels.truncate(1);
        self.data.truncate(1);
        self.ops.clear();
    }
}
