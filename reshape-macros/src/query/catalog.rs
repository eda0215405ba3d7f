//! The newest version's tables, as the build script wrote them: `$OUT_DIR/reshape/catalog.txt`.
//!
//! **Invariant:** the text is not trusted. It may be from another version of `reshape-build`, or cut off.

use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;

use proc_macro2::Span;
use reshape_sql::{Column, Fill, Key, Named, Related, Relation, Type};

use crate::index::unescape;

const FORMAT: &str = "2";

/// What names stand for, and the Rust types of columns.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    /// Whether there may be relations, types and functions that are not listed.
    open: bool,
    /// Each with its schema.
    tables: HashMap<String, (String, Rc<Relation>)>,
    /// In the order of the file, for suggestions.
    names: Vec<String>,
    enums: HashMap<String, Vec<String>>,
    /// Unique keys, by table.
    keys: HashMap<String, Vec<Key>>,
    /// The Rust types of tables' rows, with the tables.
    rows: Vec<(String, String)>,
    /// What became of a table (without a column) or column.
    gone: HashMap<(String, String), String>,
    /// Rust types, as paths, by Postgres type.
    types: Vec<(Type, String)>,
}

/// The catalog of the crate that is being compiled.
pub(super) fn read() -> syn::Result<Catalog> {
    let error = |message: String| syn::Error::new(Span::call_site(), message);
    let Some(directory) = std::env::var_os("OUT_DIR") else {
        return Err(error("this crate has no build script that embeds its migrations".into()));
    };
    let path = Path::new(&directory).join("reshape").join("catalog.txt");
    let text = std::fs::read_to_string(&path).map_err(|cause| {
        error(format!("cannot read what the build script wrote: `{}`: {cause}", path.display()))
    })?;
    parse(&text).ok_or_else(|| {
        error(
            "what the build script wrote cannot be read\n  \
             help: `reshape-build` and `reshape-runtime` have to be of the same version"
                .into(),
        )
    })
}

pub(super) fn parse(text: &str) -> Option<Catalog> {
    let mut lines = text.lines();
    if lines.next()? != format!("reshape-catalog\t{FORMAT}") {
        return None;
    }
    let mut catalog = Catalog::default();
    let mut table: Option<(String, Relation)> = None;
    for line in lines {
        let fields = line.split('\t').map(unescape).collect::<Option<Vec<_>>>()?;
        let fields = fields.iter().map(String::as_str).collect::<Vec<_>>();
        match fields[..] {
            ["open", open] => catalog.open = truth(open)?,
            ["type", name, rust] => {
                catalog.types.extend(Type::parse(name).map(|known| (known, rust.to_owned())));
            }
            ["enum", name, rust, ref values @ ..] => {
                catalog
                    .types
                    .push((Type { name: name.to_owned().into(), array: false }, rust.to_owned()));
                let values = values.iter().map(|&value| value.to_owned()).collect();
                catalog.enums.insert(name.to_owned(), values);
            }
            ["gone", table, column, what] => {
                catalog.gone.insert((table.to_owned(), column.to_owned()), what.to_owned());
            }
            ["table", schema, name, complete] => {
                catalog.add(table.take());
                let complete = truth(complete)?;
                let relation = Relation { name: name.to_owned(), columns: Vec::new(), complete };
                table = Some((schema.to_owned(), relation));
            }
            ["row", rust] => {
                let name = table.as_ref()?.1.name.clone();
                catalog.rows.push((rust.to_owned(), name));
            }
            ["settled"] => {
                catalog.keys.insert(table.as_ref()?.1.name.clone(), Vec::new());
            }
            ["key", how, ref columns @ ..] => {
                let partial = match how {
                    "full" => false,
                    "partial" => true,
                    _ => return None,
                };
                let columns = columns.iter().map(|&name| name.to_owned()).collect();
                catalog.keys.get_mut(&table.as_ref()?.1.name)?.push(Key { columns, partial });
            }
            ["column", name, data_type, nullable, fill] => {
                let fill = match fill {
                    "nothing" => Fill::Nothing,
                    "default" => Fill::Default,
                    "always" => Fill::Always,
                    _ => return None,
                };
                let column = Column::new(name, data_type, truth(nullable)?, fill);
                table.as_mut()?.1.columns.push(column);
            }
            _ => return None,
        }
    }
    catalog.add(table);
    Some(catalog)
}

fn truth(text: &str) -> Option<bool> {
    match text {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

impl Catalog {
    fn add(&mut self, table: Option<(String, Relation)>) {
        if let Some((schema, relation)) = table {
            self.names.push(relation.name.clone());
            self.tables.insert(relation.name.clone(), (schema, Rc::new(relation)));
        }
    }

    /// What became of something that is not there.
    pub(super) fn gone(&self, related: &Related) -> Option<&str> {
        let key = match related {
            Related::Table(table) => (table.clone(), String::new()),
            Related::Column(table, column) => (table.clone(), column.clone()),
        };
        self.gone.get(&key).map(String::as_str)
    }

    /// The table whose rows a type of the typed module is made of, and the type's path, by the type's own name.
    pub(super) fn table_of_row(&self, name: &str) -> Option<(&str, &Relation)> {
        let is = |path: &str| path.rsplit("::").next() == Some(name);
        let (path, table) = self.rows.iter().find(|(path, _)| is(path))?;
        Some((path, &self.tables.get(table)?.1))
    }

    /// Whether there is an enum type of that name.
    pub(super) fn is_enumeration(&self, name: &str) -> bool {
        self.enums.contains_key(name)
    }

    /// The Rust type for a Postgres type, without regard to NULL; `None` if there is none but by the caller's word.
    pub(super) fn rust(&self, data_type: &Type) -> Option<String> {
        let find = |wanted: &Type| {
            self.types.iter().rev().find(|(known, _)| known == wanted).map(|(_, rust)| rust.clone())
        };
        let found = find(data_type).or_else(|| {
            let element = find(&data_type.element()).filter(|_| data_type.array)?;
            (!element.ends_with("::Binary")).then(|| format!("::std::vec::Vec<{element}>"))
        });
        found.filter(|rust| !rust.ends_with("::Binary"))
    }
}

impl reshape_sql::Catalog for Catalog {
    /// Unqualified names are those of the version's schema, if they are there. What else is on the `search_path` is the caller's business, and so is
    /// everything that is qualified; Postgres's own relations are in every database.
    fn relation(&self, schema: Option<&str>, name: &str) -> Named {
        match (schema, self.tables.get(name)) {
            (None, Some((_, relation))) => Named::Known(Rc::clone(relation)),
            (None, None) if !self.open && !name.starts_with("pg_") => Named::Missing,
            (_, _) => Named::Uncertain,
        }
    }

    fn relations(&self) -> Vec<String> {
        self.names.clone()
    }

    fn enumeration(&self, name: &str) -> Option<Vec<String>> {
        self.enums.get(name).cloned()
    }

    /// Where enum types are: there are none in other schemas.
    fn schema_of_enumeration(&self, name: &str) -> Option<String> {
        self.enums.contains_key(name).then(|| String::from("public"))
    }

    fn keys(&self, name: &str) -> Option<Vec<Key>> {
        self.keys.get(name).cloned()
    }

    fn may_be_created(&self, _: &str) -> bool {
        self.open
    }
}
