//! The columns of one table on their way from the base version to the target: names, values, and how each value is
//! computed from others.
//!
//! A *value* is what a column holds at some point of the batch. A rename gives a value a new name; `alter_column` with an
//! `up` gives the name a new value. **Invariant:** a [`Stage`] sees the names of its own point of the batch (`before` and
//! `after`), so any number of actions on a table become one chain.

use crate::plan::beside::Beside;
use crate::plan::carry;
use crate::plan::cross::Lookup;
use crate::plan::facts::{Key, LiveColumn, LiveTable};
use crate::plan::generated::{self, Generation};
use crate::plan::inherit::Family;
use crate::plan::mention::mentions;
use crate::plan::numbers::Numbers;
use crate::sql::names;

/// Index into [`Table::values`].
pub(crate) type ValueId = usize;

/// What a column holds at some point of the batch.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    /// Its type, as SQL.
    pub(crate) data_type: String,
    /// The collation of a column of the base version, quoted and qualified, where it is not its type's.
    pub(crate) collation: Option<String>,
    /// The table's column that holds it: one that exists already, or a shadow; `None` for a value in between.
    pub(crate) physical: Option<String>,
    /// Whether `physical` is a column that the base version has.
    pub(crate) in_base: bool,
    /// Whether `physical` is `GENERATED ALWAYS AS IDENTITY`: a trigger may write it, a statement may not.
    pub(crate) is_always_identity: bool,
    /// How Postgres computes it, if it is a generated column.
    pub(crate) generation: Option<Generation>,
    /// The value of the table that this one inherits from, where the column comes from there.
    pub(crate) inherited: Option<ValueId>,
}

/// A column as the clients of the current point of the batch see it.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) value: ValueId,
    pub(crate) not_null: bool,
    pub(crate) default: Option<String>,
    /// The default that the batch adds the column with, where a later action changes it: what rows of the old version have.
    pub(crate) added_default: Option<String>,
    pub(crate) comment: Option<String>,
    /// Identity or generated: Postgres computes it, so no view default and no assignment.
    pub(crate) generated: bool,
    /// Its values come from a sequence, by an identity or a default: where the batch replaces the column, the old one goes on drawing them.
    pub(crate) draws: bool,
    /// The column of the base version that it descends from: source of column rights.
    pub(crate) ancestor: Option<String>,
    /// Where its numbers come from, if the batch adds it as an identity or serial column to a table that exists.
    pub(crate) numbers: Option<Numbers>,
}

/// The names that an expression may use, and what they stand for.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    /// The table's name at this point: qualifies columns.
    pub(crate) table: String,
    pub(crate) names: Vec<(String, ValueId)>,
    /// Other tables, as its sub-selects see them.
    pub(crate) beside: Beside,
}

/// How a value comes about.
#[derive(Clone, Debug)]
pub(crate) enum Formula {
    /// A user's expression over the scope.
    Expression(String),
    /// Another value as it is, under the rules of assignment: as strict as `ALTER COLUMN … TYPE` without USING.
    Copy(ValueId),
    /// The column's default where there is no value yet: a default that has to be computed row by row.
    Default(String),
    /// A value from a row of another table.
    Lookup(Box<Lookup>),
}

/// One computation.
#[derive(Clone, Debug)]
pub(crate) struct Stage {
    pub(crate) result: ValueId,
    pub(crate) formula: Formula,
    pub(crate) scope: Scope,
}

impl Stage {
    /// Whether the computation may need `value`.
    pub(crate) fn reads(&self, value: ValueId) -> bool {
        match &self.formula {
            Formula::Expression(sql) => self
                .scope
                .names
                .iter()
                .any(|(name, id)| *id == value && mentions(sql, &self.scope.table, name)),
            Formula::Copy(id) => *id == value,
            Formula::Default(_) => false,
            Formula::Lookup(lookup) => self
                .scope
                .names
                .iter()
                .any(|(name, id)| *id == value && lookup.uses(&self.scope, name)),
        }
    }
}

