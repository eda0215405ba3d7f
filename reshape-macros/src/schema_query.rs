//! `schema_query!`: one string literal.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::LitStr;

use crate::ast::Query;
use crate::index::{Index, Migration, Missing};

/// Expands to the literal, or to one `compile_error!`, which is an expression of any type.
pub(crate) fn expand(query: &Query, index: &Result<Index, Missing>) -> TokenStream {
    match check(query, index) {
        Ok(statement) => LitStr::new(&statement, Span::call_site()).into_token_stream(),
        Err(error) => error.into_compile_error(),
    }
}

fn check(query: &Query, index: &Result<Index, Missing>) -> syn::Result<String> {
    let index = index.as_ref().map_err(|missing| syn::Error::new(Span::call_site(), missing))?;
    if !index.problems.is_empty() {
        return Err(syn::Error::new(
            Span::call_site(),
            "the migrations have problems: see the errors at `migrations!()`",
        ));
    }
    let migration = match &query.migration {
        Some(name) => find(name, &index.migrations)?,
        None => index.migrations.last().ok_or_else(|| {
            syn::Error::new(Span::call_site(), "there is no migration whose schema could be used")
        })?,
    };
    let then = query.then.iter().map(LitStr::value).collect::<Vec<_>>();
    Ok(statement(&index.version(&migration.name), &then))
}

fn find<'a>(wanted: &LitStr, migrations: &'a [Migration]) -> syn::Result<&'a Migration> {
    let name = wanted.value();
    migrations.iter().find(|migration| migration.name == name).ok_or_else(|| {
        let names = migrations.iter().map(|migration| migration.name.as_str()).collect::<Vec<_>>();
        syn::Error::new(
            wanted.span(),
            format!("there is no migration `{name}`\n  help: {}", suggestion(&name, &names)),
        )
    })
}

fn suggestion(wanted: &str, names: &[&str]) -> String {
    // The schema's name in place of the migration's, or the name without its number.
    let part = wanted.strip_prefix("migration_").unwrap_or(wanted);
    let longer = names.iter().rev().find(|name| !part.is_empty() && name.contains(part));
    // A third of the name may be wrong: more is another name.
    let similar = names
        .iter()
        .map(|name| (strsim::damerau_levenshtein(wanted, name), name))
        .filter(|(distance, name)| *distance <= name.chars().count().div_ceil(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name);
    match (longer.or(similar), names) {
        (Some(name), _) => format!("did you mean `{name}`?"),
        (None, []) => String::from("there are no migrations yet"),
        (None, [.., latest]) => format!("the newest of {} is `{latest}`", names.len()),
    }
}

/// The schema of a version's views, unquoted.
pub(crate) fn version_schema(version: &str) -> String {
    format!("migration_{version}")
}

/// `SET search_path` to the version, then to further schemas, all quoted.
pub(crate) fn statement(version: &str, then: &[String]) -> String {
    let schemas = std::iter::once(version_schema(version))
        .chain(then.iter().cloned())
        .map(|schema| format!("\"{}\"", schema.replace('"', "\"\"")))
        .collect::<Vec<_>>();
    format!("SET search_path TO {}", schemas.join(", "))
}

/// `compile_error!` as an item.
pub(crate) fn error_item(message: &str) -> TokenStream {
    quote! { ::core::compile_error!(#message); }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expand::tests::index;

    fn query(text: &str, index: Index) -> String {
        expand(&syn::parse_str(text).unwrap(), &Ok(index)).to_string()
    }

    #[test]
    fn the_newest_is_the_default() {
        assert_eq!(query("", index()), r#""SET search_path TO \"migration_0002_say \"\"hi\"\"\"""#);
    }

    #[test]
    fn a_set_with_a_name_has_it_in_its_schemas() {
        let index = || Index { namespace: Some("auth".into()), ..index() };
        assert_eq!(
            query("\"0001_create_users\"", index()),
            r#""SET search_path TO \"migration_auth/0001_create_users\"""#
        );
        let module = crate::expand::module(&syn::parse_str("").unwrap(), &Ok(index()));
        // The spaces between tokens are not ours.
        let code = module.to_string().replace(' ', "");
        assert!(code.contains("embedded_as(\"auth\","), "{code}");
        let schema = r#"VERSION_SCHEMA:&'staticstr="migration_auth/0001_create_users""#;
        assert!(code.contains(schema), "{code}");
        let constant = r#"M0001_CREATE_USERS:&str="migration_auth/0001_create_users""#;
        assert!(code.contains(constant), "{code}");
    }

    #[test]
    fn every_name_is_quoted() {
        assert_eq!(
            query("\"0001_create_users\", then = [\"public\", \"Ex\\\"t\"]", index()),
            r#""SET search_path TO \"migration_0001_create_users\", \"public\", \"Ex\"\"t\"""#
        );
    }

    #[test]
    fn an_unknown_name_gets_a_suggestion() {
        let names = ["0001_create_users", "0002_split"];
        for (wanted, expected) in [
            ("0001_crate_users", "did you mean `0001_create_users`?"),
            ("split", "did you mean `0002_split`?"),
            ("migration_0002_split", "did you mean `0002_split`?"),
            ("nothing_like_it", "the newest of 2 is `0002_split`"),
            ("", "the newest of 2 is `0002_split`"),
        ] {
            assert_eq!(suggestion(wanted, &names), expected);
        }
        assert_eq!(suggestion("a", &[]), "there are no migrations yet");
        let error = query("\"0001_crate_users\"", index());
        assert!(error.contains("there is no migration `0001_crate_users`"), "{error}");
    }

    #[test]
    fn problems_are_told_elsewhere() {
        let index = Index { problems: vec!["bad".into()], ..index() };
        let error = query("\"0001_create_users\"", index);
        assert!(error.contains("compile_error") && error.contains("migrations!()"), "{error}");
        assert!(!error.contains("bad"), "{error}");
    }

    #[test]
    fn without_a_migration_there_is_no_newest() {
        assert!(query("", Index::default()).contains("there is no migration whose schema"));
    }
}
