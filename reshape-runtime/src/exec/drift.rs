//! Drift: the start that refuses it, and the command that tells it.
//!
//! **Invariant:** a start reads nothing for it that it does not read anyway.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::metadata::Snapshot;
use super::retry::Failure;
use super::run::{Run, Task};
use super::session::rows;
use crate::baseline::Baseline;
use crate::drift::{self, Drift, Past, Which};
use crate::error::{Error, ErrorKind};
use crate::model::{Action, Lint, Migration, Migrations};
use crate::plan::facts::Facts;
use crate::report::State;

impl super::Migrator {
    /// Compares the whole database with what its completed migrations say of it. While a batch is not over, the tables that it
    /// changes are left out. Changes nothing and takes no lock.
    ///
    /// # Errors
    ///
    /// As [`status`](Self::status); [`ErrorKind::Metadata`] if the completed migrations cannot be read.
    pub fn drift(&mut self) -> Result<Drift, Error> {
        self.run(|run, migrations, _| run.drift(migrations))
    }

    /// Describes the tables and types of `schemas` as a migration file would, so that a history can begin after them: what the
    /// command `reshape baseline` writes to a file. Changes nothing and takes no lock.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Connect`], [`ErrorKind::Permission`] or [`ErrorKind::Database`].
    pub fn baseline(&mut self, schemas: &[String]) -> Result<Baseline, Error> {
        self.run(|run, _, _| {
            let (facts, _) = run.facts(None, &[], schemas)?;
            Ok(Baseline::of(&facts, schemas))
        })
    }
}

impl Run<'_> {
    fn drift(&mut self, migrations: Option<&Migrations>) -> Result<Drift, Error> {
        let snapshot = self.read()?;
        let past = Past::new(&self.recorded(&snapshot, migrations)?);
        let base = snapshot.applied.last().map(|applied| applied.name.clone());
        let version = base.as_deref().map(|base| self.set.version(base));
        let (facts, _) = self.facts(version.as_deref(), &[], &past.schemas())?;
        let batch = snapshot.plan.as_ref().filter(|_| snapshot.state != State::Idle);
        let left_out =
            batch.map_or_else(BTreeSet::new, |plan| drift::in_batch(&past, &plan.migrations));
        let mut found = drift::compare(&past, &facts, Which::AllBut(&left_out));
        found.version = base;
        Ok(found)
    }

    /// The completed migrations as the database has them, after the baseline that is known here.
    fn recorded(
        &mut self,
        snapshot: &Snapshot,
        known: Option<&Migrations>,
    ) -> Result<Migrations, Error> {
        #[derive(Deserialize)]
        struct Row {
            name: String,
            actions: serde_json::Value,
        }

        let mut all = Vec::new();
        if !snapshot.applied.is_empty() {
            // Without our own tables there are no sets.
            let own = if snapshot.installed { self.set.own() } else { String::from("true") };
            let (found, _) = self.retrying(Task::Own("read the completed migrations"), |run| {
                let sql = format!(
                    "SELECT coalesce(jsonb_agg(jsonb_build_object('name', name, 'actions', actions) ORDER BY index), '[]') \
                     FROM reshape.migrations WHERE {own}"
                );
                let rows = rows(&mut run.client, &sql)?;
                let text = rows.first().and_then(|row| row.get(0)).unwrap_or("[]");
                serde_json::from_str::<Vec<Row>>(text).map_err(|error| Failure::from(unreadable("…", &error)))
            })?;
            for Row { name, actions } in found {
                let here = known.and_then(|set| set.migrations.iter().find(|m| m.name == name));
                let actions = match (serde_json::from_value::<Vec<Action>>(actions), here) {
                    (Ok(actions), _) => actions,
                    (Err(_), Some(here)) => here.actions.to_vec(),
                    (Err(error), None) => return Err(unreadable(&name, &error)),
                };
                all.push(Migration {
                    name: name.into(),
                    description: None,
                    checksum: "".into(),
                    actions: actions.into(),
                    allow: Vec::new().into(),
                    requires: Vec::new().into(),
                });
            }
        }
        let baseline = known.map_or_else(Vec::new, |set| set.baseline.to_vec());
        Ok(Migrations::owned(all).after(baseline))
    }

    /// Fails where the tables that the migrations from `done` on change are not what those before say; at the first start, where
    /// any table of the baseline is not. The history before `done` is the database's: the two have been compared.
    pub(super) fn check_drift(
        &mut self,
        wanted: &Migrations,
        done: usize,
        facts: &Facts,
    ) -> Result<(), Error> {
        let (before, pending) = wanted.migrations.split_at(done);
        let past = Past::new(&Migrations::owned(before.to_vec()).after(wanted.baseline.to_vec()));
        let mut tables = drift::touched(&past, pending);
        if done == 0 {
            tables.extend(past.tables());
        }
        let mut found = drift::compare(&past, facts, Which::Only(&tables));
        found.version = before.last().map(|migration| migration.name.to_string());
        if found.is_none() {
            return Ok(());
        }
        let allowed = pending.iter().find_map(|migration| {
            let allow = migration.allow.iter().find(|allow| allow.lint == Lint::Drift)?;
            Some((migration, allow))
        });
        if let Some((migration, allow)) = allowed {
            let (names, by, why) = (listed(&found), &migration.name, &allow.reason);
            self.note(format!(
                "{names}: not what the earlier migrations say, which `{by}` allows ({why})"
            ));
            return Ok(());
        }
        Err(refused(&found, tables.len()))
    }
}

/// The schemas of the tables that [`Run::check_drift`] compares and no pending action may name.
pub(super) fn schemas(wanted: &Migrations, done: usize) -> Vec<String> {
    let baseline = wanted.baseline.iter().filter(|_| done == 0);
    baseline.flat_map(Action::schemas).map(str::to_owned).collect()
}

fn refused(found: &Drift, tables: usize) -> Error {
    let names = listed(found);
    let (message, missing) = match &found.version {
        Some(version) => (format!("{names}: not what the migrations up to `{version}` say"), false),
        None => (
            format!("{names}: not what the baseline says"),
            found.differences.len() >= tables
                && found.differences.iter().all(|difference| difference.found.is_none()),
        ),
    };
    let help = if missing {
        "`baseline.toml` is never executed: load the schema that it describes first, e.g. from `pg_dump --schema-only`"
    } else {
        "change the database back, or, if it is right as it is, accept it with `[[allow]]`, `lint = \"drift\"` and a \
         `reason` in the migration; `status --drift` compares all tables"
    };
    Error::new(ErrorKind::Drift, message).with_details(found.diff()).with_help(help)
}

fn listed(found: &Drift) -> String {
    let names: Vec<String> = found.names().iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

fn unreadable(name: &str, error: &serde_json::Error) -> Error {
    Error::new(
        ErrorKind::Metadata,
        format!(
            "the completed migration `{name}` cannot be read from `reshape.migrations`: {error}"
        ),
    )
    .with_help("run this with the migrations at hand: their files, or the program that embeds them")
}