/// A table of the batch.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) schema: String,
    /// Its name in the catalog, until contract.
    pub(crate) physical: String,
    /// Its name at this point of the batch.
    pub(crate) name: String,
    /// Whether the version has a view of it: every table of `public`, and those of other schemas that an action has named.
    pub(crate) in_version: bool,
    /// Created in this batch: no old client knows it, so it is changed directly.
    pub(crate) created: bool,
    /// Created, and filled from another table.
    pub(crate) filled: bool,
    /// Removed by this batch.
    pub(crate) removed: bool,
    pub(crate) comment: Option<String>,
    pub(crate) columns: Vec<Column>,
    pub(crate) values: Vec<Value>,
    /// Computations from old to new, in order.
    pub(crate) ups: Vec<Stage>,
    /// Computations from new to old, to be run in reverse order.
    pub(crate) downs: Vec<Stage>,
    /// Base columns that become NOT NULL without a new value.
    pub(crate) set_not_null: Vec<String>,
    /// Base columns that lose NOT NULL in contract.
    pub(crate) drop_not_null: Vec<String>,
    /// Base columns whose default changes in contract.
    pub(crate) new_defaults: Vec<(String, String)>,
    /// Base columns that are dropped in contract.
    pub(crate) dropped: Vec<String>,
    /// The columns of its partition key, and of those of its partitions.
    pub(crate) partition_key: Vec<String>,
    /// Values that are neither a column of the base nor of the target, but have a column of their own until contract: they come from another
    /// table, or another table reads them.
    pub(crate) hidden: Vec<ValueId>,
    /// Of the values in between, those that other tables read: they are always up to date.
    pub(crate) kept: Vec<ValueId>,
    /// The primary key of a table that the batch creates.
    pub(crate) key: Vec<ValueId>,
    /// The unique indexes over columns alone, and without a condition, of a table that the batch creates.
    pub(crate) unique: Vec<(String, Vec<ValueId>)>,
    /// The place in the batch of the last action that touched it; `None` if none did.
    pub(crate) touched: Option<usize>,
    /// Of a table that the batch creates: for each column that it was ever given, in order, the table's name and its own at the time.
    pub(crate) made_as: Vec<(String, String)>,
    /// The generated name by way of which it gets one that another table has until contract; one that the batch creates has it from the
    /// beginning.
    pub(crate) by_way_of: Option<String>,
    /// Its number among the tables of the facts.
    pub(crate) known: Option<usize>,
    /// The number of the table that it inherits from, if it is one alone.
    pub(crate) parent: Option<usize>,
    /// What it has to do with the tables that it inherits from, or that inherit from it.
    pub(crate) family: Family,
}

impl Table {
    pub(crate) fn from_live(number: usize, live: &LiveTable) -> Self {
        let mut table = Self::new(&live.schema, &live.name);
        table.known = Some(number);
        // What the set shows besides is said by `own::show`.
        table.in_version = live.viewed;
        table.comment.clone_from(&live.comment);
        for column in &live.columns {
            let value = table.add_value(&column.data_type, Some(&column.name), true);
            table.values[value].collation.clone_from(&column.collation);
            table.values[value].is_always_identity =
                column.identity_kind.as_deref() == Some("ALWAYS");
            table.columns.push(Column::from_live(column, value));
        }
        table.partition_key.clone_from(&live.partition_key);
        table.family.has_children = !live.children.is_empty();
        generated::describe(&mut table, live);
        table
    }

    pub(crate) fn new(schema: &str, name: &str) -> Self {
        Self {
            schema: schema.to_owned(),
            physical: name.to_owned(),
            name: name.to_owned(),
            in_version: true,
            created: false,
            filled: false,
            removed: false,
            comment: None,
            columns: Vec::new(),
            values: Vec::new(),
            ups: Vec::new(),
            downs: Vec::new(),
            set_not_null: Vec::new(),
            drop_not_null: Vec::new(),
            new_defaults: Vec::new(),
            dropped: Vec::new(),
            partition_key: Vec::new(),
            hidden: Vec::new(),
            kept: Vec::new(),
            key: Vec::new(),
            unique: Vec::new(),
            touched: None,
            made_as: Vec::new(),
            by_way_of: None,
            known: None,
            parent: None,
            family: Family::default(),
        }
    }

