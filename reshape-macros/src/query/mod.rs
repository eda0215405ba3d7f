//! `query!`: a statement, checked against the newest version that the crate embeds.
//!
//! **Invariant:** nothing is guessed. What is not certain about a statement has to be said in it, or the statement is refused.

mod ast;
mod catalog;
mod columns;
mod render;
mod row;
mod rules;

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use reshape_sql::{Kind, Query};
use syn::spanned::Spanned as _;

pub(crate) use self::ast::Arguments;
use self::catalog::Catalog;
use self::render::Statement;
use crate::index::{Index, Missing};

/// Expands to a value of type `Query`, or to one `compile_error!` for each thing that is wrong.
pub(crate) fn expand(arguments: &Arguments, index: &Result<Index, Missing>) -> TokenStream {
    match known(index).and_then(|()| catalog::read()) {
        Ok(catalog) => checked(arguments, &catalog).unwrap_or_else(errors),
        Err(error) => errors(error),
    }
}

/// All errors as one expression: several macro calls in a row would be none. The last one gives the block its type, so nothing else is said
/// about what is done with the value.
fn errors(error: syn::Error) -> TokenStream {
    let errors: Vec<_> = error.into_iter().map(syn::Error::into_compile_error).collect();
    quote!({ #(#errors);* })
}

fn known(index: &Result<Index, Missing>) -> syn::Result<()> {
    let index = index.as_ref().map_err(|missing| syn::Error::new(Span::call_site(), missing))?;
    if index.problems.is_empty() {
        Ok(())
    } else {
        Err(syn::Error::new(
            Span::call_site(),
            "the migrations have problems: see the errors at `migrations!()`",
        ))
    }
}

fn checked(arguments: &Arguments, catalog: &Catalog) -> syn::Result<TokenStream> {
    let sql = arguments.sql.value();
    let query = reshape_sql::query(&sql, catalog);
    let mut statement = Statement::new(&arguments.sql, &sql);
    for finding in &query.findings {
        let gone = finding.related.as_ref().and_then(|related| catalog.gone(related));
        let help = gone.or(finding.help.as_deref());
        statement.problem(rules::code(finding.rule), finding.range.clone(), &finding.message, help);
    }
    statement.result()?;
    is_judged(&query, &mut statement);
    counted(arguments, &query, &mut statement);
    statement.result()?;

    let runtime = &arguments.runtime;
    let (item, row) = match &arguments.row {
        Some(row) => (row::check(row, &query, catalog, &statement), quote!(#row)),
        None => columns::record(&query, catalog, &mut statement),
    };
    statement.result()?;

    let given = &arguments.parameters;
    let names: Vec<_> =
        (1..=given.len()).map(|number| format_ident!("parameter_{number}")).collect();
    let checks =
        given.iter().zip(&names).zip(&query.parameters).filter_map(|((given, name), parameter)| {
            Some(match fits(parameter.data_type.as_ref()?, catalog)? {
                Fits::BuiltIn(module) => {
                    let module = format_ident!("{module}");
                    quote_spanned! { given.span() =>
                        {
                            use __rt::typed::fits::#module::{OfAnyType as _, OfKnownType as _};
                            (&__rt::typed::fits::#module::Given(#name)).check();
                        }
                    }
                }
                Fits::Enumeration(message) => quote_spanned! { given.span() =>
                    {
                        __rt::__fits! { #message, }
                        (&Given(#name)).check();
                    }
                },
            })
        });
    let text = &arguments.sql;
    // A `match`, so that what the parameters borrow lives as long as the statement around the macro.
    Ok(quote! {
        match (#(&(#given),)*) {
            (#(#names,)*) => {
                #[allow(unused_imports, clippy::all, clippy::pedantic)]
                use #runtime as __rt;
                #item
                #[allow(dead_code, unused_imports, clippy::all, clippy::pedantic)]
                {
                    #(#checks)*
                }
                __rt::typed::Query::<'_, #row>::new(
                    #text,
                    &[#(#names as &(dyn __rt::typed::postgres::types::ToSql + ::core::marker::Sync)),*],
                )
            }
        }
    })
}

/// Statements of other kinds have neither parameters nor rows that are known here.
fn is_judged(query: &Query, statement: &mut Statement<'_>) {
    match query.kind {
        Kind::Select | Kind::Insert | Kind::Update | Kind::Delete | Kind::Merge => {}
        Kind::Other => statement.whole(
            rules::STATEMENT,
            "only SELECT, VALUES, INSERT, UPDATE, DELETE and MERGE can be checked",
            Some("run other statements with the methods of the client"),
        ),
        Kind::None => statement.whole(rules::STATEMENT, "this is not exactly one statement", None),
    }
}

fn counted(arguments: &Arguments, query: &Query, statement: &mut Statement<'_>) {
    // Postgres cannot tell the type of a parameter that is not there.
    if let Some(skipped) = query.parameters.iter().find(|parameter| parameter.range.is_empty()) {
        let message = format!("`${}` is not used, but one behind it is", skipped.number);
        statement.whole(
            rules::PARAMETERS,
            &message,
            Some("number the parameters from `$1`, without gaps"),
        );
        return;
    }
    let (wanted, given) = (query.parameters.len(), arguments.parameters.len());
    if wanted == given {
        return;
    }
    let is = if given == 1 { "is" } else { "are" };
    let message = format!("the statement has {}, but {given} {is} given", parameters(wanted));
    match query.parameters.get(given) {
        Some(missing) => {
            let help = format!("give a value for `${}` behind the statement", missing.number);
            statement.problem(rules::PARAMETERS, missing.range.clone(), &message, Some(&help));
        }
        None => {
            statement.whole(
                rules::PARAMETERS,
                &message,
                Some("the statement uses `$1`, `$2`, … for its parameters"),
            );
        }
    }
}

fn parameters(count: usize) -> String {
    match count {
        0 => "no parameters".to_owned(),
        1 => "1 parameter".to_owned(),
        _ => format!("{count} parameters"),
    }
}

/// How it is checked whether a value can be given for a parameter.
enum Fits {
    /// By this module of the runtime.
    BuiltIn(&'static str),
    /// By code that has this message.
    Enumeration(String),
}

/// The check for a parameter's type; `None` where values of any type may fit.
fn fits(data_type: &reshape_sql::Type, catalog: &Catalog) -> Option<Fits> {
    if data_type.array {
        return None;
    }
    Some(Fits::BuiltIn(match &*data_type.name {
        "int2" => "int2",
        "int4" => "int4",
        "int8" => "int8",
        "float4" => "float4",
        "float8" => "float8",
        "bool" => "bool",
        "text" | "varchar" | "bpchar" | "name" => "text",
        "oid" => "oid",
        "uuid" => "uuid",
        "json" => "json",
        "jsonb" => "jsonb",
        "date" => "date",
        "time" => "time",
        "timestamp" => "timestamp",
        "timestamptz" => "timestamptz",
        "numeric" => "numeric",
        "bytea" => "bytea",
        "interval" => "interval",
        "inet" => "inet",
        name if catalog.is_enumeration(name) => {
            let name = row::as_it_is(name);
            let message = format!("[R0612] a parameter of type `{name}` cannot be a `{{Self}}`");
            return Some(Fits::Enumeration(message));
        }
        _ => return None,
    }))
}

#[cfg(test)]
mod tests;
