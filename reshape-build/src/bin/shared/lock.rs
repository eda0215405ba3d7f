//! `lock`: writes down what the migrations are, so that they stay so.

use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::Args;
use reshape_build::lock::{Refused, Update, in_ci, update_command};
use reshape_runtime::cli::Exit;

/// Options of `lock`.
#[derive(Args, Debug)]
pub(crate) struct LockOptions {
    /// Lock this migration as it is now, although it was locked as another one; can be repeated. Only for what was never applied anywhere
    /// (`baseline` for the baseline). Without a name: says which ones there are
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "")]
    update: Vec<String>,
    /// Write nothing; fail if there is something to lock. Always so where `CI` is set
    #[arg(long)]
    check: bool,
}

/// Writes the lock file of the folders.
pub(crate) fn write(options: &LockOptions, folders: &[PathBuf], color: bool) -> Exit {
    if options.update.iter().any(String::is_empty) {
        return candidates(folders, color);
    }
    let update = match Update::of(folders, &options.update) {
        Ok(update) => update,
        Err(Refused::NoSuch(name)) => {
            let _ =
                writeln!(io::stderr(), "error: there is no migration `{name}`, and none is locked");
            return Exit::Usage;
        }
        Err(Refused::Problems(problems)) => {
            let _ = writeln!(io::stderr(), "{}", problems.render(color));
            return Exit::Invalid;
        }
        Err(_) => return Exit::Failed,
    };
    let path = update.path.display().to_string();
    if update.is_empty() {
        let _ = writeln!(io::stdout(), "`{path}` is up to date");
        return Exit::Done;
    }
    let names = |names: &[String]| {
        names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    };
    let mut what = Vec::new();
    if !update.accepted.is_empty() {
        what.push(format!("accepted as they are now: {}", names(&update.accepted)));
    }
    if !update.added.is_empty() {
        what.push(format!("locked: {}", names(&update.added)));
    }
    let what = what.join("; ");
    let ci = in_ci();
    if options.check || ci {
        let why = if ci && !options.check { " (`CI` is set, so nothing is written)" } else { "" };
        let _ = writeln!(
            io::stderr(),
            "error: `{path}` is not up to date{why}; to be {what}\n  help: run `reshape lock`, and commit the file"
        );
        return Exit::Invalid;
    }
    match update.write() {
        Ok(()) => {
            let _ = writeln!(io::stdout(), "wrote `{path}`; {what}");
            Exit::Done
        }
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: cannot write `{path}`: {error}");
            Exit::Failed
        }
    }
}

/// Says what `--update` can be told.
fn candidates(folders: &[PathBuf], color: bool) -> Exit {
    let candidates = match Update::candidates(folders) {
        Ok(candidates) => candidates,
        Err(Refused::Problems(problems)) => {
            let _ = writeln!(io::stderr(), "{}", problems.render(color));
            return Exit::Invalid;
        }
        Err(_) => return Exit::Failed,
    };
    if candidates.is_empty() {
        let _ = writeln!(
            io::stdout(),
            "every locked migration is as it was locked: there is nothing to accept"
        );
        return Exit::Done;
    }
    let mut text =
        String::from("error: `--update` wants the name of what is to be accepted as it is now:\n");
    for candidate in &candidates {
        text.push_str(&format!("  {}\n", candidate.what));
    }
    let mut names: Vec<&str> = candidates.iter().map(|candidate| candidate.name.as_str()).collect();
    names.dedup();
    text.push_str("  help: what was never applied anywhere is accepted by\n");
    for name in names {
        text.push_str(&format!("    {}\n", update_command(folders, name)));
    }
    let _ = write!(io::stderr(), "{text}");
    Exit::Usage
}
