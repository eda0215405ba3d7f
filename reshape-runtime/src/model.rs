//! The model of a migration file: what `reshape-build` parses, the binary embeds, the planner reads and the database keeps.
//!
//! **Invariant:** every type can be written as a `const` (`Cow::Borrowed` all the way down), so the user's
//! binary parses nothing at start-up; and every type round-trips through the JSON of the `reshape` command line,
//! so what is stored in `reshape.migrations.actions` can be read back.
//!
//! Only a database client reads it back, so `Deserialize` needs the feature `client`: a build script writes it and has its own reader of files, and
//! would spend a third of the time that this crate takes to check on it.
//!
//! **Invariant:** nothing here judges. Whether a migration fits its history is [`crate::history`]'s business.

use std::borrow::Cow;

use serde::Serialize;

pub use crate::action::{
    Action, AddCheck, AddColumn, AddForeignKey, AddIndex, AlterColumn, ColumnChanges, CreateEnum,
    CreateTable, Custom, RemoveCheck, RemoveColumn, RemoveEnum, RemoveForeignKey, RemoveIndex,
    RemoveTable, RenameTable, Reverts, TableUp,
};

/// A string that is `const` in an embedded migration and owned in one read from a file or a database.
pub type Str = Cow<'static, str>;

/// A list that is `const` in an embedded migration and owned in one read from a file or a database.
pub type List<T> = Cow<'static, [T]>;

/// One migration: one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct Migration {
    /// The file's stem, unless the file says otherwise. Unique in a history.
    pub name: Str,
    /// Free text for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Str>,
    /// SHA-256, in lower-case hexadecimal, over the canonical JSON of `actions`; formatting of the file does not matter.
    pub checksum: Str,
    /// What it does, in order.
    pub actions: List<Action>,
    /// What it takes upon itself that would otherwise be refused.
    #[serde(default, skip_serializing_if = "no_items")]
    pub allow: List<Allow>,
    /// Migrations that have to be there before: of the same set by their names, of another one as `<namespace>/<name>`.
    #[serde(default, skip_serializing_if = "no_items")]
    pub requires: List<Str>,
}

impl Migration {
    /// The schema that holds this version's views: `migration_<name>`, unquoted. In a set with a name of its own it is another one:
    /// [`Migrations::version_schema`].
    pub fn version_schema(&self) -> String {
        crate::sql::names::version_schema(&self.name)
    }
}

/// An ordered set of migrations: what one application (or library) embeds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct Migrations {
    /// Oldest first.
    pub migrations: List<Migration>,
    /// What is there before the first of them, as actions that create it; none of them is ever executed.
    #[serde(default, skip_serializing_if = "no_items")]
    pub baseline: List<Action>,
    /// The set's name in a database that has several; `None` for [`DEFAULT_NAMESPACE`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Str>,
}

use crate::sql::ident::ident;
pub use crate::sql::names::DEFAULT_NAMESPACE;
use crate::sql::tenant;

impl Migrations {
    /// A set of embedded migrations, oldest first.
    pub const fn embedded(migrations: &'static [Migration]) -> Self {
        Self::embedded_after(&[], migrations)
    }

    /// The same after a baseline: what is in the database before the first of them.
    pub const fn embedded_after(
        baseline: &'static [Action],
        migrations: &'static [Migration],
    ) -> Self {
        Self {
            migrations: Cow::Borrowed(migrations),
            baseline: Cow::Borrowed(baseline),
            namespace: None,
        }
    }

    /// The same under a name of its own; see [`in_namespace`](Self::in_namespace).
    pub const fn embedded_as(
        namespace: &'static str,
        baseline: &'static [Action],
        migrations: &'static [Migration],
    ) -> Self {
        Self {
            migrations: Cow::Borrowed(migrations),
            baseline: Cow::Borrowed(baseline),
            namespace: Some(Cow::Borrowed(namespace)),
        }
    }

    /// A set that was read at run time, oldest first.
    pub const fn owned(migrations: Vec<Migration>) -> Self {
        Self { migrations: Cow::Owned(migrations), baseline: Cow::Borrowed(&[]), namespace: None }
    }

    /// The same set after a baseline: what is in the database before the first of them.
    #[must_use]
    pub fn after(mut self, baseline: Vec<Action>) -> Self {
        self.baseline = Cow::Owned(baseline);
        self
    }

    /// The same set under a name of its own: a database may have several, each with its own lock, state, journal and versions.
    #[must_use]
    pub fn in_namespace(mut self, namespace: impl Into<Str>) -> Self {
        self.namespace = Some(tenant::renamed(self.namespace(), &namespace.into()).into());
        self
    }

