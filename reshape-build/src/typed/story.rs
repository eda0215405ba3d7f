//! What the migrations did to the tables of a version: for the documentation of what is there.
//!
//! **Invariant:** nothing is judged. What an action names and nobody has created is passed over.

use std::collections::{BTreeMap, HashMap, HashSet};

use reshape_runtime::model::{Action, AlterColumn, Column, Custom, Migration};
use reshape_runtime::schema::{Schema, words};

use super::docs::code;

/// The tables as they are at one point of the history, and how they came to be so.
#[derive(Clone, Debug, Default)]
pub(crate) struct Story {
    tables: BTreeMap<String, TableStory>,
    /// Tables that are gone, and the migration that removed each.
    pub(super) removed: Vec<(String, String)>,
    /// The words of all `custom` SQL that may change what is there: nothing is certain about what it mentions.
    pub(super) said: HashSet<String>,
    /// Whether there is any.
    pub(super) changes: bool,
}

/// A table's.
#[derive(Clone, Debug, Default)]
pub(super) struct TableStory {
    /// The migration that created it; `None` for the baseline.
    pub(super) created: Option<String>,
    /// Former names, each with the migration that ended it.
    pub(super) named: Vec<(String, String)>,
    pub(super) columns: HashMap<String, ColumnStory>,
    /// Columns that are gone, and the migration that removed each.
    pub(super) removed: Vec<(String, String)>,
    /// The migrations whose `custom` SQL mentions it.
    pub(super) custom: Vec<String>,
}

/// A column's.
#[derive(Clone, Debug, Default)]
pub(super) struct ColumnStory {
    /// The migration that added it, if it is not as old as its table.
    pub(super) added: Option<String>,
    /// Sentences of what happened to it: a former name, a former type.
    pub(super) changes: Vec<Change>,
    /// Whether `custom` SQL may have changed it: nothing is certain but its name.
    pub(super) uncertain: bool,
}

/// What one migration did to a column.
#[derive(Clone, Debug)]
pub(super) enum Change {
    /// It had this name before.
    Named(String, String),
    /// Its type was another before.
    Typed(String),
    /// It accepts NULL since, or does no more.
    Nullable(bool, String),
}

impl Story {
    /// Of what is there before the first migration.
    pub(super) fn of_baseline(schema: Option<&Schema>) -> Self {
        let mut story = Self::default();
        for table in schema.into_iter().flat_map(Schema::tables) {
            story.create(&table.name, None, &table.columns);
        }
        story
    }

    /// The stories of the tables that are there, by name.
    pub(super) fn tables(&self, schema: &Schema) -> HashMap<String, &TableStory> {
        let known = schema.tables().filter_map(|table| self.tables.get_key_value(&table.name));
        known.map(|(name, story)| (name.clone(), story)).collect()
    }

    /// What is not there any more, in words: table, column (empty for the table itself), what became of it.
    pub(super) fn gone(&self, schema: &Schema) -> Vec<(String, String, String)> {
        let removed = |by: &str| format!("it was removed by {}", code(by));
        let renamed =
            |to: &str, by: &str| format!("it was renamed to {} by {}", code(to), code(by));
        let mut gone = Vec::new();
        for (table, by) in &self.removed {
            gone.push((table.clone(), String::new(), removed(by)));
        }
        for (name, table) in &self.tables {
            for (old, by) in &table.named {
                gone.push((old.clone(), String::new(), renamed(name, by)));
            }
            for (column, by) in &table.removed {
                gone.push((name.clone(), column.clone(), removed(by)));
            }
            let mut columns: Vec<_> = table.columns.iter().collect();
            columns.sort_by_key(|(column, _)| *column);
            for (column, story) in columns {
                for change in &story.changes {
                    if let Change::Named(old, by) = change {
                        gone.push((name.clone(), old.clone(), renamed(column, by)));
                    }
                }
            }
        }
        gone.retain(|(table, column, _)| match schema.table(table) {
            Some(table) => !column.is_empty() && table.column(column).is_none(),
            None => column.is_empty(),
        });
        gone
    }

