//! The command line over folders of migration files: one for both binaries.

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::path::PathBuf;

use clap::{Args as _, CommandFactory, FromArgMatches, Parser, Subcommand};
use reshape_runtime::cli::{Command, Exit, run};

/// Zero-downtime migrations of a Postgres database
#[derive(Debug, Parser)]
#[command(name = "reshape", version, after_help = NOTES)]
struct Arguments {
    /// Folder of migration files; can be repeated
    #[arg(long, global = true, value_name = "FOLDER", default_value = "migrations")]
    dirs: Vec<PathBuf>,
    #[command(subcommand)]
    command: Commands,
}

#[derive(Debug, Subcommand)]
enum Commands {
    #[command(flatten)]
    Shared(Box<Command>),
    /// Write down what is in the database, so that a first migration can begin there
    Baseline(BaselineOptions),
    /// Keep a database for development at what the files say, while they are edited
    ///
    /// Migrations in `migrations.lock` are completed; what comes after them is in progress, and is aborted and started again with every change. Without a
    /// lock file, a new database gets those that are there when this begins, completed, and everything later is in progress.
    ///
    /// The database is on the server of `--url` or `DATABASE_URL`, else on the server that tests share. Ctrl-C ends the command alone: server and database stay.
    Dev(DevOptions),
    /// Explain a rule that migrations can break
    Explain(ExplainOptions),
    /// Write down what the migrations are, so that the build fails when one that was applied is changed
    Lock(LockOptions),
}

const NOTES: &str = "\
Exit codes:
  0  done, or there was nothing to do
  1  refused or failed: the message says what became of the batch
  2  the arguments or the environment make no sense
  3  another migrator or a lock was in the way: try again
  4  the migrations have problems

Deprecated, still accepted:
  migrate, start         use `migration start`
  complete               use `migration complete`
  abort                  use `migration abort`
  generate-schema-query  use `schema-query`";

mod baseline;
mod check;
mod dev;
mod explain;
mod lock;

use baseline::BaselineOptions;
use check::CheckOptions;
use dev::DevOptions;
use explain::ExplainOptions;
use lock::LockOptions;

/// Parses `arguments`, the program's name first, and runs the command; help calls the program `name`.
pub(crate) fn main(name: &'static str, arguments: impl IntoIterator<Item = OsString>) -> Exit {
    // The command is one of those that an application has too, which has no files to point into.
    let arguments_with_check =
        Arguments::command().mut_subcommand("check", CheckOptions::augment_args);
    let matches = arguments_with_check.bin_name(name).get_matches_from(arguments);
    let check = matches.subcommand_matches("check").map(CheckOptions::from_arg_matches);
    let Arguments { dirs, command } =
        Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    if let Some(options) = check {
        let options = options.unwrap_or_else(|error| error.exit());
        return check::check(&options, &dirs, color());
    }
    let command = match command {
        Commands::Shared(command) => *command,
        Commands::Explain(options) => return explain::explain(&options),
        Commands::Baseline(options) => return baseline::write(&options, &dirs),
        Commands::Dev(options) => return dev::dev(&options, &dirs, color()),
        Commands::Lock(options) => return lock::write(&options, &dirs, color()),
    };
    run(&command, || reshape_build::load(&dirs).map_err(|diagnostics| diagnostics.render(color())))
}

/// Diagnostics go to standard error; `NO_COLOR` as in <https://no-color.org>.
fn color() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