    /// The same set for the tables of a schema: where a database has the same tables once for each tenant, in a schema of its own. Whatever says no
    /// schema is in that one, which is made where it does not exist; what says one (`schema = "shared"`) stays there, and SQL of expressions and of
    /// `custom` actions finds that schema first.
    ///
    /// Each schema has a lock, a state, a journal and versions of its own, as a set with a name has, and goes by the name `@<schema>`:
    ///
    /// ```
    /// # let migrations = reshape_runtime::Migrations::embedded(&[]);
    /// let acme = migrations.in_schema("acme");
    /// assert_eq!(acme.namespace(), "@acme");
    /// assert_eq!(acme.version_schema("2_add_email"), "migration_@acme/2_add_email");
    /// assert_eq!(acme.in_namespace("auth").in_schema("acme").namespace(), "auth@acme");
    /// ```
    #[must_use]
    pub fn in_schema(mut self, schema: &str) -> Self {
        self.namespace = Some(tenant::in_schema(self.namespace(), schema).into());
        self
    }

    /// The schema of tables that say none.
    pub fn schema(&self) -> &str {
        tenant::schema_of(self.namespace())
    }

    /// `SET search_path` to the newest version, for the clients of a set whose schema is known at run time alone; else `schema_query!` is the same,
    /// and checked by the compiler. `None` if there are no migrations.
    ///
    /// ```
    /// # let migrations = reshape_runtime::Migrations::embedded(&[]);
    /// assert_eq!(migrations.in_schema("acme").schema_query(), None);
    /// ```
    pub fn schema_query(&self) -> Option<String> {
        let schema = self.version_schema(&self.latest()?.name);
        Some(format!("SET search_path TO {}", ident(&schema)))
    }

    /// The set's name.
    pub fn namespace(&self) -> &str {
        self.namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE)
    }

    /// The schema that holds the views of the version that the migration `name` leads to, unquoted: `migration_<name>`, in a set
    /// with a name `migration_<namespace>/<name>`.
    pub fn version_schema(&self, name: &str) -> String {
        crate::sql::names::version_schema(&crate::sql::names::version(self.namespace(), name))
    }

    /// The newest migration.
    pub fn latest(&self) -> Option<&Migration> {
        self.migrations.last()
    }

    /// The set up to and including the migration `name`; `None` if there is none of that name.
    pub fn up_to(&self, name: &str) -> Option<Self> {
        let end = self.migrations.iter().position(|m| m.name == name)?;
        Some(self.first(end + 1))
    }

    /// The first `count` migrations of the set; all of them, if there are no more.
    pub(crate) fn first(&self, count: usize) -> Self {
        let migrations = self.migrations.get(..count).unwrap_or(&self.migrations);
        Self {
            namespace: self.namespace.clone(),
            baseline: self.baseline.clone(),
            ..Self::owned(migrations.to_vec())
        }
    }
}

/// A column, as in `create_table` and `add_column`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct Column {
    /// Its name, unquoted.
    pub name: Str,
    /// Its type, as SQL.
    #[serde(rename = "type")]
    pub data_type: Str,
    /// Whether it accepts NULL; the default is that it does.
    #[serde(default = "yes")]
    pub nullable: bool,
    /// Its default, an SQL expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Str>,
    /// `ALWAYS AS IDENTITY`, `BY DEFAULT AS IDENTITY` or `ALWAYS AS (expression) STORED`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generated: Option<Str>,
    /// Its comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<Str>,
}

fn no_items<T: Clone>(list: &List<T>) -> bool {
    list.is_empty()
}

/// A consequence that the author of a migration accepts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct Allow {
    /// Which.
    pub lint: Lint,
    /// Why, for those who read it later.
    pub reason: Str,
}

/// A consequence that has to be accepted, or the migration is refused or warned about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
#[serde(from = "Str", into = "Str")]
pub enum Lint {
    /// On PostgreSQL 14 a version's views read their tables with the rights of the views' owner, so row-level security does not hold through them.
    RowSecurityBypass,
    /// The tables that the batch changes are not what the migrations before it say.
    Drift,
    /// A hazard that is found without a database, by the name of its [rule](crate::Rule). Any name: what a later release knows is recorded in
    /// databases that this one reads.
    Hazard(Str),
}

impl Lint {
    /// Those that a database decides about, when a batch starts.
    pub const OF_DATABASES: [Self; 2] = [Self::RowSecurityBypass, Self::Drift];

    /// Its name in a migration file.
    pub fn name(&self) -> &str {
        match self {
            Self::RowSecurityBypass => "row_security_bypass",
            Self::Drift => "drift",
            Self::Hazard(name) => name,
        }
    }
}

impl From<Str> for Lint {
    fn from(name: Str) -> Self {
        let known = Self::OF_DATABASES.into_iter().find(|lint| lint.name() == name);
        known.unwrap_or(Self::Hazard(name))
    }
}

impl From<Lint> for Str {
    fn from(lint: Lint) -> Self {
        match lint {
            Lint::Hazard(name) => name,
            Lint::RowSecurityBypass | Lint::Drift => Self::Owned(lint.name().to_owned()),
        }
    }
}

#[cfg(feature = "client")]
fn yes() -> bool {
    true
}

