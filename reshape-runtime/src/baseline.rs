//! A baseline: what a database has before its first migration, described as the actions that would create it.
//!
//! **Invariant:** pure; the facts are read elsewhere, and the file is written elsewhere.
//!
//! **Invariant:** what the actions cannot say is said in words, next to what it belongs to.

use std::collections::BTreeSet;

use crate::model::{
    Action, AddForeignKey, AddIndex, CreateEnum, CreateTable, ForeignKey, List, Str,
};
use crate::plan::facts::{DependentKind, Facts, LiveConstraint, LiveTable, TableKind};
use crate::schema::object_name;
use crate::sql::names::DEFAULT_SCHEMA;

mod parts;

/// The description of a database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Baseline {
    /// Enum types, then each table with its indexes, then the foreign keys.
    pub items: Vec<Item>,
    /// What is there and has no place in it.
    pub left_out: Vec<String>,
}

/// One thing that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Item {
    /// The action that would create it.
    pub action: Action,
    /// What the action does not say.
    pub remarks: Vec<String>,
}

impl Item {
    /// An action, and what it does not say.
    pub fn new(action: Action, remarks: Vec<String>) -> Self {
        Self { action, remarks }
    }
}

impl Baseline {
    /// The actions alone: the beginning of a history.
    pub fn actions(&self) -> Vec<Action> {
        self.items.iter().map(|item| item.action.clone()).collect()
    }

    /// What the facts have in `schemas`.
    pub fn of(facts: &Facts, schemas: &[String]) -> Self {
        let mut baseline = Self::default();
        baseline.enums(facts, schemas);
        let mut names = BTreeSet::new();
        let wanted = |table: &&LiveTable| {
            schemas.contains(&table.schema)
                && table.partition_of.is_none()
                && !table.name.contains("__reshape")
        };
        let mut tables = Vec::new();
        for table in facts.tables.iter().filter(wanted) {
            let told = told(&table.schema, &table.name);
            if table.columns.is_empty() {
                baseline.left_out.push(format!("table {told}: it has no columns"));
            } else if names.insert(table.name.as_str()) {
                tables.push(table);
            } else {
                baseline.left_out.push(format!(
                    "table {told}: a version has one table of each name, whatever its schema"
                ));
            }
        }
        for table in &tables {
            baseline.table(facts, table);
        }
        for table in &tables {
            baseline.foreign_keys(facts, table, &tables);
        }
        for view in facts.views.iter().filter(|view| schemas.contains(&view.schema)) {
            baseline.left_out.push(format!("view {}", told(&view.schema, &view.name)));
        }
        for domain in facts.domains.iter().filter(|domain| schemas.contains(&domain.schema)) {
            let name = told(&domain.schema, &domain.name);
            baseline.left_out.push(format!("domain {name}, over `{}`", domain.base));
        }
        baseline
    }

    fn push(&mut self, action: Action, remarks: Vec<String>) {
        self.items.push(Item::new(action, remarks));
    }

    fn enums(&mut self, facts: &Facts, schemas: &[String]) {
        let enums = facts.types.iter().filter(|found| found.is_enum);
        for found in enums.filter(|found| schemas.contains(&found.schema)) {
            if found.schema == DEFAULT_SCHEMA {
                let values = found.labels.iter().map(owned).collect();
                let action = CreateEnum { name: owned(&found.name), values };
                self.push(Action::CreateEnum(action), Vec::new());
            } else {
                let name = told(&found.schema, &found.name);
                self.left_out.push(format!("enum {name}: only those of `public` can be described"));
            }
        }
    }

