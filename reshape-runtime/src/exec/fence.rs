//! Fenced transactions: whoever works for a run shows its token before anything is changed.
//!
//! **Invariant:** a connection may change something only in a transaction that a fence began. The run's own connection and those of a
//! backfill's workers have one each, with the same token.

use std::time::Duration;

use postgres::{Client, SimpleQueryRow};

use super::journal::{Begun, Row};
use super::retry::Failure;
use super::run::check_token;
use super::session::{check_pid, rows};
use super::set::Set;

/// How our own statements see the world inside a transaction that runs under the plan's `search_path`.
pub(super) const OWN_PATH: &str = "SET LOCAL search_path TO pg_catalog, pg_temp";

/// What one connection shows.
#[derive(Clone, Debug)]
pub(super) struct Fence {
    pub(super) set: Set,
    pub(super) token: i64,
    /// The process of the server that the connection's session is.
    pub(super) session: String,
    pub(super) lock_timeout: Duration,
}

impl Fence {
    /// The limits of a transaction.
    pub(super) fn timeouts_sql(lock_timeout: Duration) -> String {
        // The other one again, because SQL of the user's may have set it for the whole session.
        let lock_timeout = lock_timeout.as_millis().max(1);
        format!("SET LOCAL lock_timeout = {lock_timeout}; SET LOCAL statement_timeout = 0")
    }

    /// Begins a transaction, takes the fence, and looks the step up; one round trip. Afterwards the `search_path` is set.
    pub(super) fn begin(
        &self,
        client: &mut Client,
        search_path: &str,
        step: usize,
    ) -> Result<Begun, Failure> {
        Ok(self.begin_and(client, search_path, step, "")?.0)
    }

    /// The same, with a query of our own in the same round trip, each statement of it with its semicolon; the last returns a row, which is handed
    /// back. It runs before the token is compared: it may lock, and change nothing.
    pub(super) fn begin_and(
        &self,
        client: &mut Client,
        search_path: &str,
        step: usize,
        query: &str,
    ) -> Result<(Begun, Option<SimpleQueryRow>), Failure> {
        // FOR SHARE: concurrent transactions of this run do not wait for each other; a new run's UPDATE waits for them all.
        let own = self.set.own();
        let sql = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; {OWN_PATH}; {}; \
             SELECT token, pg_current_xact_id(), state, pg_backend_pid() FROM reshape.batch \
               WHERE {own} FOR SHARE; \
             SELECT status, position, coalesce(rows, 0) FROM reshape.journal \
               WHERE {own} AND step = {step}; {query}\
             SET LOCAL search_path TO {search_path}",
            Self::timeouts_sql(self.lock_timeout)
        );
        let mut rows = rows(client, &sql)?;
        let answer = if query.is_empty() { None } else { rows.pop() };
        let batch = rows.first();
        let cell = |column: usize| batch.and_then(|row| row.get(column));
        check_token(self.token, cell(0))?;
        check_pid(&self.session, cell(3))?;
        let begun = Begun {
            xid: cell(1).unwrap_or_default().to_owned(),
            state: cell(2).unwrap_or_default().to_owned(),
            entry: rows.get(1).map(|row| Row {
                status: row.get(0).unwrap_or_default().to_owned(),
                position: row.get(1).map(str::to_owned),
                rows: row.get(2).and_then(|rows| rows.parse().ok()).unwrap_or_default(),
            }),
        };
        Ok((begun, answer))
    }

    /// Runs our own statements and commits; one round trip. Returns their rows.
    pub(super) fn commit(client: &mut Client, sql: &str) -> Result<Vec<SimpleQueryRow>, Failure> {
        let separator = if sql.is_empty() { "" } else { "; " };
        Ok(rows(client, &format!("{OWN_PATH}; {sql}{separator}COMMIT"))?)
    }
}
