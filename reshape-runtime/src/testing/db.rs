//! A migrated database for one test.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use postgres::{Client, Config};

use super::address::{self, with_database};
use super::admin::{connect, on_own_thread};
use super::keeper::Keeper;
use super::state::{Resolved, State};
use super::{Server, pool, sweep};
use crate::model::Str;
use crate::{Error, Migrations, Migrator};

/// A database of its own for one test, in which the migrations are applied.
///
/// ```no_run
/// # use reshape_runtime::Migrations;
/// # mod migrations { pub const SET: reshape_runtime::Migrations = reshape_runtime::Migrations::embedded(&[]); }
/// # fn main() -> Result<(), reshape_runtime::Error> {
/// use reshape_runtime::testing::TestDb;
///
/// let db = TestDb::new(&migrations::SET)?;
/// let mut client = db.connect()?;
/// # let _ = client.simple_query("SELECT 1");
/// # Ok(())
/// # }
/// ```
///
/// The first test with a set of migrations applies them; the others get copies of what that one made, most of which are ready before they are asked for.
/// If a migration or a fixture fails, the other tests of the process that ask for the same fail with the same error, without another try; a process
/// does not learn it from another one.
///
/// Connections see the newest version: [`url`](Self::url) sets their `search_path`, so that any client library can be used.
///
/// Dropping the value drops the database. If that happens because the test panics, the database is kept for a day and its URL printed; see
/// [`TestDbOptions::keep_on_failure`]. What a killed test leaves is dropped by tests that come later.
/// A clone is the same database, which is dropped with the last of them.
#[derive(Clone, Debug)]
pub struct TestDb(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: String,
    url: String,
    state: Resolved,
    keep_on_failure: bool,
    failed: AtomicBool,
    test: String,
    keeper: Arc<Keeper>,
}

/// What a [`TestDb`] has to be like.
#[derive(Clone, Debug)]
#[must_use = "`open` makes the database"]
pub struct TestDbOptions {
    state: State,
    keep_on_failure: bool,
    test: Option<String>,
}

impl TestDb {
    /// A database with every migration completed.
    ///
    /// # Errors
    ///
    /// If there is no server, if it gives no database, or if a migration fails.
    pub fn new(migrations: &Migrations) -> Result<Self, Error> {
        Self::options(migrations).open()
    }

    /// A database in another state.
    pub fn options(migrations: &Migrations) -> TestDbOptions {
        TestDbOptions {
            state: State {
                others: Vec::new(),
                set: migrations.clone(),
                before: None,
                in_progress: false,
                fixtures: Vec::new(),
            },
            keep_on_failure: true,
            test: None,
        }
    }

    /// The database's name, which needs no quotes.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// A connection string whose sessions use the newest version: `postgres://…?options=-c search_path=…`, percent-encoded.
    pub fn url(&self) -> String {
        self.0.url_of(self.0.state.new_schema())
    }

    /// The same for the version before the migration that is in progress; without one, for the newest version.
    pub fn old_url(&self) -> String {
        self.0.url_of(self.0.state.old_schema())
    }

    /// A connection string whose sessions use no version: for a program that says itself which one it wants.
    pub fn plain_url(&self) -> &str {
        &self.0.url
    }

    /// [`url`](Self::url) as a configuration.
    pub fn config(&self) -> Config {
        self.config_of(self.0.state.new_schema().as_deref())
    }

    /// [`old_url`](Self::old_url) as a configuration.
    pub fn old_config(&self) -> Config {
        self.config_of(self.0.state.old_schema().as_deref())
    }

    /// A client of the newest version. It blocks: it is not for use inside an asynchronous runtime.
    ///
    /// # Errors
    ///
    /// If the server does not accept it.
    pub fn connect(&self) -> Result<Client, Error> {
        connect(&self.config())
    }

    /// A client of the version before the migration that is in progress; without one, of the newest version.
    ///
    /// # Errors
    ///
    /// If the server does not accept it.
    pub fn connect_old(&self) -> Result<Client, Error> {
        connect(&self.old_config())
    }

    /// A migrator of the migrations that are there: it can complete or abort the one that is in progress.
    pub fn migrator(&self) -> Migrator {
        Migrator::new(self.0.state.migrations(), self.config_of(None))
    }

    /// Keeps the database when the value is dropped, as if the test had panicked: it has failed in another way.
    pub fn fail(&self) {
        self.0.failed.store(true, Ordering::Relaxed);
    }

    /// The set up to the migration that comes next, and its name; `None` if it is not said, or already started.
    pub(super) fn next(&self) -> Option<(Migrations, String)> {
        self.0.state.next()
    }