    /// Its schema and its name in the catalog, until contract.
    pub(crate) fn key(&self) -> Key<'_> {
        (&self.schema, &self.physical)
    }

    /// Quoted and qualified name in the catalog.
    pub(crate) fn sql(&self) -> String {
        crate::sql::ident::qualified(&self.schema, &self.physical)
    }

    /// The same for statements about the table's own rows, or its own settings, which are not those of its children.
    pub(crate) fn itself(&self) -> String {
        if self.family.has_children { format!("ONLY {}", self.sql()) } else { self.sql() }
    }

    /// Whether the column comes from the table that this one inherits from.
    pub(crate) fn is_inherited(&self, column: &Column) -> bool {
        self.values[column.value].inherited.is_some()
    }

    /// Quoted and qualified name after contract.
    pub(crate) fn last_sql(&self) -> String {
        crate::sql::ident::qualified(&self.schema, &self.name)
    }

    pub(crate) fn add_value(
        &mut self,
        data_type: &str,
        physical: Option<&str>,
        in_base: bool,
    ) -> ValueId {
        self.values.push(Value {
            data_type: data_type.to_owned(),
            collation: None,
            physical: physical.map(str::to_owned),
            in_base,
            is_always_identity: false,
            generation: None,
            inherited: None,
        });
        self.values.len() - 1
    }

    pub(crate) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    pub(crate) fn column_mut(&mut self, name: &str) -> Option<&mut Column> {
        self.columns.iter_mut().find(|column| column.name == name)
    }

    /// The column's name in the table; `None` as long as its shadow has no name yet.
    pub(crate) fn physical(&self, column: &Column) -> Option<&str> {
        self.values[column.value].physical.as_deref()
    }

    /// The type of the column that holds a value, with its collation: what `%TYPE` says, which only those may ask who may use the schema.
    pub(crate) fn type_of(&self, id: ValueId) -> String {
        let data_type = &self.values[id].data_type;
        let replaces = self.columns.iter().find(|column| column.value == id);
        let ancestor = replaces.and_then(|column| column.ancestor.as_deref());
        let source = self
            .values
            .iter()
            .find(|value| value.in_base && value.physical.as_deref() == ancestor)
            .filter(|_| ancestor.is_some() && !self.values[id].in_base)
            .unwrap_or(&self.values[id]);
        let collation = carry::collation(source.collation.as_deref(), &source.data_type, data_type);
        format!("{data_type}{collation}")
    }

    /// The names that are visible now.
    pub(crate) fn scope(&self) -> Scope {
        Scope {
            table: self.name.clone(),
            names: self.columns.iter().map(|c| (c.name.clone(), c.value)).collect(),
            beside: Beside::default(),
        }
    }

    /// Whether the column's value is one that this batch introduces.
    pub(crate) fn is_new(&self, column: &Column) -> bool {
        !self.values[column.value].in_base
    }

    /// The column's value becomes one in between, which no column holds: a default is no longer Postgres's business.
    pub(crate) fn compute_default(&mut self, column: &Column) {
        let value = column.value;
        let has_place = self.values[value].in_base || self.values[value].physical.is_some();
        if !has_place && !self.is_computed(column) {
            let default = column.added_default.clone().or_else(|| column.default.clone());
            let default = default.unwrap_or_else(|| String::from("NULL"));
            let scope = self.scope();
            // First: it needs nothing, and an earlier `up` may read it.
            self.ups.insert(0, Stage { result: value, formula: Formula::Default(default), scope });
        }
    }

    /// Whether the batch adds the column, and rows of the old version have its default from the catalog.
    pub(crate) fn has_catalog_default(&self, column: &Column) -> bool {
        self.is_new(column) && !self.is_computed(column)
    }

    /// Whether rows that exist get the column's value from a computation, not from its default.
    pub(crate) fn is_computed(&self, column: &Column) -> bool {
        self.ups.iter().any(|stage| stage.result == column.value)
    }

    /// Gives every value that the target keeps a column of its own. Called once, when all actions are known.
    pub(crate) fn name_shadows(&mut self) {
        for column in &self.columns {
            if self.values[column.value].physical.is_none() {
                self.values[column.value].physical = Some(self.free_name(&column.name));
            }
        }
    }

    /// Gives a value that the target does not keep a column for the time of the batch.
    pub(crate) fn hide(&mut self, value: ValueId) {
        let name = self.free_name("value");
        self.values[value].physical = Some(name.clone());
        self.hidden.push(value);
        self.dropped.push(name);
    }

    fn free_name(&self, column: &str) -> String {
        let taken = |name: &String| {
            *name == names::ORIGIN
                || self.values.iter().any(|value| value.physical.as_ref() == Some(name))
        };
        let mut name = names::generated(&[column]);
        let mut number = 1;
        while taken(&name) {
            number += 1;
            name = names::generated(&[column, &number.to_string()]);
        }
        name
    }

    /// Columns of the target that are shadows, in order.
    pub(crate) fn shadows(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| self.is_new(column))
    }
}

impl Column {
    fn from_live(live: &LiveColumn, value: ValueId) -> Self {
        Self {
            name: live.name.clone(),
            value,
            not_null: live.not_null,
            default: live.default.clone(),
            added_default: None,
            comment: live.comment.clone(),
            generated: live.is_identity() || live.generated,
            draws: live.is_identity()
                || live.default.as_deref().is_some_and(|default| default.contains("nextval(")),
            ancestor: Some(live.name.clone()),
            numbers: None,
        }
    }
}
