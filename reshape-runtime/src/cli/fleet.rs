//! `fleet …`: a command on many databases, or on many schemas.
//!
//! **Invariant:** nothing that is printed contains the address of a database, only host, port and name.

mod progress;
mod targets;
mod text;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::args::{Format, Limits, duration};
use super::connection::{ConnectionOptions, Secret};
use super::exit::Exit;
use super::interrupt;
use super::namespace::NamespaceOptions;
use super::run::{error_line, print};
use crate::{Fleet, FleetReport, Migrations, Migrator};

/// `fleet …`
#[derive(Clone, Debug, Subcommand)]
#[non_exhaustive]
pub enum FleetCommand {
    /// Apply on all databases what is pending, beside the version that is in use
    Start(FleetStartOptions),
    /// Remove the old version on all databases, once all of them are started
    ///
    /// Needs no migration files: the plans are in the databases.
    Complete(FleetCompleteOptions),
    /// Take back on all databases what was started; the old version stays
    ///
    /// Needs no migration files: the plans are in the databases.
    Abort(FleetAbortOptions),
    /// Go back on all databases to the version of a completed migration, beside the version that is in use
    ///
    /// Needs no migration files: the databases have recorded what was done.
    Revert(FleetRevertOptions),
    /// Pause the starts that are at work, until `fleet resume`
    Pause(FleetStatusOptions),
    /// Let the starts go on that `fleet pause` has paused
    Resume(FleetStatusOptions),
    /// Show what the databases have and what is pending
    Status(FleetStatusOptions),
}

/// Which databases, and how many at once.
#[derive(Args, Clone, Debug)]
pub struct FleetOptions {
    /// The databases: addresses, or names of databases on the server of `--url`
    #[arg(value_name = "DATABASE")]
    targets: Vec<Secret>,
    /// A file with a database on each line; `#` begins a comment, `-` is the standard input
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// A query on the database of `--url` that returns the databases
    #[arg(long, value_name = "SQL")]
    query: Option<String>,
    /// Schemas with the tables of a tenant each: of each database that is named, else of that of `--url`; e.g. `acme,globex`
    #[arg(long, value_name = "NAMES", value_delimiter = ',', conflicts_with = "schema")]
    schemas: Vec<String>,
    /// A file with such a schema on each line
    #[arg(long, value_name = "FILE", conflicts_with = "schema")]
    schemas_file: Option<PathBuf>,
    /// A query on each database that returns such schemas
    #[arg(long, value_name = "SQL", conflicts_with = "schema")]
    schemas_query: Option<String>,
    /// On how many databases to work at once
    #[arg(short, long, value_name = "NUMBER", default_value = "4", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: u16,
    /// A report for people, or JSON
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    #[command(flatten)]
    set: NamespaceOptions,
    #[command(flatten)]
    connection: ConnectionOptions,
}

/// Options of `fleet start`.
#[derive(Args, Clone, Debug)]
pub struct FleetStartOptions {
    /// Complete as well, once all databases are started; for databases that no application is using
    #[arg(short, long)]
    complete: bool,
    /// With `--complete`: although instances use the old version, which are cut off
    #[arg(long, requires = "complete")]
    force: bool,
    /// With `--complete`: where it is possible, although other databases have failed
    #[arg(long, requires = "complete")]
    partial: bool,
    /// Apply up to this migration, not the newest
    #[arg(long, value_name = "NAME")]
    migration: Option<String>,
    /// How long to wait on each database for another migrator, e.g. `10min`
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    wait: Option<Duration>,
    #[command(flatten)]
    fleet: FleetOptions,
    #[command(flatten)]
    limits: Limits,
}

/// Options of `fleet complete`.
#[derive(Args, Clone, Debug)]
pub struct FleetCompleteOptions {
    /// Complete where it is possible, although other databases are not ready
    #[arg(long)]
    partial: bool,
    /// How long to wait on each database for instances that use the old version, e.g. `5min`; without it, it is an error if there are some
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    wait: Option<Duration>,
    /// Complete although instances use the old version, after waiting for them: they are cut off
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    end: FleetAbortOptions,
}

