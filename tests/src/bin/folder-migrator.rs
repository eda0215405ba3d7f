//! The commands of `reshape` on a folder of migration files, embedded as a program of a user's would embed them.
//!
//! The tests of the operator's view run, kill and interrupt it as a process.

use std::path::PathBuf;

use clap::Parser;
use reshape_runtime::cli::{Command, Exit, run};

#[derive(Parser)]
struct Arguments {
    #[arg(long, global = true, default_value = "migrations")]
    dirs: Vec<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

fn main() -> Exit {
    let Arguments { dirs, command } = Arguments::parse();
    run(&command, || reshape_build::load(&dirs).map_err(|diagnostics| diagnostics.to_string()))
}
