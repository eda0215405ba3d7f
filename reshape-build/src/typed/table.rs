//! The code of one table: its row, its row to insert, its constants.

use std::fmt::Write as _;

use reshape_runtime::model::Column;
use reshape_runtime::schema::{Schema, Table, TypeName};
use reshape_runtime::sql::ident::ident;

use super::docs;
use super::library::STRING;
use super::names::{self, Taken};
use super::story::TableStory;
use super::{EnumPath, Settings};

/// What the table's types and module are called in its version.
pub(super) struct Idents {
    pub(super) row: String,
    pub(super) new: String,
    pub(super) module: String,
}

/// A column as it is written.
struct Written<'a> {
    column: &'a Column,
    field: String,
    constant: String,
    /// Its type in a row.
    row: String,
    /// In a row to insert.
    new: New,
    doc: String,
}

/// A column of a row to insert.
enum New {
    /// It is always generated.
    No,
    /// It has to be given, as this type.
    Required(String),
    /// NULL unless given.
    Nullable(String),
    /// It has a default.
    Default(String),
}

pub(super) fn code(
    settings: &Settings,
    schema: &Schema,
    table: &Table,
    enums: &[EnumPath],
    story: Option<&TableStory>,
    idents: &Idents,
) -> String {
    let mut fields = Taken::default();
    let mut constants = Taken::with(&["TABLE"]);
    let columns: Vec<Written<'_>> = table
        .columns
        .iter()
        .map(|column| {
            let rust = settings.rust(&column.data_type, enums);
            let path = rust.path;
            let null = |path: &str| {
                if column.nullable {
                    format!("::core::option::Option<{path}>")
                } else {
                    path.to_owned()
                }
            };
            let new = match &column.generated {
                Some(how) if how.trim_start().to_uppercase().starts_with("ALWAYS") => New::No,
                Some(_) => New::Default(insert(&null(&path))),
                None if column.default.is_some() => New::Default(insert(&null(&path))),
                // A domain may have a default of its own, which NULL would suppress.
                None if !rust.plain => {
                    if column.nullable {
                        New::Default(insert(&null(&path)))
                    } else {
                        New::Required(path.clone())
                    }
                }
                None if column.nullable => New::Nullable(null(&path)),
                None => New::Required(path.clone()),
            };
            Written {
                column,
                field: fields.take(&names::field(&column.name)),
                constant: constants.take(&names::constant(&column.name)),
                row: null(&path),
                new,
                doc: docs::column(schema, table, column, story),
            }
        })
        .collect();

    let named = |known: &&EnumPath| {
        let is_it = |column: &Column| TypeName::parse(&column.data_type).base == known.name;
        table.columns.iter().any(is_it)
    };
    let used: Vec<&EnumPath> = enums.iter().filter(named).collect();
    let mut code = String::from("use super::__rt;\n");
    for EnumPath { module, ident, .. } in &used {
        let _ = writeln!(code, "use super::{module}::{ident};");
    }
    row(&mut code, table, &columns, story, &idents.row);
    new(&mut code, table, &columns, idents);
    let used = used.iter().map(|known| known.ident.as_str()).collect::<Vec<_>>();
    module(&mut code, table, &columns, idents, &used);
    code
}

fn insert(path: &str) -> String {
    format!("__rt::typed::Insert<{path}>")
}

