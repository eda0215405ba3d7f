//! Drift: the start that refuses it, and the command that tells it.
//!
//! **Invariant:** a start reads nothing for it that it does not read anyway.

use std::collections::BTreeSet;

use super::run::Run;
use crate::baseline::Baseline;
use crate::drift::{self, Drift, Past, Which};
use crate::error::{Error, ErrorKind};
use crate::model::{Action, Lint, Migrations};
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
            let snapshot = run.read()?;
            if snapshot.state != State::Idle || !snapshot.applied.is_empty() {
                return Err(Error::new(
                    ErrorKind::State,
                    "the database has migrations already, so there is nothing before the first of them to describe",
                )
                .with_help("a baseline is for a database that no migration has changed yet"));
            }
            let (facts, _) = run.facts(None, &[], schemas)?;
            if let Some(missing) = schemas.iter().find(|schema| facts.schema(schema).is_none()) {
                return Err(Error::new(
                    ErrorKind::State,
                    format!("there is no schema `{missing}` in the database"),
                ));
            }
            Ok(Baseline::of(&facts, schemas))
        })
    }
}

impl Run<'_> {
    fn drift(&mut self, migrations: Option<&Migrations>) -> Result<Drift, Error> {
        let snapshot = self.read()?;
        // Where what was recorded cannot be read, what this program knows of the same name is the next best.
        let known = |_, name: &str| {
            let here = migrations.and_then(|set| set.migrations.iter().find(|m| m.name == name));
            here.map(|here| here.actions.to_vec())
        };
        let recorded = self.recorded(&snapshot, known)?;
        let baseline = migrations.map_or_else(Vec::new, |set| set.baseline.to_vec());
        let past = Past::new(
            &Migrations::owned(recorded).after(baseline).in_namespace(self.set.name().to_owned()),
        );
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

    /// Fails where the tables that the migrations from `done` on change are not what those before say; at the first start, where
    /// any table of the baseline is not. The history before `done` is the database's: the two have been compared.
    pub(super) fn check_drift(
        &mut self,
        wanted: &Migrations,
        done: usize,
        facts: &Facts,
    ) -> Result<(), Error> {
        let (before, pending) = wanted.migrations.split_at(done);
        let past = Past::new(
            &Migrations::owned(before.to_vec())
                .after(wanted.baseline.to_vec())
                .in_namespace(self.set.name().to_owned()),
        );
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
        "change the database back, or, if it is right as it is, accept it for this migration with `[[allow]]`, `lint = \"drift\"` and a \
         `reason`; `status --drift` compares all tables"
    };
    Error::new(ErrorKind::Drift, message).with_details(found.diff()).with_help(help)
}

fn listed(found: &Drift) -> String {
    let names: Vec<String> = found.names().iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}
