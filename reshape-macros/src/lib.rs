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
#[cfg(feature = "query")]
mod query;
mod schema_query;
#[cfg(feature = "test")]
mod test;

/// Embeds the migrations that the build script found, as a module.
///
/// `migrations!()` is a module `pub mod migrations` with
///
/// - `SET`, of type `Migrations`: all of them, oldest first, for `Migrator::new`;
/// - one unit struct per migration, e.g. `M0001CreateUsers` for `0001_create_users.toml`, which implements the trait
///   `Migration`: its name, description, checksum, position, version schema and actions;
/// - `LATEST`, `VERSION_SCHEMA` and `SCHEMA_QUERY`: the newest migration's name, schema and `SET search_path`;
/// - `versions`, a module with one constant per migration, e.g. `M0001_CREATE_USERS`: its version schema;
/// - with the feature `client`: `schema`, types for the tables and enum types of the newest version, and modules like `versions::v0001_create_users`,
///   those of one version. The newest two versions have one, or each with `Builder::all_versions`.
///
/// `query!` looks for `schema` in `crate::migrations`: if the macro stands elsewhere or its module has another name, the build script says where, with
/// `Builder::module`.
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

/// A statement that is checked when the program is compiled, against the newest version that the crate embeds.
///
/// It gives a value that runs the statement: `.all(&mut client)`, `.one`, `.optional` and `.execute`, on everything that is a
/// `postgres::GenericClient`; with the feature `tokio` also `.all_async(&client)` and so on, for clients of `tokio-postgres`.
/// Unqualified names mean that version's tables: the connection has run `schema_query!()`.
///
/// # Arguments
///
/// `query!([crate = path,] [as Row,] "statement" [, parameter]…)`
///
/// - the statement, a string literal: one `SELECT`, `VALUES`, `INSERT`, `UPDATE`, `DELETE` or `MERGE`;
/// - a value for each of its parameters `$1`, `$2`, …; they are borrowed;
/// - `as Row`: a type that is `FromRow`, a row struct of a typed module, say. Without it the rows are of a struct with a field for each column;
/// - the path of the runtime's crate, if it has another name.
///
/// # Columns
///
/// The type of a field is that of the column: `Option` if that may be NULL. Where it is not certain, or of a type without a Rust type, the column's name says it:
///
/// | | the field |
/// |---|---|
/// | `AS "total: i64"` | has this type, as it stands: `Option<i64>` if it may be NULL |
/// | `AS "total!"` | is no `Option` |
/// | `AS "total?"` | is an `Option` |
///
/// Where `custom` SQL mentions a column, or alters its table, nothing is certain about it either.
///
/// # Enums
///
/// An enum's type is looked for in `crate::migrations::schema`. If it is not found there ("unresolved", "could not find `migrations`"), `migrations!` is
/// in another place: the build script says where, with `Builder::module`.
///
/// The types themselves are not in the version's schema, which has only the tables. A parameter or a text that a column says the type of needs no cast; elsewhere
/// the type is named with its schema: `$1::public.mood`. Without it, it is refused.
///
/// # Rows of the typed module
///
/// With `as Users` the statement gives every column that a row of `users` has, of its type, and not NULL where the field is no `Option`: anything else does not
/// compile. Of a type with a `FromRow` of the program's own it shows only when the statement runs.
///
/// # What is not checked
///
/// Which values a table needs, which unique keys it has and so what an `ON CONFLICT` can be about is certain only of tables that migrations have created and
/// that no `custom` SQL mentions (statements that only read or write rows do not count), where no migration requires another set and no `custom` SQL creates triggers
/// or rules or runs what it has put together. Elsewhere the server refuses, when the statement runs. The same goes for all of `MERGE`, for a NULL that comes from a
/// parameter or a query, and for columns of a grouped query in sub-selects of it.
///
/// # Errors
///
/// A compile error for each mistake, with the line of the statement and the words underlined: SQL that does not parse, a table or column that is not
/// there, values too few or too many, a value that cannot be given for a parameter. What cannot be judged is refused. Each has a code, `[R0610]`, say:
/// `reshape explain R0610` tells more.
///
/// # Example
///
/// ```ignore
/// let user = query!("SELECT id, name FROM users WHERE email = $1", email).one(&mut client)?;
/// let count = query!(r#"SELECT count(*) AS "users!" FROM users"#).one(&mut client)?.users;
/// let all: Vec<Users> = query!(as Users, "SELECT * FROM users").all(&mut client)?;
/// query!("UPDATE users SET name = $2 WHERE id = $1", user.id, "Ada").execute(&mut client)?;
/// ```
#[cfg(feature = "query")]
#[proc_macro]
pub fn query(input: TokenStream) -> TokenStream {
    match syn::parse::<query::Arguments>(input) {
        Ok(arguments) => query::expand(&arguments, &index::read()).into(),
        Err(error) => error.into_compile_error().into(),
    }
}

