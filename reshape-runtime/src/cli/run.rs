//! Runs a command and prints what comes of it.

use std::io::{self, Write};

use super::args::{
    Command, CompleteOptions, EndOptions, MigrationCommand, PauseOptions, RevertOptions,
    SchemaQueryOptions, Session, StartOptions, ValidateOptions,
};
use super::connection::InvalidConnection;
use super::exit::Exit;
use super::{docs, interrupt, progress, text, watch};
use crate::history::History;
use crate::model::Migration;
use crate::schema::{At, nearest};
use crate::sql::ident::ident;
use crate::{Error, Migrations, Migrator, Report};

impl Command {
    /// Runs the command with embedded migrations; prints, and gives the code to exit with.
    pub fn run(&self, migrations: impl Into<Migrations>) -> Exit {
        let migrations = migrations.into();
        let namespace = migrations.namespace().to_owned();
        run_set(self, Some(&namespace), || Ok(migrations))
    }
}

/// Runs the command with migrations from wherever `load` takes them; prints, and gives the code to exit with.
///
/// `load` is only called by commands that need them. An error of it is printed as it is: rendered problems.
pub fn run(command: &Command, load: impl FnOnce() -> Result<Migrations, String>) -> Exit {
    run_set(command, None, load)
}

/// The same, for the set of that name unless a flag says another one.
fn run_set(
    command: &Command,
    set: Option<&str>,
    load: impl FnOnce() -> Result<Migrations, String>,
) -> Exit {
    if let Some((old, new)) = command.deprecated() {
        error_line(&format!("warning: `{old}` is deprecated: use `{new}`"));
    }
    let result = match command {
        Command::Migration { command: MigrationCommand::Start(options) }
        | Command::Migrate(options)
        | Command::Start(options) => start(options, set, load),
        Command::Migration { command: MigrationCommand::Complete(options) }
        | Command::Complete(options) => complete(options, set),
        Command::Migration { command: MigrationCommand::Abort(options) }
        | Command::Abort(options) => abort(options, set),
        Command::Migration { command: MigrationCommand::Validate(options) } => {
            validate(options, set, load)
        }
        Command::Migration { command: MigrationCommand::Revert(options) } => revert(options, set),
        Command::Migration { command: MigrationCommand::Pause(options) } => pause(options, set),
        Command::Migration { command: MigrationCommand::Resume(options) } => resume(options, set),
        Command::Status(options) => watch::status(options, set, load),
        Command::Fleet { command } => return super::fleet::run(command, set, load),
        Command::Check => check(load),
        Command::SchemaQuery(options) | Command::GenerateSchemaQuery(options) => {
            schema_query(options, set, load)
        }
        Command::Docs(options) => {
            docs::page(options.path.as_deref()).map(|page| print(&page)).map_err(Stop::Usage)
        }
    };
    match result {
        Ok(()) => Exit::Done,
        Err(stop) => stop.print(),
    }
}

/// Why a command ends early.
pub(super) enum Stop {
    Problems(String),
    Usage(String),
    Error(Error),
}

