//! Random actions: what they do to the model, and their TOML.

mod columns;
mod keys;
mod others;
mod tables;

use std::collections::{BTreeMap, BTreeSet};

use crate::random::{Random, s};
use crate::relations::op::Op;
use crate::relations::schema::{ColumnId, Schema, Table, TableId};
use crate::relations::toml;
use crate::relations::world::World;

pub(crate) const TABLES: [&str; 7] = ["users", "t", "Two words", "items", "Order", "first", "new"];
pub(crate) const COLUMNS: [&str; 14] = [
    "a",
    "b",
    "c",
    "r",
    "s",
    "k",
    "new",
    "old",
    "Upper",
    "two words",
    "select",
    "größe",
    "t",
    "id2",
];

/// Numbers for what is new, and the name of everything that needs one.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    next: usize,
}

impl Numbers {
    pub(crate) fn next(&mut self) -> usize {
        self.next += 1;
        self.next
    }
}

/// What an action adds to the migration, and the points that it adds to the model.
pub(crate) type Act = (String, Vec<(Schema, Op)>);

pub(crate) struct Generator<'a> {
    pub(crate) random: &'a mut Random,
    pub(crate) numbers: &'a mut Numbers,
    pub(crate) world: &'a World,
    /// What the foreign keys of the base are called.
    pub(crate) names: &'a Names,
}

/// The names of foreign keys, by table and columns.
pub(crate) type Names = BTreeMap<(TableId, Vec<ColumnId>), String>;

impl Generator<'_> {
    /// A random action and the name of its kind; `None` if what the dice say makes no sense.
    pub(crate) fn act(&mut self) -> Option<(&'static str, Act)> {
        let tables: Vec<TableId> = self.world.last().keys().copied().collect();
        let table = *self.random.pick(&tables)?;
        let (kind, act) = match self.random.next(29) {
            0 => ("rename_table", self.rename_table(table)),
            1 | 2 => ("rename", self.rename(table)),
            3..=6 => ("alter", self.alter(table)),
            7 => ("swap", (0..4).find_map(|_| self.swap(table))),
            8 | 27 => ("add_column", self.add_column(table)),
            9 | 25 => ("add_column", self.add_column_from_another(table)),
            10 | 11 | 26 => ("remove_column", self.remove_column(table)),
            12..=14 => ("add_index", self.add_index(table)),
            15 | 16 => ("remove_index", self.remove_index(table)),
            17..=19 => ("add_foreign_key", self.add_foreign_key(table)),
            20 | 21 => ("remove_foreign_key", self.remove_foreign_key(table)),
            22..=24 => ("create_table", self.create_table()),
            _ => ("remove_table", self.remove_table(table)),
        };
        act.map(|act| (kind, act))
    }

    fn schema(&self) -> Schema {
        self.world.last().clone()
    }

    fn table(&self, table: TableId) -> Table {
        self.world.last()[&table].clone()
    }

    fn free_table(&mut self) -> Option<String> {
        let taken: BTreeSet<String> = self
            .world
            .levels
            .iter()
            .flat_map(|schema| schema.values().map(|table| table.name.clone()))
            .collect();
        let gone = self.world.levels[0].values().map(|table| table.name.clone());
        let now: BTreeSet<String> = self.world.last().values().map(|t| t.name.clone()).collect();
        let again: Vec<String> = gone.filter(|name| !now.contains(name)).collect();
        if self.random.chance(10) && !again.is_empty() {
            return self.random.pick(&again).cloned();
        }
        let free: Vec<&&str> = TABLES.iter().filter(|name| !taken.contains(**name)).collect();
        self.random.pick(&free).map(|name| (**name).to_owned())
    }

    fn free_column(&mut self, table: &Table) -> Option<String> {
        let free: Vec<&&str> = COLUMNS
            .iter()
            .filter(|name| table.columns.iter().all(|column| column.name != ***name))
            .collect();
        self.random.pick(&free).map(|name| (**name).to_owned())
    }

    fn rename(&mut self, id: TableId) -> Option<Act> {
        let mut schema = self.schema();
        let table = schema.get_mut(&id)?;
        let name = self.free_column(table)?;
        let place = self.random.next(table.columns.len());
        let text = format!(
            "{}column = {}\nchanges = {{ name = {} }}\n",
            toml::head("alter_column", &table.name),
            s(&table.columns[place].name),
            s(&name)
        );
        table.columns[place].name = name;
        Some((text, vec![(schema, Op::Plain)]))
    }
}