/// Options of `fleet abort`.
#[derive(Args, Clone, Debug)]
pub struct FleetAbortOptions {
    /// Go on where SQL of a `custom` action fails, and leave it out: for SQL that can never succeed
    #[arg(long)]
    skip_custom: bool,
    #[command(flatten)]
    fleet: FleetOptions,
    #[command(flatten)]
    limits: Limits,
}

/// Options of `fleet revert`.
#[derive(Args, Clone, Debug)]
pub struct FleetRevertOptions {
    /// The completed migration whose version is wanted back
    #[arg(long, value_name = "NAME")]
    to: String,
    #[command(flatten)]
    fleet: FleetOptions,
    #[command(flatten)]
    limits: Limits,
}

/// Options of `fleet status`, `fleet pause` and `fleet resume`.
#[derive(Args, Clone, Debug)]
pub struct FleetStatusOptions {
    #[command(flatten)]
    fleet: FleetOptions,
}

/// Runs the command, for the set of that name unless a flag says another one; prints, and gives the code to exit with.
pub(super) fn run(
    command: &FleetCommand,
    set: Option<&str>,
    load: impl FnOnce() -> Result<Migrations, String>,
) -> Exit {
    let result = match command {
        FleetCommand::Start(options) => start(options, set, load),
        FleetCommand::Complete(options) => complete(options, set),
        FleetCommand::Abort(options) => abort(options, set),
        FleetCommand::Revert(options) => revert(options, set),
        FleetCommand::Pause(options) => paused("pause", &options.fleet, set, Fleet::pause),
        FleetCommand::Resume(options) => paused("resume", &options.fleet, set, Fleet::resume),
        FleetCommand::Status(options) => status(&options.fleet, set, load),
    };
    result.unwrap_or_else(|exit| exit)
}

/// Exits with that code, after this has been printed.
fn refuse(exit: Exit, text: &str) -> Exit {
    error_line(text);
    exit
}

fn usage(message: impl std::fmt::Display) -> Exit {
    refuse(Exit::Usage, &format!("error: {message}"))
}

fn start(
    options: &FleetStartOptions,
    set: Option<&str>,
    load: impl FnOnce() -> Result<Migrations, String>,
) -> Result<Exit, Exit> {
    let load = load().map_err(|problems| refuse(Exit::Invalid, problems.trim_end()))?;
    let mut migrations = options.fleet.set.name(load, set).map_err(usage)?;
    if let Some(name) = &options.migration {
        let to = migrations.up_to(name);
        migrations = to.ok_or_else(|| usage(format!("there is no migration `{name}`")))?;
    }
    let (force, wait) = (options.force, options.wait);
    let fleet = Fleet::new(migrations, options.fleet.targets()?).partial(options.partial);
    let fleet = prepared(fleet, &options.fleet, Some(options.limits), move |migrator| {
        let migrator = migrator.force(force);
        match wait {
            Some(wait) => migrator.wait_timeout(wait),
            None => migrator,
        }
    })?;
    let start = if options.complete { Fleet::start_and_complete } else { Fleet::start };
    Ok(tell("start", &options.fleet, fleet, start))
}

fn complete(options: &FleetCompleteOptions, set: Option<&str>) -> Result<Exit, Exit> {
    let FleetCompleteOptions { partial, wait, force, end } = options;
    let (wait, force, skip_custom) = (wait.unwrap_or_default(), *force, end.skip_custom);
    let fleet = detached(&end.fleet, set)?.partial(*partial);
    let fleet = prepared(fleet, &end.fleet, Some(end.limits), move |migrator| {
        migrator.drain_timeout(wait).force(force).skip_custom(skip_custom)
    })?;
    Ok(tell("complete", &end.fleet, fleet, Fleet::complete))
}

fn abort(options: &FleetAbortOptions, set: Option<&str>) -> Result<Exit, Exit> {
    let FleetAbortOptions { skip_custom, fleet: options, limits } = options;
    let skip_custom = *skip_custom;
    let fleet = detached(options, set)?;
    let fleet =
        prepared(fleet, options, Some(*limits), move |migrator| migrator.skip_custom(skip_custom))?;
    Ok(tell("abort", options, fleet, Fleet::abort))
}

