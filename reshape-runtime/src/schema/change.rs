//! What an action does to the simulated schema, once it is clear which objects are meant.
//!
//! **Invariant:** nothing is judged here; every change is remembered together with its place.

use std::sync::Arc;

use crate::model::{Check, Column, Index};

use super::memory::{Fate, Object};
use super::problem::Segment;
use super::review::Review;
use super::table::{Enum, ForeignKey, Table, indexes_column};

impl Review<'_> {
    fn remember(&mut self, object: Object, fate: Fate, path: Vec<Segment>) {
        self.schema.memory.record(object, fate, self.at, path);
    }

    /// Takes note of a table that the action is going to create, before any action is replayed.
    pub(crate) fn foresee_table(&mut self, name: &str, path: Vec<Segment>) {
        self.schema.memory.foresee(Object::Table(name.to_owned()), self.at, path);
    }

    /// Takes note of an enum type that the action is going to create, before any action is replayed.
    pub(crate) fn foresee_enum(&mut self, name: &str, path: Vec<Segment>) {
        self.schema.memory.foresee(Object::Enum(name.to_owned()), self.at, path);
    }

    /// Adds an empty table and gives its position.
    pub(crate) fn add_table(
        &mut self,
        schema: &str,
        name: &str,
        comment: Option<&str>,
        path: Vec<Segment>,
    ) -> usize {
        self.schema.memory.forget_table(name);
        self.remember(Object::Table(name.to_owned()), Fate::Created, path);
        self.schema.tables.push(Arc::new(Table {
            schema: schema.to_owned(),
            name: name.to_owned(),
            columns: Vec::new(),
            primary_key: Vec::new(),
            indexes: Vec::new(),
            foreign_keys: Vec::new(),
            checks: Vec::new(),
            comment: comment.map(str::to_owned),
        }));
        self.schema.tables.len() - 1
    }

    /// Sets the primary key; its columns are NOT NULL from then on.
    pub(crate) fn set_primary_key(&mut self, table: usize, columns: Vec<String>) {
        let table = self.schema.table_mut(table);
        for column in
            table.columns.iter_mut().filter(|c| columns.iter().any(|name| c.name == *name))
        {
            column.nullable = false;
        }
        table.primary_key = columns;
    }

    /// Renames a table, also where foreign keys name it.
    pub(crate) fn rename_table(&mut self, table: usize, to: &str, path: Vec<Segment>) {
        let from = std::mem::replace(&mut self.schema.table_mut(table).name, to.to_owned());
        for position in self.referencing(&from) {
            for key in &mut self.schema.table_mut(position).foreign_keys {
                if key.referenced_table == from {
                    to.clone_into(&mut key.referenced_table);
                }
            }
        }
        self.schema.memory.rename_table(&from, to);
        self.remember(Object::Table(from), Fate::Renamed(to.to_owned()), path.clone());
        self.remember(Object::Table(to.to_owned()), Fate::Named, path);
    }

    /// Removes a table, its indexes, and the foreign keys that refer to it.
    pub(crate) fn drop_table(&mut self, table: usize, path: Vec<Segment>) {
        let dropped = self.schema.tables.remove(table);
        for index in &dropped.indexes {
            self.remember(Object::Index(index.name.to_string()), Fate::Removed, path.clone());
        }
        for position in self.referencing(&dropped.name) {
            let keys = &mut self.schema.table_mut(position).foreign_keys;
            keys.retain(|key| key.referenced_table != dropped.name);
        }
        self.remember(Object::Table(dropped.name.clone()), Fate::Removed, path);
    }

    /// The tables with a foreign key to the table `name`.
    fn referencing(&self, name: &str) -> Vec<usize> {
        let refers =
            |table: &Table| table.foreign_keys.iter().any(|key| key.referenced_table == name);
        (0..self.schema.tables.len()).filter(|at| refers(self.get(*at))).collect()
    }

    /// Adds a column behind the others; one of that name is replaced.
    pub(crate) fn add_column(&mut self, table: usize, column: Column, path: Vec<Segment>) {
        let object = Object::Column(self.get(table).name.clone(), column.name.to_string());
        self.remember(object, Fate::Created, path);
        let columns = &mut self.schema.table_mut(table).columns;
        match columns.iter_mut().find(|known| known.name == column.name) {
            Some(known) => *known = column,
            None => columns.push(column),
        }
    }

    /// Changes the facts of a column other than its name.
    pub(crate) fn change_column(
        &mut self,
        table: usize,
        column: usize,
        change: impl FnOnce(&mut Column),
    ) {
        change(&mut self.schema.table_mut(table).columns[column]);
    }

    /// Renames a column, also in keys and indexes.
    pub(crate) fn rename_column(
        &mut self,
        table: usize,
        column: usize,
        to: &str,
        path: Vec<Segment>,
    ) {
        let owner = self.get(table).name.clone();
        let from = self.get(table).columns[column].name.to_string();
        self.schema.table_mut(table).rename_column(&from, to);
        for position in self.referencing(&owner) {
            for key in &mut self.schema.table_mut(position).foreign_keys {
                if key.referenced_table == owner {
                    for name in key.referenced_columns.iter_mut().filter(|name| **name == from) {
                        to.clone_into(name);
                    }
                }
            }
        }
        let object = Object::Column(owner.clone(), from);
        self.remember(object, Fate::Renamed(to.to_owned()), path.clone());
        self.remember(Object::Column(owner, to.to_owned()), Fate::Named, path);
    }

    /// Removes a column, and what cannot be without it: its indexes and foreign keys.
    pub(crate) fn drop_column(&mut self, table: usize, column: usize, path: &[Segment]) {
        let owner = self.get(table).name.clone();
        let name = self.get(table).columns[column].name.to_string();
        let changed = self.schema.table_mut(table);
        changed.columns.remove(column);
        changed.primary_key.retain(|key| *key != name);
        let (gone, kept) = std::mem::take(&mut changed.indexes)
            .into_iter()
            .partition::<Vec<_>, _>(|index| indexes_column(index, &name));
        changed.indexes = kept;
        changed.foreign_keys.retain(|key| !key.columns.contains(&name));
        for index in gone {
            self.remember(Object::Index(index.name.to_string()), Fate::Removed, path.to_vec());
        }
        for position in self.referencing(&owner) {
            self.schema.table_mut(position).foreign_keys.retain(|key| {
                key.referenced_table != owner || !key.referenced_columns.contains(&name)
            });
        }
        self.remember(Object::Column(owner, name), Fate::Removed, path.to_vec());
    }

    /// Adds an index to a table.
    pub(crate) fn add_index(&mut self, table: usize, index: Index, path: Vec<Segment>) {
        self.remember(Object::Index(index.name.to_string()), Fate::Created, path);
        self.schema.table_mut(table).indexes.push(index);
    }

    /// Removes an index.
    pub(crate) fn drop_index(&mut self, table: usize, index: usize, path: Vec<Segment>) {
        let dropped = self.schema.table_mut(table).indexes.remove(index);
        self.remember(Object::Index(dropped.name.into_owned()), Fate::Removed, path);
    }

    /// Adds a foreign key to a table.
    pub(super) fn add_foreign_key(&mut self, table: usize, key: ForeignKey, path: Vec<Segment>) {
        let object = Object::Constraint(self.get(table).name.clone(), key.name.clone());
        self.remember(object, Fate::Created, path);
        self.schema.table_mut(table).foreign_keys.push(key);
    }

    /// Removes the foreign key `name` of a table.
    pub(crate) fn drop_foreign_key(&mut self, table: usize, name: &str, path: Vec<Segment>) {
        let changed = self.schema.table_mut(table);
        changed.foreign_keys.retain(|key| key.name != name);
        let object = Object::Constraint(changed.name.clone(), name.to_owned());
        self.remember(object, Fate::Removed, path);
    }

    /// Adds a check to a table.
    pub(super) fn add_check(&mut self, table: usize, check: Check, path: Vec<Segment>) {
        if let Some(name) = &check.name {
            let object = Object::Constraint(self.get(table).name.clone(), name.to_string());
            self.remember(object, Fate::Created, path);
        }
        self.schema.table_mut(table).checks.push(check);
    }

    /// Removes the check at a position in a table; `name` is what the action calls it.
    pub(crate) fn drop_check(
        &mut self,
        table: usize,
        check: usize,
        name: &str,
        path: Vec<Segment>,
    ) {
        let changed = self.schema.table_mut(table);
        changed.checks.remove(check);
        let object = Object::Constraint(changed.name.clone(), name.to_owned());
        self.remember(object, Fate::Removed, path);
    }

    /// Adds an enum type.
    pub(crate) fn add_enum(&mut self, name: &str, values: Vec<String>, path: Vec<Segment>) {
        self.remember(Object::Enum(name.to_owned()), Fate::Created, path);
        self.schema.enums.push(Arc::new(Enum { name: name.to_owned(), values }));
    }

    /// Removes an enum type.
    pub(crate) fn drop_enum(&mut self, position: usize, path: Vec<Segment>) {
        let dropped = self.schema.enums.remove(position);
        self.remember(Object::Enum(dropped.name.clone()), Fate::Removed, path);
    }

    /// Takes note of what `custom` SQL talks about: nothing is certain about it any more.
    pub(crate) fn note_custom(&mut self, sql: &str) {
        self.schema.memory.custom(sql);
    }
}
