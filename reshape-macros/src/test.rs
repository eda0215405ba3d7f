//! `#[test]`: a function with a database.
//!
//! **Invariant:** the function's own words keep their places, so that what the compiler says about them points at them.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned as _;
use syn::{Expr, FnArg, Ident, ItemFn, LitBool, LitStr, Path, Token, parenthesized};

const OPTIONS: &str = "`migrations = set`, `upto = \"migration\"`, `in_progress`, `fixtures(\"file.sql\")`, `after(set)`, \
    `namespace = \"name\"`, `keep_on_failure = false`, `crate = path`";

/// The arguments of the attribute.
struct Options {
    migrations: Expr,
    upto: Option<LitStr>,
    in_progress: bool,
    fixtures: Vec<LitStr>,
    after: Vec<Expr>,
    namespace: Option<LitStr>,
    keep_on_failure: Option<LitBool>,
    runtime: Path,
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut options = Self {
            migrations: syn::parse_quote!(crate::migrations::SET),
            upto: None,
            in_progress: false,
            fixtures: Vec::new(),
            after: Vec::new(),
            namespace: None,
            keep_on_failure: None,
            runtime: syn::parse_quote!(::reshape_runtime),
        };
        let mut seen: Vec<String> = Vec::new();
        while !input.is_empty() {
            // `crate` is a keyword.
            let name = Ident::parse_any(input).map_err(|error| unknown(&error))?;
            if seen.contains(&name.to_string()) {
                return Err(syn::Error::new(name.span(), format!("`{name}` is given twice")));
            }
            seen.push(name.to_string());
            options.option(&name, input)?;
            if !input.is_empty() {
                let _: Token![,] = input.parse()?;
            }
        }
        Ok(options)
    }
}

impl Options {
    fn option(&mut self, name: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
        match name.to_string().as_str() {
            "migrations" => self.migrations = value(input)?,
            "upto" => self.upto = Some(value(input)?),
            "in_progress" => self.in_progress = true,
            "fixtures" => self.fixtures = list(input)?,
            "after" => self.after = list(input)?,
            "namespace" => self.namespace = Some(value(input)?),
            "keep_on_failure" => self.keep_on_failure = Some(value(input)?),
            "crate" => {
                let _: Token![=] = input.parse()?;
                self.runtime = input.call(Path::parse_mod_style)?;
            }
            _ => {
                return Err(unknown(&syn::Error::new(
                    name.span(),
                    format!("there is no option `{name}`"),
                )));
            }
        }
        Ok(())
    }
}

fn unknown(error: &syn::Error) -> syn::Error {
    syn::Error::new(error.span(), format!("{error}\n  help: the options are {OPTIONS}"))
}

fn value<T: Parse>(input: ParseStream<'_>) -> syn::Result<T> {
    let _: Token![=] = input.parse()?;
    input.parse()
}

fn list<T: Parse>(input: ParseStream<'_>) -> syn::Result<Vec<T>> {
    let list;
    parenthesized!(list in input);
    Ok(Punctuated::<T, Token![,]>::parse_terminated(&list)?.into_iter().collect())
}

