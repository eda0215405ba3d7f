//! Zero-downtime Postgres migrations, embedded in a Rust binary.

pub mod action;
#[cfg(feature = "cli")]
pub mod cli;
mod error;
#[cfg(feature = "client")]
mod exec;
pub mod history;
pub mod model;
mod observer;
pub mod plan;
mod report;
pub mod schema;
pub mod sql;
#[cfg(all(feature = "testing", unix))]
pub mod testing;

pub use error::{Error, ErrorKind};
#[cfg(feature = "client")]
pub use exec::{Connector, IntoConnection, Migrator};
pub use model::Migrations;
pub use observer::{Event, Observer};
pub use report::{Outcome, Report, State, Status, StepReport, StepStatus};
#[cfg(feature = "macros")]
pub use reshape_macros::{migrations, schema_query};

/// What `migrations!()` implements for each migration: one unit struct per file.
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