/// A foreign key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct ForeignKey {
    /// The referencing columns.
    pub columns: List<Str>,
    /// The table referred to.
    pub referenced_table: Str,
    /// That table's schema; the referencing table's if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referenced_schema: Option<Str>,
    /// The columns referred to, as many as `columns`.
    pub referenced_columns: List<Str>,
    /// What happens when the row referred to is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_delete: Option<ReferentialAction>,
    /// What happens when the key referred to is updated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_update: Option<ReferentialAction>,
}

/// What a foreign key does when its target goes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub enum ReferentialAction {
    /// `NO ACTION`
    #[serde(rename = "NO ACTION", alias = "no action")]
    NoAction,
    /// `RESTRICT`
    #[serde(rename = "RESTRICT", alias = "restrict")]
    Restrict,
    /// `CASCADE`
    #[serde(rename = "CASCADE", alias = "cascade")]
    Cascade,
    /// `SET NULL`
    #[serde(rename = "SET NULL", alias = "set null")]
    SetNull,
    /// `SET DEFAULT`
    #[serde(rename = "SET DEFAULT", alias = "set default")]
    SetDefault,
}

impl ReferentialAction {
    /// Every value, in the order of the format's documentation.
    pub const ALL: [Self; 5] =
        [Self::NoAction, Self::Restrict, Self::Cascade, Self::SetNull, Self::SetDefault];

    /// The SQL keywords.
    pub const fn sql(self) -> &'static str {
        match self {
            Self::NoAction => "NO ACTION",
            Self::Restrict => "RESTRICT",
            Self::Cascade => "CASCADE",
            Self::SetNull => "SET NULL",
            Self::SetDefault => "SET DEFAULT",
        }
    }
}

/// A check constraint of `create_table` (where the name is optional) or `add_check`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct Check {
    /// Its name; Postgres chooses one if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Str>,
    /// A boolean SQL expression over the table's columns.
    pub expression: Str,
}

/// An index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct Index {
    /// Its name, unquoted.
    pub name: Str,
    /// Columns and expressions, in order.
    pub columns: List<IndexColumn>,
    /// Whether it forbids duplicates.
    #[serde(default)]
    pub unique: bool,
    /// The access method; btree if there is none.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub method: Option<IndexMethod>,
    /// The condition of a partial index.
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    pub predicate: Option<Str>,
}

/// One key of an index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
#[serde(untagged)]
pub enum IndexColumn {
    /// A column by its name alone.
    Name(Str),
    /// A column with a direction or a place for NULLs.
    Column {
        /// The column.
        column: Str,
        /// Ascending if there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        direction: Option<Direction>,
        /// Where NULLs sort.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        nulls: Option<Nulls>,
    },
    /// An expression over the table's columns.
    Expression {
        /// The SQL expression.
        expression: Str,
        /// Ascending if there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        direction: Option<Direction>,
        /// Where NULLs sort.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        nulls: Option<Nulls>,
    },
}

impl IndexColumn {
    /// The column; `None` for an expression.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Name(name) | Self::Column { column: name, .. } => Some(name),
            Self::Expression { .. } => None,
        }
    }
}

/// The direction of an index key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub enum Direction {
    /// Ascending.
    #[serde(rename = "ASC", alias = "asc")]
    Asc,
    /// Descending.
    #[serde(rename = "DESC", alias = "desc")]
    Desc,
}

/// Where an index key sorts NULLs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub enum Nulls {
    /// Before everything else.
    #[serde(rename = "FIRST", alias = "first")]
    First,
    /// After everything else.
    #[serde(rename = "LAST", alias = "last")]
    Last,
}

/// An index access method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
#[serde(rename_all = "lowercase")]
pub enum IndexMethod {
    /// The default.
    Btree,
    /// Equality alone.
    Hash,
    /// Generalised search tree.
    Gist,
    /// Space-partitioned generalised search tree.
    Spgist,
    /// Inverted index.
    Gin,
    /// Block range index.
    Brin,
}

impl IndexMethod {
    /// Every value, in the order of the format's documentation.
    pub const ALL: [Self; 6] =
        [Self::Btree, Self::Hash, Self::Gist, Self::Spgist, Self::Gin, Self::Brin];

    /// The SQL keyword.
    pub const fn sql(self) -> &'static str {
        match self {
            Self::Btree => "btree",
            Self::Hash => "hash",
            Self::Gist => "gist",
            Self::Spgist => "spgist",
            Self::Gin => "gin",
            Self::Brin => "brin",
        }
    }
}

/// How a value of one version is computed from a row of the other: an `up` or a `down`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
#[serde(untagged)]
pub enum Transform {
    /// An SQL expression over the row's own columns.
    Expression(Str),
    /// A value taken from a row of another table.
    Table {
        /// The other table.
        table: Str,
        /// That table's schema; that of the action's table if there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        schema: Option<Str>,
        /// An SQL expression over both tables' columns.
        value: Str,
        /// Which rows of the other table belong to a row of this one.
        #[serde(rename = "where")]
        condition: Str,
    },
}
