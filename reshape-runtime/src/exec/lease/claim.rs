//! What a lease says to the server.
//!
//! A version has two advisory locks. Instances hold the *lease* shared, for as long as they live; nobody takes it exclusively. The *gate* is
//! held shared for the moment in which a lease is taken, and exclusively by whoever removes the version. So a completion that goes on
//! in spite of leases (it was forced, or goes on after a crash) still lets no new one in, which a single lock could not do.
//!
//! **Invariant:** nothing waits for a lock inside the server, and no transaction stays open between two messages.
//!
//! **Invariant:** the look at the version's schema comes after the gate, in a snapshot of its own.

use std::time::Duration;

use postgres::Client;

use crate::error::{Error, ErrorKind};
use crate::exec::retry::{Class, Failure, classify, describe};
use crate::exec::session::{self, is_true, rows};
use crate::sql::ident::literal;
use crate::sql::names::version_schema;

/// The lock that instances of a version hold, as an SQL expression.
pub(super) fn lease_key(namespace: &str, version: &str) -> String {
    key("lease", namespace, version)
}

/// The lock of whoever lets instances in or keeps them out, as an SQL expression.
pub(super) fn gate_key(namespace: &str, version: &str) -> String {
    key("gate", namespace, version)
}

/// Computed by the server, so that the function `reshape.beat` can compute it too.
fn key(what: &str, namespace: &str, version: &str) -> String {
    let text = literal(&format!("reshape {what} {namespace}/{version}"));
    format!("pg_catalog.hashtextextended({text}, 0)")
}

/// How a lease is held.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// A lock of a session.
    Session,
    /// A row that counts until it is this old.
    Heartbeat(Duration),
}

/// What the server says to a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is held.
    Held,
    /// The version is being removed right now.
    Busy,
    /// The version is not there.
    Retired,
}

/// One instance's wish to use one version.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) namespace: String,
    pub(super) version: String,
    pub(super) kind: Kind,
    /// Tells rows of instances apart; drawn.
    pub(super) instance: String,
    pub(super) name: Option<String>,
    /// The server's process that holds the lock.
    pub(super) pid: Option<String>,
}

impl Claim {
    /// Gets a new connection ready. Behind a proxy nothing of a session lasts, so nothing is set there.
    pub(super) fn set_up(&self, client: &mut Client) -> Result<(), Failure> {
        if matches!(self.kind, Kind::Session) {
            session::set_up(client).map_err(|failure| match failure {
                // Found out before there is a lock.
                Failure::Final(error) if error.kind() == ErrorKind::Connect => {
                    error.with_help(HEARTBEAT).into()
                }
                other => other,
            })?;
            let name = literal(self.name.as_deref().unwrap_or("reshape lease"));
            // The connection string may have named it; `reshape` is what a connection is called that nobody has named.
            let unnamed = if self.name.is_none() {
                " WHERE pg_catalog.current_setting('application_name') IN ('', 'reshape')"
            } else {
                ""
            };
            rows(
                client,
                &format!(
                    "SELECT pg_catalog.set_config('application_name', {name}, false){unnamed}"
                ),
            )?;
        }
        Ok(())
    }

    /// Takes the lease, or, with a heartbeat, renews it.
    pub(super) fn take(&mut self, client: &mut Client) -> Result<Answer, Failure> {
        match self.kind {
            Kind::Session => self.take_lock(client),
            Kind::Heartbeat(ttl) => {
                self.beat(client, &format!("'{} milliseconds'", ttl.as_millis()))
            }
        }
    }

    /// Looks whether the lease is still what it was; a heartbeat is renewed by that.
    pub(super) fn check(&mut self, client: &mut Client) -> Result<Answer, Failure> {
        match self.kind {
            Kind::Session => self.look(client),
            Kind::Heartbeat(_) => self.take(client),
        }
    }

    /// Gives the lease back. A lock goes with its session, a row when its time is up, so failing is no error.
    pub(super) fn leave(&mut self, client: &mut Client) {
        match self.kind {
            Kind::Session => {
                let key = lease_key(&self.namespace, &self.version);
                let _ =
                    rows(client, &format!("SELECT pg_catalog.pg_advisory_unlock_shared({key})"));
            }
            Kind::Heartbeat(_) => {
                let _ = self.beat(client, "NULL");
            }
        }
    }

