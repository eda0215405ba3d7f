//! Tables and their columns.

use serde::Serialize;

use super::{Dependent, Grant, Key, LiveSequence, TableName};

/// A table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct LiveTable {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Whether the base version has a view of it.
    pub viewed: bool,
    /// The other set of migrations that it belongs to.
    #[serde(default)]
    pub owner: Option<String>,
    /// The other set whose batch, which is in progress, changes it.
    #[serde(default)]
    pub changed_by: Option<String>,
    /// The other set whose batch, which is in progress, depends on what it is now.
    #[serde(default)]
    pub used_by: Option<String>,
    /// What kind of relation it is.
    pub kind: TableKind,
    /// Whether it has children or inherits (old style), or has its columns from a type.
    pub inherits: bool,
    /// Whether the migrator owns it, perhaps as a member of the owner.
    pub owned: bool,
    /// Whether row-level security is enabled.
    pub row_security: bool,
    /// Its comment.
    pub comment: Option<String>,
    /// Rights on the whole table, the migrator's left out.
    pub grants: Vec<Grant>,
    /// Its columns, in order.
    pub columns: Vec<LiveColumn>,
    /// Rules that rewrite an INSERT into it or an UPDATE of it, by name.
    pub rules: Vec<String>,
    /// The user's own BEFORE INSERT or UPDATE row triggers, by name.
    pub before_triggers: Vec<String>,
    /// The user's own BEFORE UPDATE row triggers, by name.
    pub before_update_triggers: Vec<String>,
    /// The user's own AFTER UPDATE triggers, by name.
    pub after_update_triggers: Vec<String>,
    /// What depends on the table from outside and would go, or be in the way, if it were dropped.
    pub dependents: Vec<Dependent>,
    /// The tables that it inherits from (old style), `(schema, name)`, in order.
    #[serde(default)]
    pub parents: Vec<TableName>,
    /// The tables that inherit from it (old style), `(schema, name)`.
    #[serde(default)]
    pub children: Vec<TableName>,
    /// How its rows are found, if it is a foreign table.
    #[serde(default)]
    pub foreign: Option<LiveForeign>,
    /// The table that it is a partition of, as `regclass` prints it.
    pub partition_of: Option<String>,
    /// The columns of its partition key and of those of its partitions.
    pub partition_key: Vec<String>,
    /// Its partitions of every level, outer ones first. Triggers, rules and dependents of theirs are among the table's own.
    pub partitions: Vec<LivePartition>,
}

/// What is known of a foreign table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct LiveForeign {
    /// Its foreign-data wrapper.
    pub wrapper: String,
    /// The C function that the wrapper's handler is.
    pub handler: Option<String>,
    /// The names of the options that are set for it.
    pub options: Vec<String>,
    /// The columns that have an option `column_name`.
    pub named_columns: Vec<String>,
}

/// A partition of a table, at whatever level.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct LivePartition {
    /// The schema that it lives in.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// What kind of relation it is.
    pub kind: TableKind,
    /// The schema and the name of what it is a partition of.
    pub parent: (String, String),
}

/// What kind of relation a table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub enum TableKind {
    /// An ordinary table.
    #[serde(rename = "r")]
    Ordinary,
    /// A partitioned table.
    #[serde(rename = "p")]
    Partitioned,
    /// A foreign table.
    #[serde(rename = "f")]
    Foreign,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct LiveColumn {
    /// Its name.
    pub name: String,
    /// Its type with its modifier, as `format_type` prints it.
    pub data_type: String,
    /// Whether it is NOT NULL.
    pub not_null: bool,
    /// Its default, as `pg_get_expr` prints it; none for generated columns.
    pub default: Option<String>,
    /// Whether it is a stored (or virtual) generated column.
    pub generated: bool,
    /// Its comment.
    pub comment: Option<String>,
    /// What is set for the column and cannot be set for another: `security label`.
    pub settings: Vec<String>,
    /// Rights on the column alone.
    pub grants: Vec<Grant>,
    /// What depends on the column, its own default left out.
    pub dependents: Vec<Dependent>,
    /// Its number in the table (`attnum`).
    pub number: i16,
    /// The sequence that it owns.
    pub sequence: Option<LiveSequence>,
    /// `always` or `by default` as SQL, where it is an identity column.
    pub identity_kind: Option<String>,
    /// Its collation, quoted and qualified, where it is not its type's.
    pub collation: Option<String>,
    /// Its statistics target, where it is not the default.
    pub statistics: Option<i32>,
    /// Its planner options, as `name=value`.
    pub options: Vec<String>,
    /// Its storage, as SQL, where it is not its type's.
    pub storage: Option<String>,
    /// Its compression method, where it is not the default.
    pub compression: Option<String>,
    /// The expression of a generated column, as `pg_get_expr` prints it.
    pub generation: Option<String>,
    /// The columns of the table that a generated column is computed from.
    pub generated_from: Vec<String>,
    /// Whether it comes from a table that this one inherits from (old style).
    #[serde(default)]
    pub inherited: bool,
}

impl LiveTable {
    /// Its schema and its name in the catalog.
    pub fn key(&self) -> Key<'_> {
        (&self.schema, &self.name)
    }

    /// Whether it inherits, or is inherited from (old style).
    pub fn has_family(&self) -> bool {
        !self.parents.is_empty() || !self.children.is_empty()
    }

    /// A column by its name in the catalog.
    pub fn column(&self, name: &str) -> Option<&LiveColumn> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// A column by its number (`attnum`).
    pub fn numbered(&self, number: i16) -> Option<&LiveColumn> {
        self.columns.iter().find(|column| column.number == number)
    }
}

impl LiveColumn {
    /// Whether it is an identity column.
    pub fn is_identity(&self) -> bool {
        self.identity_kind.is_some()
    }

    /// Whether a row cannot be inserted without a value for it: NOT NULL, and nothing fills it.
    pub fn needs_value(&self) -> bool {
        self.not_null && self.default.is_none() && !self.is_identity() && !self.generated
    }
}
