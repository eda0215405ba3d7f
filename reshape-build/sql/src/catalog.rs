//! What the names in SQL may stand for.

use std::rc::Rc;

use crate::types::Type;

/// The schema that SQL is checked against: a version of a history, at some point of a batch.
pub trait Catalog {
    /// What a table, view or other relation called `name` is; `schema` is what qualifies it, if anything does.
    fn relation(&self, schema: Option<&str>, name: &str) -> Named;

    /// The names of the relations that are known, to suggest one from.
    fn relations(&self) -> Vec<String>;

    /// The values of the enum type `name`, if it is one.
    fn enumeration(&self, name: &str) -> Option<Vec<String>>;

    /// The schema of the enum type `name`, if that is not on the `search_path`.
    fn schema_of_enumeration(&self, name: &str) -> Option<String> {
        let _ = name;
        None
    }

    /// Whether somebody may have created something called `name` that is not known here: `custom` SQL that mentions it.
    fn may_be_created(&self, name: &str) -> bool;

    /// The unique keys of the table `name`, its primary key among them; `None` unless nobody but the history can have given it keys, rules, or triggers that
    /// change what is written.
    fn keys(&self, name: &str) -> Option<Vec<Key>> {
        let _ = name;
        None
    }

    /// Whether there may be functions, operators and casts of all kinds that are not known here: those of an extension, or of a database that is older
    /// than its history.
    fn is_open(&self) -> bool {
        false
    }
}

/// What a name stands for.
#[derive(Clone, Debug)]
pub enum Named {
    /// A relation.
    Known(Rc<Relation>),
    /// It may stand for something, but nothing is certain about it.
    Uncertain,
    /// Surely nothing.
    Missing,
}

/// A table, or something else that has columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Relation {
    /// Its name.
    pub name: String,
    /// Its columns, in order.
    pub columns: Vec<Column>,
    /// Whether it has those columns and no others, for certain.
    pub complete: bool,
}

/// Columns in which no two rows of a table agree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Key {
    /// Their names.
    pub columns: Vec<String>,
    /// Whether that is so only for rows that meet a condition.
    pub partial: bool,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type; `None` if that is not certain.
    pub data_type: Option<Type>,
    /// Whether it may be NULL.
    pub nullable: bool,
    /// Where its value comes from when an INSERT says none.
    pub fill: Fill,
}

/// Where a column's value comes from when an INSERT says none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fill {
    /// It is NULL.
    #[default]
    Nothing,
    /// From its default, also that of a serial type or of `BY DEFAULT AS IDENTITY`.
    Default,
    /// From the column itself, and no INSERT may say one: `ALWAYS AS IDENTITY`, `ALWAYS AS (…) STORED`.
    Always,
}

/// A schema as plain data, in which everything is certain.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    /// The tables, each with its schema.
    pub tables: Vec<(String, Rc<Relation>)>,
    /// The unique keys of tables, by name; of one that is not here they are not certain.
    pub keys: Vec<(String, Vec<Key>)>,
    /// The enum types and their values.
    pub enums: Vec<(String, Vec<String>)>,
    /// Where the enum types are, if that is not on the `search_path`.
    pub enum_schema: Option<String>,
    /// Whether there may be functions, types and relations that are not listed.
    pub open: bool,
}

impl Column {
    /// A column by its name and its type as a migration writes it.
    pub fn new(name: &str, data_type: &str, nullable: bool, fill: Fill) -> Self {
        Self { name: name.to_owned(), data_type: Type::parse(data_type), nullable, fill }
    }
}

impl Relation {
    /// The column `name`; case matters.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

impl Catalog for Tables {
    /// A version's tables are all in its own schema, under whatever name: a qualified name is certain only for the schema that the table is said to be in.
    fn relation(&self, schema: Option<&str>, name: &str) -> Named {
        let found = self.tables.iter().find(|(_, table)| table.name == name);
        match (found, schema) {
            (Some((_, table)), None) => Named::Known(Rc::clone(table)),
            (Some((home, table)), Some(schema)) if home == schema => Named::Known(Rc::clone(table)),
            (None, None) if !self.open => Named::Missing,
            (_, _) => Named::Uncertain,
        }
    }

    fn relations(&self) -> Vec<String> {
        self.tables.iter().map(|(_, table)| table.name.clone()).collect()
    }

    fn enumeration(&self, name: &str) -> Option<Vec<String>> {
        self.enums.iter().find(|(known, _)| known == name).map(|(_, values)| values.clone())
    }

    fn schema_of_enumeration(&self, name: &str) -> Option<String> {
        self.enumeration(name)?;
        self.enum_schema.clone()
    }

    fn may_be_created(&self, _: &str) -> bool {
        self.open
    }

    fn keys(&self, name: &str) -> Option<Vec<Key>> {
        self.keys.iter().find(|(table, _)| table == name).map(|(_, keys)| keys.clone())
    }

    fn is_open(&self) -> bool {
        self.open
    }
}
