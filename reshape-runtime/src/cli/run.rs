//! Runs a command and prints what comes of it.

use std::io::{self, Write};

use super::args::{
    Command, Format, MigrationCommand, SchemaQueryOptions, Session, StartOptions, StatusOptions,
};
use super::connection::InvalidConnection;
use super::exit::Exit;
use super::{docs, interrupt, progress, text};
use crate::history::History;
use crate::model::Migration;
use crate::schema::{At, nearest};
use crate::sql::ident::ident;
use crate::{Error, Migrations, Migrator, Outcome, Report};

impl Command {
    /// Runs the command with embedded migrations; prints, and gives the code to exit with.
    pub fn run(&self, migrations: impl Into<Migrations>) -> Exit {
        run(self, || Ok(migrations.into()))
    }
}

/// Runs the command with migrations from wherever `load` takes them; prints, and gives the code to exit with.
///
/// `load` is only called by commands that need them. An error of it is printed as it is: rendered problems.
pub fn run(command: &Command, load: impl FnOnce() -> Result<Migrations, String>) -> Exit {
    if let Some((old, new)) = command.deprecated() {
        error_line(&format!("warning: `{old}` is deprecated: use `{new}`"));
    }
    let result = match command {
        Command::Migration { command: MigrationCommand::Start(options) }
        | Command::Migrate(options)
        | Command::Start(options) => start(options, load),
        Command::Migration { command: MigrationCommand::Complete(session) }
        | Command::Complete(session) => complete(session),
        Command::Migration { command: MigrationCommand::Abort(session) }
        | Command::Abort(session) => abort(session),
        Command::Status(options) => status(options, load),
        Command::Check => check(load),
        Command::SchemaQuery(options) | Command::GenerateSchemaQuery(options) => {
            schema_query(options, load)
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
enum Stop {
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
    load: impl FnOnce() -> Result<Migrations, String>,
) -> Result<(), Stop> {
    let migrations = load().map_err(Stop::Problems)?;
    if let Some(name) = &options.migration {
        find(&migrations, name)?;
    }
    let connection = options.session.connection.config()?;
    let mut migrator = patient(Migrator::new(migrations, connection), &options.session);
    if let Some(wait) = options.wait {
        migrator = migrator.wait_timeout(wait);
    }
    let report = match &options.migration {
        Some(name) => migrator.start_to(name)?,
        None => migrator.start()?,
    };
    print_report(&report);
    // A batch that is ahead of these migrations is not ours to complete.
    if options.complete && report.outcome != Outcome::Ahead {
        let report = migrator.complete()?;
        if report.outcome != Outcome::Nothing {
            print_report(&report);
        }
    }
    Ok(())
}

fn complete(session: &Session) -> Result<(), Stop> {
    let migrator = Migrator::detached(session.connection.config()?);
    print_report(&patient(migrator, session).complete()?);
    Ok(())
}

fn abort(session: &Session) -> Result<(), Stop> {
    let migrator = Migrator::detached(session.connection.config()?);
    print_report(&patient(migrator, session).abort()?);
    Ok(())
}

fn patient(migrator: Migrator, session: &Session) -> Migrator {
    interrupt::explain();
    let mut migrator = migrator.observer(progress::observer());
    if let Some(timeout) = session.limits.lock_timeout {
        migrator = migrator.lock_timeout(timeout);
    }
    if let Some(budget) = session.limits.retry_budget {
        migrator = migrator.retry_budget(budget);
    }
    migrator
}

fn status(
    options: &StatusOptions,
    load: impl FnOnce() -> Result<Migrations, String>,
) -> Result<(), Stop> {
    let connection = options.connection.config()?;
    let mut migrator = if let Ok(migrations) = load() {
        Migrator::new(migrations, connection)
    } else {
        // The state of the database is of interest all the more.
        error_line(
            "warning: what is pending is not known, since no migrations can be read here: see `check`",
        );
        Migrator::detached(connection)
    };
    let status = migrator.status()?;
    let drift = options.drift.then(|| migrator.drift()).transpose()?;
    match options.format {
        Format::Human => {
            print(&text::status(&status));
            if let Some(drift) = drift {
                print(&format!("\n{}", drift.report()));
            }
        }
        Format::Json => {
            let mut json = serde_json::to_value(&status).expect("a status is plain data");
            if let Some(drift) = drift {
                json["drift"] = serde_json::to_value(drift).expect("a drift is plain data");
            }
            let json = serde_json::to_string_pretty(&json).expect("a value is plain data");
            print(&(json + "\n"));
        }
    }
    Ok(())
}

fn check(load: impl FnOnce() -> Result<Migrations, String>) -> Result<(), Stop> {
    let migrations = load().map_err(Stop::Problems)?;
    let (_, problems) = History::replay(&migrations);
    if !problems.is_empty() {
        let problems = problems.iter().map(|problem| {
            let name = migrations.migrations.get(problem.at.migration);
            let name = name.map_or("baseline", |migration| &*migration.name);
            let mut text = match problem.at.action {
                At::NO_ACTION => format!("error: `{name}`: {}", problem.message),
                action => format!("error: `{name}`, action {}: {}", action + 1, problem.message),
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
    load: impl FnOnce() -> Result<Migrations, String>,
) -> Result<(), Stop> {
    let migrations = load().map_err(Stop::Problems)?;
    let migration = match &options.migration {
        Some(name) => find(&migrations, name)?,
        None => migrations
            .latest()
            .ok_or_else(|| Stop::Problems(String::from("error: there are no migrations")))?,
    };
    print(&format!("SET search_path TO {}\n", ident(&migration.version_schema())));
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

fn print(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn error_line(text: &str) {
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
