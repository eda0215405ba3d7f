//! Proof on a real server: the whole history, version by version, in a scratch database, with rows and with clients of both versions.
//!
//! Before each migration every table gets generated rows. Then the migration is started and rolled back, which must leave the catalog as it was;
//! started again; read and written through the views of both versions; and completed. What fails is a problem of the migration, with its place.
//!
//! `reshape check --live` does this, and so does a build with `RESHAPE_CHECK=live` in the environment, if `reshape-build` has the feature
//! `live`. The server is that of `DATABASE_URL`, where a database of its own is created and dropped, or else a private one that is started from
//! the programs that are installed.
//!
//! The rows follow types, keys and enums; those that a constraint refuses are counted and left out. A start that fails on rows is only a
//! warning, for they may be rows that you cannot have: it is tried again without any.
//!
//! **Invariant:** nothing is touched but a database that was created here.

mod place;
mod rows;

use std::fmt;
use std::path::{Path, PathBuf};

use postgres::{Client, SimpleQueryMessage};
use reshape_runtime::history::History;
use reshape_runtime::model::{List, Migration, Str};
use reshape_runtime::sql::ident::ident;
use reshape_runtime::sql::names::DEFAULT_SCHEMA;
use reshape_runtime::testing::{Server, TestDatabase};
use reshape_runtime::{Error, Migrations, Migrator, Rule};

use self::rows::{Broken, Count};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::lock::{self, Lock};
use crate::or_default;
use crate::set::Set;

/// Proves the migrations in `folders`, relative to the current folder. `tell` hears of every migration that was proven, in one line each.
///
/// What is wrong without a server is found first, and is then all that is reported.
///
/// # Errors
///
/// That there is no server, or that it cannot be used: nothing is known of the migrations then.
pub fn check(
    folders: &[PathBuf],
    server: &Server,
    tell: &mut dyn FnMut(&str),
) -> Result<Diagnostics, Unusable> {
    let folders = or_default(folders.to_vec());
    let mut set = Set::load(Path::new(""), &folders);
    lock::check(&mut set, Path::new(""), &folders, Lock::Check);
    prove(&mut set, server, tell)?;
    Ok(set.problems)
}

/// The same for a set that was loaded; what is found becomes its problem.
pub(crate) fn prove(
    set: &mut Set,
    server: &Server,
    tell: &mut dyn FnMut(&str),
) -> Result<(), Unusable> {
    if set.problems.errors().next().is_some() {
        return Ok(());
    }
    let migrations: Vec<Migration> =
        set.migrations().map(|(migration, _)| migration.clone()).collect();
    let other = migrations
        .iter()
        .flat_map(|migration| &*migration.requires)
        .find(|required| !migrations.iter().any(|migration| migration.name == **required));
    if let Some(required) = other {
        // Its tables are not here.
        tell(&format!("not proven: `{required}`, which is required, belongs to another set"));
        return Ok(());
    }
    let mut wanted = Migrations::owned(migrations).after(set.baseline());
    if let Some(namespace) = &set.namespace {
        wanted = wanted.in_namespace(namespace.clone());
    }
    let history = History::replay(&wanted).0;
    let database = server.database()?;
    let client = database.connect()?;
    let mut trial = Trial { set, wanted, history, database, client, seed: 0, found: Vec::new() };
    trial.prepare()?;
    for number in 0..trial.wanted.migrations.len() {
        match trial.migration(number) {
            Ok(line) => tell(&line),
            // What comes after it cannot be judged.
            Err(problem) => {
                trial.found.push(*problem);
                break;
            }
        }
    }
    let found = std::mem::take(&mut trial.found);
    set.problems.extend(found);
    Ok(())
}

/// Why nothing was proven: there is no server, or it does not let us work.
#[derive(Clone, Debug)]
pub struct Unusable(String);

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unusable {}

impl From<Error> for Unusable {
    fn from(error: Error) -> Self {
        Self(error.report())
    }
}

impl From<postgres::Error> for Unusable {
    fn from(error: postgres::Error) -> Self {
        Self(format!("the scratch database cannot be used: {}", server_text(&error)))
    }
}

/// A history on its way through the versions.
struct Trial<'s> {
    set: &'s Set,
    wanted: Migrations,
    history: History,
    database: TestDatabase,
    client: Client,
    /// The number of the next row.
    seed: usize,
    found: Vec<Diagnostic>,
}

