//! The live facts a plan depends on: a snapshot of the catalog.
//!
//! **Invariant:** what a plan needs to know of the database is here, so planning needs no connection and golden
//! plans need no server.

use serde::Serialize;

use crate::schema::Schema;
use crate::sql::names::{self, DEFAULT_SCHEMA};
use crate::sql::tenant;

mod definition;
mod simulated;
mod table;

pub use definition::{
    LiveConstraint, LiveKey, LivePolicy, LiveSequence, LiveStatistics, LiveTrigger, LiveView,
    LiveViewColumn, Reference, Snippet,
};
pub use table::{LiveColumn, LiveForeign, LivePartition, LiveTable, TableKind};

/// A snapshot of the catalog. Read by the executor, or made from a simulated schema in tests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct Facts {
    /// `server_version_num`, e.g. 150004 for 15.4.
    pub server_version: u32,
    /// The schemas that tables of the batch or of the base version live in, and `public`, whether they exist or not.
    pub schemas: Vec<LiveSchema>,
    /// The migrator's effective `search_path` without version schemas: where functions and types in `up` and `down` are looked up.
    pub search_path: Vec<String>,
    /// The tables of `schemas`, by name; members of extensions are left out.
    pub tables: Vec<LiveTable>,
    /// The indexes of these tables, by name.
    pub indexes: Vec<LiveIndex>,
    /// The types of `schemas` that are not row types or arrays, by name.
    pub types: Vec<LiveType>,
    /// Relations that are no table of ours or index of one, of `schemas` and of those in which the tables have partitions: their names are taken.
    pub other_relations: Vec<TableName>,
    /// The domains of every schema.
    pub domains: Vec<LiveDomain>,
    /// The views of the base version: `(schema, view)`, outer ones before inner ones.
    pub base_views: Vec<(String, String)>,
    /// The schemas of the base version that exist.
    pub base_schemas: Vec<String>,
    /// Whether the migrator may drop those views and schemas.
    pub base_owned: bool,
    /// What is not ours and depends on the base version's views or is in its schemas, as Postgres describes it.
    pub base_dependents: Vec<String>,
    /// Constraints of the tables, and foreign keys that refer to them from elsewhere, by table and name; NOT NULL is a property of columns.
    pub constraints: Vec<LiveConstraint>,
    /// Statistics over several columns of the tables.
    pub statistics: Vec<LiveStatistics>,
    /// The user's own triggers on the tables.
    pub triggers: Vec<LiveTrigger>,
    /// Policies, also of tables elsewhere that mention a table of ours.
    pub policies: Vec<LivePolicy>,
    /// The user's views that read the tables, also by way of other views; those that are read come first.
    pub views: Vec<LiveView>,
    /// The set of migrations that the batch belongs to; `None` for the default one, whose versions show all tables of `public` that no other
    /// set owns, as those of `@t1` show all of the schema `t1`. Those of a set with a name show what its own migrations create or name.
    #[serde(default)]
    pub set: Option<String>,
}

/// A relation's schema and its name in the catalog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct TableName {
    /// The schema.
    pub schema: String,
    /// The name.
    pub name: String,
}

/// What a [`TableName`] says, borrowed: by it tables are compared.
pub type Key<'a> = (&'a str, &'a str);

/// A schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct LiveSchema {
    /// Its name.
    pub name: String,
    /// Whether it exists.
    pub exists: bool,
    /// Whether the migrator may create (and so rename) tables in it, or create the schema where it does not exist.
    pub may_create: bool,
    /// Rights that a table of the migrator's gets there by default (`ALTER DEFAULT PRIVILEGES`).
    pub default_grants: Vec<Grant>,
}

/// A right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct Grant {
    /// The role; `None` for PUBLIC.
    pub grantee: Option<String>,
    /// `SELECT`, `INSERT`, …
    pub privilege: String,
    /// Whether it may be granted on.
    pub grantable: bool,
}

