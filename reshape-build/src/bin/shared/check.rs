//! `check`: what is wrong with the migrations, for people and for programs.

use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use reshape_build::live::{self, Unusable};
use reshape_build::{Diagnostics, report};
use reshape_runtime::cli::Exit;
use reshape_runtime::testing::Server;

/// Options of `check`.
#[derive(Args, Debug)]
pub(crate) struct CheckOptions {
    /// For people, or for programs, on the standard output
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Exit with 4 for warnings too
    #[arg(long)]
    deny_warnings: bool,
    /// Prove every migration on a scratch database: of the server of `DATABASE_URL`, or of a private one
    #[arg(long)]
    live: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// Rendered, with the lines concerned
    Human,
    /// An array of objects
    Json,
    /// Commands of a GitHub workflow, which annotate a change
    Github,
    /// SARIF 2.1.0
    Sarif,
}

/// Checks the migrations in `folders`.
pub(crate) fn check(options: &CheckOptions, folders: &[PathBuf], color: bool) -> Exit {
    let (mut migrations, mut problems) = reshape_build::check(folders);
    if options.live && migrations.is_some() {
        problems = match prove(options, folders) {
            Ok(problems) => problems,
            Err(error) => {
                let _ = writeln!(io::stderr(), "error: nothing was proven: {error}");
                return Exit::Failed;
            }
        };
        migrations = migrations.filter(|_| problems.errors().next().is_none());
    }
    let count = migrations.as_ref().map(|set| set.migrations.len());
    match options.format {
        Format::Human => human(&problems, count, color),
        Format::Json => print(&report::json(&problems)),
        Format::Github => print(&report::github(&problems)),
        Format::Sarif => print(&report::sarif(&problems)),
    }
    let fatal = if options.deny_warnings { !problems.is_empty() } else { migrations.is_none() };
    if fatal { Exit::Invalid } else { Exit::Done }
}

/// Proves the migrations on a server. People see how far it is; programs want nothing but the result.
fn prove(options: &CheckOptions, folders: &[PathBuf]) -> Result<Diagnostics, Unusable> {
    let server = Server::shared()?;
    live::check(folders, server, &mut |line| {
        if matches!(options.format, Format::Human) {
            print(&format!("{line}\n"));
        }
    })
}

/// Prints problems for people, and how many there are.
pub(crate) fn human(problems: &Diagnostics, migrations: Option<usize>, color: bool) {
    let of = migrations.map(|count| format!(" in {}", plural(count, "migration")));
    let of = of.unwrap_or_default();
    if problems.is_empty() {
        return print(&format!("no problems{of}\n"));
    }
    let counts = [(problems.errors().count(), "error"), (problems.warnings().count(), "warning")];
    let counts: Vec<String> = counts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| plural(count, what))
        .collect();
    let summary = format!("{}{of}", counts.join(", "));
    // One of them stands for the others: the same rule is explained once.
    let rule = problems.iter().next().map(|problem| problem.rule.id()).unwrap_or_default();
    let hint = format!("`reshape explain {rule}` tells more");
    let _ = writeln!(io::stderr(), "{}\n\n{summary}; {hint}", problems.render(color));
}

fn plural(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

// A reader that went away (`| head`) is no reason to panic or to fail.
pub(crate) fn print(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
