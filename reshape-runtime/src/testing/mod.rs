//! A throw-away Postgres for tests, scripts and examples.
//!
//! [`Server::shared`] is the server of `DATABASE_URL` if that is set, else one that all test processes of the user share; [`Server::start`]
//! is always a private one. Each test takes a [`TestDatabase`] of its own from it:
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
//! A shared or private server needs the programs `initdb` and `postgres`, version 14 or newer. They are looked for in the folder
//! `RESHAPE_PG_BIN`, on `PATH`, in `pg_config --bindir`, and where packages put them. It listens on a
//! free loopback port and on a socket in its own folder, and trusts every local connection. The folder is in memory (`/dev/shm`) where that
//! has room, else in the folder for temporary files. What `initdb` makes
//! is kept in the temporary folder `reshape-postgres-<user id>`, so that the next server starts faster; it may be deleted
//! while no server runs.
//!
//! A shared server is started by the first process that asks for it and ends when nobody has used it for 5 minutes, or for the number of
//! seconds in `RESHAPE_TEST_SERVER_IDLE`, when it was started.
//!
//! # Other harnesses and libraries
//!
//! [`TestDb::url`] names the version's schema, so every library that takes a connection string sees the newest version. With `sqlx`, `sea-orm`,
//! `deadpool-postgres` and `diesel`, in tests that `#[reshape_runtime::test]` runs:
//!
//! ```ignore
//! use reshape_runtime::Error;
//! use reshape_runtime::testing::{AsyncArgument, TestDb};
//!
//! #[reshape_runtime::test]
//! async fn with_sea_orm(url: String) {
//!     let db = sea_orm::Database::connect(&url).await.unwrap();
//! }
//!
//! #[reshape_runtime::test]
//! async fn with_deadpool(url: String) {
//!     let mut config = deadpool_postgres::Config::new();
//!     config.url = Some(url);
//!     let pool = config.create_pool(Some(deadpool_postgres::Runtime::Tokio1), tokio_postgres::NoTls).unwrap();
//! }
//!
//! #[reshape_runtime::test]
//! fn with_diesel(url: String) {
//!     use diesel::Connection as _;
//!     let connection = diesel::PgConnection::establish(&url).unwrap();
//! }
//!
//! // What many tests ask for can be an argument of its own.
//! struct Pool(sqlx::PgPool);
//!
//! impl AsyncArgument for Pool {
//!     async fn of(db: &TestDb) -> Result<Self, Error> {
//!         Ok(Pool(sqlx::PgPool::connect(&db.url()).await.expect("the test's own database")))
//!     }
//! }
//!
//! #[reshape_runtime::test]
//! async fn with_sqlx(Pool(pool): Pool) {
//!     let mut connection = pool.acquire().await.unwrap();
//! }
//! ```
//!
//! [`TestDb::new`] is for harnesses that call a function, as `rstest` does:
//!
//! ```ignore
//! #[rstest::fixture]
//! fn db() -> TestDb {
//!     TestDb::new(&crate::migrations::SET).unwrap()
//! }
//!
//! #[rstest::rstest]
//! #[case("Ada")]
//! #[case("Grace")]
//! fn a_user_has_a_name(db: TestDb, #[case] name: &str) {
//!     db.connect().unwrap().execute("INSERT INTO users (name) VALUES ($1)", &[&name]).unwrap();
//! }
//! ```
//!
//! `DATABASE_URL` has to lead to the server itself: behind a pooler there are neither the locks nor the options of a session.
//!
//! **Invariant:** no private server outlives its process, and no shared one its users for long, whether they return, panic, are interrupted or are
//! killed: a supervising shell holds the other end of a pipe and cleans up when it is closed.
//!
//! **Invariant:** on a server that was not started here, nothing is touched but databases that were created here.

mod address;
mod admin;
mod argument;
mod cluster;
mod database;
mod db;
#[doc(hidden)]
pub mod harness;
mod keeper;
mod marks;
mod migration_test;
mod named;
mod owner;
mod place;
mod pool;
mod prepared;
mod programs;
mod ready;
mod rewrite;
mod rows;
mod shared;
mod state;
mod statements;
mod supervise;
mod sweep;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use postgres::Config;

