//! Drift: what a database has of the tables that its history describes, compared with what that history says.
//!
//! **Invariant:** pure; the facts are read elsewhere.
//!
//! **Invariant:** never a false alarm. What is not surely different is no difference: an expression is not compared, a table that `custom`
//! SQL mentions is not looked at.
//!
//! **Invariant:** what is there beyond the history is told and never held against the database.

use serde::Serialize;

mod default;
mod index;
mod parts;
mod past;
mod text;
mod touched;
mod types;

pub(crate) use past::Past;
pub(crate) use touched::{in_batch, touched};

use std::collections::BTreeSet;

use crate::plan::facts::Facts;
use crate::schema::Table;

/// How a database differs from what its history says; what `Migrator::drift` tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Drift {
    /// The migration whose schema it is compared with, the last one that is complete; `None` if there is none.
    pub version: Option<String>,
    /// What the history says and is not so, table by table.
    pub differences: Vec<Difference>,
    /// What is there and the history does not know.
    pub beyond: Vec<Beyond>,
    /// What was not compared, and why.
    pub unchecked: Vec<Unchecked>,
}

/// Something that the history says and that is not so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Difference {
    /// The schema of the table or enum type.
    pub schema: String,
    /// The table or enum type.
    pub name: String,
    /// What of it.
    pub part: Part,
    /// What the history says, much as in SQL.
    pub expected: String,
    /// What there is; `None` for nothing.
    pub found: Option<String>,
}

/// Something that the history does not know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Beyond {
    /// The schema of the table or enum type.
    pub schema: String,
    /// The table or enum type.
    pub name: String,
    /// What of it.
    pub part: Part,
}

/// Something that was not compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Unchecked {
    /// The schema of the table.
    pub schema: String,
    /// The table.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// A part of a table, or the whole of something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "kind", content = "name", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Part {
    /// The table itself.
    Table,
    /// A column.
    Column(String),
    /// The primary key.
    PrimaryKey,
    /// An index.
    Index(String),
    /// A foreign key.
    ForeignKey(String),
    /// A check.
    Check(String),
    /// Another constraint: unique or exclusion.
    Constraint(String),
    /// An enum type and its values.
    Enum,
}

impl Drift {
    /// Whether the database is what the history says, as far as that is certain.
    pub fn is_none(&self) -> bool {
        self.differences.is_empty()
    }

    /// The differences, for people: what is expected and what is found, each on a line of its own; empty if there are none.
    pub fn diff(&self) -> String {
        text::diff(self)
    }

    /// The differences, what there is beyond the history, and what was not compared, for people.
    pub fn report(&self) -> String {
        text::report(self)
    }

    /// The tables and enum types with differences, each once.
    pub(crate) fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for difference in &self.differences {
            if !names.contains(&difference.name.as_str()) {
                names.push(&difference.name);
            }
        }
        names
    }
}

/// Which tables are compared, by the names that the history knows them by.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Which<'a> {
    /// These.
    Only(&'a BTreeSet<String>),
    /// All but these, which a batch is changing.
    AllBut(&'a BTreeSet<String>),
}

/// Compares the tables with the facts. Tables of schemas that the facts leave out are passed over.
pub(crate) fn compare(past: &Past, facts: &Facts, which: Which<'_>) -> Drift {
    let mut drift = Drift::default();
    let mut enums = BTreeSet::new();
    for table in past.schema.tables() {
        let reason = match which {
            Which::Only(names) if !names.contains(&table.name) => continue,
            Which::AllBut(names) if names.contains(&table.name) => {
                Some(String::from("the batch that is not over changes it"))
            }
            // What a parent's columns became, the history of its children does not say.
            Which::Only(_) | Which::AllBut(_)
                if facts
                    .table((&table.schema, &table.name))
                    .is_some_and(|live| !live.parents.is_empty()) =>
            {
                Some(String::from("it inherits columns"))
            }
            Which::Only(_) | Which::AllBut(_) => past.exempts(table),
        };
        if facts.schema(&table.schema).is_none() {
            continue;
        }
        if let Some(reason) = reason {
            let (schema, name) = (table.schema.clone(), table.name.clone());
            drift.unchecked.push(Unchecked { schema, name, reason });
            continue;
        }
        parts::table(past, facts, table, &mut drift);
        let bases = table.columns.iter().map(|c| crate::schema::TypeName::parse(&c.data_type).base);
        enums.extend(bases);
    }
    for known in past.schema.enums() {
        if matches!(which, Which::AllBut(_)) || enums.contains(&known.name) {
            parts::enumeration(past, facts, known, &mut drift);
        }
    }
    if let Which::AllBut(names) = which {
        beyond(past, facts, names, &mut drift);
    }
    drift
}

/// Tables and enum types that no migration has made.
fn beyond(past: &Past, facts: &Facts, batch: &BTreeSet<String>, drift: &mut Drift) {
    let known = |schema: &str, name: &str| {
        past.schema.table(name).is_some_and(|table: &Table| table.schema == schema)
    };
    for table in &facts.tables {
        // Partitions belong to their tables; what is generated belongs to the batch.
        let ours = table.name.contains("__reshape") || batch.contains(&table.name);
        if table.partition_of.is_none() && !ours && !known(&table.schema, &table.name) {
            let (schema, name) = (table.schema.clone(), table.name.clone());
            drift.beyond.push(Beyond { schema, name, part: Part::Table });
        }
    }
    for found in facts.types.iter().filter(|found| found.is_enum) {
        if past.schema.enumeration(&found.name).is_none() && !batch.contains(&found.name) {
            let (schema, name) = (found.schema.clone(), found.name.clone());
            drift.beyond.push(Beyond { schema, name, part: Part::Enum });
        }
    }
}
