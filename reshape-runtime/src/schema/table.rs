//! What a version's tables and enum types are made of.

use crate::model::{Check, Column, Index, IndexColumn, ReferentialAction};

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its schema.
    pub schema: String,
    /// Its name, which no other table of the version has, whatever its schema.
    pub name: String,
    /// Its columns, in order. `nullable` is false also where that follows from a primary key, an identity or a serial type;
    /// a serial type is written as what it stands for: an integer type and a `nextval` default.
    pub columns: Vec<Column>,
    /// The columns of its primary key; empty if there is none.
    pub primary_key: Vec<String>,
    /// Its indexes, without those of the primary key.
    pub indexes: Vec<Index>,
    /// Its foreign keys.
    pub foreign_keys: Vec<ForeignKey>,
    /// Its check constraints; where the file gives no name, Postgres chose one that is not known here.
    pub checks: Vec<Check>,
    /// Its comment.
    pub comment: Option<String>,
}

/// A foreign key of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignKey {
    /// Its name: as Postgres chooses it, where the file gives none.
    pub name: String,
    /// The referencing columns.
    pub columns: Vec<String>,
    /// The table referred to.
    pub referenced_table: String,
    /// The columns referred to, as many as `columns`.
    pub referenced_columns: Vec<String>,
    /// What happens when the row referred to is deleted.
    pub on_delete: Option<ReferentialAction>,
    /// What happens when the key referred to is updated.
    pub on_update: Option<ReferentialAction>,
}

/// An enum type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enum {
    /// Its name.
    pub name: String,
    /// Its values, in order.
    pub values: Vec<String>,
}

impl Table {
    /// The column `name`; case matters.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Whether no two rows can agree in all of `columns`, in whatever order: a foreign key may refer to them.
    pub fn has_unique_key(&self, columns: &[String]) -> bool {
        same_set(&self.primary_key, columns)
            || self
                .indexes
                .iter()
                .any(|index| unique_key(index).is_some_and(|key| same_set(&key, columns)))
    }

    /// Follows a column's new name into keys and indexes. Expressions keep theirs: SQL is not rewritten here.
    pub(super) fn rename_column(&mut self, from: &str, to: &str) {
        let rename = |name: &mut String| {
            if name == from {
                to.clone_into(name);
            }
        };
        for column in self.columns.iter_mut().filter(|column| column.name == from) {
            column.name = to.to_owned().into();
        }
        self.primary_key.iter_mut().for_each(rename);
        self.foreign_keys.iter_mut().flat_map(|key| key.columns.iter_mut()).for_each(rename);
        for key in self.indexes.iter_mut().flat_map(|index| index.columns.to_mut()) {
            if let IndexColumn::Name(name) | IndexColumn::Column { column: name, .. } = key
                && name == from
            {
                *name = to.to_owned().into();
            }
        }
    }
}

/// The column that an index key names, if it is not an expression.
pub(super) fn key_column(key: &IndexColumn) -> Option<&str> {
    match key {
        IndexColumn::Name(name) => Some(name),
        IndexColumn::Column { column, .. } => Some(column),
        IndexColumn::Expression { .. } => None,
    }
}

/// Whether the index has `column` among its keys.
pub(super) fn indexes_column(index: &Index, column: &str) -> bool {
    index.columns.iter().filter_map(key_column).any(|key| key == column)
}

/// The columns that an index makes unique: none if it is partial or has an expression among its keys.
fn unique_key(index: &Index) -> Option<Vec<String>> {
    if !index.unique || index.predicate.is_some() {
        return None;
    }
    index.columns.iter().map(|key| key_column(key).map(str::to_owned)).collect()
}

fn same_set(a: &[String], b: &[String]) -> bool {
    !a.is_empty() && a.iter().all(|name| b.contains(name)) && b.iter().all(|name| a.contains(name))
}