impl Trial<'_> {
    /// Makes what the history takes for granted: schemas, and what the baseline describes.
    fn prepare(&mut self) -> Result<(), Unusable> {
        let count = self.wanted.migrations.len();
        let mut schemas: Vec<String> = (0..=count)
            .filter_map(|version| self.history.schema_after(version))
            .flat_map(|schema| schema.tables().map(|table| table.schema.clone()))
            .collect();
        schemas.sort_unstable();
        schemas.dedup();
        for schema in schemas {
            self.run(&format!("CREATE SCHEMA IF NOT EXISTS {}", ident(&schema)))?;
        }
        let baseline = self.set.baseline();
        if baseline.is_empty() {
            return Ok(());
        }
        let first = Migration {
            name: Str::Borrowed("baseline"),
            description: None,
            checksum: Str::Borrowed(""),
            actions: List::Owned(baseline),
            allow: List::default(),
            requires: List::default(),
        };
        Migrator::new(Migrations::owned(vec![first]), self.database.url()).start_and_complete()?;
        // Now the tables are as they were before anything was known of them. This is a scratch database.
        self.run(
            "DO $reshape$ DECLARE name text; BEGIN \
               FOR name IN SELECT nspname FROM pg_catalog.pg_namespace \
                 WHERE nspname ~ '^(reshape$|reshape_|migration_)' LOOP \
                 EXECUTE format('DROP SCHEMA %I CASCADE', name); \
               END LOOP; END $reshape$",
        )
    }

    fn run(&mut self, sql: &str) -> Result<(), Unusable> {
        Ok(self.client.batch_execute(sql)?)
    }

    /// Proves one migration; gives a line about it.
    fn migration(&mut self, number: usize) -> Result<String, Box<Diagnostic>> {
        let name = self.wanted.migrations[number].name.to_string();
        let base = number.checked_sub(1).map(|base| self.wanted.migrations[base].name.to_string());
        let old = match &base {
            Some(base) => self.wanted.version_schema(base),
            None => String::from(DEFAULT_SCHEMA),
        };
        let new = self.wanted.version_schema(&name);

        let mut count = self.fill(number, &old, number)?;
        let before = self.catalog(number)?;
        let with_rows = self.start(number)?;
        self.migrator(number).abort().map_err(|error| {
            Box::new(self.problem(Rule::LiveAbort, number, "the rollback", &error))
        })?;
        self.compare(number, &before)?;
        self.migrator(number).start().map_err(|error| {
            Box::new(self.problem(Rule::LiveAbort, number, "the start after a rollback", &error))
        })?;
        // The plain tables are what clients use before the first version.
        count += self.fill(number, &old, number)?;
        count += self.fill(number, &new, number + 1)?;
        self.use_both(number, &[(&old, number), (&new, number + 1)])?;
        self.migrator(number).complete().map_err(|error| {
            Box::new(self.problem(Rule::LiveComplete, number, "the completion", &error))
        })?;
        self.use_both(number, &[(&new, number + 1)])?;
        self.leftovers(number)?;
        let refused = match count.refused {
            0 => String::new(),
            refused => format!(", {refused} more refused by constraints"),
        };
        let rows = if with_rows { "" } else { "; without the rows that were there before" };
        Ok(format!(
            "`{name}`: started, rolled back, started, used by both versions ({} rows written{refused}), completed{rows}",
            count.taken
        ))
    }

    /// A migrator of the history up to a migration.
    fn migrator(&self, number: usize) -> Migrator {
        let name = &self.wanted.migrations[number].name;
        let wanted = self.wanted.up_to(name).unwrap_or_default();
        Migrator::new(wanted, self.database.url())
    }

    /// Starts a migration; if it fails because of the rows, once more without them. Says whether they are still there.
    fn start(&mut self, number: usize) -> Result<bool, Box<Diagnostic>> {
        let Err(error) = self.migrator(number).start() else { return Ok(true) };
        let of_rows =
            error.sqlstate().is_some_and(|code| code.starts_with("22") || code.starts_with("23"));
        if !of_rows {
            return Err(self.problem(Rule::LiveStart, number, "the start", &error).into());
        }
        self.empty().map_err(|error| Box::new(self.unusable(number, &error)))?;
        match self.migrator(number).start() {
            Ok(_) => {
                let warning = self
                    .problem(Rule::LiveRows, number, "with generated rows, the start", &error)
                    .help("if your tables can have such rows, write an `up` that takes them, or remove them before");
                self.found.push(warning);
                Ok(false)
            }
            Err(error) => Err(self.problem(Rule::LiveStart, number, "the start", &error).into()),
        }
    }

    /// Removes all rows of the user's tables.
    fn empty(&mut self) -> Result<(), Unusable> {
        self.run(
            "DO $reshape$ DECLARE name text; BEGIN \
               FOR name IN SELECT format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c \
                 JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
                 WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^(pg_|information_schema$|reshape)' LOOP \
                 EXECUTE 'TRUNCATE ' || name || ' CASCADE'; \
               END LOOP; END $reshape$",
        )
    }

    /// Rows for every table of a version.
    fn fill(
        &mut self,
        number: usize,
        schema: &str,
        version: usize,
    ) -> Result<Count, Box<Diagnostic>> {
        let Some(known) = self.history.schema_after(version).cloned() else {
            return Ok(Count::default());
        };
        let mut relations = rows::relations(&mut self.client, schema)
            .map_err(|error| Box::new(self.broken(number, schema, &read(error))))?;
        if version == 0 {
            // Plain tables: those of the first version are there already, and not yet anybody's.
            relations.retain(|relation| known.table(&relation.name).is_some());
        }
        rows::fill(&mut self.client, schema, &relations, &known, &mut self.seed)
            .map_err(|broken| Box::new(self.broken(number, schema, &broken)))
    }

    /// Reads and writes through the views of versions.
    fn use_both(
        &mut self,
        number: usize,
        versions: &[(&str, usize)],
    ) -> Result<(), Box<Diagnostic>> {
        for (schema, version) in versions {
            let Some(known) = self.history.schema_after(*version).cloned() else { continue };
            rows::relations(&mut self.client, schema)
                .map_err(read)
                .and_then(|relations| {
                    rows::read_and_write(&mut self.client, schema, &relations, &known)
                })
                .map_err(|broken| Box::new(self.broken(number, schema, &broken)))?;
        }
        Ok(())
    }

    /// Everything in the catalog that a migration could leave behind, our metadata aside.
    fn catalog(&mut self, number: usize) -> Result<Vec<String>, Box<Diagnostic>> {
        let messages = self
            .client
            .batch_execute("RESET search_path")
            .and_then(|()| self.client.simple_query(include_str!("catalog.sql")))
            .map_err(|error| Box::new(self.unusable(number, &error.into())))?;
        let lines = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        });
        Ok(lines.filter(|line| !line.contains(" reshape ")).collect())
    }

    /// A rollback leaves everything as it was.
    fn compare(&mut self, number: usize, before: &[String]) -> Result<(), Box<Diagnostic>> {
        const MOST: usize = 10;
        let after = self.catalog(number)?;
        let gone =
            before.iter().filter(|line| !after.contains(line)).map(|line| format!("- {line}"));
        let new =
            after.iter().filter(|line| !before.contains(line)).map(|line| format!("+ {line}"));
        let lines: Vec<String> = gone.chain(new).collect();
        if lines.is_empty() {
            return Ok(());
        }
        let file = &self.set.files[number];
        let name = &self.wanted.migrations[number].name;
        let message = format!("a rollback of `{name}` leaves the database as it was not before");
        let shown = lines[..lines.len().min(MOST)].join("\n");
        let problem = Diagnostic::new(Rule::LiveAbort, place::locate(file, ""), message)
            .help(format!("what differs:\n\n{shown}"))
            .help("an `abort` of a `custom` action has to take back what its `start` did");
        Err(problem.into())
    }

    fn leftovers(&mut self, number: usize) -> Result<(), Box<Diagnostic>> {
        let generated = |line: &&String| {
            line.contains("__reshape")
                && !line.contains(" reshape_")
                && !line.starts_with("function reshape")
        };
        let catalog = self.catalog(number)?;
        let Some(line) = catalog.iter().find(generated) else { return Ok(()) };
        let name = &self.wanted.migrations[number].name;
        let message = format!("the completion of `{name}` leaves something behind: {line}");
        let place = place::locate(&self.set.files[number], "");
        Err(Diagnostic::new(Rule::LiveComplete, place, message)
            .help("this is a fault of reshape, not of the migration: please report it")
            .into())
    }

    fn problem(&self, rule: Rule, number: usize, what: &str, error: &Error) -> Diagnostic {
        let file = &self.set.files[number];
        let name = &self.wanted.migrations[number].name;
        let message = format!("{what} of `{name}` fails on a server: {}", error.message());
        let problem = Diagnostic::new(rule, place::locate(file, error.message()), message);
        match error.help() {
            Some(help) => problem.help(help),
            None => problem,
        }
    }

    fn unusable(&self, number: usize, error: &Unusable) -> Diagnostic {
        let place = place::locate(&self.set.files[number], "");
        Diagnostic::new(Rule::LiveStart, place, error.to_string())
    }

    fn broken(&self, number: usize, schema: &str, broken: &Broken) -> Diagnostic {
        let file = &self.set.files[number];
        let name = &self.wanted.migrations[number].name;
        let text = server_text(&broken.error);
        let message = format!(
            "while `{name}` is in progress, a client of `{schema}` cannot {}: {text}",
            broken.what
        );
        Diagnostic::new(Rule::LiveClients, place::locate(file, &text), message)
    }
}

fn read(error: postgres::Error) -> Broken {
    Broken { what: String::from("read its tables"), error }
}

fn server_text(error: &postgres::Error) -> String {
    error.as_db_error().map_or_else(|| error.to_string(), |error| error.message().to_owned())
}
