//! Rows of a type of the typed module: whether the statement gives what they are made of.
//!
//! A macro sees a type's name alone, and another type can have the same one. So what is wrong is put into a trait that the module's own type does not
//! implement: the compiler, which knows what the name stands for, says it of that type and of no other.
//!
//! **Invariant:** of a type with a `FromRow` of its own nothing is said.

use proc_macro2::TokenStream;
use quote::quote_spanned;
use reshape_sql::{Column, Output, Query, Relation};
use syn::Type;
use syn::spanned::Spanned as _;

use super::catalog::Catalog;
use super::render::Statement;
use super::rules::ROW_TYPE;

/// Code that does not compile if the rows are of the typed module's type and something is missing; none if nothing is.
pub(super) fn check(
    row: &Type,
    query: &Query,
    catalog: &Catalog,
    statement: &Statement<'_>,
) -> TokenStream {
    let Type::Path(path) = row else { return TokenStream::new() };
    let Some(name) = path.path.segments.last().map(|segment| segment.ident.to_string()) else {
        return TokenStream::new();
    };
    let known = catalog.table_of_row(&name);
    let Some(((known, relation), columns)) = known.zip(query.columns.as_deref()) else {
        return TokenStream::new();
    };
    let Ok(known) = syn::parse_str::<Type>(known) else { return TokenStream::new() };
    let message = match columns {
        // A statement without rows has a message of its own.
        [] => return TokenStream::new(),
        columns => problems(&name, relation, columns, catalog, statement),
    };
    if message.is_empty() {
        return TokenStream::new();
    }
    let message = as_it_is(&message);
    quote_spanned! { row.span() =>
        #[allow(dead_code, unused_imports, clippy::all, clippy::pedantic)]
        {
            #[diagnostic::on_unimplemented(message = #message, label = "rows of this type")]
            trait IsGiven {}
            struct Rows<R>(::core::marker::PhantomData<fn() -> R>);
            trait OfTheModule {
                fn check(&self)
                where
                    Self: IsGiven,
                {
                }
            }
            impl OfTheModule for Rows<#known> {}
            // Found where the other is not: nothing is said.
            trait OfAnother {
                fn check(&self) {}
            }
            impl<R> OfAnother for &Rows<R> {}
            (&Rows::<#row>(::core::marker::PhantomData)).check();
        }
    }
}

/// What rows of the table need, and do not get.
fn problems(
    name: &str,
    relation: &Relation,
    outputs: &[Output],
    catalog: &Catalog,
    statement: &Statement<'_>,
) -> String {
    let missing: Vec<String> = relation
        .columns
        .iter()
        .filter(|column| outputs.iter().all(|output| output.name != column.name))
        .map(|column| format!("`{}`", column.name))
        .collect();
    if !missing.is_empty() {
        let (list, are) = (missing.join(", "), if missing.len() == 1 { "is" } else { "are" });
        return format!(
            "[{ROW_TYPE}] {list} {are} not given, and a `{name}` has {}\n  = help: select all columns of `{}`, or leave `as {name}` out",
            if missing.len() == 1 { "it" } else { "them" },
            relation.name
        );
    }
    let mut told = Vec::new();
    for column in &relation.columns {
        // A row has its columns by name, and of two the first.
        let Some(output) = outputs.iter().find(|output| output.name == column.name) else {
            continue;
        };
        if let Some((message, help)) = differs(name, column, output, catalog) {
            told.push(statement.told(ROW_TYPE, output.range.clone(), &message, Some(&help)));
        }
    }
    told.join("\n\n")
}

fn differs(
    name: &str,
    column: &Column,
    output: &Output,
    catalog: &Catalog,
) -> Option<(String, String)> {
    let field = &column.name;
    if let (Some(wanted), Some(found)) = (&column.data_type, &output.data_type)
        && wanted != found
        && let (Some(one), Some(other)) = (catalog.rust(wanted), catalog.rust(found))
        && one != other
    {
        let message =
            format!("`{field}` of a `{name}` is of type `{wanted}`, and this is `{found}`");
        let help = format!("cast it: `::{wanted}`, or give it another name");
        return Some((message, help));
    }
    // What is not certain may be no NULL.
    if !column.nullable && output.nullable == Some(true) {
        let message = format!("`{field}` of a `{name}` is never NULL, and this may be");
        let help = format!("join the table with JOIN, or use `coalesce`, or leave `as {name}` out");
        return Some((message, help));
    }
    None
}

/// The text for a message of the compiler's, in which braces would stand for something.
pub(super) fn as_it_is(text: &str) -> String {
    text.replace('{', "{{").replace('}', "}}")
}