/// An object that depends on a column, a table or a type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct Dependent {
    /// What it is.
    pub kind: DependentKind,
    /// How Postgres describes it (`pg_describe_object`).
    pub description: String,
    /// The object's own name, where it has one.
    pub name: Option<String>,
    /// The schema of a view, or of the table that a policy or trigger belongs to.
    #[serde(default)]
    pub schema: Option<String>,
    /// The relation that a view is or a trigger or policy belongs to, wherever it is.
    #[serde(default)]
    pub relation: Option<String>,
    /// The table of ours that it belongs to, if it does.
    pub table: Option<TableName>,
    /// The columns of that table that it covers, by name, where it is an index, a constraint or a column.
    pub columns: Vec<String>,
}

/// What an object that depends on something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
#[serde(rename_all = "snake_case")]
pub enum DependentKind {
    /// A column (of the type in question).
    Column,
    /// An index that belongs to no constraint.
    Index,
    /// A primary key.
    PrimaryKey,
    /// A unique constraint.
    Unique,
    /// An exclusion constraint.
    Exclusion,
    /// A check constraint.
    Check,
    /// A foreign key, on either side.
    ForeignKey,
    /// A sequence owned by the column.
    Sequence,
    /// A view.
    View,
    /// A trigger of the user's.
    Trigger,
    /// A row-level security policy.
    Policy,
    /// Statistics over several columns or expressions.
    Statistics,
    /// Anything else: generated columns, materialised views, rules, publications, functions, domains.
    Other,
}

/// An index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct LiveIndex {
    /// The schema of it and its table.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Its table.
    pub table: String,
    /// The constraint that it belongs to.
    pub constraint: Option<String>,
    /// Whether it is the table's replica identity.
    pub replica_identity: bool,
    /// What depends on it, as Postgres describes it: foreign keys, say.
    pub dependents: Vec<String>,
    /// Its access method.
    pub method: String,
    /// Whether it is unique.
    pub unique: bool,
    /// Whether NULLs count as equal there.
    pub nulls_not_distinct: bool,
    /// Whether it is complete: what an interrupted build leaves is not.
    pub valid: bool,
    /// Whether `CLUSTER` goes by it.
    pub clustered: bool,
    /// Its keys, in order.
    pub keys: Vec<LiveKey>,
    /// Columns that it only carries.
    pub include: Vec<String>,
    /// The expressions among its keys, in order and separated by commas.
    pub expressions: Option<Snippet>,
    /// The condition of a partial index.
    pub predicate: Option<Snippet>,
    /// Storage parameters, as `name=value`.
    pub options: Vec<String>,
    /// Its tablespace, if it is not the database's.
    pub tablespace: Option<String>,
    /// Its comment.
    pub comment: Option<String>,
    /// Whether its table is partitioned, and it has a share in each of the partitions.
    pub partitioned: bool,
    /// Those shares, outer ones first.
    #[serde(default)]
    pub shares: Vec<LiveShare>,
}

/// The share of a partition in an index of its table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct LiveShare {
    /// The schema of the partition, and so of the share.
    pub schema: String,
    /// The partition.
    pub table: String,
    /// The share's own name.
    pub name: String,
    /// What it has that the whole index has not, such as `storage parameters`.
    pub settings: Vec<String>,
}

/// A type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct LiveType {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Whether it is an enum.
    pub is_enum: bool,
    /// The values of an enum, in order.
    #[serde(default)]
    pub labels: Vec<String>,
    /// What depends on it or on its array type.
    pub dependents: Vec<Dependent>,
}

/// A domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct LiveDomain {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// The type that it is made of, as `format_type` prints it.
    pub base: String,
    /// Whether it, or a domain that it is made of, has constraints.
    pub constrained: bool,
    /// Its default, as `pg_get_expr` prints it.
    pub default: Option<String>,
}

impl Facts {
    /// The version that a migration of the set leads to.
    pub fn version(&self, migration: &str) -> String {
        names::version(self.set.as_deref().unwrap_or(names::DEFAULT_NAMESPACE), migration)
    }

    /// A table by its schema and its name in the catalog.
    pub fn table(&self, key: Key<'_>) -> Option<&LiveTable> {
        self.tables.iter().find(|table| table.key() == key)
    }

