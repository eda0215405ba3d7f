//! A session's settings and the checks before anything is changed.
//!
//! **Invariant:** nothing depends on settings of the role or the database: timeouts and `search_path` are set.

use postgres::{Client, SimpleQueryMessage, SimpleQueryRow};

use super::retry::{Failure, describe};
use crate::error::{Error, ErrorKind};
use crate::sql::ident::ident;

/// The oldest server that is supported, as in `server_version_num`.
const OLDEST: i64 = 140_000;

/// What the executor's own statements run under: whatever they name in another schema is qualified.
pub(super) const SEARCH_PATH: &str = "SET search_path TO pg_catalog, pg_temp";

/// Not every version has all of these settings. A migration takes as long as it takes, and a migrator that waits for another is idle meanwhile.
/// Row-level security must not hide rows from a backfill: with it off, a query that it would filter fails.
const SETUP: &str = "SET search_path TO pg_catalog, pg_temp; SET row_security TO off; \
    SELECT set_config(name, '0', false) FROM (VALUES ('statement_timeout'), \
      ('idle_in_transaction_session_timeout'), ('idle_session_timeout'), ('transaction_timeout')) known(name) \
      WHERE current_setting(name, true) IS NOT NULL; \
    SELECT set_config('application_name', 'reshape', false) \
      WHERE current_setting('application_name') = ''";

/// A backend whose client is gone should notice and let go of its locks. Not every platform can.
const CHECK_CLIENT: &str = "SET client_connection_check_interval = '250ms'";

/// Facts about the session that decide whether it may change anything.
const FACTS: &str = "SELECT pg_backend_pid(), current_setting('server_version_num') AS version, \
      pg_is_in_recovery() AS standby, current_setting('transaction_read_only') = 'on' AS read_only, \
      has_database_privilege(current_database(), 'CREATE') AS may_create, \
      current_user AS role, current_database() AS database";

/// Runs one or more statements in one round trip and returns the rows of all of them.
pub(super) fn rows(client: &mut Client, sql: &str) -> Result<Vec<SimpleQueryRow>, postgres::Error> {
    let messages = client.simple_query(sql)?;
    Ok(messages
        .into_iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        })
        .collect())
}

/// A boolean cell; NULL and a missing row are false.
pub(super) fn is_true(row: Option<&SimpleQueryRow>, column: usize) -> bool {
    row.and_then(|row| row.get(column)) == Some("t")
}

/// Sets the session up. Needed before a lock is taken; reading needs none of it. Returns the process of the server that it is.
pub(super) fn set_up(client: &mut Client) -> Result<String, Failure> {
    set_up_with(client, "SELECT pg_backend_pid()", |_| Ok(()))
}

/// The same, and fails on what makes every migration impossible.
pub(super) fn set_up_to_migrate(client: &mut Client) -> Result<String, Failure> {
    set_up_with(client, FACTS, check)
}

/// Two messages: of one alone it would not be noticed that each goes to another session. `facts` is a query whose first column is the session's process.
fn set_up_with(
    client: &mut Client,
    facts: &str,
    check: impl FnOnce(&SimpleQueryRow) -> Result<(), Error>,
) -> Result<String, Failure> {
    let pid = |row: Option<&SimpleQueryRow>| {
        row.and_then(|row| row.get(0)).unwrap_or_default().to_owned()
    };
    let found = rows(client, &format!("{SETUP}; {facts}"))?;
    let ours = pid(found.last());
    match rows(client, &format!("{CHECK_CLIENT}; SELECT pg_backend_pid()")) {
        Ok(rows) => check_pid(&ours, Some(&pid(rows.last())))?,
        Err(error) if error.code().is_none() => return Err(error.into()),
        Err(_) => {}
    }
    if let Some(row) = found.last() {
        check(row)?;
    }
    Ok(ours)
}

/// The session must still be the one that was set up and has the lock.
pub(super) fn check_pid(ours: &str, now: Option<&str>) -> Result<(), Error> {
    if now == Some(ours) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Connect,
        "the connection goes through a pooler that gives each transaction another session (PgBouncer's transaction mode), where a \
         lock or a setting of a session is lost",
    )
    .with_help(
        "connect the migrator to the server itself, or to a pool in session mode; the application may go on using the pooler",
    ))
}

/// Fails on what makes every migration impossible: an old server, a standby, a role without the right to create schemas.
fn check(row: &SimpleQueryRow) -> Result<(), Error> {
    let text = |column: usize| row.get(column).unwrap_or_default();
    let version: i64 = text(1).parse().unwrap_or_default();
    if version < OLDEST {
        return Err(Error::new(
            ErrorKind::Database,
            format!("the server is PostgreSQL {}, which is too old", version / 10_000),
        )
        .with_help("PostgreSQL 14 is the oldest that is supported"));
    }
    if is_true(Some(row), 2) {
        return Err(Error::new(ErrorKind::ReadOnly, "the server is a standby, which is read-only")
            .with_help("connect to the primary"));
    }
    if is_true(Some(row), 3) {
        return Err(Error::new(
            ErrorKind::ReadOnly,
            "transactions are read-only in this database or for this role",
        )
        .with_help("switch `default_transaction_read_only` off for the role that migrates"));
    }
    if !is_true(Some(row), 4) {
        let (role, database) = (text(5), text(6));
        return Err(Error::new(
            ErrorKind::Permission,
            format!("the role `{role}` may not create schemas in the database `{database}`"),
        )
        .with_help(format!(
            "as the database's owner run: GRANT CREATE ON DATABASE {} TO {}",
            ident(database),
            ident(role)
        )));
    }
    Ok(())
}

/// An error of the server outside any step.
pub(super) fn database_error(what: &str, error: &postgres::Error) -> Error {
    let code = error.code().map(postgres::error::SqlState::code).unwrap_or_default();
    let (kind, help) = match code {
        "42501" => (
            ErrorKind::Permission,
            Some(String::from("run it as a role that owns the tables and the schema `reshape`")),
        ),
        "25006" => (ErrorKind::ReadOnly, Some(String::from("connect to the primary"))),
        _ => (
            ErrorKind::Database,
            error.as_db_error().and_then(|error| error.hint()).map(str::to_owned),
        ),
    };
    let failed = Error::new(kind, format!("{what}: {}", describe(error))).with_sqlstate(error);
    match help {
        Some(help) => failed.with_help(help),
        None => failed,
    }
}
