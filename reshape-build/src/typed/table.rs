//! The code of one table: its row, its row to insert (`new`), its constants.

use std::fmt::Write as _;

use reshape_runtime::model::Column;
use reshape_runtime::schema::{Schema, Table, TypeName};
use reshape_runtime::sql::ident::ident;

use super::docs;
use super::names::{self, Taken};
use super::new::{self, New, Required};
use super::story::TableStory;
use super::{EnumPath, Settings};

/// What the table's types and module are called in its version.
pub(super) struct Idents {
    pub(super) row: String,
    pub(super) new: String,
    pub(super) module: String,
}

/// A column as it is written.
pub(super) struct Written<'a> {
    pub(super) column: &'a Column,
    pub(super) field: String,
    constant: String,
    /// Its type in a row.
    row: String,
    /// In a row to insert.
    pub(super) new: New,
    pub(super) doc: String,
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
    let used = used.iter().map(|known| known.ident.as_str()).collect::<Vec<_>>();
    let required = Required::new(&columns, idents, &used);
    new::code(&mut code, table, &columns, idents, &required);
    module(&mut code, table, &columns, idents, &used, &required);
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

fn module(
    code: &mut String,
    table: &Table,
    columns: &[Written<'_>],
    idents: &Idents,
    enums: &[&str],
    required: &Required,
) {
    let Idents { row, module, .. } = idents;
    let name = &table.name;
    let quoted = ident(name);
    let names: Vec<String> = table.columns.iter().map(|column| ident(&column.name)).collect();
    let select = format!("SELECT {} FROM {quoted}", names.join(", "));
    docs::write(
        code,
        &format!(
            "Table {} and its columns as constants, and what a new row needs.",
            docs::code(name)
        ),
    );
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
    required.write(code, table, columns);
    code.push_str("}\n");
}
