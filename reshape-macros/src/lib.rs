//! The macros of `reshape-runtime`, which re-exports them: use them from there.
//!
//! Each goes the same way: `ast` parses the arguments, `index` reads what the build script found, then `expand`
//! or `schema_query` checks one against the other and writes code.
//!
//! **Invariant:** nothing here reads a migration file or judges one. `reshape-build` does both once, in the build
//! script; a problem it found arrives as rendered text.
//!
//! **Invariant:** a mistake never panics and never hides others: it becomes `compile_error!` next to code that
//! still has the right types.

use proc_macro::TokenStream;

mod ast;
mod expand;
mod index;
mod schema_query;

/// Embeds the migrations that the build script found, as a module.
///
/// `migrations!()` is a module `pub mod migrations` with
///
/// - `SET`, of type `Migrations`: all of them, oldest first, for `Migrator::new`;
/// - one unit struct per migration, e.g. `M0001CreateUsers` for `0001_create_users.toml`, which implements the trait
///   `Migration`: its name, description, checksum, position, version schema and actions;
/// - `LATEST`, `VERSION_SCHEMA` and `SCHEMA_QUERY`: the newest migration's name, schema and `SET search_path`;
/// - `versions`, a module with one constant per migration, e.g. `M0001_CREATE_USERS`: its version schema.
///
/// # Arguments
///
/// Both are optional: `migrations!(pub(crate) mod db, crate = ::renamed_runtime)`
///
/// - a visibility and a name for the module, `pub mod migrations` unless given;
/// - the path of the runtime's crate, for a dependency under another name: one that means the same in every module.
///
/// # Errors
///
/// One compile error per problem in the migration files, with its file, line and column. The module is there all the
/// same, with an empty `SET`. A crate whose build script does not embed migrations is told which lines to add.
///
/// # Example
///
/// ```ignore
/// // build.rs: fn main() { reshape_build::migrations("migrations"); }
/// reshape_runtime::migrations!();
///
/// let report = Migrator::new(migrations::SET, url).start()?;
/// ```
#[proc_macro]
pub fn migrations(input: TokenStream) -> TokenStream {
    match syn::parse::<ast::Module>(input) {
        Ok(module) => expand::module(&module, &index::read()).into(),
        Err(error) => error.into_compile_error().into(),
    }
}

/// The statement that makes a connection use one version of the schema, as a string literal.
///
/// Run it once on each new connection. Unqualified names then mean the tables of that version, whatever other versions
/// are live. Being a literal, it can stand in a `const` and inside `concat!`.
///
/// # Arguments
///
/// All are optional: `schema_query!("0003_split_name", then = ["extensions"])`
///
/// - the migration whose version is wanted, the newest unless given;
/// - `then`: schemas to search after it, for types and functions that live elsewhere.
///
/// # Errors
///
/// A compile error at a name that no migration has, with a suggestion.
///
/// # Example
///
/// ```ignore
/// const SCHEMA: &str = reshape_runtime::schema_query!(then = ["extensions"]);
/// assert_eq!(SCHEMA, r#"SET search_path TO "migration_0003_split_name", "extensions""#);
/// ```
#[proc_macro]
pub fn schema_query(input: TokenStream) -> TokenStream {
    match syn::parse::<ast::Query>(input) {
        Ok(query) => schema_query::expand(&query, &index::read()).into(),
        Err(error) => error.into_compile_error().into(),
    }
}
