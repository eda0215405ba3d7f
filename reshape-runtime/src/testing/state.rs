//! The state of a database that a test begins with: which migrations, how far, with which rows.
//!
//! **Invariant:** two states with the same key make databases that no test can tell apart.

use postgres::{Client, Config};

use super::address::search_path;
use super::admin::connect;
use super::prepared::key;
use crate::{Error, ErrorKind, Migrations, Migrator};

/// What is done to an empty database.
#[derive(Clone, Debug)]
pub(super) struct State {
    /// Sets that the one under test needs, completed first.
    pub(super) others: Vec<Migrations>,
    pub(super) set: Migrations,
    /// The migration that is not there yet, if not all of them are.
    pub(super) before: Option<String>,
    /// Whether the last migration, or the one of `before`, is started and not completed.
    pub(super) in_progress: bool,
    /// SQL of the rows, run with the version that is completed.
    pub(super) fixtures: Vec<String>,
}

/// A state whose names have been looked up.
#[derive(Clone, Debug)]
pub(super) struct Resolved {
    state: State,
    /// How many migrations are completed.
    completed: usize,
    /// How many are at least started: `completed`, or one more.
    started: usize,
}

impl State {
    /// Looks up the migration that `before` names.
    pub(super) fn resolve(self) -> Result<Resolved, Error> {
        let migrations = &self.set.migrations;
        let count = migrations.len();
        let completed = match &self.before {
            Some(name) => migrations
                .iter()
                .position(|migration| migration.name == *name)
                .ok_or_else(|| {
                    let names: Vec<String> = migrations
                        .iter()
                        .map(|migration| format!("`{}`", migration.name))
                        .collect();
                    let error =
                        Error::new(ErrorKind::History, format!("no migration is called `{name}`"));
                    if names.is_empty() {
                        error.with_help("the set has no migrations")
                    } else {
                        error.with_help(format!("the set has {}", names.join(", ")))
                    }
                })?,
            None if self.in_progress => count.checked_sub(1).ok_or_else(|| {
                Error::new(ErrorKind::History, "the set has no migration that could be in progress")
            })?,
            None => count,
        };
        let started = if self.in_progress { completed + 1 } else { completed };
        Ok(Resolved { state: self, completed, started })
    }
}

impl Resolved {
    /// What tells the state from all others, of all versions of this crate.
    pub(super) fn key(&self) -> u64 {
        let others: Vec<_> =
            self.state.others.iter().map(|set| described(set, set.migrations.len())).collect();
        let set = described(&self.state.set, self.started);
        key(&(env!("CARGO_PKG_VERSION"), others, set, self.completed, &self.state.fixtures))
    }

    /// The schema of the version that is completed; `None` for plain tables.
    pub(super) fn old_schema(&self) -> Option<String> {
        self.schema(self.completed)
    }

    /// The schema of the newest version; `None` for plain tables.
    pub(super) fn new_schema(&self) -> Option<String> {
        self.schema(self.started)
    }

    /// The set up to the migration of `before`, if that is not there yet.
    pub(super) fn next(&self) -> Option<(Migrations, String)> {
        let name = self.state.before.clone().filter(|_| !self.is_in_progress())?;
        Some((self.state.set.first(self.completed + 1), name))
    }

    fn is_in_progress(&self) -> bool {
        self.completed < self.started
    }

    /// The migrations that are there.
    pub(super) fn migrations(&self) -> Migrations {
        self.state.set.first(self.started)
    }

    fn schema(&self, count: usize) -> Option<String> {
        let set = &self.state.set;
        let last = count.checked_sub(1)?;
        Some(set.version_schema(&set.migrations[last].name))
    }

    /// Brings an empty database to the state. Nobody is connected to it afterwards.
    pub(super) fn make(&self, config: &Config) -> Result<(), Error> {
        for other in &self.state.others {
            complete(other.clone(), config)?;
        }
        if self.completed > 0 {
            complete(self.state.set.first(self.completed), config)?;
        }
        if !self.state.fixtures.is_empty() {
            let mut client = connect(config)?;
            for fixture in &self.state.fixtures {
                self.load(&mut client, fixture)?;
            }
        }
        if self.is_in_progress() {
            Migrator::new(self.migrations(), config.clone()).start()?;
        }
        Ok(())
    }

    fn load(&self, client: &mut Client, fixture: &str) -> Result<(), Error> {
        // Set anew for each, because a fixture may set another one.
        let path = search_path(self.old_schema().as_deref());
        client
            .batch_execute(&format!("SET search_path TO {path}"))
            .and_then(|()| client.batch_execute(fixture))
            .map_err(|error| {
                let message = format!("a fixture cannot be loaded: {}", excerpt(fixture));
                Error::new(ErrorKind::Database, message).with_sqlstate(&error).with_source(error)
            })
    }
}

fn complete(set: Migrations, config: &Config) -> Result<(), Error> {
    Migrator::new(set, config.clone()).start_and_complete().map(drop)
}

/// What of a set makes a difference to the database.
fn described(set: &Migrations, count: usize) -> (String, Vec<(String, String)>, String) {
    let migrations = set.migrations.iter().take(count);
    (
        set.namespace().to_owned(),
        migrations
            .map(|migration| (migration.name.to_string(), migration.checksum.to_string()))
            .collect(),
        // The model has no representation of its own that could be hashed, and its JSON has all of it.
        serde_json::to_string(&set.baseline).unwrap_or_default(),
    )
}

/// The first line that says something, cut short.
fn excerpt(sql: &str) -> String {
    const LONGEST: usize = 60;
    let line = sql
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with("--"))
        .unwrap_or_default();
    let short: String = line.chars().take(LONGEST).collect();
    if short.len() < line.len() { format!("`{short}…`") } else { format!("`{short}`") }
}