    fn table(&mut self, facts: &Facts, table: &LiveTable) {
        let constraints = |kind| facts.constraints_of(table.key()).filter(move |c| c.kind == kind);
        let mut remarks = parts::table_remarks(facts, table);
        let key = constraints(DependentKind::PrimaryKey).next();
        if let Some(key) = key {
            remarks.extend(parts::constraint_remarks("the primary key", key));
        }
        let columns = table.columns.iter().map(|column| {
            let in_key = key.is_some_and(|key| key.columns.contains(&column.name));
            let (column, told) = parts::column(table, column, in_key);
            remarks.extend(told);
            column
        });
        let columns: List<_> = columns.collect();
        let checks = constraints(DependentKind::Check).map(|check| {
            remarks.extend(parts::constraint_remarks(&format!("check `{}`", check.name), check));
            parts::check(check)
        });
        let action = CreateTable {
            name: owned(&table.name),
            schema: parts::schema(&table.schema),
            columns,
            primary_key: key
                .map_or_else(List::default, |key| key.columns.iter().map(owned).collect()),
            foreign_keys: List::default(),
            checks: checks.collect(),
            comment: table.comment.as_ref().map(owned),
            up: None,
        };
        remarks.extend(constraints(DependentKind::Exclusion).map(|constraint| {
            format!("constraint `{}`: {}", constraint.name, constraint.definition)
        }));
        self.push(Action::CreateTable(action), remarks);
        for index in facts.indexes_of(table.key()) {
            let constraint = facts
                .constraints_of(table.key())
                .find(|constraint| constraint.index.as_ref() == Some(&index.name));
            let unique = constraint.is_some_and(|found| found.kind == DependentKind::Unique);
            if index.name.contains("__reshape") || constraint.is_some() && !unique {
                continue;
            }
            match parts::index(table, index) {
                Ok((described, mut remarks)) => {
                    if let Some(constraint) = constraint {
                        remarks.push(String::from("a unique constraint, not only an index"));
                        remarks.extend(parts::constraint_remarks("it", constraint));
                    }
                    let action = AddIndex {
                        table: owned(&table.name),
                        schema: parts::schema(&table.schema),
                        index: described,
                    };
                    self.push(Action::AddIndex(action), remarks);
                }
                Err(reason) => {
                    let name = told(&index.schema, &index.name);
                    self.left_out.push(format!("index {name}: {reason}"));
                }
            }
        }
    }

    fn foreign_keys(&mut self, facts: &Facts, table: &LiveTable, tables: &[&LiveTable]) {
        let keys = facts.constraints_of(table.key()).filter(|constraint| !constraint.inherited);
        let mut seen: BTreeSet<String> = BTreeSet::new();
        for key in keys.filter(|constraint| constraint.kind == DependentKind::ForeignKey) {
            let Some(to) = &key.references else { continue };
            if !tables.iter().any(|table| table.key() == to.table_key()) {
                let name = told(&to.schema, &to.table);
                self.left_out.push(format!(
                    "foreign key `{}` of table `{}`: it refers to {name}, which is not described here",
                    key.name, table.name
                ));
                continue;
            }
            let mut remarks = parts::constraint_remarks("it", key);
            let usual = object_name(&table.name, &key.columns.join("_"), "fkey");
            if key.name != usual || !seen.insert(usual) {
                remarks.push(format!("its name is `{}`", key.name));
            }
            if to.clauses.contains(" MATCH ") || !to.set_columns.is_empty() {
                remarks.push(key.definition.clone());
            }
            let action = AddForeignKey {
                table: owned(&table.name),
                schema: parts::schema(&table.schema),
                foreign_key: foreign_key(table, key, to),
            };
            self.push(Action::AddForeignKey(action), remarks);
        }
    }
}

fn foreign_key(
    table: &LiveTable,
    key: &LiveConstraint,
    to: &crate::plan::facts::Reference,
) -> ForeignKey {
    ForeignKey {
        columns: key.columns.iter().map(owned).collect(),
        referenced_table: owned(&to.table),
        referenced_schema: (to.schema != table.schema).then(|| owned(&to.schema)),
        referenced_columns: to.columns.iter().map(owned).collect(),
        on_delete: parts::clause(to, "DELETE "),
        on_update: parts::clause(to, "UPDATE "),
    }
}

#[expect(clippy::ptr_arg, reason = "what `map` is given, over lists of strings")]
fn owned(text: &String) -> Str {
    Str::Owned(text.clone())
}

/// A name for people.
fn told(schema: &str, name: &str) -> String {
    if schema == DEFAULT_SCHEMA { format!("`{name}`") } else { format!("`{schema}.{name}`") }
}

/// What kind of table it is, where that is not the usual one.
fn kind(kind: TableKind) -> Option<&'static str> {
    match kind {
        TableKind::Ordinary => None,
        TableKind::Partitioned => Some("partitioned"),
        TableKind::Foreign => Some("a foreign table"),
    }
}