fn row(
    code: &mut String,
    table: &Table,
    columns: &[Written<'_>],
    story: Option<&TableStory>,
    ident: &str,
) {
    docs::write(code, &docs::table(table, story));
    let _ = writeln!(code, "#[derive(Clone, Debug, PartialEq)]\npub struct {ident} {{");
    let mut decoded = String::new();
    for column in columns {
        docs::write(code, &column.doc);
        let Written { field, row, .. } = column;
        let _ = writeln!(code, "pub {field}: {row},");
        let _ = write!(decoded, "{field}: row.get({:?})?, ", column.column.name);
    }
    let name = &table.name;
    let _ = writeln!(
        code,
        "}}\nimpl __rt::typed::FromRow for {ident} {{\n\
         fn from_row(row: &__rt::typed::postgres::Row) -> ::core::result::Result<Self, __rt::typed::Error> {{\n\
         let row = __rt::typed::Fields::new(row, {name:?});\n\
         ::core::result::Result::Ok(Self {{ {decoded}}})\n}}\n}}"
    );
}

fn new(code: &mut String, table: &Table, columns: &[Written<'_>], idents: &Idents) {
    let Idents { row, new, module } = idents;
    let mut fields = String::new();
    let (mut parameters, mut given) = (String::new(), String::new());
    let mut values = String::new();
    let mut optional = true;
    for column in columns {
        let Written { field, .. } = column;
        let quoted = ident(&column.column.name);
        let path = match &column.new {
            New::No => continue,
            New::Required(path) => {
                optional = false;
                if path == STRING {
                    let _ = write!(parameters, "{field}: impl ::core::convert::Into<{STRING}>, ");
                    let _ = write!(given, "{field}: {field}.into(), ");
                } else {
                    let _ = write!(parameters, "{field}: {path}, ");
                    let _ = write!(given, "{field}, ");
                }
                let _ = write!(values, "({quoted:?}, __rt::typed::value(&self.{field})), ");
                path
            }
            New::Nullable(path) => {
                let _ = write!(given, "{field}: ::core::option::Option::None, ");
                let _ = write!(values, "({quoted:?}, __rt::typed::value(&self.{field})), ");
                path
            }
            New::Default(path) => {
                let _ = write!(given, "{field}: __rt::typed::Insert::Default, ");
                let _ = write!(values, "({quoted:?}, self.{field}.given()), ");
                path
            }
        };
        docs::write(&mut fields, &column.doc);
        let _ = writeln!(fields, "pub {field}: {path},");
    }
    docs::write(code, &format!("A row to insert into table {}.", docs::code(&table.name)));
    let default = if optional { ", Default" } else { "" };
    let _ = writeln!(
        code,
        "#[derive(Clone, Debug, PartialEq{default})]\npub struct {new} {{\n{fields}}}\nimpl {new} {{"
    );
    docs::write(code, "A row of what has to be given; the rest is NULL or has its default.");
    let _ = writeln!(
        code,
        "pub fn new({parameters}) -> Self {{\nSelf {{ {given}}}\n}}\n}}\n\
         impl __rt::typed::TableRow for {row} {{\n\
         const TABLE: __rt::typed::Table<Self> = {module}::TABLE;\n}}\n\
         impl __rt::typed::NewRow for {new} {{\ntype Row = {row};\n\
         fn values(&self) -> ::std::vec::Vec<__rt::typed::Value<'_>> {{\n\
         ::std::vec::Vec::from([{values}])\n}}\n}}"
    );
}

fn module(
    code: &mut String,
    table: &Table,
    columns: &[Written<'_>],
    idents: &Idents,
    enums: &[&str],
) {
    let Idents { row, module, .. } = idents;
    let name = &table.name;
    let quoted = ident(name);
    let names: Vec<String> = table.columns.iter().map(|column| ident(&column.name)).collect();
    let select = format!("SELECT {} FROM {quoted}", names.join(", "));
    docs::write(code, &format!("Table {} and its columns as constants.", docs::code(name)));
    let _ =
        writeln!(code, "pub mod {module} {{\nuse super::{{__rt, {row}, {}}};", enums.join(", "));
    docs::write(code, "The table.");
    let _ = writeln!(
        code,
        "pub const TABLE: __rt::typed::Table<{row}> = __rt::typed::Table::new({name:?}, {quoted:?}, {select:?});"
    );
    for column in columns {
        docs::write(code, &column.doc);
        let Column { name: column_name, data_type, .. } = column.column;
        let path = &column.row;
        let _ = writeln!(
            code,
            "pub const {}: __rt::typed::Column<{row}, {path}> = __rt::typed::Column::new({name:?}, {column_name:?}, {:?}, {data_type:?});",
            column.constant,
            ident(column_name)
        );
    }
    code.push_str("}\n");
}
