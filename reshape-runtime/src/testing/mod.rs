//! A throw-away Postgres for tests, scripts and examples.
//!
//! [`Server::shared`] is the server of `DATABASE_URL` if that is set, else a private one; [`Server::start`] is always
//! a private one. Each test takes a [`TestDatabase`] of its own from it:
//!
//! ```no_run
//! # fn main() -> Result<(), reshape_runtime::Error> {
//! use reshape_runtime::testing::Server;
//!
//! let database = Server::shared()?.database()?;
//! let mut client = database.connect()?;
//! # let _ = client.simple_query("SELECT 1");
//! # Ok(())
//! # }
//! ```
//!
//! A private server needs the programs `initdb` and `postgres`, version 14 or newer. They are looked for in the folder
//! `RESHAPE_PG_BIN`, on `PATH`, in `pg_config --bindir`, and where packages put them. It listens on a
//! free loopback port and on a socket in its own temporary folder, and trusts every local connection. What `initdb` makes
//! is kept in the temporary folder `reshape-postgres-<user id>`, so that the next server starts faster; it may be deleted
//! at any time.
//!
//! **Invariant:** no private server outlives its process, whether that returns, panics, is interrupted or is
//! killed: a supervising shell holds the other end of a pipe and cleans up when it is closed.
//!
//! **Invariant:** on a server that was not started here, nothing is touched but databases that were created here.

mod cluster;
mod database;
mod owner;
mod programs;
mod template;

use std::sync::{Mutex, OnceLock, PoisonError};

use postgres::Config;

pub use database::TestDatabase;

use crate::{Error, ErrorKind};
use cluster::Cluster;

/// A server for tests. A private one is stopped, and its folder removed, on drop.
#[derive(Debug)]
pub struct Server {
    url: String,
    config: Config,
    cluster: Option<Cluster>,
}

impl Server {
    /// The server that this process's tests share: the one of `DATABASE_URL` if that is set and not empty, else a
    /// private one, started by the first call and stopped when the process ends.
    pub fn shared() -> Result<&'static Self, Error> {
        static SHARED: OnceLock<Server> = OnceLock::new();
        static STARTING: Mutex<()> = Mutex::new(());

        let _starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = SHARED.get() {
            return Ok(server);
        }
        let server = match std::env::var("DATABASE_URL") {
            Ok(url) if !url.is_empty() => Self::external(url)?,
            _ => Self::start()?,
        };
        Ok(SHARED.get_or_init(|| server))
    }

    /// Starts a private server, whatever `DATABASE_URL` says. It takes a few 100 ms; the very first time on a
    /// machine about a second more, for `initdb`.
    pub fn start() -> Result<Self, Error> {
        let cluster = Cluster::start()?;
        let url = format!("postgres://postgres@127.0.0.1:{}/postgres", cluster.port());
        Ok(Self { cluster: Some(cluster), ..Self::external(url)? })
    }

    fn external(url: String) -> Result<Self, Error> {
        let config = url.parse::<Config>().map_err(|error| {
            Error::new(ErrorKind::Connect, "`DATABASE_URL` is no valid connection string")
                .with_help("write it as `postgres://user:password@host:port/database`")
                .with_source(error)
        })?;
        Ok(Self { url, config, cluster: None })
    }

    /// A fresh, empty database with a name of its own, dropped when the value is.
    pub fn database(&self) -> Result<TestDatabase, Error> {
        TestDatabase::create(&self.url, &self.config)
    }

    /// The connection string of the server's maintenance database (of the one that `DATABASE_URL` names, if it does).
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The same as a configuration.
    pub fn config(&self) -> Config {
        self.config.clone()
    }

    /// The process id of a private server; `None` for one that was not started here.
    pub fn pid(&self) -> Option<u32> {
        self.cluster.as_ref().map(Cluster::pid)
    }

    /// The folder of a private server, with its `data`, its `log` and its socket; `None` for one that was not started here.
    pub fn folder(&self) -> Option<&std::path::Path> {
        self.cluster.as_ref().map(Cluster::folder)
    }
}
