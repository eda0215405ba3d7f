//! One set of migrations in a database, and the rows that it has in the tables of the schema `reshape`.
//!
//! **Invariant:** no statement reads or writes a row of another set.

use super::lock;
use crate::error::{Error, ErrorKind};
use crate::model::{DEFAULT_NAMESPACE, Migrations};
use crate::plan::Plan;
use crate::report::State;
use crate::sql::ident::literal;
use crate::sql::{names, tenant};

/// A set of migrations, by its namespace.
#[derive(Clone, Debug)]
pub(super) struct Set {
    namespace: String,
}

impl Set {
    pub(super) fn new(namespace: &str) -> Self {
        Self { namespace: namespace.to_owned() }
    }

    pub(super) fn is_default(&self) -> bool {
        self.namespace == DEFAULT_NAMESPACE
    }

    /// The set can be called so, and none of its versions has a name that Postgres would cut off.
    pub(super) fn check(&self, migrations: Option<&Migrations>) -> Result<(), Error> {
        let error = |(message, help): (String, &str)| {
            Err(Error::new(ErrorKind::History, message).with_help(help))
        };
        if let Some(problem) = names::namespace_problem(&self.namespace) {
            return error(problem);
        }
        let mut all = migrations.into_iter().flat_map(|set| set.migrations.iter());
        match all.find(|migration| names::is_too_long(&self.namespace, &migration.name)) {
            None => Ok(()),
            Some(migration) => error((
                format!(
                    "the schema `{}` of the migration has a longer name than Postgres keeps, which is {} bytes",
                    self.version_schema(&migration.name),
                    names::MAX_IDENTIFIER
                ),
                "shorten the name of the set, or that of the migration",
            )),
        }
    }

    /// The schema of its tables that say none.
    pub(super) fn schema(&self) -> &str {
        tenant::schema_of(&self.namespace)
    }

    /// The same set in that schema.
    pub(super) fn in_schema(&self, schema: &str) -> Self {
        Self::new(&tenant::in_schema(&self.namespace, schema))
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        &self.namespace
    }

    /// The version that the migration leads to, as plans name it.
    pub(super) fn version(&self, migration: &str) -> String {
        names::version(&self.namespace, migration)
    }

    /// The migration of a version.
    pub(super) fn migration(&self, version: &str) -> String {
        names::migration_of(&self.namespace, version).to_owned()
    }

    /// The schema of the version that the migration leads to.
    pub(super) fn version_schema(&self, migration: &str) -> String {
        names::version_schema(&self.version(migration))
    }

    /// The condition for its rows.
    pub(super) fn own(&self) -> String {
        format!("namespace = {}", self.literal())
    }

    /// What goes on with a batch that is half started.
    pub(super) fn again(&self, plan: &Plan) -> String {
        if plan.reverts.is_empty() {
            String::from("start it again")
        } else {
            format!("run `migration revert --to {}` again", self.migration(&plan.target))
        }
    }

    /// Its name, as SQL.
    pub(super) fn literal(&self) -> String {
        literal(&self.namespace)
    }

    /// The key of its migration lock.
    pub(super) fn lock_key(&self) -> i64 {
        lock::key(&self.namespace)
    }

    /// Sets the state, and the error that led to it.
    pub(super) fn state_sql(&self, state: State, error: Option<&Error>) -> String {
        let own = self.own();
        let error = error.map_or_else(String::new, |error| {
            format!(", last_error = {}", literal(&error.report()))
        });
        format!("UPDATE reshape.batch SET state = '{}'{error} WHERE {own}", state.name())
    }

    /// Remembers an error without a change of state.
    pub(super) fn error_sql(&self, error: &Error) -> String {
        let own = self.own();
        format!("UPDATE reshape.batch SET last_error = {} WHERE {own}", literal(&error.report()))
    }

    /// Marks a step as begun or being undone: its undo has to run if the batch is rolled back.
    pub(super) fn mark_sql(&self, step: usize, status: &str) -> String {
        let name = self.literal();
        format!(
            "INSERT INTO reshape.journal (namespace, step, status) \
               VALUES ({name}, {step}, '{status}') \
             ON CONFLICT (namespace, step) DO UPDATE SET status = excluded.status"
        )
    }

    /// Marks a step as done.
    pub(super) fn done_sql(&self, step: usize, rows: Option<u64>) -> String {
        let name = self.literal();
        let rows = rows.map_or_else(|| String::from("NULL"), |rows| rows.to_string());
        format!(
            "INSERT INTO reshape.journal AS j (namespace, step, status, rows, started_at, finished_at) \
               VALUES ({name}, {step}, 'done', {rows}, now(), clock_timestamp()) \
             ON CONFLICT (namespace, step) DO UPDATE SET status = 'done', \
               rows = coalesce(excluded.rows, j.rows), finished_at = excluded.finished_at"
        )
    }

    /// Forgets a step that was undone.
    pub(super) fn forget_sql(&self, step: usize) -> String {
        let own = self.own();
        format!("DELETE FROM reshape.journal WHERE {own} AND step = {step}")
    }

    /// Forgets the error that a run left behind.
    pub(super) fn no_error_sql(&self) -> String {
        format!("UPDATE reshape.batch SET last_error = NULL WHERE {}", self.own())
    }

    /// Ends a batch, completed or not: state idle, no plan, an empty journal. `has_live` says whether something may be written down of it.
    pub(super) fn end_sql(&self, completed: bool, has_live: bool) -> String {
        let (own, settle) = (self.own(), self.settle_sql(completed));
        // What a rolled back start has written down is not so any more.
        let forget = if completed || !has_live {
            String::new()
        } else {
            format!("; {}", self.forget_live_sql())
        };
        let pause = self.no_pause_sql();
        format!(
            "UPDATE reshape.batch SET state = 'idle', plan = NULL WHERE {own}; \
             DELETE FROM reshape.journal WHERE {own}; {pause}; {settle}{forget}"
        )
    }

    /// Records the batch's migrations as completed, as the command line does, with their checksums.
    pub(super) fn record_sql(&self, plan: &Plan) -> Result<String, Error> {
        let name = self.literal();
        let (mut rows, mut allowed) = (Vec::new(), String::new());
        for migration in &plan.migrations {
            let actions = serde_json::to_string(&migration.actions).map_err(|error| {
                Error::new(
                    ErrorKind::Database,
                    format!("the migration `{}` cannot be stored", migration.name),
                )
                .with_source(error)
            })?;
            let requires = migration.requires.iter().map(|required| literal(required));
            let requires = requires.collect::<Vec<_>>().join(", ");
            let requires = if requires.is_empty() {
                String::from("NULL")
            } else {
                format!("pg_catalog.to_jsonb(ARRAY[{requires}]::text[])")
            };
            let description = migration.description.as_deref().map(literal);
            rows.push(format!(
                "({name}, {}, {}, {}::jsonb, {}, {requires}::jsonb)",
                literal(&migration.name),
                description.as_deref().unwrap_or("NULL"),
                literal(&actions),
                literal(&migration.checksum)
            ));
            allowed.push_str(&self.allow_sql(migration)?);
        }
        let mut sql = format!("{}; {}", self.no_error_sql(), self.unrecord_sql(plan));
        // Rows of VALUES are numbered in their order.
        if !rows.is_empty() {
            sql.push_str(&format!(
                "INSERT INTO reshape.migrations (namespace, name, description, actions, checksum, requires) VALUES {}; ",
                rows.join(", ")
            ));
        }
        sql.push_str(&allowed);
        sql.push_str(&self.end_sql(true, false));
        Ok(sql)
    }
}