fn status(
    options: &FleetOptions,
    set: Option<&str>,
    load: impl FnOnce() -> Result<Migrations, String>,
) -> Result<Exit, Exit> {
    let targets = options.targets()?;
    let fleet = if let Ok(migrations) = load() {
        Fleet::new(migrations, targets)
    } else {
        error_line(
            "warning: what is pending is not known, since no migrations can be read here: see `check`",
        );
        Fleet::detached(targets)
    };
    let fleet = fleet.in_namespace(options.set.resolve(set).map_err(usage)?);
    let report = prepared(fleet, options, None, |migrator| migrator)?.status();
    print(&match options.format {
        Format::Human => text::statuses(&report),
        Format::Json => text::statuses_json(&report),
    });
    Ok(exit(&report))
}

fn revert(options: &FleetRevertOptions, set: Option<&str>) -> Result<Exit, Exit> {
    let FleetRevertOptions { to, fleet: options, limits } = options;
    let fleet = prepared(detached(options, set)?, options, Some(*limits), |migrator| migrator)?;
    Ok(tell("revert", options, fleet, |fleet| fleet.revert_to(to)))
}

/// Pauses what is at work, or lets it go on.
fn paused(
    name: &str,
    options: &FleetOptions,
    set: Option<&str>,
    command: fn(&Fleet) -> FleetReport<bool>,
) -> Result<Exit, Exit> {
    let report = command(&prepared(detached(options, set)?, options, None, |migrator| migrator)?);
    print(&match options.format {
        Format::Human => text::paused(name, &report),
        Format::Json => text::paused_json(name, &report),
    });
    Ok(exit(&report))
}

/// A fleet that needs no migrations.
fn detached(options: &FleetOptions, set: Option<&str>) -> Result<Fleet, Exit> {
    let namespace = options.set.resolve(set).map_err(usage)?;
    Ok(Fleet::detached(options.targets()?).in_namespace(namespace))
}

/// The fleet with what all commands have.
fn prepared(
    fleet: Fleet,
    options: &FleetOptions,
    limits: Option<Limits>,
    configure: impl Fn(Migrator) -> Migrator + Send + Sync + 'static,
) -> Result<Fleet, Exit> {
    // Once here, where it is an error of the environment and not of each database.
    Migrator::detached("").limits_from_environment().map_err(|error| usage(error.report()))?;
    if fleet.targets().is_empty() {
        error_line("warning: there are no databases");
    }
    let fleet = fleet
        .jobs(options.jobs.into())
        .configure(move |migrator| {
            let migrator = migrator.limits_from_environment()?;
            Ok(configure(match &limits {
                Some(limits) => limits.apply(migrator),
                None => migrator,
            }))
        })
        .observer(progress::observer());
    let stop = fleet.stopper();
    interrupt::stop_first(move || stop.stop());
    Ok(fleet)
}

/// Runs a command on the fleet and prints what came of it.
fn tell(
    name: &str,
    options: &FleetOptions,
    fleet: Fleet,
    command: impl FnOnce(&Fleet) -> FleetReport,
) -> Exit {
    let report = command(&fleet);
    // With it goes the bar.
    drop(fleet);
    print(&match options.format {
        Format::Human => text::report(name, &report),
        Format::Json => text::report_json(name, &report),
    });
    exit(&report)
}

/// The code of all of it: what needs somebody comes before what needs only time.
fn exit<T>(report: &FleetReport<T>) -> Exit {
    let failed = report.failed().count();
    if failed > 0 {
        let all = super::text::plural(report.targets.len(), text::noun(report));
        error_line(&format!("error: failed on {failed} of {all}"));
    } else if !report.is_done() {
        error_line(&format!(
            "error: not all {}s had their turn: the same command goes on",
            text::noun(report)
        ));
    }
    match (report.is_done(), report.may_try_again()) {
        (true, _) => Exit::Done,
        (false, true) => Exit::TryAgain,
        (false, false) => Exit::Failed,
    }
}
