//! The commands and their options.
//!
//! **Invariant:** accepts what the `reshape` command line 0.11 accepts.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::connection::ConnectionOptions;
use super::fleet::FleetCommand;
use super::namespace::NamespaceOptions;
use crate::Migrator;

/// The commands. Derive `clap::Parser` on a struct with this as its subcommand, then call [`Command::run`].
#[derive(Clone, Debug, Subcommand)]
#[non_exhaustive]
pub enum Command {
    /// Start, complete, abort or revert a migration
    Migration {
        /// Which of them.
        #[command(subcommand)]
        command: MigrationCommand,
    },
    /// Show what the database has and what is pending
    Status(StatusOptions),
    /// Start, complete or abort a migration on many databases, of tenants or shards
    Fleet {
        /// Which of them.
        #[command(subcommand)]
        command: FleetCommand,
    },
    /// Check the migrations, without a database
    Check,
    /// Print the statement that makes a connection use the newest version, without a database
    SchemaQuery(SchemaQueryOptions),
    /// Print the documentation of the migration files
    Docs(DocsOptions),

    /// Deprecated: use `migration start`
    #[command(hide = true)]
    Migrate(StartOptions),
    /// Deprecated: use `migration start`
    #[command(hide = true)]
    Start(StartOptions),
    /// Deprecated: use `migration complete`
    #[command(hide = true)]
    Complete(CompleteOptions),
    /// Deprecated: use `migration abort`
    #[command(hide = true)]
    Abort(EndOptions),
    /// Deprecated: use `schema-query`
    #[command(hide = true)]
    GenerateSchemaQuery(SchemaQueryOptions),
}

/// `migration …`
#[derive(Clone, Debug, Subcommand)]
#[non_exhaustive]
pub enum MigrationCommand {
    /// Apply what is pending, beside the version that is in use
    Start(StartOptions),
    /// Remove the old version, once nothing uses it any more
    ///
    /// Needs no migration files: the plan is in the database.
    Complete(CompleteOptions),
    /// Succeed when the newest version can be used; change nothing
    ///
    /// Waits while a migrator is at work. For instances that must not migrate.
    Validate(ValidateOptions),
    /// Take back what was started; the old version stays
    ///
    /// Needs no migration files: the plan is in the database.
    Abort(EndOptions),
    /// Let a migrator that is at work wait, from another shell, until `migration resume`
    ///
    /// It ends what it has begun: a range of rows, or a step. Needs no migration files.
    Pause(PauseOptions),
    /// Let a batch go on that `migration pause` has paused
    Resume(PauseOptions),
    /// Go back to the version of a completed migration, beside the version that is in use
    ///
    /// Needs no migration files: the database has recorded what was done.
    Revert(RevertOptions),
}

/// Options of `migration pause` and `migration resume`.
#[derive(Args, Clone, Debug)]
pub struct PauseOptions {
    #[command(flatten)]
    pub(super) set: NamespaceOptions,
    #[command(flatten)]
    pub(super) connection: ConnectionOptions,
}

/// Options of `migration revert`.
#[derive(Args, Clone, Debug)]
pub struct RevertOptions {
    /// The completed migration whose version is wanted back
    #[arg(long, value_name = "NAME")]
    pub(super) to: String,
    #[command(flatten)]
    pub(super) session: Session,
}

/// Options of `migration start`.
#[derive(Args, Clone, Debug)]
pub struct StartOptions {
    /// Complete as well, for a database that no application is using
    #[arg(short, long)]
    pub(super) complete: bool,
    /// With `--complete`: although instances use the old version, which are cut off
    #[arg(long, requires = "complete")]
    pub(super) force: bool,
    /// Apply up to this migration, not the newest
    #[arg(long, value_name = "NAME")]
    pub(super) migration: Option<String>,
    /// How long to wait for another migrator, e.g. `10min`; with `--migration` there is no waiting
    #[arg(long, value_name = "DURATION", value_parser = duration, conflicts_with = "migration")]
    pub(super) wait: Option<Duration>,
    #[command(flatten)]
    pub(super) session: Session,
}

/// Options of `migration abort`.
#[derive(Args, Clone, Debug)]
pub struct EndOptions {
    /// Go on where SQL of a `custom` action fails, and leave it out: for SQL that can never succeed
    #[arg(long)]
    pub(super) skip_custom: bool,
    #[command(flatten)]
    pub(super) session: Session,
}

/// Options of `migration complete`.
#[derive(Args, Clone, Debug)]
pub struct CompleteOptions {
    /// How long to wait for instances that use the old version, e.g. `5min`; without it, it is an error if there are some
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(super) wait: Option<Duration>,
    /// Complete although instances use the old version, after waiting for them: they are cut off
    #[arg(long)]
    pub(super) force: bool,
    #[command(flatten)]
    pub(super) end: EndOptions,
}