/// A test with a migrated database of its own, which is there in milliseconds.
///
/// The function is an ordinary or an asynchronous one (feature `tokio`; it runs on the test's thread), and returns `()` or a `Result`. Its
/// arguments say by their types what it wants of the database:
///
/// | type | |
/// |---|---|
/// | `postgres::Client`, in an `async` test `tokio_postgres::Client` | connected, with the newest version |
/// | `String` | a URL whose connections use the newest version, for any other client library |
/// | `postgres::Config` | the same as a configuration |
/// | `testing::TestDb` | the database: other clients, a migrator |
/// | `testing::Old`, `testing::New` | clients of the two versions of a roll-out: the last migration is in progress; also `Old<tokio_postgres::Client>`, `Old<String>` |
/// | a pair of these | |
/// | your own | that implements `testing::Argument`, or `testing::AsyncArgument` |
///
/// # Arguments
///
/// All are optional, in any order:
///
/// - `migrations = my_app::migrations::SET`: the set, `crate::migrations::SET` unless given, which tests in a folder `tests` do not have;
/// - `upto = "0007_split_name"`: the state before that migration, to try the migration itself on rows;
/// - `in_progress`: the last migration, or the one of `upto`, is started and not completed;
/// - `fixtures("users.sql", "orders.sql")`: SQL files, relative to this one, run with the version that is completed;
/// - `after(auth::migrations::SET)`: other sets, which this one requires;
/// - `namespace = "auth"`: the set's name in the database;
/// - `keep_on_failure = false`: the database of a failed test is dropped; else it is kept for a day, and its URL printed. One that `#[should_panic]`
///   is not kept either;
/// - `crate = path`: the runtime's crate, if it has another name.
///
/// The server is the one of `DATABASE_URL` if that is set, else one that is started for all tests and ends when it is not used for 5 minutes:
/// see `reshape_runtime::testing`.
///
/// # Errors
///
/// A compile error for an argument of a type that is none of these, and for an option that there is not. Whether a migration has
/// the name is found when the test runs.
///
/// # Example
///
/// ```ignore
/// #[reshape_runtime::test]
/// fn a_user_has_a_name(mut client: postgres::Client) {
///     let added = client.execute("INSERT INTO users (name) VALUES (NULL)", &[]);
///     assert!(added.is_err());
/// }
///
/// #[reshape_runtime::test(fixtures("users.sql"))]
/// async fn old_instances_go_on((old, new): (Old<tokio_postgres::Client>, New<tokio_postgres::Client>)) {
///     new.execute("INSERT INTO users (first, last) VALUES ('Ada', 'King')", &[]).await.unwrap();
///     old.query_one("SELECT id FROM users WHERE name = 'Ada King'", &[]).await.unwrap();
/// }
/// ```
#[cfg(feature = "test")]
#[proc_macro_attribute]
pub fn test(arguments: TokenStream, function: TokenStream) -> TokenStream {
    match test::expand(arguments.into(), function.into()) {
        Ok(code) => code.into(),
        Err(error) => error.into_compile_error().into(),
    }
}
