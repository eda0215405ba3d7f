//! Zero-downtime Postgres migrations, embedded in a Rust binary.
//!
//! A migration is a file that says what changes: a table, a column, an index. `reshape-build` checks the files when the program is
//! compiled, [`migrations!`] embeds them, and [`Migrator`] applies what is pending when the program starts. The old and the
//! new version of the schema are then usable side by side, each through views in a schema of its own, and triggers translate what is
//! written through the one for the other, until the migration is completed or aborted.
//!
//! # In a program
//!
//! `build.rs` is `fn main() { reshape_build::migrations("migrations"); }`, and `migrations/0001_users.toml`
//!
//! ```toml
//! [[actions]]
//! type = "create_table"
//! name = "users"
//! primary_key = "id"
//! columns = [
//!     { name = "id", type = "bigint", generated = "ALWAYS AS IDENTITY" },
//!     { name = "name", type = "text", nullable = false },
//! ]
//! ```
//!
//! The program:
//!
#![cfg_attr(feature = "client", doc = "```no_run")]
#![cfg_attr(not(feature = "client"), doc = "```ignore")]
//! use reshape_runtime::Migrator;
//!
//! # /* A doctest has no build script.
//! reshape_runtime::migrations!();
//! # */
//! # mod migrations {
//! #     pub(crate) const SET: reshape_runtime::Migrations = reshape_runtime::Migrations::embedded(&[]);
//! #     pub(crate) const SCHEMA_QUERY: &str = "";
//! # }
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let url = std::env::var("DATABASE_URL")?;
//!     Migrator::new(migrations::SET, &url).start()?;
//!
//!     let mut client = postgres::Client::connect(&url, postgres::NoTls)?;
//!     client.batch_execute(migrations::SCHEMA_QUERY)?; // each new connection says which version it speaks
//!     client.execute("INSERT INTO users (name) VALUES ($1)", &[&"Ada"])?;
//!     Ok(())
//! }
//! ```
//!
//! Once no instance of the old version is left, [`Migrator::complete`] (or `reshape migration complete`) removes what only that
//! one needed. Until then [`Migrator::abort`] takes everything back. An instance that holds a [`Lease`] keeps its version from being
//! removed, and [`Migrator::complete_when_unused`] completes once the last one has gone.
//!
//! # Features
//!
//! | feature | default | what |
//! |---|---|---|
//! | `client` | yes | [`Migrator`]: everything that talks to a database |
//! | `macros` | yes | [`migrations!`] and [`schema_query!`] |
//! | `query` | | [`query!`]: statements that are checked when the program is compiled |
//! | `chrono`, `jiff`, `json`, `rust_decimal`, `time`, `uuid` | | types for the columns of typed modules, see [`typed`] |
//! | `cli` | | the module `cli`: `myapp migration start` |
//! | `testing` | | the module `testing`: a throw-away Postgres, on Unix |
//! | `tls` | | `sslmode=require`, with rustls and the certificates of the system or of `SSL_CERT_FILE` |
//! | `tokio` | | `AsyncMigrator`: commands that are futures; leases for async code |
//! | `tracing` | | what happens as events, in the caller's subscriber and span |
//!
//! Without any of them there is the model of a migration and the check of a history, for build scripts; that needs
//! `serde` and `strsim` and no database client.
//!
//! # What can be relied on
//!
//! - A migration that is refused has changed nothing; one whose start fails is rolled back.
//! - After a crash at any point, of the program or of the server, the same command goes on where it was.
//! - A statement of ours that has to wait for a lock, and so holds up the application's queries behind it, gives way after
//!   [`Migrator::lock_timeout`], half a second unless set, and is tried again.
//! - Any number of instances may call [`Migrator::start`] at once: one works, the others wait for it.
//! - The plan of a batch is in the database, so any later program can complete or abort it.
//! - Libraries stay silent: nothing is printed outside the module `cli`, and no environment variable is read without one of the
//!   features `cli`, `testing` and `tls`.
//!
//! # Where to look next
//!
//! - [`action`]: every action, with its fields and an example;
//! - [`Migrator`]: the commands, and how patient they are;
//! - [`typed`]: the tables as Rust types;
//! - [`Lease`]: how an instance says which version it uses;
//! - [`Fleet`]: the same migrations on many databases, of tenants or shards;
//! - [`ErrorKind`]: what can go wrong;
//! - [`Observer`]: what happens, as it happens.
//!
//! # Stability
//!
//! What is documented here follows semantic versioning. The modules `plan` and `sql` are public for the other crates of this
//! project and for its tests, and not documented; what a plan consists of may change with any release.
// The features named above are links only where they are switched on.
#![cfg_attr(
    not(all(feature = "client", feature = "macros", feature = "query")),
    allow(rustdoc::broken_intra_doc_links)
)]

pub mod action;
pub mod baseline;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "client")]
pub mod drift;
mod error;
#[cfg(feature = "client")]
mod exec;
pub mod history;
mod instance;
pub mod model;
mod observer;
#[doc(hidden)]
pub mod plan;
mod report;
pub mod rule;
pub mod schema;
#[doc(hidden)]
pub mod sql;
#[cfg(all(feature = "testing", unix))]
pub mod testing;
#[cfg(feature = "client")]
pub mod typed;

#[cfg(feature = "client")]
pub use drift::Drift;
pub use error::{Error, ErrorKind};
#[cfg(feature = "tokio")]
pub use exec::AsyncMigrator;
#[cfg(feature = "client")]
pub use exec::{BackgroundCompletion, Lease, LeaseOptions, Unused};
#[cfg(feature = "client")]
pub use exec::{Connector, IntoConnection, Migrator, Sets, Throttle};
#[cfg(feature = "client")]
pub use exec::{Fleet, FleetEvent, FleetReport, FleetStop, Target, TargetReport, TargetResult};
pub use instance::{Evidence, Instance, LeaseChange};
pub use model::Migrations;
pub use observer::{Event, Observer};
pub use plan::Phase;
pub use report::{Outcome, Report, SetStatus, State, Status, StepReport, StepStatus};
#[cfg(feature = "query")]
pub use reshape_macros::query;
#[cfg(all(feature = "macros", feature = "testing", unix))]
pub use reshape_macros::test;
#[cfg(feature = "macros")]
pub use reshape_macros::{migrations, schema_query};
pub use rule::Rule;

/// What `migrations!` writes that needs a database client: nothing, without one.
#[cfg(feature = "client")]
#[doc(hidden)]
#[macro_export]
macro_rules! __with_client {
    ($($item:item)*) => { $($item)* };
}

/// What `migrations!` writes that needs a database client: nothing, without one.
#[cfg(not(feature = "client"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __with_client {
    ($($item:item)*) => {};
}

/// What `migrations!` implements for each migration: one unit struct per file.
///
/// Everything is known at compile time, so a migration is named as a type, and a name that does not exist does not compile.
pub trait Migration {
    /// The migration's name.
    const NAME: &'static str;
    /// Its description, if the file has one.
    const DESCRIPTION: Option<&'static str>;
    /// Its checksum: SHA-256 over the canonical content, in hexadecimal.
    const CHECKSUM: &'static str;
    /// Its place in the set, from 0.
    const POSITION: usize;
    /// The schema with its version's views, unquoted: `migration_<name>`.
    const VERSION_SCHEMA: &'static str;
    /// `SET search_path TO "migration_<name>"`.
    const SCHEMA_QUERY: &'static str;
    /// Its actions.
    const ACTIONS: &'static [action::Action];
}
