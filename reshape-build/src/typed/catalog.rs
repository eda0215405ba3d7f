//! `$OUT_DIR/reshape/catalog.txt`: the newest version's tables, for the macro `query!`.
//!
//! One record per line, its fields separated by tabs, escaped as in the index:
//!
//! ```text
//! reshape-catalog  2
//! open     <true if there may be more than is listed>
//! type     <Postgres type>  <Rust type>
//! enum     <name>  <Rust type>  <value>…
//! table    <schema>  <name>  <true if it has these columns and no others>
//! row      <Rust type of its rows>
//! settled
//! key      <full, or partial if it is for some rows alone>  <column>…
//! gone     <table>  <column, empty for the table itself>  <what became of it>
//! column   <name>  <type, empty if `custom` SQL may have changed it>  <true if it may accept NULL>  <nothing, default or always>
//! ```
//!
//! `settled` stands with a table that nobody but the history can have given keys, triggers or rules: `key` lists its unique keys then.
//!
//! **Invariant:** the first line names the version of this format; it changes with every change of the format.

use std::collections::HashSet;

use reshape_runtime::history::History;
use reshape_runtime::model::{Column, IndexColumn, Migration};
use reshape_runtime::schema::{Table, words};

use super::story::Story;
use super::{EnumPath, Settings};
use crate::emit::line;

/// The version of the format; the macros refuse any other.
const VERSION: &str = "2";

/// Where `migrations!` is expected, unless the build script says so.
const MODULE: &str = "crate::migrations";

/// By Postgres's own names. What is not here has no Rust type but by [`Settings::types`].
const BUILT_IN: [&str; 22] = [
    "int2",
    "int4",
    "int8",
    "float4",
    "float8",
    "bool",
    "text",
    "varchar",
    "bpchar",
    "name",
    "citext",
    "bytea",
    "oid",
    "inet",
    "date",
    "time",
    "timestamp",
    "timestamptz",
    "json",
    "jsonb",
    "numeric",
    "uuid",
];

/// The text of the file; `story` is that of all `migrations`.
pub(crate) fn catalog(
    settings: &Settings,
    migrations: &[&Migration],
    adopted: bool,
    history: &History,
    story: &Story,
) -> String {
    let schema = history.latest();
    let custom = &story.said;
    // What `custom` SQL has created is found in the version's schema, too; a database that was there before may have more than is said.
    let open = adopted || story.changes || migrations.iter().any(|m| !m.requires.is_empty());
    let mut text = line(&["reshape-catalog", VERSION]);
    text.push_str(&line(&["open", if open { "true" } else { "false" }]));
    let module = settings.module.as_deref().unwrap_or(MODULE);
    let mut types: Vec<(String, String)> = Vec::new();
    for name in BUILT_IN {
        types.push((name.to_owned(), settings.rust(name, &[]).path));
    }
    types.push(("\"char\"".to_owned(), "i8".to_owned()));
    types.extend(settings.types.iter().cloned());
    for (name, rust) in &types {
        text.push_str(&line(&["type", name, rust]));
    }
    let enums: Vec<EnumPath> = schema
        .enums()
        .zip(super::idents(schema).1)
        .map(|(known, ident)| EnumPath {
            name: known.name.clone(),
            module: String::new(),
            ident: format!("{module}::schema::{ident}"),
        })
        .collect();
    for (path, known) in enums.iter().zip(schema.enums()) {
        let rust =
            if known.values.is_empty() { settings.rust("", &[]).path } else { path.ident.clone() };
        let mut fields = vec!["enum", known.name.as_str(), rust.as_str()];
        fields.extend(known.values.iter().map(String::as_str));
        text.push_str(&line(&fields));
    }
    let told = story.tables(schema);
    let untouched = !may_touch(custom) && migrations.iter().all(|m| m.requires.is_empty());
    for (table, idents) in schema.tables().zip(super::idents(schema).0) {
        let told = told.get(&table.name);
        let mentioned = told.is_some_and(|table| !table.custom.is_empty())
            || words(&table.name).all(|word| custom.contains(&word));
        let complete = !mentioned && !custom.contains("inherits");
        let created = told.is_some_and(|table| table.created.is_some());
        let settled = complete && created && untouched && table.columns.iter().all(is_plain);
        let complete = if complete { "true" } else { "false" };
        text.push_str(&line(&["table", &table.schema, &table.name, complete]));
        text.push_str(&line(&["row", &format!("{module}::schema::{}", idents.row)]));
        if settled {
            keys(&mut text, table);
        }
        for column in &table.columns {
            let uncertain = told
                .and_then(|table| table.columns.get(&*column.name))
                .is_some_and(|column| column.uncertain);
            // What is not certain lets everything pass.
            let (data_type, nullable, fill) = if uncertain {
                ("", "true", "default")
            } else {
                let nullable = if column.nullable { "true" } else { "false" };
                (&*column.data_type, nullable, fill(column))
            };
            text.push_str(&line(&["column", &column.name, data_type, nullable, fill]));
        }
    }
    for (table, column, what) in story.gone(schema) {
        text.push_str(&line(&["gone", &table, &column, &what]));
    }
    text
}

/// Whether `custom` SQL can reach tables that it does not mention: a loop over the catalog does.
fn may_touch(custom: &HashSet<String>) -> bool {
    ["trigger", "rule", "execute", "inherit", "inherits", "partition"]
        .iter()
        .any(|word| custom.contains(*word))
}

/// Whether there is no constraint in what the column is made of.
fn is_plain(column: &Column) -> bool {
    let told = [Some(&column.data_type), column.default.as_ref(), column.generated.as_ref()];
    let mut said = told.into_iter().flatten().flat_map(|sql| words(sql));
    !said.any(|word| matches!(&*word, "unique" | "primary" | "key" | "null" | "exclude"))
}

/// The unique keys of a table of which all are known.
fn keys(text: &mut String, table: &Table) {
    text.push_str(&line(&["settled"]));
    if !table.primary_key.is_empty() {
        let mut fields = vec!["key", "full"];
        fields.extend(table.primary_key.iter().map(String::as_str));
        text.push_str(&line(&fields));
    }
    for index in table.indexes.iter().filter(|index| index.unique) {
        let mut fields = vec!["key", if index.predicate.is_some() { "partial" } else { "full" }];
        // Of an expression no list of columns is.
        fields.extend(index.columns.iter().map(|key| match key {
            IndexColumn::Name(name) => &**name,
            IndexColumn::Column { column, .. } => &**column,
            IndexColumn::Expression { .. } => "",
        }));
        text.push_str(&line(&fields));
    }
}

fn fill(column: &Column) -> &'static str {
    match (&column.generated, &column.default) {
        (Some(how), _) if how.trim_start().to_uppercase().starts_with("ALWAYS") => "always",
        (Some(_), _) | (None, Some(_)) => "default",
        (None, None) => "nothing",
    }
}
