//! `dev`: a database that follows the files.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, ValueEnum};
use reshape_build::dev::{Applied, Files, NotApplied, Watch, apply};
use reshape_runtime::Migrations;
use reshape_runtime::cli::{Exit, NamespaceOptions};
use reshape_runtime::sql::ident::ident;
use reshape_runtime::testing::{NamedDatabase, Server};
use reshape_runtime::{Error, ErrorKind};

use super::check;

/// Options of `dev`.
#[derive(Args, Debug)]
pub(crate) struct DevOptions {
    /// Folder of migration files; can be repeated; the same as `--dirs`
    #[arg(value_name = "FOLDER", conflicts_with = "dirs")]
    folders: Vec<PathBuf>,
    /// What the database is called: `reshape_dev_<NAME>` [default: the name of the current folder]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// A server on which to make the database, in place of the one that tests share [env: `DATABASE_URL`]
    #[arg(long)]
    url: Option<String>,
    #[command(flatten)]
    set: NamespaceOptions,
    /// Complete everything, each time
    #[arg(long)]
    complete: bool,
    /// Drop the database first, with its rows, and make it anew
    #[arg(long)]
    reset: bool,
    /// Apply what is there, print where the database is, and end; do not wait for changes
    #[arg(long)]
    once: bool,
    /// Do not let the shared server go on without users once this ends; the data stays
    #[arg(long)]
    stop_on_exit: bool,
    /// Do nothing but let the shared server end when nobody uses it; the data stays
    #[arg(long, conflicts_with_all = ["drop", "complete", "reset", "once", "stop_on_exit", "url"])]
    stop: bool,
    /// Do nothing but drop the database
    #[arg(long, conflicts_with_all = ["complete", "reset", "once"])]
    drop: bool,
    /// For people, or for programs: an object on a line of its own each time something was applied
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A few lines
    Human,
    /// JSON
    Json,
}

/// Runs `dev` on the migrations in `folders`.
pub(crate) fn dev(options: &DevOptions, dirs: &[PathBuf], color: bool) -> Exit {
    let folders = if options.folders.is_empty() { dirs } else { &options.folders };
    let result = match name(options) {
        Err(error) => Err(error),
        Ok(name) if options.stop => stop(&name),
        Ok(name) if options.drop => drop_database(options, &name),
        Ok(name) => follow(options, folders, &name, color),
    };
    result.unwrap_or_else(|(exit, message)| {
        tell(&format!("error: {message}"));
        exit
    })
}

/// Why the command ends early.
type Stop = (Exit, String);

fn failed(error: &Error) -> Stop {
    (error.kind().into(), error.report())
}

