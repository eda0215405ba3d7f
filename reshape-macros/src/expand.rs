//! `migrations!`: the module with the embedded set.
//!
//! **Invariant:** the module has the same shape whether or not there are problems, so that code which uses it raises no
//! errors of its own: `SET` is then empty, and so are the actions.

use std::fmt::Write as _;

use proc_macro2::TokenStream;
use quote::quote;

use crate::ast::Module;
use crate::index::{Index, Migration, Missing};
use crate::schema_query::{error_item, statement, version_schema};

/// Expands to the module, next to one `compile_error!` per problem.
pub(crate) fn module(module: &Module, index: &Result<Index, Missing>) -> TokenStream {
    let none = Index::default();
    let (index, mut errors) = match index {
        Ok(index) => {
            (index, index.problems.iter().map(|p| error_item(&headline(p))).collect::<Vec<_>>())
        }
        Err(missing) => (&none, vec![error_item(&missing.to_string())]),
    };
    let whole = errors.is_empty();
    if whole && index.migrations.is_empty() {
        errors.push(error_item("there is no migration to embed"));
    }

    let Module { visibility, name, runtime } = module;
    let embedded = if whole {
        quote! {
            // What the build script wrote names the runtime `__rt` and its constants `pub(super)`.
            #[doc(hidden)]
            mod __embedded {
                use #runtime as __rt;
                ::core::include!(::core::concat!(
                    ::core::env!("OUT_DIR"),
                    "/reshape/migrations.rs"
                ));
            }
        }
    } else {
        TokenStream::new()
    };
    // Also where there are problems, so that code which uses the types has no errors of its own.
    let (typed, typed_versions) = if index.migrations.is_empty() {
        (TokenStream::new(), TokenStream::new())
    } else {
        let typed = quote! {
            #runtime::__with_client! {
                #[doc(hidden)]
                mod __typed {
                    use #runtime as __rt;
                    ::core::include!(::core::concat!(
                        ::core::env!("OUT_DIR"),
                        "/reshape/schema.rs"
                    ));
                }
                #[doc(inline)]
                pub use __typed::schema;
            }
        };
        let versions = quote! {
            #runtime::__with_client! {
                #[doc(inline)]
                pub use super::__typed::versions::*;
            }
        };
        (typed, versions)
    };
    let set = if whole { quote!(__embedded::MIGRATIONS) } else { quote!(&[]) };
    let baseline = if whole { quote!(__embedded::BASELINE) } else { quote!(&[]) };
    let latest = index.migrations.last().map_or("", |migration| &migration.name);
    let latest_version = index.version(latest);
    let latest_schema = version_schema(&latest_version);
    let latest_query = statement(&latest_version, &[]);
    let set = if let Some(namespace) = &index.namespace {
        quote!(#runtime::Migrations::embedded_as(#namespace, #baseline, #set))
    } else {
        quote!(#runtime::Migrations::embedded_after(#baseline, #set))
    };
    let (mut structs, mut versions) = (String::new(), String::new());
    for (position, migration) in index.migrations.iter().enumerate() {
        let version = index.version(&migration.name);
        unit_struct(&mut structs, migration, &version, position, whole);
        let doc = format!(" The schema of version {}.", code(&migration.name));
        let (constant, schema) = (&migration.constant, version_schema(&version));
        let _ = write!(versions, "#[doc = {doc:?}]\npub const {constant}: &str = {schema:?};\n");
    }
    let (structs, versions) = (tokens(&structs), tokens(&versions));

    quote! {
        #(#errors)*

        /// The migrations of this crate, embedded at compile time.
        // A binary need not use all of it, and the names come from files.
        #[allow(
            dead_code, unused_imports, unused_qualifications, unused_variables, unreachable_pub, missing_debug_implementations, non_camel_case_types, non_snake_case,
            non_upper_case_globals
        )]
        #[allow(clippy::all, clippy::pedantic)]
        #visibility mod #name {
            // For the structs, which are written as text.
            #[doc(hidden)]
            use #runtime as __rt;

            #embedded
            #typed

            /// All migrations, oldest first.
            pub const SET: #runtime::Migrations = #set;

            /// The name of the newest migration.
            pub const LATEST: &str = #latest;

            /// The schema with the newest version's views, unquoted.
            pub const VERSION_SCHEMA: &str = #latest_schema;

            /// The statement that makes a connection use the newest version.
            pub const SCHEMA_QUERY: &str = #latest_query;

            /// The schema of each version, unquoted, by the name of its migration, and a module with the tables of each that has one.
            pub mod versions {
                #versions
                #typed_versions
            }

            #structs
        }
    }
}

/// Items that are written as text: the compiler reads them much faster than a macro of the dev profile puts tokens together.
fn tokens(items: &str) -> TokenStream {
    items.parse().expect("names are identifiers, and everything else is literals")
}

