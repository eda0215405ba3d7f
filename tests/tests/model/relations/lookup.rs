//! A value from a row of another table.

use std::collections::BTreeSet;

use super::op::Way;
use super::schema::{ColumnId, Table, TableId};
use super::world::{Change, Row, RowId, World};
use crate::function::Fun;
use crate::random::{Cell, q, s};

/// `value` of the one row of `table` whose `key` is `own` of the row.
#[derive(Clone, Debug)]
pub(crate) struct Lookup {
    pub(crate) own: ColumnId,
    pub(crate) table: TableId,
    pub(crate) key: ColumnId,
    pub(crate) value: ColumnId,
    pub(crate) fun: Fun,
    /// Where there is no row.
    pub(crate) default: Cell,
}

impl Lookup {
    /// The TOML of `up` or `down`, by the names of the two tables.
    pub(crate) fn toml(&self, own: &Table, other: &Table) -> String {
        let of =
            |table: &Table, column| format!("{}.{}", q(&table.name), q(&table.name_of(column)));
        format!(
            "{{ table = {}, value = {}, where = {} }}",
            s(&other.name),
            s(&self.fun.sql(&of(other, self.value))),
            s(&format!("{} = {}", of(own, self.own), of(other, self.key)))
        )
    }

    fn find(&self, world: &World, level: usize, own: &Cell) -> Cell {
        let rows = world.data[level].get(&self.table);
        let mut fit = rows
            .into_iter()
            .flat_map(|rows| rows.values())
            .filter(|row| own.is_some() && row[&self.key] == *own);
        fit.next().map_or_else(|| self.default.clone(), |row| self.fun.apply(&row[&self.value]))
    }

    pub(crate) fn compute(
        &self,
        world: &mut World,
        mut way: Way<'_>,
        (on, column): (TableId, ColumnId),
    ) {
        // Nobody follows other tables for the sake of one that goes.
        if !world.last().contains_key(&on) {
            return;
        }
        let mut rows: BTreeSet<RowId> = BTreeSet::new();
        for ((table, row), change) in way.changes {
            let changed = |column: ColumnId| match change {
                Change::Insert | Change::Delete(_) => true,
                Change::Update(set, _) => set.contains(&column),
            };
            if *table == on && changed(self.own) {
                rows.insert(*row);
            }
            let now = world.data[way.from].get(table).and_then(|rows| rows.get(row));
            // The other table's trigger looks at values, not at what was computed anew.
            let differs = |column: ColumnId| match (change, now) {
                (Change::Update(_, old), Some(now)) => old[&column] != now[&column],
                _ => true,
            };
            if *table != self.table || !differs(self.key) && !differs(self.value) {
                continue;
            }
            let old = match change {
                Change::Insert => None,
                Change::Update(_, old) | Change::Delete(old) => Some(old),
            };
            let keys: BTreeSet<&Cell> =
                now.into_iter().chain(old).map(|row: &Row| &row[&self.key]).collect();
            let readers = world.data[way.from].get(&on).into_iter().flatten();
            let fit = readers
                .filter(|(_, row)| row[&self.own].is_some() && keys.contains(&row[&self.own]));
            rows.extend(fit.map(|(id, _)| *id));
        }
        for row in rows {
            let Some(cells) = world.data[way.from].get(&on).and_then(|rows| rows.get(&row)) else {
                continue;
            };
            let value = self.find(world, way.from, &cells[&self.own]);
            way.set(world, (on, row), column, value);
        }
    }
}