fn tell(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

fn name(options: &DevOptions) -> Result<String, Stop> {
    if let Some(name) = options.name.clone().filter(|name| !name.is_empty()) {
        return Ok(name);
    }
    let folder = std::env::current_dir().ok();
    let name = folder.as_ref().and_then(|folder| folder.file_name());
    name.map(|name| name.to_string_lossy().into_owned()).ok_or_else(|| {
        (
            Exit::Usage,
            String::from("the current folder has no name\n  help: give one with `--name`"),
        )
    })
}

/// The server of somebody else, if one is named.
fn url(options: &DevOptions) -> Option<String> {
    let set = || std::env::var("DATABASE_URL").ok();
    options.url.clone().or_else(set).filter(|url| !url.is_empty())
}

fn with_server<T>(
    options: &DevOptions,
    work: impl FnOnce(&Server) -> Result<T, Error>,
) -> Result<T, Stop> {
    match url(options) {
        Some(url) => Server::at(url).and_then(|server| work(&server)),
        None => Server::shared().and_then(work),
    }
    .map_err(|error| failed(&error))
}

fn stop(name: &str) -> Result<Exit, Stop> {
    let held = NamedDatabase::stop(name).map_err(|error| failed(&error))?;
    let database = NamedDatabase::name_of(name);
    check::print(&if held {
        format!("the server ends when nobody uses it; the data of `{database}` stays\n")
    } else {
        format!("no server goes on because of `{database}`\n")
    });
    Ok(Exit::Done)
}

fn drop_database(options: &DevOptions, name: &str) -> Result<Exit, Stop> {
    let database = NamedDatabase::name_of(name);
    let is_ours = url(options).is_none();
    // No server is started for what is not there.
    let may_be = !is_ours || NamedDatabase::is_kept(name).map_err(|error| failed(&error))?;
    let mut dropped = may_be && with_server(options, |server| NamedDatabase::remove(server, name))?;
    if is_ours {
        dropped |= NamedDatabase::forget(name).map_err(|error| failed(&error))?;
    }
    check::print(&if dropped {
        format!("`{database}` is dropped\n")
    } else {
        format!("there is no `{database}`\n")
    });
    Ok(Exit::Done)
}

/// Applies what is there, and then each change.
fn follow(
    options: &DevOptions,
    folders: &[PathBuf],
    name: &str,
    color: bool,
) -> Result<Exit, Stop> {
    let unwatched = |error: notify::Error| {
        (Exit::Failed, format!("cannot watch the folders: {error}\n  help: `--once` does not"))
    };
    // Before they are read for the first time, so that nothing is missed.
    let mut watch = if options.once { None } else { Some(Watch::new(folders).map_err(unwatched)?) };
    let mut files = Files::read(folders);
    if options.once && files.migrations.is_none() {
        check::human(&files.problems, None, color);
        return Ok(Exit::Invalid);
    }
    let mut database = with_server(options, |server| NamedDatabase::open(server, name))?;
    if options.reset {
        database.reset().map_err(|error| failed(&error))?;
    }
    database.hold(!options.stop_on_exit).map_err(|error| failed(&error))?;
    explain_interrupt(options, &database);

    let first = files.clone();
    let mut session =
        Session { options, color, first, database, shown: None, may_succeed_later: false };
    let mut exit = session.apply(&files);
    while let Some(watch) = &mut watch {
        tell("waiting for changes; Ctrl-C ends this");
        loop {
            watch.wait().map_err(unwatched)?;
            let now = Files::read(folders);
            let same = now.are(&files);
            files = now;
            if !same || session.may_succeed_later {
                break;
            }
        }
        exit = session.apply(&files);
    }
    Ok(exit)
}

/// A database and what has been said of it.
struct Session<'o> {
    options: &'o DevOptions,
    color: bool,
    /// The files when this began.
    first: Files,
    database: NamedDatabase,
    /// The URL that was printed last.
    shown: Option<String>,
    /// Whether the same files may do the next time: what was in the way may be gone.
    may_succeed_later: bool,
}

