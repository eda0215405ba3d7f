//! What an action does to values: forwards to those of an old client's write, backwards to those of a new one's.

use super::fill::Fill;
use super::lookup::Lookup;
use super::schema::{ColumnId, TableId};
use super::world::{Change, Changes, RowId, World};
use crate::function::Fun;
use crate::random::Cell;

/// Where the values of an added column come from, or those of a removed one in rows of new clients.
#[derive(Clone, Debug)]
pub(crate) enum From {
    Default(Cell),
    /// A sequence.
    Drawn,
    /// Another column of the row.
    Own(ColumnId, Fun),
    /// A row of another table.
    Other(Lookup),
}

#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// Names, keys, indexes, tables: no values.
    Plain,
    Alter {
        table: TableId,
        column: ColumnId,
        fun: Fun,
    },
    Add {
        table: TableId,
        column: ColumnId,
        from: From,
    },
    Remove {
        table: TableId,
        column: ColumnId,
        from: From,
    },
    /// Both ways are something else than a function of the column.
    Swap {
        table: TableId,
        column: ColumnId,
        up: From,
        down: From,
    },
    Fill(Fill),
}

impl Op {
    /// Whether the column has other values after the action, or none on one side.
    pub(crate) fn replaces(&self, id: ColumnId) -> bool {
        match self {
            Self::Plain | Self::Fill(_) => false,
            Self::Alter { column, .. }
            | Self::Add { column, .. }
            | Self::Remove { column, .. }
            | Self::Swap { column, .. } => *column == id,
        }
    }

    /// What a tally calls it; `None` if the action's kind says it all.
    pub(crate) fn name(&self) -> Option<&'static str> {
        match self {
            Self::Plain | Self::Swap { .. } => None,
            Self::Alter { .. } => Some("replaced column"),
            Self::Add { from: From::Other(_), .. } => Some("added column from another table"),
            Self::Add { from: From::Drawn, .. } => Some("added column from a sequence"),
            Self::Remove { from: From::Other(_), .. } => Some("removed column from another table"),
            Self::Add { .. } | Self::Remove { .. } => None,
            Self::Fill(_) => Some("filled table"),
        }
    }

    pub(crate) fn forward(
        &self,
        world: &mut World,
        level: usize,
        changes: &Changes,
        next: &mut Changes,
    ) {
        let way = Way { from: level, to: level + 1, changes, next };
        match self {
            Self::Plain | Self::Remove { .. } => {}
            Self::Fill(fill) => fill.forward(world, way),
            Self::Alter { table, column, fun } => {
                way.each(world, (*table, *column), Some(*column), &|cell| fun.apply(cell));
            }
            Self::Add { table, column, from } | Self::Swap { table, column, up: from, .. } => {
                from.compute(world, way, (*table, *column));
            }
        }
    }

    pub(crate) fn backward(
        &self,
        world: &mut World,
        level: usize,
        changes: &Changes,
        next: &mut Changes,
    ) {
        let way = Way { from: level + 1, to: level, changes, next };
        match self {
            Self::Plain | Self::Add { .. } | Self::Fill(_) => {}
            Self::Alter { table, column, fun } => {
                way.each(world, (*table, *column), Some(*column), &|cell| fun.back(cell));
            }
            Self::Remove { table, column, from } | Self::Swap { table, column, down: from, .. } => {
                from.compute(world, way, (*table, *column));
            }
        }
    }
}

impl From {
    fn compute(&self, world: &mut World, way: Way<'_>, place: (TableId, ColumnId)) {
        match self {
            Self::Default(default) => way.each(world, place, None, &|_| default.clone()),
            Self::Drawn => {
                let drawn = world.drawn.clone();
                way.each(world, place, None, &|_| drawn.clone());
            }
            Self::Own(input, fun) => way.each(world, place, Some(*input), &|cell| fun.apply(cell)),
            // No old client knows the table, so there is nothing to be translated.
            Self::Other(lookup) if !world.levels[0].contains_key(&place.0) => {
                way.each(world, place, None, &|_| lookup.default.clone());
            }
            Self::Other(lookup) => lookup.compute(world, way, place),
        }
    }
}

/// What has changed at one point, and what that has changed at the next.
pub(crate) struct Way<'a> {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) changes: &'a Changes,
    pub(crate) next: &'a mut Changes,
}

impl Way<'_> {
    /// Computes the column in every row that is new or in which `input` has changed.
    fn each(
        mut self,
        world: &mut World,
        (on, column): (TableId, ColumnId),
        input: Option<ColumnId>,
        compute: &dyn Fn(&Cell) -> Cell,
    ) {
        for ((table, row), change) in self.changes {
            let wanted = match change {
                Change::Insert => true,
                Change::Update(set, _) => input.is_some_and(|input| set.contains(&input)),
                Change::Delete(_) => false,
            };
            if *table == on && wanted {
                let cells = &world.data[self.from][table][row];
                let value = compute(&input.and_then(|input| cells[&input].clone()));
                self.set(world, (on, *row), column, value);
            }
        }
    }

    /// Gives a row at the next point a value.
    pub(crate) fn set(
        &mut self,
        world: &mut World,
        place: (TableId, RowId),
        column: ColumnId,
        value: Cell,
    ) {
        let (table, row) = place;
        let rows = world.data[self.to].get_mut(&table);
        let Some(after) = rows.and_then(|rows| rows.get_mut(&row)) else { return };
        let old = after.clone();
        after.insert(column, value);
        match self.next.entry(place).or_insert_with(|| Change::Update([].into(), old)) {
            Change::Update(set, _) => {
                set.insert(column);
            }
            Change::Insert | Change::Delete(_) => {}
        }
    }
}