    /// The schema of the newest version that is there; `None` for plain tables.
    pub(super) fn schema(&self) -> Option<String> {
        self.0.state.new_schema()
    }

    /// The database for sessions that use the schema of a version; `None` is none.
    pub(super) fn config_of(&self, schema: Option<&str>) -> Config {
        self.0.config_of(schema)
    }
}

impl Inner {
    fn config_of(&self, schema: Option<&str>) -> Config {
        let mut config = self.keeper.config.clone();
        config.dbname(&self.name);
        if let Some(schema) = schema {
            config.options(&address::options(self.keeper.config.get_options(), schema));
        }
        config
    }

    fn url_of(&self, schema: Option<String>) -> String {
        match schema {
            Some(schema) => {
                address::with_search_path(&self.url, self.keeper.config.get_options(), &schema)
            }
            None => self.url.clone(),
        }
    }

    /// Says where the database is, and that it is not to be dropped.
    #[expect(
        clippy::print_stderr,
        reason = "whoever runs the test has to learn where the database is"
    )]
    fn keep(&self) {
        let marked = on_own_thread(|| {
            let mut client = connect(&self.keeper.config)?;
            sweep::mark_kept(&mut client, &self.name, &self.test).map_err(self.keeper.error())
        });
        // In this order: a sweep that finds no such database takes the mark away.
        self.keeper.keep_data();
        self.keeper.release(&self.name);
        let hours = sweep::KEEP.as_secs() / 3600;
        // The same as the panic hook does; the harness shows it with the test's output.
        match marked {
            Ok(()) => {
                eprintln!(
                    "note: the test's database is kept for {hours} hours: {}",
                    self.url_of(self.state.new_schema())
                );
            }
            Err(error) => eprintln!("note: the test's database cannot be kept: {error}"),
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let failed = thread::panicking() || self.failed.load(Ordering::Relaxed);
        if failed && self.keep_on_failure {
            self.keep();
        } else {
            self.keeper.drop_used(&self.name);
        }
    }
}

impl TestDbOptions {
    /// The state before a migration: those that are older are completed.
    ///
    /// Together with [`in_progress`](Self::in_progress) that migration is then started.
    pub fn before(mut self, migration: impl Into<String>) -> Self {
        self.state.before = Some(migration.into());
        self
    }

    /// The last migration, or the one of [`before`](Self::before), is started and not completed: both versions are there.
    pub fn in_progress(mut self) -> Self {
        self.state.in_progress = true;
        self
    }

    /// SQL that makes rows, run with the version that is completed. Several run in their order.
    ///
    /// It is part of the state: it runs once, and each database has a copy of the rows.
    pub fn fixture(mut self, sql: impl Into<String>) -> Self {
        self.state.fixtures.push(sql.into());
        self
    }

    /// Another set, which these migrations require: it is completed first.
    pub fn after(mut self, other: &Migrations) -> Self {
        self.state.others.push(other.clone());
        self
    }

    /// The set's name in the database, if the application gives it another one.
    pub fn namespace(mut self, namespace: impl Into<Str>) -> Self {
        self.state.set = self.state.set.in_namespace(namespace);
        self
    }

    #[doc(hidden)]
    pub fn in_progress_if(mut self, in_progress: bool) -> Self {
        self.state.in_progress |= in_progress;
        self
    }

    /// Whether the database of a test that panics is kept for a day; it is unless this says otherwise.
    pub fn keep_on_failure(mut self, keep: bool) -> Self {
        self.keep_on_failure = keep;
        self
    }

    /// The test's name, for whoever finds the database later; the thread's unless this says otherwise.
    pub fn test(mut self, name: impl Into<String>) -> Self {
        self.test = Some(name.into());
        self
    }

    /// Makes the database, on the server that tests share.
    ///
    /// # Errors
    ///
    /// If there is no server, if it gives no database, if a name is not found, or if a migration or a fixture fails.
    pub fn open(self) -> Result<TestDb, Error> {
        self.open_on(Server::shared()?)
    }

    /// Makes the database on another server.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open).
    pub fn open_on(self, server: &Server) -> Result<TestDb, Error> {
        let state = self.state.resolve()?;
        let keeper = Arc::clone(&server.keeper);
        let name = pool::take(&keeper, &state)?;
        let test = self.test.or_else(|| thread::current().name().map(str::to_owned));
        Ok(TestDb(Arc::new(Inner {
            url: with_database(server.url(), &name),
            name,
            state,
            keep_on_failure: self.keep_on_failure,
            failed: AtomicBool::new(false),
            test: test.unwrap_or_else(|| String::from("a test")),
            keeper,
        })))
    }
}