/// Options of `migration validate`.
#[derive(Args, Clone, Debug)]
pub struct ValidateOptions {
    /// How long to wait for the version, also while nobody is migrating yet, e.g. `10min`
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(super) wait: Option<Duration>,
    #[command(flatten)]
    pub(super) set: NamespaceOptions,
    #[command(flatten)]
    pub(super) connection: ConnectionOptions,
}

/// Options of `status`.
#[derive(Args, Clone, Debug)]
pub struct StatusOptions {
    /// A table for people, or JSON
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(super) format: Format,
    /// Compare the tables with what the completed migrations say as well
    #[arg(long)]
    pub(super) drift: bool,
    /// Look again, every 2 s or as often as said, until no batch is left; elsewhere than on a terminal, print what has changed
    #[arg(long, value_name = "DURATION", value_parser = interval, num_args = 0..=1, default_missing_value = "2s",
          conflicts_with = "drift")]
    pub(super) watch: Option<Duration>,
    #[command(flatten)]
    pub(super) set: NamespaceOptions,
    #[command(flatten)]
    pub(super) connection: ConnectionOptions,
}

/// How `status` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[non_exhaustive]
pub enum Format {
    /// A table.
    Human,
    /// One JSON object: [`crate::Status`].
    Json,
}

/// Options of `schema-query`.
#[derive(Args, Clone, Debug)]
pub struct SchemaQueryOptions {
    #[command(flatten)]
    pub(super) set: NamespaceOptions,
    /// The version of this migration, not the newest
    #[arg(long, value_name = "NAME")]
    pub(super) migration: Option<String>,
}

/// Options of `docs`.
#[derive(Args, Clone, Debug)]
pub struct DocsOptions {
    /// An action, e.g. `add_column`; without it the list of them
    pub(super) path: Option<String>,
}

/// A connection, and how patient to be.
#[derive(Args, Clone, Debug)]
pub struct Session {
    #[command(flatten)]
    pub(super) set: NamespaceOptions,
    #[command(flatten)]
    pub(super) connection: ConnectionOptions,
    #[command(flatten)]
    pub(super) limits: Limits,
}

/// How patient to be. What is not given is taken from the environment (`RESHAPE_LOCK_TIMEOUT` and so on, see
/// [`Migrator::limits_from_environment`](crate::Migrator::limits_from_environment)), or left at the default.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Limits")]
pub struct Limits {
    /// How long the application's queries may have to wait for ours, e.g. `500ms`
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(super) lock_timeout: Option<Duration>,
    /// For how long a step is tried again when a lock is not to be had, e.g. `5min`
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(super) retry_budget: Option<Duration>,
    /// How long to wait before the first repetition; it doubles each time
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(super) retry_delay: Option<Duration>,
    /// How long to wait at most before a repetition
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(super) retry_max_delay: Option<Duration>,
    /// How long a batch of a backfill should take, e.g. `100ms`; a number alone is milliseconds
    #[arg(long, visible_alias = "batch-ms", value_name = "DURATION", value_parser = batch)]
    pub(super) batch_duration: Option<Duration>,
    /// How many connections fill a table at the same time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) workers: Option<u16>,
    /// How far standbys may be behind before a backfill waits for them, e.g. `10s`; `0s` for as far as they like
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(super) max_lag: Option<Duration>,
    /// How many sessions of others may be running something before a backfill waits; 0 for any number
    #[arg(long, value_name = "SESSIONS")]
    pub(super) max_load: Option<u32>,
}

impl Limits {
    /// Sets what was given.
    pub(super) fn apply(&self, migrator: Migrator) -> Migrator {
        migrator.limited(crate::exec::Limits {
            lock_timeout: self.lock_timeout,
            retry_budget: self.retry_budget,
            retry_delay: self.retry_delay,
            retry_max_delay: self.retry_max_delay,
            batch_duration: self.batch_duration,
            workers: self.workers.map(usize::from),
            max_lag: self.max_lag,
            max_load: self.max_load,
        })
    }
}

/// A duration, of which a number alone is milliseconds.
fn batch(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(millis) => Ok(Duration::from_millis(millis)),
        Err(_) => duration(text),
    }
}

/// A duration, of which a number alone is seconds, as in `watch -n`.
fn interval(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds) => Ok(Duration::from_secs(seconds)),
        Err(_) => duration(text),
    }
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("{error}: try `500ms` or `10s`"))
}

