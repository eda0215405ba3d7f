//! Fenced transactions, and the rows they leave: the journal and the batch's state.
//!
//! **Invariant:** work and its journal row commit together, or the work can be run again.

use super::metadata::{NAMESPACE, Snapshot, install_sql};
use super::retry::Failure;
use super::run::{Run, Task, check_token};
use super::session::{is_true, rows};
use crate::error::{Error, ErrorKind};
use crate::plan::Plan;
use crate::report::State;
use crate::sql::ident::literal;

/// What a fenced transaction found when it began.
pub(super) struct Begun {
    /// Its id: user SQL that ends the transaction is found out by it.
    pub(super) xid: String,
    /// The state of the batch.
    pub(super) state: String,
    /// The step's row in the journal: its status, position and rows.
    pub(super) entry: Option<Row>,
}

/// A row of the journal.
pub(super) struct Row {
    pub(super) status: String,
    pub(super) position: Option<String>,
    pub(super) rows: u64,
}

/// How our own statements see the world inside a transaction that runs under the plan's `search_path`.
pub(super) const OWN_PATH: &str = "SET LOCAL search_path TO pg_catalog, pg_temp";

impl Run<'_> {
    fn timeouts_sql(&self) -> String {
        // The other one again, because SQL of the user's may have set it for the whole session.
        let lock_timeout = self.settings.lock_timeout.as_millis();
        format!("SET LOCAL lock_timeout = {lock_timeout}; SET LOCAL statement_timeout = 0")
    }

    /// Begins a transaction, takes the fence, and looks the step up; one round trip. Afterwards the plan's `search_path` is set.
    pub(super) fn begin(&mut self, search_path: &str, step: usize) -> Result<Begun, Failure> {
        // FOR SHARE: concurrent transactions of this run do not wait for each other; a new run's UPDATE waits for them all.
        let sql = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; {OWN_PATH}; {}; \
             SELECT token, pg_current_xact_id(), state FROM reshape.batch \
               WHERE namespace = '{NAMESPACE}' FOR SHARE; \
             SELECT status, position, coalesce(rows, 0) FROM reshape.journal \
               WHERE namespace = '{NAMESPACE}' AND step = {step}; \
             SET LOCAL search_path TO {search_path}",
            self.timeouts_sql()
        );
        let rows = rows(&mut self.client, &sql)?;
        let batch = rows.first();
        let cell = |column: usize| batch.and_then(|row| row.get(column));
        check_token(self.token.unwrap_or_default(), cell(0))?;
        Ok(Begun {
            xid: cell(1).unwrap_or_default().to_owned(),
            state: cell(2).unwrap_or_default().to_owned(),
            entry: rows.get(1).map(|row| Row {
                status: row.get(0).unwrap_or_default().to_owned(),
                position: row.get(1).map(str::to_owned),
                rows: row.get(2).and_then(|rows| rows.parse().ok()).unwrap_or_default(),
            }),
        })
    }

    /// Runs our own statements and commits; one round trip.
    pub(super) fn commit(&mut self, sql: &str) -> Result<(), Failure> {
        let separator = if sql.is_empty() { "" } else { "; " };
        Ok(self.client.batch_execute(&format!("{OWN_PATH}; {sql}{separator}COMMIT"))?)
    }

    /// Runs our own statements in a fenced transaction, unless `is_done` says that they have been.
    pub(super) fn fenced(
        &mut self,
        what: &str,
        is_done: impl Fn(&Begun) -> bool,
        sql: &str,
    ) -> Result<(), Error> {
        self.retrying(Task::Own(what), |run| {
            let begun = run.begin("pg_catalog, pg_temp", 0)?;
            let sql = if is_done(&begun) { "" } else { sql };
            run.commit(sql)
        })?;
        Ok(())
    }

    /// Changes the state.
    pub(super) fn set_state(&mut self, state: State, error: Option<&Error>) -> Result<(), Error> {
        self.fenced("change the state", |_| false, &state_sql(state, error))
    }

    /// Takes the batch over: bumps the token, so that whoever had the old one is shut out, and sets the state. `plan` stores a
    /// new batch, for which the tables are created where they are missing.
    pub(super) fn take(
        &mut self,
        snapshot: &Snapshot,
        state: State,
        plan: Option<&Plan>,
    ) -> Result<(), Error> {
        let (mut install, mut batch) = (String::new(), String::new());
        if let Some(plan) = plan {
            let text = serde_json::to_string(plan).map_err(|error| {
                Error::new(ErrorKind::Database, "the plan cannot be stored").with_source(error)
            })?;
            if !snapshot.installed {
                install = format!("{}; ", install_sql());
            }
            install.push_str(&format!(
                "DELETE FROM reshape.journal WHERE namespace = '{NAMESPACE}'; "
            ));
            batch = format!(
                ", plan = {}::jsonb, last_error = NULL, started_at = now()",
                literal(&text)
            );
        }
        let old = snapshot.token;
        let sql = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; {OWN_PATH}; {}; {install}\
             UPDATE reshape.batch SET token = token + 1, state = '{}'{batch} \
               WHERE namespace = '{NAMESPACE}' AND token = {old} RETURNING token > {old}; COMMIT",
            self.timeouts_sql(),
            state.name()
        );
        // Nothing of ours may be fenced by the old token while the new one is being taken.
        self.token = None;
        let (taken, _) = self.retrying(Task::Own("store the batch"), |run| {
            Ok(is_true(rows(&mut run.client, &sql)?.first(), 0))
        })?;
        check_token(old, Some(if taken { old.to_string() } else { String::new() }).as_deref())?;
        self.token = Some(old + 1);
        Ok(())
    }
}

