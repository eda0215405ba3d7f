//! One set of migrations in a database, and the rows that it has in the tables of the schema `reshape`.
//!
//! **Invariant:** no statement reads or writes a row of another set.

use super::lock;
use crate::error::{Error, ErrorKind};
use crate::model::DEFAULT_NAMESPACE;
use crate::plan::Plan;
use crate::report::State;
use crate::sql::ident::literal;

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

    /// The condition for its rows.
    pub(super) fn own(&self) -> String {
        format!("namespace = {}", self.literal())
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

    /// Ends a batch: state idle, no plan, an empty journal.
    pub(super) fn end_sql(&self) -> String {
        let own = self.own();
        format!(
            "UPDATE reshape.batch SET state = 'idle', plan = NULL WHERE {own}; \
             DELETE FROM reshape.journal WHERE {own}"
        )
    }

    /// Records the batch's migrations as completed, as the command line does, with their checksums.
    pub(super) fn record_sql(&self, plan: &Plan) -> Result<String, Error> {
        let own = self.own();
        let mut sql = format!("UPDATE reshape.batch SET last_error = NULL WHERE {own}; ");
        sql.push_str(&self.unrecord_sql(plan));
        for migration in &plan.migrations {
            let actions = serde_json::to_string(&migration.actions).map_err(|error| {
                Error::new(
                    ErrorKind::Database,
                    format!("the migration `{}` cannot be stored", migration.name),
                )
                .with_source(error)
            })?;
            let description = migration.description.as_deref().map(literal);
            sql.push_str(&format!(
                "INSERT INTO reshape.migrations (name, description, actions, checksum) \
                   VALUES ({}, {}, {}::jsonb, {}); ",
                literal(&migration.name),
                description.as_deref().unwrap_or("NULL"),
                literal(&actions),
                literal(&migration.checksum)
            ));
            sql.push_str(&self.allow_sql(migration)?);
        }
        sql.push_str(&self.end_sql());
        Ok(sql)
    }
}
