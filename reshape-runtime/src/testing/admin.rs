//! Connections to the server itself, where databases are made and dropped.
//!
//! **Invariant:** no blocking client is used, or dropped, on a thread that may drive an asynchronous runtime.

use std::thread::sleep;
use std::time::{Duration, Instant};
use std::{panic, thread};

use postgres::error::SqlState;
use postgres::{Client, Config, NoTls};

use crate::{Error, ErrorKind};

/// How long a server without a free connection is asked again, and how often.
const FULL: Duration = Duration::from_secs(10);
const AGAIN: Duration = Duration::from_millis(50);

/// A connection, without TLS. If the server has none to give, it is waited for.
pub(super) fn connect(config: &Config) -> Result<Client, Error> {
    let started = Instant::now();
    loop {
        match config.connect(NoTls) {
            // Other tests end, and with them their connections.
            Err(error) if is_full(&error) && started.elapsed() < FULL => sleep(AGAIN),
            connected => return connected.map_err(|error| connect_error(config, error)),
        }
    }
}

fn is_full(error: &postgres::Error) -> bool {
    error.code() == Some(&SqlState::TOO_MANY_CONNECTIONS)
}

/// Why there is no connection.
pub(super) fn connect_error(config: &Config, error: postgres::Error) -> Error {
    let message = format!("cannot connect to the server for tests at {}", place(config));
    let help = if is_full(&error) {
        "run fewer tests at once, or raise `max_connections`: a test process takes two connections besides those of its tests"
    } else {
        "`DATABASE_URL` names the server; without it one is started"
    };
    Error::new(ErrorKind::Connect, message).with_help(help).with_source(error)
}

/// Why there is no new database.
pub(super) fn create_error(config: &Config, error: postgres::Error) -> Error {
    let user = config.get_user().unwrap_or("the role");
    if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) {
        let message = format!("`{user}` may not create databases at {}", place(config));
        return Error::new(ErrorKind::Permission, message)
            .with_help(format!(
                "run `ALTER ROLE \"{user}\" CREATEDB`, or unset `DATABASE_URL` to use a private server"
            ))
            .with_source(error);
    }
    // Where it was started for the tests it is another one that the next process finds.
    let lost = [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN];
    if error.is_closed() || error.code().is_some_and(|code| lost.contains(code)) {
        let message =
            format!("the connection is lost to the server for tests at {}", place(config));
        return Error::new(ErrorKind::Connect, message)
            .with_help("was the server ended? Processes that begin later start another one, unless `DATABASE_URL` names it")
            .with_source(error);
    }
    let message = format!("cannot create a database at {}", place(config));
    Error::new(ErrorKind::Database, message).with_source(error)
}

/// Where the server is, without the password.
fn place(config: &Config) -> String {
    let hosts = config.get_hosts().iter().map(|host| match host {
        postgres::config::Host::Tcp(host) => host.clone(),
        postgres::config::Host::Unix(folder) => folder.display().to_string(),
    });
    let port = config.get_ports().first().copied().unwrap_or(5432);
    format!("`{}` port {port}", hosts.collect::<Vec<_>>().join(","))
}

/// The client panics on a thread that drives an asynchronous runtime, and tests may be such.
pub(super) fn on_own_thread<T: Send>(
    work: impl FnOnce() -> Result<T, Error> + Send,
) -> Result<T, Error> {
    thread::scope(|scope| scope.spawn(work).join())
        .unwrap_or_else(|payload| panic::resume_unwind(payload))
}
