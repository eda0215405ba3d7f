//! What replaying remembers beside the schema: where things came from and where they went.
//!
//! **Invariant:** nothing is decided by it but how a problem is told, and what `custom` SQL makes uncertain.

use std::collections::{BTreeMap, BTreeSet};

use super::problem::{At, Segment};
use super::snippet::Snippet;

/// Something with a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Object {
    /// A table.
    Table(String),
    /// A column of a table.
    Column(String, String),
    /// An index.
    Index(String),
    /// A foreign key or a check of a table.
    Constraint(String, String),
    /// An enum type.
    Enum(String),
}

/// The last thing that happened to an object.
#[derive(Clone, Debug)]
pub(crate) enum Fate {
    /// It came into being.
    Created,
    /// It got this name; it had another before.
    Named,
    /// It went.
    Removed,
    /// It has another name now.
    Renamed(String),
}

/// A fate and its place.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) fate: Fate,
    pub(crate) at: At,
    pub(crate) path: Vec<Segment>,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    /// The names of the migrations.
    names: Vec<String>,
    events: BTreeMap<Object, Event>,
    /// Missing objects that have been reported and are taken to exist from then on.
    assumed: BTreeSet<Object>,
    /// Where the history first creates a table or an enum type of a name.
    creations: BTreeMap<Object, (At, Vec<Segment>)>,
    /// Whether a migration so far requires one of another set.
    pub(crate) other_sets: bool,
    /// Every word of the `custom` SQL so far, in lower case.
    custom: BTreeSet<String>,
    /// The SQL of the action that is being replayed; `None` where nobody wants to know.
    snippets: Option<Vec<Snippet>>,
}

impl Memory {
    pub(crate) fn new(names: Vec<String>) -> Self {
        Self { names, ..Self::default() }
    }

    /// From now on the SQL of each action is noted.
    pub(crate) fn note_snippets(&mut self) {
        self.snippets = Some(Vec::new());
    }

    /// Whether SQL is noted.
    pub(crate) fn is_noting(&self) -> bool {
        self.snippets.is_some()
    }

    /// Notes a piece of SQL.
    pub(crate) fn note(&mut self, snippet: Snippet) {
        if let Some(snippets) = &mut self.snippets {
            snippets.push(snippet);
        }
    }

    /// What has been noted since the last time.
    pub(crate) fn take_snippets(&mut self) -> Vec<Snippet> {
        self.snippets.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The names of all columns that the table has or had.
    pub(crate) fn columns_of(&self, table: &str) -> Vec<String> {
        let from = Object::Column(table.to_owned(), String::new());
        let of_table = self.events.range(from..).map_while(|(object, _)| match object {
            Object::Column(owner, name) if owner == table => Some(name.clone()),
            _ => None,
        });
        of_table.collect()
    }

    /// The name of the migration at `at`.
    pub(crate) fn migration(&self, at: At) -> &str {
        self.names.get(at.migration).map_or("baseline", String::as_str)
    }

    pub(crate) fn record(&mut self, object: Object, fate: Fate, at: At, path: Vec<Segment>) {
        self.events.insert(object, Event { fate, at, path });
    }

    pub(crate) fn event(&self, object: &Object) -> Option<&Event> {
        self.events.get(object)
    }

    pub(crate) fn assume(&mut self, object: Object) {
        self.assumed.insert(object);
    }

    pub(crate) fn is_assumed(&self, object: &Object) -> bool {
        self.assumed.contains(object)
    }

    /// Takes note of a creation before it is replayed.
    pub(crate) fn foresee(&mut self, object: Object, at: At, path: Vec<Segment>) {
        self.creations.entry(object).or_insert((at, path));
    }

    /// Where an object is created that is not there at `at`, but will be.
    pub(crate) fn created_later(&self, object: &Object, at: At) -> Option<(At, Vec<Segment>)> {
        self.creations.get(object).filter(|(creation, _)| *creation > at).cloned()
    }

    /// Takes note of what `custom` SQL talks about.
    pub(crate) fn custom(&mut self, sql: &str) {
        self.custom.extend(words(sql));
    }

    /// Whether earlier `custom` SQL may have to do with `name`: it contains all of its words.
    pub(crate) fn in_custom(&self, name: &str) -> bool {
        !self.custom.is_empty() && words(name).all(|word| self.custom.contains(&word))
    }

    /// A table's columns and constraints go with it to its new name, and what was known of an earlier table of that name
    /// is forgotten.
    pub(crate) fn rename_table(&mut self, from: &str, to: &str) {
        self.forget_table(to);
        let of_table = |object: &Object| object.table() == Some(from);
        for (object, event) in std::mem::take(&mut self.events) {
            let object = if of_table(&object) { object.moved(to) } else { object };
            self.events.insert(object, event);
        }
        for object in std::mem::take(&mut self.assumed) {
            self.assumed.insert(if of_table(&object) { object.moved(to) } else { object });
        }
    }

    /// Forgets the columns and constraints of an earlier table of that name.
    pub(crate) fn forget_table(&mut self, name: &str) {
        self.events.retain(|object, _| object.table() != Some(name));
        self.assumed.retain(|object| object.table() != Some(name));
    }
}

impl Object {
    /// The same kind of object, by another name.
    pub(crate) fn renamed(&self, to: &str) -> Self {
        let to = to.to_owned();
        match self {
            Self::Table(_) => Self::Table(to),
            Self::Column(table, _) => Self::Column(table.clone(), to),
            Self::Index(_) => Self::Index(to),
            Self::Constraint(table, _) => Self::Constraint(table.clone(), to),
            Self::Enum(_) => Self::Enum(to),
        }
    }

    /// The same object in the table `to`.
    fn moved(self, to: &str) -> Self {
        match self {
            Self::Column(_, name) => Self::Column(to.to_owned(), name),
            Self::Constraint(_, name) => Self::Constraint(to.to_owned(), name),
            Self::Table(_) | Self::Index(_) | Self::Enum(_) => self,
        }
    }

    /// What kind of thing it is, and its name.
    pub(crate) fn described(&self) -> String {
        match self {
            Self::Table(name) => format!("a table `{name}`"),
            Self::Column(_, name) => format!("a column `{name}`"),
            Self::Index(name) => format!("an index `{name}`"),
            Self::Constraint(_, name) => format!("a constraint `{name}`"),
            Self::Enum(name) => format!("an enum `{name}`"),
        }
    }

    /// The table that it belongs to, if it cannot be without one.
    fn table(&self) -> Option<&str> {
        match self {
            Self::Column(table, _) | Self::Constraint(table, _) => Some(table),
            Self::Table(_) | Self::Index(_) | Self::Enum(_) => None,
        }
    }
}

/// The words of a piece of SQL, or of a name, in lower case: `custom` SQL may have to do with whatever it has all words of.
pub fn words(sql: &str) -> impl Iterator<Item = String> {
    sql.split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}