/// Sets the state, and the error that led to it.
pub(super) fn state_sql(state: State, error: Option<&Error>) -> String {
    let error = error
        .map_or_else(String::new, |error| format!(", last_error = {}", literal(&error.report())));
    format!(
        "UPDATE reshape.batch SET state = '{}'{error} WHERE namespace = '{NAMESPACE}'",
        state.name()
    )
}

/// Remembers an error without a change of state.
pub(super) fn error_sql(error: &Error) -> String {
    format!(
        "UPDATE reshape.batch SET last_error = {} WHERE namespace = '{NAMESPACE}'",
        literal(&error.report())
    )
}

/// Marks a step as begun or being undone: its undo has to run if the batch is rolled back.
pub(super) fn mark_sql(step: usize, status: &str) -> String {
    format!(
        "INSERT INTO reshape.journal (namespace, step, status) \
           VALUES ('{NAMESPACE}', {step}, '{status}') \
         ON CONFLICT (namespace, step) DO UPDATE SET status = excluded.status"
    )
}

/// Marks a step as done.
pub(super) fn done_sql(step: usize, rows: Option<u64>) -> String {
    let rows = rows.map_or_else(|| String::from("NULL"), |rows| rows.to_string());
    format!(
        "INSERT INTO reshape.journal AS j (namespace, step, status, rows, started_at, finished_at) \
           VALUES ('{NAMESPACE}', {step}, 'done', {rows}, now(), clock_timestamp()) \
         ON CONFLICT (namespace, step) DO UPDATE SET status = 'done', \
           rows = coalesce(excluded.rows, j.rows), finished_at = excluded.finished_at"
    )
}

/// Forgets a step that was undone.
pub(super) fn forget_sql(step: usize) -> String {
    format!("DELETE FROM reshape.journal WHERE namespace = '{NAMESPACE}' AND step = {step}")
}

/// Ends a batch: state idle, no plan, an empty journal.
pub(super) fn end_sql() -> String {
    format!(
        "UPDATE reshape.batch SET state = 'idle', plan = NULL WHERE namespace = '{NAMESPACE}'; \
         DELETE FROM reshape.journal WHERE namespace = '{NAMESPACE}'"
    )
}

/// Records the batch's migrations as completed, as the command line does, with their checksums.
pub(super) fn record_sql(plan: &Plan) -> Result<String, Error> {
    let mut sql =
        format!("UPDATE reshape.batch SET last_error = NULL WHERE namespace = '{NAMESPACE}'; ");
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
    }
    sql.push_str(&end_sql());
    Ok(sql)
}
