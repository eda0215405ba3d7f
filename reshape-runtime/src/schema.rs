//! The simulated schema: what the tables, columns, indexes and types of a version are, as far as the history says.
//!
//! **Invariant:** pure. No database, no files: the build script checks a whole history with this.
//!
//! **Invariant:** never a false alarm. What is not certain, because `custom` SQL or an extension may have a part in it,
//! is no problem.
//!
//! **Invariant:** names are those that clients see in that version, never physical ones.

use std::sync::Arc;

mod change;
mod keys;
mod memory;
mod names;
mod problem;
mod review;
mod rules;
mod snippet;
mod suggest;
mod table;
mod types;

pub use memory::words;
pub use problem::{At, Problem, Segment};
pub use snippet::{Inspect, Missing, Remark, Scene, Seen, Snippet, SnippetRole};
pub use table::{Enum, ForeignKey, Table};

pub(crate) use names::object_name;
pub(crate) use problem::place;
pub(crate) use review::Review;
pub(crate) use rules::{Relation, fills_itself, is_identity};
pub(crate) use suggest::{list, nearest};
#[doc(hidden)]
pub use types::TypeName;

use crate::sql::names::DEFAULT_SCHEMA;
use crate::sql::tenant;
use memory::Memory;

/// The simulated schema of one version.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    /// Shared between versions: most migrations change few tables.
    tables: Vec<Arc<Table>>,
    enums: Vec<Arc<Enum>>,
    /// What replaying needs to explain itself; empty in the versions that a [`crate::history::History`] keeps.
    memory: Memory,
    /// Where tables are that say no schema, if that is not the default one.
    home: Option<Arc<str>>,
}

impl Schema {
    /// An empty schema, before the first of the migrations called `names`.
    pub(crate) fn new(names: Vec<String>) -> Self {
        Self { memory: Memory::new(names), ..Self::default() }
    }

    /// The same for the set of that name: its tables that say no schema are in its own.
    pub(crate) fn of_set(mut self, namespace: &str) -> Self {
        let home = tenant::schema_of(namespace);
        self.home = (home != DEFAULT_SCHEMA).then(|| home.into());
        self
    }

    /// The schema of tables that say none.
    pub(crate) fn home(&self) -> &str {
        self.home.as_deref().unwrap_or(DEFAULT_SCHEMA)
    }

    /// The tables, in the order in which they were created.
    pub fn tables(&self) -> impl Iterator<Item = &Table> {
        self.tables.iter().map(AsRef::as_ref)
    }

    /// The table `name`; case matters. A version has one table of each name, whatever its schema.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables().find(|table| table.name == name)
    }

    /// The enum types, in the order in which they were created.
    pub fn enums(&self) -> impl Iterator<Item = &Enum> {
        self.enums.iter().map(AsRef::as_ref)
    }

    /// The enum type `name`; case matters.
    pub fn enumeration(&self, name: &str) -> Option<&Enum> {
        self.enums().find(|found| found.name == name)
    }

    /// From now on the SQL of each action is noted.
    pub(crate) fn note_snippets(&mut self) {
        self.memory.note_snippets();
    }

    /// The SQL that has been noted since the last time.
    pub(crate) fn take_snippets(&mut self) -> Vec<Snippet> {
        self.memory.take_snippets()
    }

    /// The schema as it is now, without the memory of how it came to be.
    pub(crate) fn snapshot(&self) -> Self {
        Self {
            tables: self.tables.clone(),
            enums: self.enums.clone(),
            memory: Memory::default(),
            home: self.home.clone(),
        }
    }

    fn table_mut(&mut self, position: usize) -> &mut Table {
        Arc::make_mut(&mut self.tables[position])
    }
}
