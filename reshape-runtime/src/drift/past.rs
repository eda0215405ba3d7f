//! What a history says at its end, and what it leaves open.
//!
//! **Invariant:** what `custom` SQL may have changed is open, and so is everything after a history that does not fit together.

use std::collections::{BTreeMap, BTreeSet};

use crate::history::History;
use crate::model::{Action, Migration, Migrations};
use crate::schema::{Schema, Table, words};

/// The end of a history.
#[derive(Debug)]
pub(crate) struct Past {
    pub(super) schema: Schema,
    /// Whether everything fitted together.
    sound: bool,
    /// The words of each `custom` SQL.
    custom: Vec<Words>,
    /// Every name that a table has had.
    names: BTreeMap<String, BTreeSet<String>>,
    /// Every name under which a column was removed from some table: what was over it went with it.
    removed: BTreeSet<String>,
    /// The tables that have lost a column of their primary key, and so the key, by the names that they had then.
    keyless: BTreeSet<String>,
}

/// The words of some SQL, in lower case, also those of its strings and comments.
#[derive(Debug)]
struct Words {
    all: BTreeSet<String>,
    /// Whether it runs SQL that it puts together itself.
    dynamic: bool,
}

impl Past {
    /// Replays `migrations`, all of which are complete.
    pub(crate) fn new(migrations: &Migrations) -> Self {
        let (history, problems) = History::replay(migrations);
        let mut past = Self::nothing(history.latest().clone(), problems.is_empty());
        for action in migrations.baseline.iter() {
            past.note(action, &Schema::default());
        }
        for (number, migration) in migrations.migrations.iter().enumerate() {
            // What an earlier action of the same migration has made has no key to lose.
            let before = history.schema_after(number).cloned().unwrap_or_default();
            for action in migration.actions.iter() {
                past.note(action, &before);
            }
        }
        past
    }

    /// What the `custom` SQL of `batch` leaves open, and nothing else.
    pub(super) fn with_custom_of(batch: &[Migration]) -> Self {
        let mut past = Self::nothing(Schema::default(), true);
        for action in batch.iter().flat_map(|migration| migration.actions.iter()) {
            past.note(action, &Schema::default());
        }
        past
    }

    fn nothing(schema: Schema, sound: bool) -> Self {
        Self {
            schema,
            sound,
            custom: Vec::new(),
            names: BTreeMap::new(),
            removed: BTreeSet::new(),
            keyless: BTreeSet::new(),
        }
    }

    fn note(&mut self, action: &Action, before: &Schema) {
        if let Action::CreateTable(table) = action {
            let name = table.name.to_string();
            self.names.insert(name.clone(), BTreeSet::from([name]));
        }
        if let Action::RenameTable(table) = action {
            let mut names = self.names.remove(&*table.table).unwrap_or_default();
            names.extend([table.table.to_string(), table.new_name.to_string()]);
            self.names.insert(table.new_name.to_string(), names);
        }
        if let Action::RemoveColumn(column) = action {
            self.removed.insert(column.column.to_string());
            // By whatever name the table goes at that point.
            let key = |table: &Table| table.primary_key.iter().any(|key| *key == column.column);
            if before.tables().any(key) {
                self.keyless.insert(column.table.to_string());
            }
        }
        if let Action::Custom(custom) = action {
            self.custom
                .extend(custom.start.iter().chain(&custom.complete).map(|sql| Words::of(sql)));
        }
    }

    /// The schemas of its tables, some more than once.
    pub(crate) fn schemas(&self) -> Vec<String> {
        self.schema.tables().map(|table| table.schema.clone()).collect()
    }

    /// The names of its tables.
    pub(crate) fn tables(&self) -> impl Iterator<Item = String> {
        self.schema.tables().map(|table| table.name.clone())
    }

    /// Why a table cannot be compared, if it cannot.
    pub(super) fn exempts(&self, table: &Table) -> Option<String> {
        if !self.sound {
            return Some(String::from("the history does not fit together"));
        }
        if self.custom.iter().any(|sql| sql.dynamic) {
            return Some(String::from(
                "`custom` SQL that it puts together itself may have changed it",
            ));
        }
        let mentioned = self.names_of(&table.name).any(|name| self.says(name));
        let schema_dropped = self
            .custom
            .iter()
            .any(|sql| sql.has("drop") && sql.has("schema") && sql.has(&table.schema));
        (mentioned || schema_dropped).then(|| String::from("`custom` SQL mentions it"))
    }

    /// Whether `custom` SQL says `name`, of whatever it is.
    pub(super) fn says(&self, name: &str) -> bool {
        self.custom.iter().any(|sql| sql.has(name))
    }

    /// Whether a table of that name may have been changed by `custom` SQL.
    pub(super) fn may_have_changed(&self, table: &str) -> bool {
        self.schema.table(table).is_none_or(|table| self.exempts(table).is_some())
    }

    /// Whether an expression may have gone with a column or function that it is over.
    pub(super) fn may_be_gone(&self, expression: &str) -> bool {
        let said: Vec<String> = words(expression).collect();
        let over_removed = self.removed.iter().any(|name| {
            let mut parts = words(name).peekable();
            parts.peek().is_none() || parts.all(|part| said.contains(&part))
        });
        let cascades = |sql: &&Words| sql.has("cascade");
        over_removed
            || self
                .custom
                .iter()
                .filter(cascades)
                .any(|sql| said.iter().any(|word| sql.all.contains(word)))
    }

    /// Whether the table may have lost its primary key with a column of it.
    pub(super) fn may_have_lost_key(&self, table: &str) -> bool {
        self.names_of(table).any(|name| self.keyless.contains(name))
    }

    /// Every name that a table has had.
    fn names_of<'a>(&'a self, table: &'a str) -> impl Iterator<Item = &'a str> {
        let names = self.names.get(table).into_iter().flatten().map(String::as_str);
        std::iter::once(table).chain(names)
    }
}

impl Words {
    fn of(sql: &str) -> Self {
        let list: Vec<String> = words(sql).collect();
        let harmless = ["function", "procedure", "on"];
        let dynamic = list.iter().enumerate().any(|(at, word)| {
            word == "execute"
                && !list.get(at + 1).is_some_and(|next| harmless.contains(&next.as_str()))
        });
        Self { all: list.into_iter().collect(), dynamic }
    }

    /// Whether all words of `name` are there.
    fn has(&self, name: &str) -> bool {
        words(name).all(|word| self.all.contains(&word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sql_that_puts_sql_together_is_told_from_triggers_and_rights() {
        assert!(Words::of("DO $$ BEGIN EXECUTE 'DROP TABLE ' || 'a'; END $$").dynamic);
        assert!(!Words::of("CREATE TRIGGER t BEFORE UPDATE ON a EXECUTE FUNCTION f()").dynamic);
        assert!(!Words::of("GRANT EXECUTE ON FUNCTION f() TO r").dynamic);
    }
}
