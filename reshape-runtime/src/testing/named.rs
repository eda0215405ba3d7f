//! A database with a name of its own, which stays: for a person who develops, not for a test.
//!
//! On a shared server it asks for two things: that its data stays when the server ends, and, if it is told to, that the server goes on without
//! users.
//!
//! **Invariant:** it is never dropped but by who asks for it by name, and not while a process has it open.

use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use postgres::error::SqlState;
use postgres::{Client, Config};

use super::address::{with_database, with_search_path};
use super::admin::{connect, create_error};
use super::keeper::Keeper;
use super::statements::{create_database, drop_database, is_there};
use super::{Server, marks, shared};
use crate::sql::names;
use crate::{Error, ErrorKind, Migrations};

/// The names of these databases begin with it: none that belongs to a test does.
const PREFIX: &str = "reshape_dev_";

/// The lock of who has the database open, in the database itself.
const OPEN: i64 = 0x7265_7368_6465_7600;

/// For how long a process that has just ended may still seem to have it open.
const GRACE: Duration = Duration::from_secs(2);

/// So often the database may be dropped between making it and connecting to it.
const TRIES: u32 = 5;

/// The database, while this process and no other has it open. It stays when the value is dropped.
pub struct NamedDatabase {
    name: String,
    url: String,
    config: Config,
    keeper: Arc<Keeper>,
    is_new: bool,
    /// Holds the lock.
    session: Client,
}

impl std::fmt::Debug for NamedDatabase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Not the URL: it may hold a password.
        f.debug_struct("NamedDatabase").field("name", &self.name).finish_non_exhaustive()
    }
}

impl NamedDatabase {
    /// The database's name for what people call it. It needs no quotes.
    pub fn name_of(called: &str) -> String {
        let plain = |char: char| if char.is_ascii_alphanumeric() { char } else { '_' };
        let name: String = called.to_ascii_lowercase().chars().map(plain).collect();
        names::fit(&format!("{PREFIX}{name}"))
    }

    /// Opens the database of that name; makes it if it is not there.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Locked`] if another process has it open; else if there is no server, or if it gives no database.
    pub fn open(server: &Server, called: &str) -> Result<Self, Error> {
        let name = Self::name_of(called);
        let config = config_of(server, &name);
        let keeper = Arc::clone(&server.keeper);
        let (session, is_new) = open(&keeper, &config, &name)?;
        if let Some(home) = &keeper.home {
            marks::keep(home, &name, true)?;
        }
        let url = with_database(server.url(), &name);
        Ok(Self { name, url, config, keeper, is_new, session })
    }

    /// Its name on the server.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it was made by [`open`](Self::open) or [`reset`](Self::reset).
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// Whether its server was started by us, and ends when nobody uses it.
    pub fn is_on_shared_server(&self) -> bool {
        self.keeper.home.is_some()
    }

    /// The connection string; sessions use no version.
    pub fn plain_url(&self) -> &str {
        &self.url
    }

    /// The connection string whose sessions use the version that `migration` leads to.
    pub fn url(&self, migrations: &Migrations, migration: &str) -> String {
        let schema = migrations.version_schema(migration);
        with_search_path(&self.url, self.config.get_options(), &schema)
    }

    /// The database as a configuration; sessions use no version.
    pub fn config(&self) -> Config {
        self.config.clone()
    }

