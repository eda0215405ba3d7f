//! The code of a row to insert, `New…`, and of the columns that such a row must have, `Required`.
//!
//! `Required` is a struct of its own because every value has to be given by its column's name: by position, a column that takes another's place
//! would go unnoticed.
//!
//! **Invariant:** every table has a `Required`, and nothing else makes a `New…` of nothing, so that a column which comes to be required breaks the
//! code that does not give it, with the column's name in the message.

use std::fmt::Write as _;

use reshape_runtime::schema::Table;
use reshape_runtime::sql::ident::ident;

use super::docs;
use super::library::STRING;
use super::names::{self, Taken};
use super::table::{Idents, Written};

/// A column of a row to insert.
pub(super) enum New {
    /// It is always generated.
    No,
    /// It has to be given, as this type.
    Required(String),
    /// NULL unless given.
    Nullable(String),
    /// It has a default.
    Default(String),
}

/// The struct `Required` of a table's module.
pub(super) struct Required {
    /// What it is called.
    ident: String,
    /// By column, the parameter that stands for the type of its field: whatever can be made a string.
    parameters: Vec<Option<String>>,
}

impl Required {
    /// `enums` are the Rust enums that the module knows.
    pub(super) fn new(columns: &[Written<'_>], idents: &Idents, enums: &[&str]) -> Self {
        let types = columns.iter().filter_map(|column| match &column.new {
            New::Required(path) if path != STRING => Some(path),
            New::Required(_) | New::No | New::Nullable(_) | New::Default(_) => None,
        });
        // A parameter must not hide a type that another field has.
        let words = types.flat_map(|path| path.split(|c: char| !unicode_ident::is_xid_continue(c)));
        let known: Vec<&str> =
            words.chain(enums.iter().copied()).chain([idents.row.as_str()]).collect();
        let mut taken = Taken::with(&known);
        let ident = taken.take("Required");
        let parameter = |column: &Written<'_>| match &column.new {
            New::Required(path) if path == STRING => {
                Some(taken.take(&names::camel(&column.column.name, 'C')))
            }
            New::Required(_) | New::No | New::Nullable(_) | New::Default(_) => None,
        };
        let parameters = columns.iter().map(parameter).collect();
        Self { ident, parameters }
    }

    /// Its path with the types of a function's argument.
    fn argument(&self, module: &str) -> String {
        let into = format!("impl ::core::convert::Into<{STRING}>");
        let given: Vec<&str> = self.parameters.iter().flatten().map(|_| into.as_str()).collect();
        format!("{module}::{}<{}>", self.ident, given.join(", "))
    }

    /// Adds its code, for the table's module.
    pub(super) fn write(&self, code: &mut String, table: &Table, columns: &[Written<'_>]) {
        let Self { ident, parameters } = self;
        let about = "What has to be given for a new row of table";
        docs::write(code, &format!("{about} {}.", docs::code(&table.name)));
        let generics = parameters.iter().flatten().map(|name| format!("{name} = {STRING}"));
        let generics = generics.collect::<Vec<_>>().join(", ");
        let _ = writeln!(code, "pub struct {ident}<{generics}> {{");
        for (column, parameter) in columns.iter().zip(parameters) {
            let New::Required(path) = &column.new else { continue };
            docs::write(code, &column.doc);
            let _ = writeln!(code, "pub {}: {},", column.field, parameter.as_ref().unwrap_or(path));
        }
        code.push_str("}\n");
    }
}

/// Adds the struct and what is implemented for it.
pub(super) fn code(
    code: &mut String,
    table: &Table,
    columns: &[Written<'_>],
    idents: &Idents,
    required: &Required,
) {
    let Idents { row, new, module } = idents;
    let (mut fields, mut given, mut values) = (String::new(), String::new(), String::new());
    for (column, parameter) in columns.iter().zip(&required.parameters) {
        let Written { field, .. } = column;
        let quoted = ident(&column.column.name);
        let path = match &column.new {
            New::No => continue,
            New::Required(path) => {
                let into = if parameter.is_some() { ".into()" } else { "" };
                let _ = write!(given, "{field}: required.{field}{into}, ");
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
    let _ =
        writeln!(code, "#[derive(Clone, Debug)]\npub struct {new} {{\n{fields}}}\nimpl {new} {{");
    docs::write(code, "A row of what has to be given; the rest is NULL or has its default.");
    let _ = writeln!(
        code,
        "pub fn new(required: {}) -> Self {{\nSelf {{ {given}}}\n}}\n}}\n\
         impl __rt::typed::TableRow for {row} {{\n\
         const TABLE: __rt::typed::Table<Self> = {module}::TABLE;\n}}\n\
         impl __rt::typed::NewRow for {new} {{\ntype Row = {row};\n\
         fn values(&self) -> ::std::vec::Vec<__rt::typed::Value<'_>> {{\n\
         ::std::vec::Vec::from([{values}])\n}}\n}}",
        required.argument(module)
    );
}