/// The test that calls the function.
pub(crate) fn expand(arguments: TokenStream, function: TokenStream) -> syn::Result<TokenStream> {
    let options: Options = syn::parse2(arguments)?;
    let function: ItemFn = syn::parse2(function)?;
    if let Some(generic) = function.sig.generics.params.first() {
        return Err(syn::Error::new(generic.span(), "a test has no generic parameters"));
    }
    refuse_other_kinds(&function)?;
    let runtime = &options.runtime;
    let is_async = function.sig.asyncness.is_some();
    let mut types = Vec::new();
    for input in &function.sig.inputs {
        match input {
            FnArg::Typed(argument) => types.push(&*argument.ty),
            FnArg::Receiver(receiver) => {
                return Err(syn::Error::new(receiver.span(), "a test is a function, not a method"));
            }
        }
    }
    // At the type, so that the compiler shows which argument it cannot have.
    let argument = |ty: &syn::Type| {
        if is_async {
            quote_spanned!(ty.span()=> <#ty as #runtime::testing::AsyncArgument>)
        } else {
            quote_spanned!(ty.span()=> <#ty as #runtime::testing::Argument>)
        }
    };
    let all: Vec<TokenStream> = types.iter().map(|ty| argument(ty)).collect();
    let open = open(&options, &function, &all);

    let (attributes, visibility, name) = (&function.attrs, &function.vis, &function.sig.ident);
    let output = &function.sig.output;
    let mut body = function.clone();
    // Arguments are the test's own, whether it uses them up or not.
    body.attrs = vec![syn::parse_quote!(#[allow(clippy::needless_pass_by_value)])];
    body.vis = syn::Visibility::Inherited;
    let of = types.iter().map(|ty| {
        let argument = argument(ty);
        if is_async {
            quote_spanned!(ty.span()=> #runtime::testing::harness::expect(#argument::of(&__db).await))
        } else {
            quote_spanned!(ty.span()=> #runtime::testing::harness::expect(#argument::of(__db)))
        }
    });
    let run = if is_async {
        quote!(#runtime::testing::harness::run_async(__options, |__db| async move { #name(#(#of),*).await }))
    } else {
        quote!(#runtime::testing::harness::run(__options, |__db| #name(#(#of),*)))
    };
    Ok(quote! {
        #[::core::prelude::v1::test]
        #(#attributes)*
        #visibility fn #name() #output {
            #body
            #open
            #run
        }
    })
}

/// What the compiler would refuse at places that nobody has written.
fn refuse_other_kinds(function: &ItemFn) -> syn::Result<()> {
    let signature = &function.sig;
    let kinds = [
        signature.constness.map(|token| (token.span(), "const")),
        match &signature.safety {
            syn::Safety::Unsafe(token) => Some((token.span(), "unsafe")),
            syn::Safety::Safe(token) => Some((token.span(), "safe")),
            syn::Safety::Default => None,
        },
        signature.abi.as_ref().map(|abi| (abi.span(), "extern")),
    ];
    if let Some((span, kind)) = kinds.into_iter().flatten().next() {
        return Err(syn::Error::new(span, format!("a test cannot be `{kind}`")));
    }
    let is_test = |attribute: &&syn::Attribute| {
        let path = attribute.path();
        path.is_ident("test")
            || path.segments.len() == 2
                && path.segments[0].ident == "tokio"
                && path.segments[1].ident == "test"
    };
    match function.attrs.iter().find(is_test) {
        Some(other) => {
            let message = "the function is a test already\n  help: remove this attribute; an `async` test with a database has a runtime of tokio";
            Err(syn::Error::new(other.span(), message))
        }
        None => Ok(()),
    }
}

/// `let __options = …;`
fn open(options: &Options, function: &ItemFn, arguments: &[TokenStream]) -> TokenStream {
    let Options { migrations, upto, fixtures, after, namespace, runtime, .. } = options;
    let name = function.sig.ident.to_string();
    let mut calls = TokenStream::new();
    if let Some(upto) = upto {
        calls.extend(quote!(.before(#upto)));
    }
    // Cargo has to know of the files, which `include_str!` sees to.
    for fixture in fixtures {
        calls.extend(quote_spanned!(fixture.span()=> .fixture(::core::include_str!(#fixture))));
    }
    for set in after {
        calls.extend(quote_spanned!(set.span()=> .after(&#set)));
    }
    if let Some(namespace) = namespace {
        calls.extend(quote!(.namespace(#namespace)));
    }
    // It panics when it succeeds.
    let panics = function.attrs.iter().any(|attribute| attribute.path().is_ident("should_panic"));
    let keep = match &options.keep_on_failure {
        Some(keep) => keep.to_token_stream(),
        None if panics => quote!(false),
        None => quote!(true),
    };
    let in_progress = options.in_progress;
    quote! {
        let __options = #runtime::testing::TestDb::options(&#migrations) #calls
            .in_progress_if(#in_progress #(|| #arguments::IN_PROGRESS)*)
            .keep_on_failure(#keep)
            .test(::core::concat!(::core::module_path!(), "::", #name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_is_given_once_whatever_its_name() {
        let said =
            |text: &str| syn::parse_str::<Options>(text).err().map(|error| error.to_string());
        assert_eq!(said("crate = a::b, upto = \"1_a\", in_progress"), None);
        assert_eq!(said("upto = \"1\", upto = \"2\"").unwrap(), "`upto` is given twice");
        assert_eq!(said("crate = a, crate = b").unwrap(), "`crate` is given twice");
        assert!(
            said("fn = 1").unwrap().starts_with("there is no option `fn`\n  help: the options are")
        );
    }
}
