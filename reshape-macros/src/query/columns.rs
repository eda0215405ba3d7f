//! The struct for a statement's rows.
//!
//! A column that is one of a table's, or an expression of a certain type, has its type from there. Of any other the statement says it, in the
//! column's name: `AS "total: i64"` is a field `total` of that type, `AS "total!"` one that is not NULL, `AS "total?"` one that may be.

use std::collections::HashSet;

use proc_macro2::TokenStream;
use quote::quote;
use reshape_sql::{Output, Query};

use super::catalog::Catalog;
use super::render::Statement;
use super::rules::{FIELD_NAME, FIELD_TYPE};

/// The longest name that Postgres keeps.
const MAX_IDENTIFIER: usize = 63;

/// What a column's name says.
struct Said<'a> {
    field: &'a str,
    nullable: Option<bool>,
    rust: Option<&'a str>,
}

/// The struct, which finds the runtime as `__rt`, and its name; `()` for a statement that gives no rows.
pub(super) fn record(
    query: &Query,
    catalog: &Catalog,
    statement: &mut Statement<'_>,
) -> (TokenStream, TokenStream) {
    let Some(columns) = &query.columns else {
        statement.whole(
            FIELD_TYPE,
            "it is not certain which columns this statement gives",
            Some("it uses what no migration describes; say what its rows are: `query!(as Row, \"…\")`, with a type that is `FromRow`"),
        );
        return (TokenStream::new(), quote!(()));
    };
    if columns.is_empty() {
        return (TokenStream::new(), quote!(()));
    }
    let mut seen = HashSet::new();
    let mut fields = Vec::new();
    let mut values = Vec::new();
    for column in columns {
        let said = said(&column.name);
        if column.name == "?column?" || said.field.is_empty() {
            statement.problem(
                FIELD_NAME,
                column.range.clone(),
                "this column has no name",
                Some("give it one: `AS total`, or with its type, `AS \"total: i64\"`"),
            );
            continue;
        }
        let Some(field) = ident(said.field) else {
            let help = "give it a name that is a Rust identifier: `AS \"name\"`";
            statement.problem(
                FIELD_NAME,
                column.range.clone(),
                &format!("`{}` cannot be the name of a field", said.field),
                Some(help),
            );
            continue;
        };
        if !seen.insert(said.field) {
            let message = format!("there are two columns called `{}`", said.field);
            statement.problem(
                FIELD_NAME,
                column.range.clone(),
                &message,
                Some("give one of them another name with AS"),
            );
            continue;
        }
        match rust(column, &said, catalog) {
            Ok(rust) => match syn::parse_str::<syn::Type>(&rust) {
                Ok(rust) => {
                    let name = sent(&column.name);
                    fields.push(quote!(pub #field: #rust));
                    values.push(quote!(#field: row.get(#name)?));
                }
                Err(_) => statement.problem(
                    FIELD_TYPE,
                    column.range.clone(),
                    &format!("`{rust}` is no Rust type"),
                    None,
                ),
            },
            Err((message, help)) => {
                statement.problem(FIELD_TYPE, column.range.clone(), &message, Some(&help));
            }
        }
    }
    let record = quote! {
        #[derive(Clone, Debug, PartialEq)]
        #[allow(dead_code, non_snake_case, clippy::all, clippy::pedantic)]
        struct Record { #(#fields),* }
        #[allow(clippy::all, clippy::pedantic)]
        impl __rt::typed::FromRow for Record {
            fn from_row(
                row: &__rt::typed::postgres::Row,
            ) -> ::core::result::Result<Self, __rt::typed::Error> {
                let row = __rt::typed::Fields::new(row, "");
                ::core::result::Result::Ok(Self { #(#values),* })
            }
        }
    };
    (record, quote!(Record))
}

fn said(name: &str) -> Said<'_> {
    let (field, rust) = match name.split_once(':') {
        Some((field, rust)) => (field.trim_end(), Some(rust.trim())),
        None => (name, None),
    };
    match (field.strip_suffix('!'), field.strip_suffix('?')) {
        (Some(field), _) => Said { field, nullable: Some(false), rust },
        (None, Some(field)) if !field.is_empty() && !field.starts_with('?') => {
            Said { field, nullable: Some(true), rust }
        }
        (None, _) => Said { field, nullable: None, rust },
    }
}

/// A type that is said is the field's, as it stands; NULL is part of it.
fn rust(column: &Output, said: &Said<'_>, catalog: &Catalog) -> Result<String, (String, String)> {
    let field = said.field;
    if let Some(rust) = said.rust {
        return Ok(rust.to_owned());
    }
    let say = |why: String| {
        let help = format!(
            "say it in the column's name: `AS \"{field}: i64\"`, or `AS \"{field}: Option<i64>\"` if it may be NULL"
        );
        (why, help)
    };
    let Some(data_type) = &column.data_type else {
        return Err(say(format!("the type of column `{field}` is not certain")));
    };
    let Some(rust) = catalog.rust(data_type) else {
        let message =
            format!("column `{field}` is of type `{data_type}`, which has no Rust type here");
        let help = format!(
            "give it one in the build script, with `Builder::library` or `Builder::rust_type`, or say one here: `AS \"{field}: …\"`"
        );
        return Err((message, help));
    };
    // What is not certain to be no NULL may be one.
    let nullable = said.nullable.unwrap_or(column.nullable != Some(false));
    Ok(if nullable { format!("::core::option::Option<{rust}>") } else { rust })
}

/// The name that comes back from the server.
fn sent(name: &str) -> &str {
    let mut end = name.len().min(MAX_IDENTIFIER);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    &name[..end]
}

fn ident(name: &str) -> Option<syn::Ident> {
    syn::parse_str(name).or_else(|_| syn::parse_str(&format!("r#{name}"))).ok()
}