/// Nothing is derived: nobody has values of it, and a hundred migrations would cost every build of the crate a tenth of a second.
fn unit_struct(
    items: &mut String,
    migration: &Migration,
    version: &str,
    position: usize,
    whole: bool,
) {
    let Migration { name, type_name, constant: _, checksum, description, file } = migration;
    let doc = doc(name, description.as_deref(), file);
    let _ = writeln!(items, "#[doc = {doc:?}]");
    if whole {
        // For rustdoc alone: a compiler need not read the files of a thousand migrations.
        let _ = writeln!(
            items,
            "#[cfg_attr(doc, doc = ::core::include_str!(::core::concat!(::core::env!(\"OUT_DIR\"), \"/reshape/docs/{position}.md\")))]"
        );
    }
    let description = description.as_ref().map_or_else(
        || "::core::option::Option::None".to_owned(),
        |text| format!("::core::option::Option::Some({text:?})"),
    );
    let schema = version_schema(version);
    let query = statement(version, &[]);
    let actions = if whole { format!("__embedded::ACTIONS_{position}") } else { "&[]".to_owned() };
    let _ = writeln!(
        items,
        "pub struct {type_name};
        impl __rt::Migration for {type_name} {{
            const NAME: &'static str = {name:?};
            const DESCRIPTION: ::core::option::Option<&'static str> = {description};
            const CHECKSUM: &'static str = {checksum:?};
            const POSITION: usize = {position};
            const VERSION_SCHEMA: &'static str = {schema:?};
            const SCHEMA_QUERY: &'static str = {query:?};
            const ACTIONS: &'static [__rt::action::Action] = {actions};
        }}"
    );
}

fn doc(name: &str, description: Option<&str>, file: &str) -> String {
    let mut doc = format!(" Migration {}.", code(name));
    if let Some(description) = description {
        doc.push_str("\n\n");
        doc.push_str(&plain(description));
    }
    doc.push_str(&format!("\n\n File: {}", code(file)));
    doc
}

/// Inline code in Markdown, whatever the text contains.
fn code(text: &str) -> String {
    if text.contains('`') { format!("`` {text} ``") } else { format!("`{text}`") }
}

/// Text as it is: a description is not Markdown, and `[x]` in it must not become a broken link of the user's docs.
fn plain(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for line in text.lines() {
        // Four spaces would make a code block, which rustdoc would try to compile.
        for character in line.trim_start().chars() {
            if character.is_ascii_punctuation() && !matches!(character, ',' | ':' | ';' | '\'') {
                escaped.push('\\');
            }
            escaped.push(character);
        }
        escaped.push('\n');
    }
    escaped.truncate(escaped.trim_end().len());
    escaped
}

/// The compiler writes `error: ` before a message, so the diagnostic's own is left out; of `error[R0201]: …` the id stays.
fn headline(problem: &str) -> String {
    let with_id = problem.strip_prefix("error[").and_then(|rest| rest.split_once("]: "));
    match with_id {
        Some((id, rest)) => format!("[{id}] {rest}"),
        None => problem.strip_prefix("error: ").unwrap_or(problem).to_owned(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use quote::format_ident;

    use super::*;

    pub(crate) fn index() -> Index {
        let migration =
            |name: &str, type_name: &str, constant: &str, description: &str| Migration {
                name: name.into(),
                type_name: format_ident!("{type_name}"),
                constant: format_ident!("{constant}"),
                checksum: format!("{:064}", name.len()),
                description: (!description.is_empty()).then(|| description.into()),
                file: format!("migrations/{name}.toml"),
            };
        Index {
            migrations: vec![
                migration("0001_create_users", "M0001CreateUsers", "M0001_CREATE_USERS", ""),
                migration(
                    "0002_say \"hi\"",
                    "M0002SayHi",
                    "M0002_SAY_HI",
                    "Adds a [greeting]\n    for <all>",
                ),
            ],
            namespace: None,
            problems: Vec::new(),
        }
    }

    fn expanded(arguments: &str, index: &Result<Index, Missing>) -> String {
        let tokens = module(&syn::parse_str(arguments).unwrap(), index);
        prettyplease::unparse(&syn::parse2(tokens).unwrap())
    }

    #[test]
    fn the_whole_module() {
        insta::assert_snapshot!(expanded("", &Ok(index())));
    }

    #[test]
    fn arguments_name_the_module_and_the_runtime() {
        let code = expanded("pub(crate) mod db, crate = crate::deps::rt", &Ok(index()));
        assert!(code.contains("pub(crate) mod db {"), "{code}");
        assert!(code.contains("use crate::deps::rt as __rt;"), "{code}");
        assert!(!code.contains("reshape_runtime"), "{code}");
    }

    #[test]
    fn a_problem_leaves_an_empty_module() {
        let problems =
            vec!["error[R0001]: one\n --> a.toml:1:2".into(), "error: two".into(), "three".into()];
        insta::assert_snapshot!(expanded("", &Ok(Index { problems, ..index() })));
    }

    #[test]
    fn without_a_build_script_there_is_one_error() {
        let code = expanded("", &Err(Missing::BuildScript));
        assert_eq!(code.matches("compile_error!").count(), 1, "{code}");
        assert!(code.contains("SET: ::reshape_runtime::Migrations"), "{code}");
        assert!(!code.contains("include!"), "{code}");
    }

    #[test]
    fn a_description_is_not_markdown() {
        assert_eq!(plain("    a [b](c)\n`d`"), "a \\[b\\]\\(c\\)\n\\`d\\`");
        assert_eq!(code("a`b"), "`` a`b ``");
    }
}