    /// The indexes of a table.
    pub fn indexes_of<'a>(&'a self, key: Key<'_>) -> impl Iterator<Item = &'a LiveIndex> {
        self.indexes.iter().filter(move |index| index.table_key() == key)
    }

    /// An index by its schema and its name.
    pub fn index(&self, (schema, name): Key<'_>) -> Option<&LiveIndex> {
        self.indexes.iter().find(|index| index.schema == schema && index.name == name)
    }

    /// One of the schemas that the batch has to do with.
    pub fn schema(&self, name: &str) -> Option<&LiveSchema> {
        self.schemas.iter().find(|schema| schema.name == name)
    }

    /// The rights that a new table of the schema gets by default.
    pub fn default_grants(&self, schema: &str) -> &[Grant] {
        self.schema(schema).map_or(&[], |schema| &schema.default_grants)
    }

    /// Whether a relation has that schema and name.
    pub fn is_taken(&self, key: Key<'_>) -> bool {
        self.table(key).is_some() || self.is_no_table(key)
    }

    /// Whether a relation that is no table of ours has that schema and name.
    pub fn is_no_table(&self, key: Key<'_>) -> bool {
        self.index(key).is_some() || self.other_relations.iter().any(|other| other.key() == key)
    }

    /// A database that looks exactly as the history says: for plans without a server.
    pub fn from_schema(schema: &Schema, server_version: u32) -> Self {
        let mut facts = Self::empty(server_version);
        facts.tables = schema.tables().map(LiveTable::from_schema).collect();
        facts.tables.sort_by(|a, b| a.name.cmp(&b.name));
        for table in schema.tables() {
            facts.indexes.extend(simulated::indexes(table));
            facts.constraints.extend(simulated::constraints(schema, table));
            if facts.schema(&table.schema).is_none() {
                facts.schemas.push(LiveSchema::new(&table.schema));
            }
        }
        facts.types = schema
            .enums()
            .map(|found| LiveType {
                schema: String::from(DEFAULT_SCHEMA),
                name: found.name.clone(),
                is_enum: true,
                labels: found.values.clone(),
                dependents: Vec::new(),
            })
            .collect();
        facts
    }

    /// The schema of tables that say none.
    pub fn home(&self) -> &str {
        self.set.as_deref().map_or(DEFAULT_SCHEMA, tenant::schema_of)
    }

    /// Whether a version shows all tables of that schema that no other set owns, and not only those that an action names.
    pub fn shows_all(&self) -> bool {
        self.set.as_deref().is_none_or(tenant::shows_all)
    }

    /// The constraints of a table, foreign keys to it left out.
    pub fn constraints_of<'a>(&'a self, key: Key<'_>) -> impl Iterator<Item = &'a LiveConstraint> {
        self.constraints.iter().filter(move |constraint| constraint.table_key() == key)
    }

    /// An empty database of that version (`server_version_num`).
    pub fn empty(server_version: u32) -> Self {
        Self {
            server_version,
            schemas: vec![LiveSchema::new(DEFAULT_SCHEMA)],
            search_path: vec![String::from(DEFAULT_SCHEMA)],
            tables: Vec::new(),
            indexes: Vec::new(),
            types: Vec::new(),
            other_relations: Vec::new(),
            domains: Vec::new(),
            base_views: Vec::new(),
            base_schemas: Vec::new(),
            base_owned: true,
            base_dependents: Vec::new(),
            constraints: Vec::new(),
            statistics: Vec::new(),
            triggers: Vec::new(),
            policies: Vec::new(),
            views: Vec::new(),
            set: None,
        }
    }
}

impl TableName {
    /// Schema and name.
    pub fn key(&self) -> Key<'_> {
        (&self.schema, &self.name)
    }
}

impl LiveSchema {
    /// A schema in which the migrator may do everything.
    fn new(name: &str) -> Self {
        Self { name: name.to_owned(), exists: true, may_create: true, default_grants: Vec::new() }
    }
}

impl LiveIndex {
    /// Schema and name of its table.
    pub fn table_key(&self) -> Key<'_> {
        (&self.schema, &self.table)
    }
}