    fn take_lock(&mut self, client: &mut Client) -> Result<Answer, Failure> {
        let say = |what: &str| {
            format!("PERFORM pg_catalog.set_config('reshape.lease', '{what}', false);")
        };
        let sql = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED; \
             DO $reshape$ BEGIN \
               IF pg_catalog.pg_is_in_recovery() THEN {} \
               ELSIF NOT pg_catalog.pg_try_advisory_xact_lock_shared({}) THEN {} \
               ELSIF NOT {} THEN {} \
               ELSIF pg_catalog.pg_try_advisory_lock_shared({}) THEN {} \
               ELSE {} END IF; \
             END $reshape$; COMMIT; \
             SELECT pg_catalog.current_setting('reshape.lease', true), pg_catalog.pg_backend_pid()",
            say("standby"),
            gate_key(&self.namespace, &self.version),
            say("busy"),
            self.is_live(),
            say("retired"),
            lease_key(&self.namespace, &self.version),
            say("held"),
            say("busy"),
        );
        let found = rolled_back(client, &sql)?;
        let cell = |column| found.last().and_then(|row| row.get(column));
        let answer = answer(cell(0))?;
        self.pid = cell(1).map(str::to_owned);
        // Two statements, two sessions: then the lock is not ours, but the proxy's.
        if answer == Answer::Held { self.look(client) } else { Ok(answer) }
    }

    fn look(&self, client: &mut Client) -> Result<Answer, Failure> {
        let sql = format!("SELECT {}, pg_catalog.pg_backend_pid()", self.is_live());
        let found = rows(client, &sql)?;
        if found.first().and_then(|row| row.get(1)) != self.pid.as_deref() {
            return Err(pooled().into());
        }
        Ok(if is_true(found.first(), 0) { Answer::Held } else { Answer::Retired })
    }

    fn is_live(&self) -> String {
        format!(
            "EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = {})",
            literal(&version_schema(&self.version))
        )
    }

    /// One message, so that a proxy sends all of it to one session.
    fn beat(&self, client: &mut Client, ttl: &str) -> Result<Answer, Failure> {
        let name = self.name.as_deref().map_or_else(|| String::from("NULL"), literal);
        let sql = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; \
             SELECT reshape.beat({}, {}, {}, coalesce({name}, \
               nullif(nullif(pg_catalog.current_setting('application_name'), ''), 'reshape')), {ttl}); COMMIT",
            literal(&self.namespace),
            literal(&self.version),
            literal(&self.instance),
        );
        match rolled_back(client, &sql) {
            Ok(rows) => answer(rows.last().and_then(|row| row.get(0))),
            Err(Failure::Server(error)) => {
                Err(cannot_beat(&error).map_or(Failure::Server(error), Failure::Final))
            }
            Err(failure) => Err(failure),
        }
    }
}

/// Runs a transaction; one that fails is ended.
fn rolled_back(client: &mut Client, sql: &str) -> Result<Vec<postgres::SimpleQueryRow>, Failure> {
    rows(client, sql).map_err(|error| {
        if classify(&error) != Class::Lost {
            let _ = client.batch_execute("ROLLBACK");
        }
        error.into()
    })
}

fn answer(text: Option<&str>) -> Result<Answer, Failure> {
    match text {
        Some("held" | "left") => Ok(Answer::Held),
        Some("retired") => Ok(Answer::Retired),
        Some("standby") => Err(Error::new(
            ErrorKind::ReadOnly,
            "the server is a standby, where a lease would be seen by nobody",
        )
        .with_help("take the lease on the primary")
        .into()),
        // Another session of a proxy answered, which knows nothing of the transaction before.
        None | Some("") => Err(pooled().into()),
        Some(_) => Ok(Answer::Busy),
    }
}

/// What to do behind a proxy that pools connections.
const HEARTBEAT: &str =
    "take the lease with `Lease::options(…).heartbeat(…)`, or connect to the server itself";

fn pooled() -> Error {
    Error::new(
        ErrorKind::Connect,
        "the lease's lock is not in the session that answers now: between it and the server is a proxy that pools connections",
    )
    .with_help(format!(
        "{HEARTBEAT}; the lock that is left stays until the proxy closes its connection"
    ))
}

/// What it means that the function could not be called, if that will not change by itself.
fn cannot_beat(error: &postgres::Error) -> Option<Error> {
    let help = match error.code().map(postgres::error::SqlState::code) {
        Some("42883" | "3F000") => {
            "leases are there once a batch has been started by this version of `reshape-runtime`"
        }
        Some("42501") => {
            "as the owner of the schema run: GRANT USAGE ON SCHEMA reshape TO the role"
        }
        Some("25006") => "take the lease on the primary",
        _ => return None,
    };
    let kind = match error.code().map(postgres::error::SqlState::code) {
        Some("42501") => ErrorKind::Permission,
        Some("25006") => ErrorKind::ReadOnly,
        _ => ErrorKind::Metadata,
    };
    let message = format!("the lease's heartbeat is refused: {}", describe(error));
    Some(Error::new(kind, message).with_sqlstate(error).with_help(help))
}