    /// Drops it and makes it anew, empty. The sessions that are connected to it end.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn reset(&mut self) -> Result<(), Error> {
        let mut admin = connect(&maintenance(&self.keeper.config, &self.name))?;
        drop_database(&mut admin, &self.name).map_err(self.keeper.error())?;
        (self.session, self.is_new) = open(&self.keeper, &self.config, &self.name)?;
        Ok(())
    }

    /// Makes sure that it is still there and open: its server may have been restarted.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), and if it has been dropped.
    pub fn check(&mut self) -> Result<(), Error> {
        if self.session.simple_query("SELECT 1").is_ok() {
            return Ok(());
        }
        let mut session = connect(&self.config)?;
        lock(&self.config, &mut session, &self.name)?;
        self.session = session;
        Ok(())
    }

    /// Whether a shared server goes on without users because of this database.
    ///
    /// # Errors
    ///
    /// If the server's folder cannot be written to.
    pub fn hold(&self, on: bool) -> Result<(), Error> {
        match &self.keeper.home {
            Some(home) => marks::hold(home, &self.name, on).map(drop),
            None => Ok(()),
        }
    }

    /// From now on no shared server goes on without users because of the database of that name; whether one did.
    ///
    /// # Errors
    ///
    /// If the server's folder cannot be found or written to.
    pub fn stop(called: &str) -> Result<bool, Error> {
        let name = Self::name_of(called);
        let mut any = false;
        for home in shared::folders()? {
            any |= marks::hold(&home, &name, false)?;
        }
        Ok(any)
    }

    /// Whether the shared server, running or not, has the data of the database of that name.
    ///
    /// # Errors
    ///
    /// If there are no server programs.
    pub fn is_kept(called: &str) -> Result<bool, Error> {
        let home = shared::folder()?;
        Ok(home.is_some_and(|home| marks::is_kept(&home, &Self::name_of(called))))
    }

    /// Gives up what other servers of this user have of the database of that name, those of other programs or of another version of this crate: their
    /// data goes when they end. Whether there was any.
    ///
    /// # Errors
    ///
    /// If a server's folder cannot be found or written to.
    pub fn forget(called: &str) -> Result<bool, Error> {
        let name = Self::name_of(called);
        let mut any = false;
        for home in shared::folders()? {
            any |= marks::is_kept(&home, &name);
            marks::forget(&home, &name)?;
            shared::clear(&home);
        }
        Ok(any)
    }

    /// Drops the database of that name, with the sessions that are connected to it; whether there was one.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Locked`] if a process has it open; else if the server refuses.
    pub fn remove(server: &Server, called: &str) -> Result<bool, Error> {
        let name = Self::name_of(called);
        let config = config_of(server, &name);
        let mut admin = connect(&maintenance(&server.keeper.config, &name))?;
        let error = server.keeper.error();
        let there = is_there(&mut admin, &name).map_err(error)?;
        if there {
            let mut session = connect(&config)?;
            lock(&config, &mut session, &name)?;
            drop_database(&mut admin, &name).map_err(error)?;
        }
        if let Some(home) = &server.keeper.home {
            marks::forget(home, &name)?;
        }
        Ok(there)
    }
}

/// Where the database can be made and dropped: the URL of the server may be that of the database itself.
fn maintenance(server: &Config, name: &str) -> Config {
    let mut config = server.clone();
    if config.get_dbname() == Some(name) {
        config.dbname("postgres");
    }
    config
}

/// The database of that name on the server.
fn config_of(server: &Server, name: &str) -> Config {
    let mut config = server.config();
    config.dbname(name).application_name("reshape-dev");
    config
}

/// A session that has the database open, and whether the database was made for it.
fn open(keeper: &Keeper, config: &Config, name: &str) -> Result<(Client, bool), Error> {
    let error = keeper.error();
    let mut admin = connect(&maintenance(&keeper.config, name))?;
    let mut made = false;
    for _ in 0..TRIES {
        if !is_there(&mut admin, name).map_err(error)? {
            match create_database(&mut admin, name, "template0", keeper.strategy) {
                Ok(()) => made = true,
                // By another process, at the same moment.
                Err(error) if is_duplicate(&error) => {}
                Err(other) => return Err(error(other)),
            }
        }
        match connect(config) {
            Ok(mut session) => {
                lock(config, &mut session, name)?;
                return Ok((session, made));
            }
            // Dropped again already.
            Err(error) if !is_there(&mut admin, name).unwrap_or(true) => drop(error),
            Err(error) => return Err(error),
        }
    }
    Err(Error::new(ErrorKind::Database, format!("`{name}` is dropped whenever it is made")))
}

fn is_duplicate(error: &postgres::Error) -> bool {
    // Two statements at the same moment meet at the unique index of the names.
    matches!(error.code(), Some(&SqlState::DUPLICATE_DATABASE | &SqlState::UNIQUE_VIOLATION))
}

/// Takes the lock, which is given back with the session.
fn lock(config: &Config, session: &mut Client, name: &str) -> Result<(), Error> {
    let error = |error| create_error(config, error);
    // It may be idle for as long as its owner thinks.
    session.batch_execute("SET idle_session_timeout = 0").map_err(error)?;
    let began = Instant::now();
    loop {
        let row = session.query_one("SELECT pg_try_advisory_lock($1)", &[&OPEN]);
        if row.and_then(|row| row.try_get(0)).map_err(error)? {
            return Ok(());
        }
        if began.elapsed() > GRACE {
            let message = format!("another `reshape dev` is at work on `{name}`");
            return Err(Error::new(ErrorKind::Locked, message)
                .with_help("end that one, or give this one a database of its own with `--name`"));
        }
        sleep(Duration::from_millis(50));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_needs_no_quotes_and_has_room() {
        assert_eq!(NamedDatabase::name_of("My-App 2"), "reshape_dev_my_app_2");
        assert_eq!(NamedDatabase::name_of("größe"), "reshape_dev_gr__e");
        let long = NamedDatabase::name_of(&"x".repeat(80));
        assert_eq!(long.len(), names::MAX_IDENTIFIER);
        assert_ne!(long, NamedDatabase::name_of(&"x".repeat(81)));
    }
}
