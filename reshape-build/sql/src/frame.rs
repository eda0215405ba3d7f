//! Which names are visible at a place, and what they stand for.
//!
//! **Invariant:** a name counts as missing only if everything that could have it is known completely.

use std::rc::Rc;

use crate::catalog::Relation;
use crate::types::Type;

/// A column that a relation of a FROM clause has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) data_type: Option<Type>,
    pub(crate) nullable: Option<bool>,
    /// The table and column that it is.
    pub(crate) source: Option<(String, String)>,
}

/// A relation of a FROM clause.
#[derive(Clone, Debug, Default)]
pub(crate) struct Item {
    /// What qualifies its columns.
    pub(crate) name: Option<String>,
    pub(crate) fields: Vec<Field>,
    /// Whether it has no other columns.
    pub(crate) complete: bool,
    /// The table that it is, under whatever name.
    pub(crate) table: Option<String>,
}

/// A query of a WITH clause.
#[derive(Clone, Debug)]
pub(crate) struct Cte {
    pub(crate) name: String,
    pub(crate) fields: Rc<Vec<Field>>,
    pub(crate) complete: bool,
}

/// What one level of a query can see; the level around it is its parent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Frame<'p> {
    pub(crate) parent: Option<&'p Frame<'p>>,
    pub(crate) items: Vec<Item>,
    /// The columns that can be named without a qualifier, in the order of `*`: item and field.
    pub(crate) visible: Vec<(usize, usize)>,
    pub(crate) ctes: Vec<Cte>,
    /// Of columns with the same name the first one is meant, rather than none.
    pub(crate) first_wins: bool,
    /// Something may be visible that is not known here.
    pub(crate) blind: bool,
}

/// What a name stands for.
#[derive(Clone, Debug)]
pub(crate) enum Found {
    Field(Field),
    /// A column that every table has, and no view.
    System,
    /// A row of a relation.
    Row,
    /// Something, but nothing is certain about it.
    Uncertain,
    /// Columns of several relations.
    Ambiguous(Vec<String>),
    Missing,
}

/// Every table has these: <https://www.postgresql.org/docs/current/ddl-system-columns.html>
const SYSTEM_COLUMNS: [&str; 6] = ["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"];

fn is_system(name: &str) -> bool {
    SYSTEM_COLUMNS.contains(&name)
}

impl Item {
    pub(crate) fn from_relation(name: &str, relation: &Relation) -> Self {
        let fields = relation.columns.iter().map(|column| Field {
            name: column.name.clone(),
            data_type: column.data_type.clone(),
            nullable: Some(column.nullable),
            source: Some((relation.name.clone(), column.name.clone())),
        });
        Self {
            name: Some(name.to_owned()),
            fields: fields.collect(),
            complete: relation.complete,
            table: Some(relation.name.clone()),
        }
    }

    /// Any of its columns may be NULL, other than where it comes from.
    pub(crate) fn weaken(&mut self) {
        for field in &mut self.fields {
            field.nullable = field.nullable.filter(|nullable| *nullable);
        }
    }

    /// A relation of which nothing is known but its name.
    pub(crate) fn unknown(name: Option<String>) -> Self {
        Self { name, ..Self::default() }
    }

    pub(crate) fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

impl<'p> Frame<'p> {
    pub(crate) fn inside(parent: &'p Frame<'p>) -> Self {
        Self { parent: Some(parent), ..Self::default() }
    }

    /// Adds a relation all of whose columns can be named without a qualifier.
    pub(crate) fn add(&mut self, item: Item) {
        let number = self.items.len();
        self.visible.extend((0..item.fields.len()).map(|field| (number, field)));
        self.items.push(item);
    }

    /// This level and those around it.
    pub(crate) fn levels(&self) -> impl Iterator<Item = &Frame<'p>> {
        let mut next = Some(self);
        std::iter::from_fn(move || {
            let level = next?;
            next = level.parent;
            Some(level)
        })
    }

    pub(crate) fn cte(&self, name: &str) -> Option<&Cte> {
        self.levels().find_map(|level| level.ctes.iter().rev().find(|cte| cte.name == name))
    }

    /// What `name` alone stands for.
    pub(crate) fn find(&self, name: &str) -> Found {
        for level in self.levels() {
            match level.find_here(name) {
                Found::Missing => {}
                found => return found,
            }
        }
        Found::Missing
    }

    fn find_here(&self, name: &str) -> Found {
        let matching: Vec<&(usize, usize)> = self
            .visible
            .iter()
            .filter(|(item, field)| self.items[*item].fields[*field].name == name)
            .collect();
        match matching[..] {
            [] => {}
            [(item, field)] => return Found::Field(self.items[*item].fields[*field].clone()),
            [(item, field), ..] if self.first_wins => {
                return Found::Field(self.items[*item].fields[*field].clone());
            }
            [..] => {
                let names = matching.iter().map(|(item, _)| {
                    self.items[*item].name.clone().unwrap_or_else(|| String::from("?"))
                });
                return Found::Ambiguous(names.collect());
            }
        }
        if self.blind || self.items.iter().any(|item| !item.complete) {
            return Found::Uncertain;
        }
        if self.items.iter().any(|item| item.name.as_deref() == Some(name)) {
            return Found::Row;
        }
        if is_system(name) && self.items.iter().any(|item| item.table.is_some()) {
            return Found::System;
        }
        Found::Missing
    }

    /// The relation that `name` qualifies the columns of; the second is whether there may be one that is not known.
    pub(crate) fn item(&self, name: &str) -> (Option<&Item>, bool) {
        let mut uncertain = false;
        for level in self.levels() {
            if let Some(item) = level.items.iter().find(|item| item.name.as_deref() == Some(name)) {
                return (Some(item), uncertain);
            }
            uncertain |= level.blind;
        }
        (None, uncertain)
    }

    /// What `name` stands for after the name of the relation `item`.
    pub(crate) fn field_of(item: &Item, name: &str) -> Found {
        if let Some(field) = item.field(name) {
            return Found::Field(field.clone());
        }
        if !item.complete {
            Found::Uncertain
        } else if is_system(name) && item.table.is_some() {
            Found::System
        } else {
            Found::Missing
        }
    }

    /// All names of columns that could be meant, the nearest level first.
    pub(crate) fn column_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for level in self.levels() {
            for item in &level.items {
                for field in &item.fields {
                    if !names.contains(&field.name.as_str()) {
                        names.push(&field.name);
                    }
                }
            }
        }
        names
    }

    pub(crate) fn item_names(&self) -> Vec<&str> {
        self.levels()
            .flat_map(|level| level.items.iter().filter_map(|item| item.name.as_deref()))
            .collect()
    }
}
