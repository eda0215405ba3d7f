//! The command line, to be embedded in an application: `myapp migration start`.
//!
//! ```
//! use clap::Parser;
//! use reshape_runtime::{Migrations, cli};
//!
//! #[derive(Parser)]
//! struct App {
//!     #[command(subcommand)]
//!     reshape: cli::Command,
//! }
//! # mod migrations { pub(crate) const SET: reshape_runtime::Migrations = reshape_runtime::Migrations::embedded(&[]); }
//!
//! fn main() -> cli::Exit {
//! #   if true { return cli::Exit::Done; }
//!     App::parse().reshape.run(migrations::SET)
//! }
//! ```
//!
//! An application with commands of its own puts these beside them, with `#[command(flatten)]` in its enum, or below one of
//! them, where no name can be taken twice.
//!
//! # Output
//!
//! Results go to standard output. Progress, warnings and errors go to standard error: as bars on a terminal, as lines
//! elsewhere.
//!
//! # Exit codes
//!
//! | code | [`Exit`] | meaning |
//! |---|---|---|
//! | 0 | `Done` | done, or there was nothing to do |
//! | 1 | `Failed` | refused or failed: the message says what became of the batch |
//! | 2 | `Usage` | the arguments or the environment make no sense |
//! | 3 | `TryAgain` | another migrator or a lock was in the way |
//! | 4 | `Invalid` | the migrations have problems |
//!
//! An interrupt (Ctrl-C, SIGTERM) ends the process by the signal; the batch is left as it is, and the same command goes on.
//!
//! **Invariant:** the only module of this crate that prints, and that reads the environment.

mod args;
mod connection;
mod docs;
mod exit;
mod fleet;
mod interrupt;
mod namespace;
mod progress;
mod run;
mod setting;
mod text;
mod watch;

pub use args::{
    Command, DocsOptions, Format, Limits, MigrationCommand, SchemaQueryOptions, Session,
    StartOptions, StatusOptions,
};
pub use connection::{ConnectionOptions, InvalidConnection};
pub use exit::Exit;
pub use fleet::{
    FleetAbortOptions, FleetCommand, FleetCompleteOptions, FleetOptions, FleetStartOptions,
    FleetStatusOptions,
};
pub use namespace::NamespaceOptions;
#[doc(hidden)]
pub use progress::observer;
pub use run::run;