#[cfg(feature = "tokio")]
pub use argument::AsyncArgument;
pub use argument::{Argument, New, Old};
pub use database::TestDatabase;
pub use db::{TestDb, TestDbOptions};
pub use migration_test::{CompletedMigrationTest, MigrationTest, StartedMigrationTest};
#[doc(hidden)]
pub use named::NamedDatabase;

use crate::{Error, ErrorKind};
use cluster::Cluster;
use keeper::Keeper;
use shared::Shared;

/// A server for tests. A private one is stopped, and its folder removed, on drop.
#[derive(Debug)]
pub struct Server {
    url: String,
    config: Config,
    keeper: Arc<Keeper>,
    ours: Ours,
}

/// What there is to say about a server that is not somebody else's.
#[derive(Debug)]
enum Ours {
    Private(Cluster),
    Shared(Shared),
    External,
}

impl Server {
    /// The server that tests share: the one of `DATABASE_URL` if that is set and not empty, else the one of all test processes of this user,
    /// started if it is not there.
    pub fn shared() -> Result<&'static Self, Error> {
        static SHARED: OnceLock<Server> = OnceLock::new();
        static STARTING: Mutex<()> = Mutex::new(());

        let _starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = SHARED.get() {
            return Ok(server);
        }
        let server = match std::env::var("DATABASE_URL") {
            Ok(url) if !url.is_empty() => Self::of(url, Ours::External)?,
            _ => {
                let shared = Shared::join()?;
                Self::of(url_of(shared.port()), Ours::Shared(shared))?
            }
        };
        Ok(SHARED.get_or_init(|| server))
    }

    /// Starts a private server, whatever `DATABASE_URL` says. It takes a few 100 ms; the very first time on a
    /// machine about a second more, for `initdb`.
    pub fn start() -> Result<Self, Error> {
        let cluster = Cluster::start()?;
        Self::of(url_of(cluster.port()), Ours::Private(cluster))
    }

    /// The server of that connection string: somebody else's.
    #[doc(hidden)]
    pub fn at(url: String) -> Result<Self, Error> {
        Self::of(url, Ours::External)
    }

    fn of(url: String, ours: Ours) -> Result<Self, Error> {
        let config = url.parse::<Config>().map_err(|error| {
            Error::new(ErrorKind::Connect, "the server's URL is no valid connection string")
                .with_help("write it as `postgres://user:password@host:port/database`")
                .with_source(error)
        })?;
        let keeper = Keeper::new(&config, ours.strategy(), ours.home());
        Ok(Self { url, config, keeper: Arc::new(keeper), ours })
    }

    /// A fresh, empty database with a name of its own, dropped when the value is.
    pub fn database(&self) -> Result<TestDatabase, Error> {
        TestDatabase::create(self)
    }

    /// The connection string of the server's maintenance database (of the one that `DATABASE_URL` names, if it does).
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The same as a configuration.
    pub fn config(&self) -> Config {
        self.config.clone()
    }

    /// The process id of a private or shared server; `None` for one of `DATABASE_URL`.
    pub fn pid(&self) -> Option<u32> {
        match &self.ours {
            Ours::Private(cluster) => Some(cluster.pid()),
            Ours::Shared(server) => Some(server.pid()),
            Ours::External => None,
        }
    }

    /// The folder of a private or shared server, with its `data`, its `log` and its socket; `None` for one of `DATABASE_URL`.
    pub fn folder(&self) -> Option<&std::path::Path> {
        match &self.ours {
            Ours::Private(cluster) => Some(cluster.folder()),
            Ours::Shared(server) => Some(server.folder()),
            Ours::External => None,
        }
    }
}

impl Ours {
    /// What `CREATE DATABASE` is told about how to copy.
    fn strategy(&self) -> &'static str {
        let copies_files = match self {
            Self::Private(cluster) => cluster.copies_files(),
            Self::Shared(server) => server.copies_files(),
            Self::External => false,
        };
        if copies_files { "STRATEGY file_copy" } else { "" }
    }

    /// The folder of a shared server.
    fn home(&self) -> Option<PathBuf> {
        match self {
            Self::Shared(server) => Some(server.folder().to_owned()),
            Self::Private(_) | Self::External => None,
        }
    }
}

fn url_of(port: u16) -> String {
    format!("postgres://postgres@127.0.0.1:{port}/postgres")
}