impl Command {
    /// For a deprecated name, that name and the one to use.
    pub(super) fn deprecated(&self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Migrate(_) => Some(("migrate", "migration start")),
            Self::Start(_) => Some(("start", "migration start")),
            Self::Complete(_) => Some(("complete", "migration complete")),
            Self::Abort(_) => Some(("abort", "migration abort")),
            Self::GenerateSchemaQuery(_) => Some(("generate-schema-query", "schema-query")),
            Self::Migration { .. }
            | Self::Status(_)
            | Self::Fleet { .. }
            | Self::Check
            | Self::SchemaQuery(_)
            | Self::Docs(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[derive(Debug, Parser)]
    struct App {
        #[command(subcommand)]
        command: Command,
    }

    fn parse(line: &str) -> Result<Command, clap::Error> {
        App::try_parse_from(line.split_whitespace()).map(|app| app.command)
    }

    #[test]
    fn the_definitions_are_consistent() {
        App::command().debug_assert();
    }

    #[test]
    fn start_takes_what_the_old_command_line_took() {
        for line in [
            "app migration start -c --migration 2_b --url postgres://x/y",
            "app migrate --complete --migration 2_b -d d -u u -p p --host h --port 1",
            "app start --complete --migration=2_b",
        ] {
            let (Command::Migration { command: MigrationCommand::Start(options) }
            | Command::Migrate(options)
            | Command::Start(options)) = parse(line).unwrap()
            else {
                panic!("{line}")
            };
            assert!(options.complete, "{line}");
            assert_eq!(options.migration.as_deref(), Some("2_b"), "{line}");
        }
    }

    #[test]
    fn a_revert_says_where_to() {
        let parsed = parse("app migration revert --to 1_a --lock-timeout 500ms").unwrap();
        let Command::Migration { command: MigrationCommand::Revert(options) } = parsed else {
            panic!()
        };
        assert_eq!(options.to, "1_a");
        assert!(parse("app migration revert").is_err());
    }

    #[test]
    fn durations_have_units() {
        let line = "app migration start --lock-timeout 500ms --retry-budget 10s --wait 1h30m";
        let Command::Migration { command: MigrationCommand::Start(options) } = parse(line).unwrap()
        else {
            panic!()
        };
        assert_eq!(options.session.limits.lock_timeout, Some(Duration::from_millis(500)));
        assert_eq!(options.session.limits.retry_budget, Some(Duration::from_secs(10)));
        assert_eq!(options.wait, Some(Duration::from_mins(90)));
        let error = parse("app migration abort --lock-timeout 5").unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("try `500ms`"), "{error}");
    }

    #[test]
    fn a_completion_waits_and_insists() {
        for line in
            ["app migration complete --wait 5min --force", "app complete --force --wait 5min"]
        {
            let (Command::Migration { command: MigrationCommand::Complete(options) }
            | Command::Complete(options)) = parse(line).unwrap()
            else {
                panic!("{line}")
            };
            assert_eq!((options.wait, options.force), (Some(Duration::from_mins(5)), true));
        }
    }

    #[test]
    fn an_option_that_would_do_nothing_is_refused() {
        assert!(parse("app migration start --migration 2_b --wait 5s").is_err());
        assert!(parse("app migration start --force").is_err());
        assert!(parse("app migration abort --wait 5s").is_err());
    }

    #[test]
    fn a_backfill_has_bounds() {
        let line = "app migration start --batch-ms 50 --max-lag 0s --max-load 8";
        let Command::Migration { command: MigrationCommand::Start(options) } = parse(line).unwrap()
        else {
            panic!()
        };
        let limits = options.session.limits;
        assert_eq!(limits.batch_duration, Some(Duration::from_millis(50)));
        assert_eq!((limits.max_lag, limits.max_load), (Some(Duration::ZERO), Some(8)));
        assert!(parse("app migration start --batch-ms 1s --max-load 1.5").is_err());
    }

    #[test]
    fn a_watch_needs_no_interval() {
        for (line, seconds) in [
            ("app status", None),
            ("app status --watch", Some(2)),
            ("app status --watch --format json", Some(2)),
            ("app status --watch 5", Some(5)),
            ("app status --watch=1min", Some(60)),
        ] {
            let Command::Status(options) = parse(line).unwrap() else { panic!("{line}") };
            assert_eq!(options.watch, seconds.map(Duration::from_secs), "{line}");
        }
        assert!(parse("app status --watch --drift").is_err());
        assert!(parse("app status --watch soon").is_err());
    }

    #[test]
    fn deprecated_names_are_accepted_and_marked() {
        for line in ["migrate", "start", "complete", "abort", "generate-schema-query"] {
            let (old, _) = parse(&format!("app {line}")).unwrap().deprecated().unwrap();
            assert_eq!(old, line);
            let command = App::command();
            let command = command.find_subcommand(line).unwrap();
            assert!(command.is_hide_set(), "{line}");
            let about = command.get_about().unwrap().to_string();
            assert!(about.starts_with("Deprecated: use `"), "{line}: {about}");
        }
        assert_eq!(parse("app check").unwrap().deprecated(), None);
        let help = App::command().render_help().to_string();
        assert!(!help.contains("migrate"), "{help}");
    }

    #[test]
    fn what_is_debugged_holds_no_password() {
        let line = "app status -p hunter2 --url postgres://u:hunter2@h/d";
        let text = format!("{:?}", parse(line).unwrap());
        assert!(!text.contains("hunter2"), "{text}");
    }
}