    /// Goes on with a migration.
    pub(super) fn tell(&mut self, migration: &Migration) {
        let mut last = Vec::new();
        for action in migration.actions.iter() {
            self.act(action, &migration.name);
            let Action::Custom(Custom { start, complete, .. }) = action else { continue };
            if let Some(sql) = start {
                let said = self.note(sql);
                self.custom(&said, &migration.name);
            }
            if let Some(sql) = complete {
                let said = self.note(sql);
                self.custom(&said, &migration.name);
                last.push(said);
            }
        }
        // It runs after all of them, and knows their names.
        for said in last {
            self.custom(&said, &migration.name);
        }
    }

    fn act(&mut self, action: &Action, migration: &str) {
        match action {
            Action::CreateTable(table) => {
                self.create(&table.name, Some(migration), &table.columns);
            }
            Action::RenameTable(table) => {
                if let Some(mut story) = self.tables.remove(&*table.table) {
                    story.named.push((table.table.to_string(), migration.to_owned()));
                    self.tables.insert(table.new_name.to_string(), story);
                }
            }
            Action::RemoveTable(table) => {
                if self.tables.remove(&*table.table).is_some() {
                    self.removed.push((table.table.to_string(), migration.to_owned()));
                }
            }
            Action::AddColumn(column) => {
                if let Some(table) = self.tables.get_mut(&*column.table) {
                    let added =
                        (table.created.as_deref() != Some(migration)).then(|| migration.to_owned());
                    let story = ColumnStory { added, ..ColumnStory::default() };
                    table.columns.insert(column.column.name.to_string(), story);
                }
            }
            Action::AlterColumn(change) => {
                if let Some(table) = self.tables.get_mut(&*change.table) {
                    table.alter(change, migration);
                }
            }
            Action::RemoveColumn(column) => {
                if let Some(table) = self.tables.get_mut(&*column.table)
                    && table.columns.remove(&*column.column).is_some()
                {
                    table.removed.push((column.column.to_string(), migration.to_owned()));
                }
            }
            Action::AddIndex(_)
            | Action::RemoveIndex(_)
            | Action::AddForeignKey(_)
            | Action::RemoveForeignKey(_)
            | Action::AddCheck(_)
            | Action::RemoveCheck(_)
            | Action::CreateEnum(_)
            | Action::RemoveEnum(_)
            | Action::Custom(_) => {}
        }
    }

    /// The words of `custom` SQL that may change what is there.
    fn note(&mut self, sql: &str) -> HashSet<String> {
        let left = reshape_sql::remains(sql);
        let said: HashSet<String> = words(&left.text).collect();
        self.said.extend(said.iter().cloned());
        self.changes |= left.changes;
        said
    }

    /// Nothing is certain about what `custom` SQL mentions, unless it only reads or writes rows; and what it alters, it need not mention.
    fn custom(&mut self, said: &HashSet<String>, migration: &str) {
        let mentions = |name: &str| words(name).all(|word| said.contains(&word));
        for (_, table) in self.tables.iter_mut().filter(|(name, _)| mentions(name)) {
            if table.custom.last().map(String::as_str) != Some(migration) {
                table.custom.push(migration.to_owned());
            }
            for (name, column) in &mut table.columns {
                column.uncertain |= said.contains("alter") || mentions(name);
            }
        }
    }

    fn create(&mut self, name: &str, migration: Option<&str>, columns: &[Column]) {
        let columns =
            columns.iter().map(|column| (column.name.to_string(), ColumnStory::default()));
        let created = migration.map(str::to_owned);
        let story = TableStory { created, columns: columns.collect(), ..TableStory::default() };
        self.removed.retain(|(removed, _)| removed != name);
        self.tables.insert(name.to_owned(), story);
    }
}

impl TableStory {
    fn alter(&mut self, change: &AlterColumn, migration: &str) {
        let Some(mut column) = self.columns.remove(&*change.column) else { return };
        let by = || migration.to_owned();
        if change.changes.data_type.is_some() {
            column.changes.push(Change::Typed(by()));
        }
        if let Some(nullable) = change.changes.nullable {
            column.changes.push(Change::Nullable(nullable, by()));
        }
        let name = match &change.changes.name {
            Some(name) if *name != change.column => {
                column.changes.push(Change::Named(change.column.to_string(), by()));
                name.to_string()
            }
            Some(_) | None => change.column.to_string(),
        };
        self.columns.insert(name, column);
    }
}
