//! The arguments of the macros.
//!
//! **Invariant:** syntax alone; whether a migration of that name exists is asked later.

use proc_macro2::Span;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Ident, LitStr, Path, Token, Visibility, bracketed, token};

/// The arguments of `migrations!`: `[visibility mod name] [, crate = path]`.
pub(crate) struct Module {
    pub(crate) visibility: Visibility,
    pub(crate) name: Ident,
    /// The runtime, as a path that means the same in every module.
    pub(crate) runtime: Path,
}

impl Parse for Module {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut module = Self {
            visibility: Visibility::Public(Token![pub](Span::call_site())),
            name: Ident::new("migrations", Span::call_site()),
            runtime: syn::parse_quote!(::reshape_runtime),
        };
        // `crate` is also a visibility to syn, so `crate = …` is looked for first.
        if !input.is_empty() && !is_runtime(input) {
            module.visibility = input.parse()?;
            let _: Token![mod] = input.parse()?;
            module.name = input.parse()?;
            if !input.is_empty() {
                let _: Token![,] = input.parse()?;
            }
        }
        if is_runtime(input) {
            let _: Token![crate] = input.parse()?;
            let _: Token![=] = input.parse()?;
            module.runtime = absolute(input.call(Path::parse_mod_style)?)?;
            let _: Option<Token![,]> = input.parse()?;
        }
        if input.is_empty() { Ok(module) } else { Err(input.error("expected `crate = path`")) }
    }
}

fn is_runtime(input: ParseStream<'_>) -> bool {
    input.peek(Token![crate]) && input.peek2(Token![=])
}

/// The path is written into nested modules, where `self` and `super` would mean something else.
fn absolute(path: Path) -> syn::Result<Path> {
    match path.segments.first() {
        Some(first) if first.ident == "self" || first.ident == "super" => Err(syn::Error::new(
            first.ident.span(),
            "a path from here means something else inside the generated module\n  \
             help: begin it with `crate::`, `::` or the name of the dependency",
        )),
        _ => Ok(path),
    }
}

/// The arguments of `schema_query!`: `["migration"] [, then = ["schema", …]]`.
pub(crate) struct Query {
    /// The newest if there is none.
    pub(crate) migration: Option<LitStr>,
    /// Schemas to search after the version's, unquoted.
    pub(crate) then: Vec<LitStr>,
}

impl Parse for Query {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut query = Self { migration: None, then: Vec::new() };
        if input.peek(LitStr) {
            query.migration = Some(input.parse()?);
            if !input.is_empty() {
                let _: Token![,] = input.parse()?;
            }
        }
        if input.is_empty() {
            return Ok(query);
        }
        let begin = input.span();
        let keyword = input.parse::<Ident>().is_ok_and(|keyword| keyword == "then");
        if !keyword || !input.peek(Token![=]) || !input.peek2(token::Bracket) {
            return Err(syn::Error::new(
                begin,
                "expected the name of a migration or further schemas\n  \
                 help: `schema_query!(\"0003_x\", then = [\"extensions\"])`, each part optional",
            ));
        }
        let _: Token![=] = input.parse()?;
        let list;
        bracketed!(list in input);
        query.then = Punctuated::<LitStr, Token![,]>::parse_terminated_with(
            &list,
            <LitStr as Parse>::parse,
        )?
        .into_iter()
        .map(schema)
        .collect::<syn::Result<_>>()?;
        let _: Option<Token![,]> = input.parse()?;
        if input.is_empty() { Ok(query) } else { Err(input.error("nothing may follow `then`")) }
    }
}

fn schema(name: LitStr) -> syn::Result<LitStr> {
    let value = name.value();
    if value.is_empty() || value.contains('\0') {
        return Err(syn::Error::new(name.span(), "no schema can have this name"));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use quote::ToTokens;

    use super::*;

    fn module(text: &str) -> (String, String, String) {
        let module: Module = syn::parse_str(text).unwrap();
        (
            module.visibility.to_token_stream().to_string(),
            module.name.to_string(),
            module.runtime.to_token_stream().to_string(),
        )
    }

    fn query(text: &str) -> (Option<String>, Vec<String>) {
        let query: Query = syn::parse_str(text).unwrap();
        (query.migration.map(|name| name.value()), query.then.iter().map(LitStr::value).collect())
    }

    fn error<T: Parse>(text: &str) -> String {
        syn::parse_str::<T>(text).err().unwrap().to_string()
    }

    #[test]
    fn the_module_has_defaults() {
        let runtime = ":: reshape_runtime";
        assert_eq!(module(""), ("pub".into(), "migrations".into(), runtime.into()));
        assert_eq!(
            module("pub(crate) mod db"),
            ("pub (crate)".into(), "db".into(), runtime.into())
        );
        assert_eq!(module("mod db,"), (String::new(), "db".into(), runtime.into()));
    }

    #[test]
    fn the_runtime_can_have_another_name() {
        assert_eq!(module("crate = rt"), ("pub".into(), "migrations".into(), "rt".into()));
        assert_eq!(
            module("mod db, crate = crate::deps::rt,"),
            (String::new(), "db".into(), "crate :: deps :: rt".into())
        );
        assert!(error::<Module>("crate = super::rt").contains("begin it with `crate::`"));
    }

    #[test]
    fn other_arguments_of_the_module_are_refused() {
        assert_eq!(error::<Module>("pub mod db, path = rt"), "expected `crate = path`");
        assert_eq!(error::<Module>("db"), "expected `mod`");
    }

    #[test]
    fn each_part_of_a_query_is_optional() {
        assert_eq!(query(""), (None, vec![]));
        assert_eq!(query("\"a\""), (Some("a".into()), vec![]));
        assert_eq!(query("then = [\"x\", \"y\",]"), (None, vec!["x".into(), "y".into()]));
        assert_eq!(query("\"a\", then = [],"), (Some("a".into()), vec![]));
    }

    #[test]
    fn other_arguments_of_a_query_are_refused() {
        for text in ["a", "then", "then = \"x\"", "1", "\"a\", next = []"] {
            assert!(error::<Query>(text).contains("further schemas"), "{text}");
        }
        assert_eq!(error::<Query>("\"a\" \"b\""), "expected `,`");
        assert_eq!(error::<Query>("then = [], \"a\""), "nothing may follow `then`");
        assert_eq!(error::<Query>("then = [\"\"]"), "no schema can have this name");
    }
}
