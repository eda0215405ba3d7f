//! A table that the batch creates and fills from another one, which it follows while old clients write.

use std::collections::BTreeMap;

use super::op::Way;
use super::schema::{ColumnId, TableId};
use super::world::{Change, Row, RowId, World};
use crate::function::Fun;
use crate::random::Cell;

#[derive(Clone, Debug)]
pub(crate) struct Fill {
    pub(crate) table: TableId,
    pub(crate) source: TableId,
    /// The new table's key, and the source's, which it is.
    pub(crate) key: (ColumnId, ColumnId),
    /// The other columns that are filled.
    pub(crate) values: BTreeMap<ColumnId, (ColumnId, Fun)>,
    /// Rows in which that column of the source is not NULL.
    pub(crate) filter: Option<ColumnId>,
}

impl Fill {
    /// The key of the row that the source's row makes.
    fn makes(&self, row: &Row) -> Option<Cell> {
        let fits = self.filter.is_none_or(|column| row[&column].is_some());
        fits.then(|| row[&self.key.1].clone())
    }

    fn reads(&self, column: ColumnId) -> bool {
        column == self.key.1
            || self.filter == Some(column)
            || self.values.values().any(|(from, _)| *from == column)
    }

    pub(crate) fn forward(&self, world: &mut World, way: Way<'_>) {
        let Way { from, to, changes, next } = way;
        for ((table, row), change) in changes {
            if *table != self.source {
                continue;
            }
            let now = world.data[from].get(table).and_then(|rows| rows.get(row)).cloned();
            let wanted = match (change, &now) {
                (Change::Update(_, old), Some(now)) => {
                    now.iter().any(|(column, cell)| self.reads(*column) && old[column] != *cell)
                }
                _ => true,
            };
            if !wanted {
                continue;
            }
            let is = now.as_ref().and_then(|row| self.makes(row));
            let was = match change {
                Change::Insert => None,
                Change::Update(_, old) | Change::Delete(old) => self.makes(old),
            };
            let rows = world.data[to].entry(self.table).or_default();
            let at = |rows: &BTreeMap<RowId, Row>, key: &Cell| -> Option<RowId> {
                let mut fit = rows.iter().filter(|(_, row)| row[&self.key.0] == *key);
                fit.next().map(|(id, _)| *id)
            };
            if let Some(was) = was.filter(|was| is.as_ref() != Some(was))
                && let Some(id) = at(rows, &was)
            {
                let free = is.as_ref().filter(|is| at(rows, is).is_none());
                let place = (self.table, id);
                if let Some(key) = free {
                    let cells = rows.get_mut(&id).expect("the row");
                    let old = cells.clone();
                    cells.insert(self.key.0, key.clone());
                    next.insert(place, Change::Update([self.key.0].into(), old));
                } else if let Some(old) = rows.remove(&id) {
                    next.insert(place, Change::Delete(old));
                }
            }
            let (Some(key), Some(now)) = (is, now) else { continue };
            let values =
                self.values.iter().map(|(own, (input, fun))| (*own, fun.apply(&now[input])));
            let values: Row = values.collect();
            if let Some(id) = at(rows, &key) {
                let cells = rows.get_mut(&id).expect("the row");
                let old = cells.clone();
                cells.extend(values.clone());
                let changed = values.keys().filter(|c| old[*c] != cells[*c]).copied();
                match next
                    .entry((self.table, id))
                    .or_insert_with(|| Change::Update([].into(), old.clone()))
                {
                    Change::Update(set, _) => set.extend(changed),
                    Change::Insert | Change::Delete(_) => {}
                }
            } else {
                let id = world.next_row;
                world.next_row += 1;
                let shape = &world.levels[to][&self.table];
                let columns = shape.columns.iter();
                let mut cells: Row =
                    columns.map(|column| (column.id, column.default.clone())).collect();
                cells.extend(values);
                cells.insert(self.key.0, key);
                rows.insert(id, cells);
                next.insert((self.table, id), Change::Insert);
            }
        }
    }
}
