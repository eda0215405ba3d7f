//! A database for one test.
//!
//! **Invariant:** only databases whose name was drawn here are ever dropped.

use std::fmt::Write as _;
use std::hash::{BuildHasher, RandomState};
use std::{panic, thread};

use postgres::error::SqlState;
use postgres::{Client, Config, NoTls};

use super::Server;
use crate::{Error, ErrorKind};

/// A fresh database. Dropping the value drops it, and ends the sessions that are still connected to it.
#[derive(Debug)]
pub struct TestDatabase {
    name: String,
    url: String,
    server: Config,
}

impl TestDatabase {
    pub(super) fn create(on: &Server) -> Result<Self, Error> {
        let mut name = String::from("reshape_test_");
        // 64 random bits; writing to a String does not fail.
        let _ = write!(name, "{:016x}", RandomState::new().hash_one(std::process::id()));
        let mut server = on.config();
        if server.get_application_name().is_none() {
            server.application_name("reshape-testing");
        }
        // template0, because nobody can be connected to it, which would make CREATE DATABASE fail.
        on_own_thread(|| {
            let mut client = connect(&server)?;
            client
                .batch_execute(&format!(
                    "CREATE DATABASE {name} TEMPLATE template0 {}",
                    on.strategy()
                ))
                .map_err(|error| create_error(&server, error))
        })?;
        Ok(Self { url: with_database(on.url(), &name), name, server })
    }

    /// Its name, which needs no quotes.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its connection string.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The same as a configuration.
    pub fn config(&self) -> Config {
        let mut config = self.server.clone();
        config.dbname(&self.name);
        config
    }

    /// A new connection. The client blocks: it is not for use inside an asynchronous runtime.
    pub fn connect(&self) -> Result<Client, Error> {
        connect(&self.config())
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let drop_it = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // A server that is gone has no database to drop; and a test that panics shall report its own panic.
        let _ = on_own_thread(|| {
            connect(&self.server)?.batch_execute(&drop_it).map_err(|error| {
                Error::new(ErrorKind::Database, "the database cannot be dropped").with_source(error)
            })
        });
    }
}

fn connect(config: &Config) -> Result<Client, Error> {
    config.connect(NoTls).map_err(|error| {
        let message = format!("cannot connect to the server for tests at {}", place(config));
        Error::new(ErrorKind::Connect, message)
            .with_help("`DATABASE_URL` names the server; without it a private one is started")
            .with_source(error)
    })
}

fn create_error(config: &Config, error: postgres::Error) -> Error {
    let user = config.get_user().unwrap_or("the role");
    if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) {
        let message = format!("`{user}` may not create databases at {}", place(config));
        return Error::new(ErrorKind::Permission, message)
            .with_help(format!(
                "run `ALTER ROLE \"{user}\" CREATEDB`, or unset `DATABASE_URL` to use a private server"
            ))
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

/// The connection string of another database on the same server. `name` needs no quotes.
fn with_database(url: &str, name: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        // Of two settings of the same key the last one counts.
        return format!("{url} dbname={name}");
    };
    let (address, parameters) = match rest.split_once('?') {
        Some((address, parameters)) => (address, format!("?{parameters}")),
        None => (rest, String::new()),
    };
    // Before the slash that ends it an authority holds no other one: a socket's folder is percent-encoded.
    let authority = address.split_once('/').map_or(address, |(authority, _)| authority);
    format!("{scheme}://{authority}/{name}{parameters}")
}

/// The client panics on a thread that drives an asynchronous runtime, and tests may be such.
fn on_own_thread<T: Send>(work: impl FnOnce() -> Result<T, Error> + Send) -> Result<T, Error> {
    thread::scope(|scope| scope.spawn(work).join())
        .unwrap_or_else(|payload| panic::resume_unwind(payload))
}

#[cfg(test)]
mod tests {
    use super::with_database;

    #[test]
    fn the_database_of_a_url_is_replaced() {
        let replaced = |url: &str| with_database(url, "x");
        assert_eq!(replaced("postgres://me:pw@host:1/app"), "postgres://me:pw@host:1/x");
        assert_eq!(replaced("postgres://host"), "postgres://host/x");
        assert_eq!(
            replaced("postgresql://%2Frun%2Fpg/app?connect_timeout=3"),
            "postgresql://%2Frun%2Fpg/x?connect_timeout=3"
        );
        assert_eq!(replaced("postgres://host?user=a/b"), "postgres://host/x?user=a/b");
        assert_eq!(replaced("host=h dbname=app"), "host=h dbname=app dbname=x");
    }

    #[test]
    fn the_last_dbname_counts() {
        let config: postgres::Config = with_database("host=h dbname=app", "x").parse().unwrap();
        assert_eq!(config.get_dbname(), Some("x"));
    }
}