impl Stop {
    fn print(self) -> Exit {
        match self {
            Self::Problems(problems) => {
                error_line(problems.trim_end());
                Exit::Invalid
            }
            Self::Usage(message) => {
                error_line(&format!("error: {message}"));
                Exit::Usage
            }
            Self::Error(error) => {
                error_line(&format!("error: {}", error.report()));
                error.kind().into()
            }
        }
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<InvalidConnection> for Stop {
    fn from(error: InvalidConnection) -> Self {
        Self::Usage(error.to_string())
    }
}

fn start(
    options: &StartOptions,
    set: Option<&str>,
    load: impl FnOnce() -> Result<Migrations, String>,
) -> Result<(), Stop> {
    let migrations = options.session.set.name(load().map_err(Stop::Problems)?, set)?;
    if let Some(name) = &options.migration {
        find(&migrations, name)?;
    }
    let connection = options.session.connection.config()?;
    let migrator = Migrator::new(migrations, connection).force(options.force);
    let mut migrator = patient(migrator, &options.session)?;
    if let Some(wait) = options.wait {
        migrator = migrator.wait_timeout(wait);
    }
    print_report(&match (&options.migration, options.complete) {
        (Some(name), false) => migrator.start_to(name)?,
        (None, false) => migrator.start()?,
        (Some(name), true) => migrator.start_and_complete_to(name)?,
        (None, true) => migrator.start_and_complete()?,
    });
    Ok(())
}

fn complete(options: &CompleteOptions, set: Option<&str>) -> Result<(), Stop> {
    let migrator = ending(&options.end, set)?.force(options.force);
    let mut migrator = migrator.drain_timeout(options.wait.unwrap_or_default());
    print_report(&migrator.complete()?);
    Ok(())
}

fn abort(options: &EndOptions, set: Option<&str>) -> Result<(), Stop> {
    print_report(&ending(options, set)?.abort()?);
    Ok(())
}

/// A migrator that ends the batch in the database, whose plan is there.
fn ending(options: &EndOptions, set: Option<&str>) -> Result<Migrator, Stop> {
    let migrator = detached(&options.session, set)?;
    Ok(patient(migrator, &options.session)?.skip_custom(options.skip_custom))
}

/// A migrator that needs no migrations.
fn detached(session: &Session, set: Option<&str>) -> Result<Migrator, Stop> {
    let migrator = Migrator::detached(session.connection.config()?);
    Ok(migrator.in_namespace(session.set.resolve(set)?))
}

fn validate(
    options: &ValidateOptions,
    set: Option<&str>,
    load: impl FnOnce() -> Result<Migrations, String>,
) -> Result<(), Stop> {
    let migrations = options.set.name(load().map_err(Stop::Problems)?, set)?;
    let connection = options.connection.config()?;
    let mut migrator = Migrator::new(migrations, connection)
        .observer(progress::observer())
        .limits_from_environment()?;
    let report = match options.wait {
        Some(wait) => migrator.wait_timeout(wait).wait()?,
        None => migrator.validate()?,
    };
    print(&(text::validated(&report) + "\n"));
    Ok(())
}

fn revert(options: &RevertOptions, set: Option<&str>) -> Result<(), Stop> {
    let migrator = detached(&options.session, set)?;
    print_report(&patient(migrator, &options.session)?.revert_to(&options.to)?);
    Ok(())
}

fn patient(migrator: Migrator, session: &Session) -> Result<Migrator, Stop> {
    interrupt::explain();
    let migrator = migrator.observer(progress::observer()).limits_from_environment()?;
    Ok(session.limits.apply(migrator))
}

fn pause(options: &PauseOptions, set: Option<&str>) -> Result<(), Stop> {
    let is_new = other(options, set)?.pause()?;
    print(if is_new { text::PAUSED } else { text::WAS_PAUSED });
    Ok(())
}

fn resume(options: &PauseOptions, set: Option<&str>) -> Result<(), Stop> {
    let was_paused = other(options, set)?.resume()?;
    print(if was_paused { text::RESUMED } else { text::NOT_PAUSED });
    Ok(())
}

/// A migrator that tells another one what to do.
fn other(options: &PauseOptions, set: Option<&str>) -> Result<Migrator, Stop> {
    let migrator = Migrator::detached(options.connection.config()?);
    Ok(migrator.in_namespace(options.set.resolve(set)?))
}

fn check(load: impl FnOnce() -> Result<Migrations, String>) -> Result<(), Stop> {
    let migrations = load().map_err(Stop::Problems)?;
    let (_, problems) = History::replay(&migrations);
    if !problems.is_empty() {
        let problems = problems.iter().map(|problem| {
            let name = migrations.migrations.get(problem.at.migration);
            let name = name.map_or("baseline", |migration| &*migration.name);
            let mut text = match problem.at.action {
                At::NO_ACTION => format!("error[{}]: `{name}`: {}", problem.rule, problem.message),
                action => format!(
                    "error[{}]: `{name}`, action {}: {}",
                    problem.rule,
                    action + 1,
                    problem.message
                ),
            };
            if let Some(help) = &problem.help {
                text.push_str(&format!("\n  help: {help}"));
            }
            text
        });
        return Err(Stop::Problems(problems.collect::<Vec<_>>().join("\n")));
    }
    print(&format!("no problems in {}\n", text::plural(migrations.migrations.len(), "migration")));
    Ok(())
}

fn schema_query(
    options: &SchemaQueryOptions,
    set: Option<&str>,
    load: impl FnOnce() -> Result<Migrations, String>,
) -> Result<(), Stop> {
    let migrations = options.set.name(load().map_err(Stop::Problems)?, set)?;
    let migration = match &options.migration {
        Some(name) => find(&migrations, name)?,
        None => migrations
            .latest()
            .ok_or_else(|| Stop::Problems(String::from("error: there are no migrations")))?,
    };
    print(&format!("SET search_path TO {}\n", ident(&migrations.version_schema(&migration.name))));
    Ok(())
}

fn find<'m>(migrations: &'m Migrations, name: &str) -> Result<&'m Migration, Stop> {
    let mut all = migrations.migrations.iter();
    all.find(|migration| migration.name == name)
        .ok_or_else(|| Stop::Usage(no_such(migrations, name)))
}

fn no_such(migrations: &Migrations, name: &str) -> String {
    let names = migrations.migrations.iter().map(|migration| &*migration.name);
    match nearest(name, names) {
        Some(similar) => {
            format!("there is no migration `{name}`\n  help: there is `{similar}`")
        }
        None => format!("there is no migration `{name}`"),
    }
}

fn print_report(report: &Report) {
    print(&(text::report(report) + "\n"));
}

// A reader that went away (`| head`) is no reason to panic or to fail.

pub(super) fn print(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

pub(super) fn error_line(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct App {
        #[command(subcommand)]
        command: Command,
    }

    fn exit(line: &str, migrations: &str) -> Exit {
        let migrations: Migrations = serde_json::from_str(migrations).unwrap();
        App::parse_from(line.split(' ')).command.run(migrations)
    }

    const VALID: &str = r#"{"migrations": [{"name": "1_a", "checksum": "", "actions": []}]}"#;
    const INVALID: &str = r#"{"migrations": [{"name": "1_a", "checksum": "", "actions":
        [{"type": "remove_table", "table": "users"}]}]}"#;
    /// A problem of a whole migration, not of an action.
    const TWICE: &str = r#"{"migrations": [{"name": "1_a", "checksum": "", "actions": []},
        {"name": "1_a", "checksum": "", "actions": []}]}"#;
    const NONE: &str = r#"{"migrations": []}"#;

    #[test]
    fn an_embedded_history_is_checked() {
        assert_eq!(exit("app check", VALID), Exit::Done);
        assert_eq!(exit("app check", INVALID), Exit::Invalid);
        assert_eq!(exit("app check", TWICE), Exit::Invalid);
    }

    #[test]
    fn a_schema_query_needs_a_migration() {
        assert_eq!(exit("app schema-query", VALID), Exit::Done);
        assert_eq!(exit("app schema-query --migration 2_b", VALID), Exit::Usage);
        assert_eq!(exit("app schema-query", NONE), Exit::Invalid);
    }
}
