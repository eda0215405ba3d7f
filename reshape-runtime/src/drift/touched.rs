//! Which tables a batch has to do with.
//!
//! **Invariant:** by the names that they have before the batch.

use std::collections::{BTreeMap, BTreeSet};

use super::Past;
use crate::model::{Action, Migration, Transform};
use crate::schema::Schema;

/// The tables that the batch changes, or takes values from.
pub(crate) fn touched(past: &Past, pending: &[Migration]) -> BTreeSet<String> {
    let mut names = Names { before: &past.schema, now: BTreeMap::new(), touched: BTreeSet::new() };
    for action in pending.iter().flat_map(|migration| migration.actions.iter()) {
        names.touch(action);
    }
    names.touched
}

/// The same, with what the batch makes, and what its `custom` SQL mentions: for a batch that is not over.
pub(crate) fn in_batch(past: &Past, batch: &[Migration]) -> BTreeSet<String> {
    let mut names = touched(past, batch);
    for action in batch.iter().flat_map(|migration| migration.actions.iter()) {
        match action {
            Action::CreateTable(table) => names.extend([table.name.to_string()]),
            Action::CreateEnum(found) => names.extend([found.name.to_string()]),
            Action::RenameTable(table) => names.extend([table.new_name.to_string()]),
            Action::AddForeignKey(key) => {
                names.extend([key.foreign_key.referenced_table.to_string()]);
            }
            Action::RemoveTable(_)
            | Action::AddColumn(_)
            | Action::AlterColumn(_)
            | Action::RemoveColumn(_)
            | Action::AddIndex(_)
            | Action::RemoveIndex(_)
            | Action::RemoveForeignKey(_)
            | Action::AddCheck(_)
            | Action::RemoveCheck(_)
            | Action::RemoveEnum(_)
            | Action::Custom(_) => {}
        }
    }
    let with_batch = Past::with_custom_of(batch);
    let mentioned = past.schema.tables().filter(|table| with_batch.exempts(table).is_some());
    names.extend(mentioned.map(|table| table.name.clone()));
    names
}

struct Names<'a> {
    before: &'a Schema,
    /// What tables are called at this point of the batch, and what they were called before it.
    now: BTreeMap<String, Option<String>>,
    touched: BTreeSet<String>,
}

impl Names<'_> {
    fn touch(&mut self, action: &Action) {
        match action {
            Action::CreateTable(a) => {
                if let Some(up) = &a.up {
                    self.table(&up.table);
                }
                self.now.insert(a.name.to_string(), None);
            }
            Action::RenameTable(a) => {
                self.table(&a.table);
                let before = self.before(&a.table);
                self.now.insert(a.table.to_string(), None);
                self.now.insert(a.new_name.to_string(), before);
            }
            Action::RemoveTable(a) => {
                self.table(&a.table);
                self.now.insert(a.table.to_string(), None);
            }
            Action::AddColumn(a) => self.with(&a.table, action),
            Action::AlterColumn(a) => self.with(&a.table, action),
            Action::RemoveColumn(a) => self.with(&a.table, action),
            Action::AddIndex(a) => self.table(&a.table),
            Action::RemoveIndex(a) => {
                let mut tables = self.before.tables();
                let owner = tables.find(|table| table.indexes.iter().any(|i| i.name == a.index));
                self.touched.extend(owner.map(|table| table.name.clone()));
            }
            Action::AddForeignKey(a) => self.table(&a.table),
            Action::RemoveForeignKey(a) => self.table(&a.table),
            Action::AddCheck(a) => self.table(&a.table),
            Action::RemoveCheck(a) => self.table(&a.table),
            // What users' own SQL does is not known, and types are compared with the columns that have them.
            Action::CreateEnum(_) | Action::RemoveEnum(_) | Action::Custom(_) => {}
        }
    }

    fn with(&mut self, table: &str, action: &Action) {
        self.table(table);
        for transform in action.transforms().into_iter().flatten() {
            match transform {
                Transform::Table { table, .. } => self.table(table),
                Transform::Expression(_) => {}
            }
        }
    }

    fn table(&mut self, name: &str) {
        let before = self.before(name);
        self.touched.extend(before);
    }

    fn before(&self, name: &str) -> Option<String> {
        match self.now.get(name) {
            Some(before) => before.clone(),
            None => self.before.table(name).map(|table| table.name.clone()),
        }
    }
}