impl Session<'_> {
    /// Brings the database to where the files are, if they are good, and says so.
    fn apply(&mut self, files: &Files) -> Exit {
        if !files.problems.is_empty() {
            let count = files.migrations.as_ref().map(|set| set.migrations.len());
            check::human(&files.problems, count, self.color);
        }
        self.may_succeed_later = false;
        let Some(migrations) = files.migrations.clone() else { return Exit::Invalid };
        let migrations = match self.options.set.name(migrations, None) {
            Ok(migrations) => migrations,
            Err(error) => {
                tell(&format!("error: {error}"));
                return Exit::Usage;
            }
        };
        if let Err(error) = self.database.check() {
            self.may_succeed_later = true;
            tell(&format!("error: {}", error.report()));
            return error.kind().into();
        }
        let began = Instant::now();
        let all = self.options.complete;
        let shipped = |empty| if all { usize::MAX } else { files.shipped(&self.first, empty) };
        match apply(&self.database, &migrations, shipped) {
            Ok(applied) => {
                match self.options.format {
                    Format::Human => self.human(&migrations, &applied, began),
                    Format::Json => self.json(&migrations, &applied),
                }
                Exit::Done
            }
            Err(error) => self.failed(files, &error),
        }
    }

    fn failed(&mut self, files: &Files, error: &NotApplied) -> Exit {
        tell(&format!("error: {error}"));
        match error {
            NotApplied::Stale(_) => Exit::Failed,
            NotApplied::Failed(error) => {
                self.may_succeed_later = true;
                if files.have_baseline() && self.database.is_new() {
                    tell(&format!(
                        "note: what `baseline.toml` describes is not made by migrations: load it into the database, `psql '{}'`",
                        self.database.plain_url()
                    ));
                } else if error.kind() == ErrorKind::Refused {
                    tell(
                        "note: what is locked (`reshape lock`) is completed first; `--complete` completes everything",
                    );
                }
                error.kind().into()
            }
        }
    }

    fn human(&mut self, migrations: &Migrations, applied: &Applied, began: Instant) {
        let what = match (applied.completed.as_slice(), applied.in_progress.as_slice()) {
            ([], []) => String::from("no migrations"),
            (completed, []) => count(completed, "completed"),
            ([], in_progress) => list(in_progress),
            (completed, in_progress) => {
                format!("{}; {}", count(completed, "completed"), list(in_progress))
            }
        };
        let how = match (applied.unchanged, applied.aborted) {
            (true, _) => String::from("up to date"),
            (false, true) => format!("started again in {:.2} s", began.elapsed().as_secs_f64()),
            (false, false) => format!("applied in {:.2} s", began.elapsed().as_secs_f64()),
        };
        let mut text = format!("{how}: {what}\n");
        let Some(last) = migrations.latest() else { return check::print(&text) };
        let url = self.database.url(migrations, &last.name);
        if self.shown.as_ref() != Some(&url) {
            let new = if self.database.is_new() { ", which is new" } else { "" };
            text.push_str(&format!(
                "  database      {}{new}\n  URL           {url}\n  psql          psql '{url}'\n  schema query  {}\n",
                self.database.name(),
                schema_query(migrations, &last.name),
            ));
            self.shown = Some(url);
        }
        check::print(&text);
    }

    fn json(&self, migrations: &Migrations, applied: &Applied) {
        let last = migrations.latest().map(|last| &*last.name);
        let value = serde_json::json!({
            "database": self.database.name(),
            "url": last.map(|last| self.database.url(migrations, last)),
            "plain_url": self.database.plain_url(),
            "schema": last.map(|last| migrations.version_schema(last)),
            "schema_query": last.map(|last| schema_query(migrations, last)),
            "completed": applied.completed,
            "in_progress": applied.in_progress,
            "unchanged": applied.unchanged,
        });
        check::print(&format!("{value}\n"));
    }
}

fn schema_query(migrations: &Migrations, last: &str) -> String {
    format!("SET search_path TO {}", ident(&migrations.version_schema(last)))
}

/// How many they are, and the newest of them.
fn count(migrations: &[String], what: &str) -> String {
    match migrations.last() {
        Some(last) if migrations.len() > 1 => {
            format!("{} {what}, up to `{last}`", migrations.len())
        }
        Some(last) => format!("`{last}` {what}"),
        None => format!("none {what}"),
    }
}

fn list(migrations: &[String]) -> String {
    let names: Vec<String> = migrations.iter().map(|name| format!("`{name}`")).collect();
    format!("in progress: {}", names.join(", "))
}

/// Says what stays when the command is interrupted, which ends it at once: what it was at is gone on with by the next one.
fn explain_interrupt(options: &DevOptions, database: &NamedDatabase) {
    use signal_hook::consts::{SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;
    use signal_hook::low_level::emulate_default_handler;

    let name = options.name.as_ref().map(|name| format!(" --name {name}")).unwrap_or_default();
    let mut message = format!("`{}` stays; `reshape dev{name} --drop` drops it", database.name());
    if database.is_on_shared_server() {
        message.push_str(&if options.stop_on_exit {
            String::from(", and its server ends when nobody uses it")
        } else {
            format!(", and its server goes on until `reshape dev{name} --stop`")
        });
    }
    // Without it an interrupt ends the process all the same, only without the message.
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM]) else { return };
    std::thread::spawn(move || {
        for signal in signals.forever() {
            // A line of its own: a terminal shows `^C`.
            tell(&format!("\n{message}"));
            let _ = emulate_default_handler(signal);
        }
    });
}
