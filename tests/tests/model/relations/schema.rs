//! What the database consists of at one point of a batch: tables, columns, keys and foreign keys.
//!
//! **Invariant:** a table and a column keep their number whatever they are called and whatever becomes of their values.

use std::collections::{BTreeMap, BTreeSet};

use crate::function::Kind;
use crate::random::{Cell, q};

pub(crate) type TableId = usize;
pub(crate) type ColumnId = usize;

/// Where a column's values come from if an insert gives none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Draw {
    Serial,
    ByDefault,
    Always,
}

#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) id: ColumnId,
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) sql_type: &'static str,
    pub(crate) not_null: bool,
    pub(crate) default: Cell,
    pub(crate) draw: Option<Draw>,
}

/// What makes a unique index more than one of columns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Shape {
    Plain,
    /// Of the rows in which that column is not NULL.
    NotNull(ColumnId),
    /// Of the rows in which that column, an integer, is more than 500.
    Large(ColumnId),
    /// The column, an integer, is halved.
    Halved,
}

#[derive(Clone, Debug)]
pub(crate) struct Unique {
    pub(crate) name: String,
    pub(crate) columns: Vec<ColumnId>,
    pub(crate) primary: bool,
    pub(crate) shape: Shape,
}

impl Unique {
    /// The columns that its definition names in an expression, whose type it depends on.
    pub(crate) fn is_over(&self, column: ColumnId) -> bool {
        match self.shape {
            Shape::Plain => false,
            Shape::NotNull(other) | Shape::Large(other) => other == column,
            Shape::Halved => self.columns.contains(&column),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Reaction {
    Nothing,
    Restrict,
    Cascade,
    SetNull,
    SetDefault,
}

impl Reaction {
    pub(crate) const ALL: [Self; 8] = [
        Self::Nothing,
        Self::Restrict,
        Self::Cascade,
        Self::Cascade,
        Self::Cascade,
        Self::SetNull,
        Self::SetNull,
        Self::SetDefault,
    ];

    pub(crate) fn sql(self) -> &'static str {
        match self {
            Self::Nothing => "NO ACTION",
            Self::Restrict => "RESTRICT",
            Self::Cascade => "CASCADE",
            Self::SetNull => "SET NULL",
            Self::SetDefault => "SET DEFAULT",
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct ForeignKey {
    pub(crate) columns: Vec<ColumnId>,
    pub(crate) table: TableId,
    pub(crate) referenced: Vec<ColumnId>,
    pub(crate) on_delete: Reaction,
    pub(crate) on_update: Reaction,
}

#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) columns: Vec<Column>,
    pub(crate) uniques: Vec<Unique>,
    pub(crate) foreign_keys: Vec<ForeignKey>,
    /// Indexes that forbid nothing.
    pub(crate) indexes: Vec<(String, Vec<ColumnId>)>,
}

impl Table {
    pub(crate) fn column(&self, id: ColumnId) -> Option<&Column> {
        self.columns.iter().find(|column| column.id == id)
    }

    pub(crate) fn name_of(&self, id: ColumnId) -> String {
        self.column(id).map(|column| column.name.clone()).expect("a column of the table")
    }

    pub(crate) fn names(&self, ids: &[ColumnId]) -> String {
        ids.iter().map(|id| q(&self.name_of(*id))).collect::<Vec<_>>().join(", ")
    }

    pub(crate) fn key(&self) -> &[ColumnId] {
        let key = self.uniques.iter().find(|unique| unique.primary);
        &key.expect("a primary key").columns
    }

    pub(crate) fn draws(&self) -> Option<&Column> {
        self.columns.iter().find(|column| column.draw.is_some())
    }

    /// Whether more than a value hangs on the column.
    pub(crate) fn is_in_key(&self, id: ColumnId) -> bool {
        self.uniques.iter().any(|u| u.columns.contains(&id) || u.is_over(id))
            || self.foreign_keys.iter().any(|f| f.columns.contains(&id))
    }
}

pub(crate) type Schema = BTreeMap<TableId, Table>;

/// Columns that are joined by foreign keys: all have to take the same way.
pub(crate) fn joined(schema: &Schema, start: (TableId, ColumnId)) -> BTreeSet<(TableId, ColumnId)> {
    let mut found = BTreeSet::from([start]);
    loop {
        let before = found.len();
        for (id, table) in schema {
            for key in &table.foreign_keys {
                for (own, other) in key.columns.iter().zip(&key.referenced) {
                    let pair = [(*id, *own), (key.table, *other)];
                    if pair.iter().any(|column| found.contains(column)) {
                        found.extend(pair);
                    }
                }
            }
        }
        if found.len() == before {
            return found;
        }
    }
}

/// Whether a foreign key refers to the table, or to the column.
pub(crate) fn is_referred_to(schema: &Schema, table: TableId, column: Option<ColumnId>) -> bool {
    schema.iter().flat_map(|(id, t)| t.foreign_keys.iter().map(move |f| (*id, f))).any(
        |(owner, key)| {
            key.table == table
                && column.map_or(owner != table, |column| key.referenced.contains(&column))
        },
    )
}
