//! A migration tried on rows, with a client on either side.

use std::fmt;

use postgres::Client;

use super::address::search_path;
use super::admin::connect;
use super::harness::expect;
use super::rewrite;
use super::rows::Rows;
use super::{Argument, TestDb, TestDbOptions};
use crate::sql::ident::{ident, qualified};
use crate::sql::names::DEFAULT_SCHEMA;
use crate::{Error, ErrorKind, Migrations, Migrator};

/// Tries one migration as it will happen: on rows of the version before, with old and new instances at once.
///
/// ```no_run
/// # mod migrations { pub const SET: reshape_runtime::Migrations = reshape_runtime::Migrations::embedded(&[]); }
/// use reshape_runtime::testing::MigrationTest;
///
/// // In a test:
/// let mut before = MigrationTest::new(&migrations::SET, "0007_split_name");
/// before.old_client().batch_execute("INSERT INTO users (name) VALUES ('Ada King'), ('Plato')").unwrap();
///
/// let mut started = before.start();
/// let row = started.new_client().query_one("SELECT first, last FROM users WHERE last = 'King'", &[]).unwrap();
/// assert_eq!(row.get::<_, String>(0), "Ada");
/// started.new_client().execute("INSERT INTO users (first, last) VALUES ('Grace', 'Hopper')", &[]).unwrap();
/// started.check_round_trips();
///
/// started.complete();
/// ```
///
/// Each step compares what it must not change: a start what old clients read, a completion what new clients read, an abort what old clients
/// read. A difference fails the test, and shows the rows.
///
/// It is also an [`Argument`]: `#[reshape_runtime::test(upto = "0007_split_name")] fn names_are_split(mut before: MigrationTest)`.
#[derive(Debug)]
pub struct MigrationTest {
    db: TestDb,
    set: Migrations,
    name: String,
    old: Session,
}

/// A [`MigrationTest`] whose migration has been started: both versions are there.
#[derive(Debug)]
pub struct StartedMigrationTest {
    new: Session,
    before: MigrationTest,
}

/// A [`MigrationTest`] whose migration has been completed.
#[derive(Debug)]
pub struct CompletedMigrationTest {
    /// Ends before its database does.
    new: Session,
    db: TestDb,
}

impl CompletedMigrationTest {
    /// A client of the version that the migration has led to.
    pub fn new_client(&mut self) -> &mut Client {
        &mut self.new.client
    }

    /// The database.
    pub fn db(&self) -> &TestDb {
        &self.db
    }
}

/// A client, and the schema that it uses; `None` for plain tables.
struct Session {
    client: Client,
    schema: Option<String>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("schema", &self.schema).finish_non_exhaustive()
    }
}

impl MigrationTest {
    /// A database in the state before the migration `name`.
    ///
    /// # Panics
    ///
    /// If there is no database, or no migration of that name.
    #[track_caller]
    pub fn new(migrations: &Migrations, name: &str) -> Self {
        Self::with(TestDb::options(migrations).before(name))
    }

    /// The same with fixtures, say: the options name the migration with [`before`](TestDbOptions::before).
    ///
    /// # Panics
    ///
    /// If there is no such database.
    #[track_caller]
    pub fn with(options: TestDbOptions) -> Self {
        expect(options.open().and_then(|db| Self::of(&db)))
    }

    /// A client of the version before the migration, as the old instances have.
    pub fn old_client(&mut self) -> &mut Client {
        &mut self.old.client
    }

    /// The database.
    pub fn db(&self) -> &TestDb {
        &self.db
    }

    /// Starts the migration, and compares what old clients read before and after.
    ///
    /// # Panics
    ///
    /// If the start fails, or changes what old clients read.
    #[track_caller]
    pub fn start(mut self) -> StartedMigrationTest {
        let before = expect(self.old.rows());
        expect(self.migrator().start());
        let schema = self.set.version_schema(&self.name);
        // By a statement: as an option of the session it would be what `DEFAULT` means in it, where that is to be plain tables.
        let mut client = expect(connect(&self.db.config_of(None)));
        let path = format!("SET search_path TO {}", search_path(Some(&schema)));
        expect(client.batch_execute(&path).map_err(failed));
        let new = Session { client, schema: Some(schema) };
        let after = expect(self.old.rows());
        same(
            &before,
            &after,
            &format!("the start of `{}` changes what old clients read", self.name),
        );
        StartedMigrationTest { new, before: self }
    }

    fn migrator(&self) -> Migrator {
        Migrator::new(self.set.clone(), self.db.config_of(None))
    }
}

impl Argument for MigrationTest {
    fn of(db: &TestDb) -> Result<Self, Error> {
        let Some((set, name)) = db.next() else {
            let message = "it is not said which migration is to be tested";
            return Err(Error::new(ErrorKind::Setting, message)
                .with_help("name it: `upto = \"0007_split_name\"`, or `TestDb::options(…).before(\"0007_split_name\")`, without `in_progress`"));
        };
        let old = Session { client: db.connect()?, schema: db.schema() };
        Ok(Self { db: db.clone(), set, name, old })
    }
}

impl StartedMigrationTest {
    /// A client of the version before the migration, as the old instances have.
    pub fn old_client(&mut self) -> &mut Client {
        &mut self.before.old.client
    }

    /// A client of the version that the migration leads to, as the new instances have.
    pub fn new_client(&mut self) -> &mut Client {
        &mut self.new.client
    }

    /// Both at once: old, new.
    pub fn both(&mut self) -> (&mut Client, &mut Client) {
        (&mut self.before.old.client, &mut self.new.client)
    }

    /// The database.
    pub fn db(&self) -> &TestDb {
        &self.before.db
    }

    /// Checks that what one version wrote, and the other one leaves alone, reads the same: each version writes every column of every row as it
    /// reads it, and the other one looks. Nothing is changed.
    ///
    /// # Panics
    ///
    /// If a row reads differently, or cannot be written.
    #[track_caller]
    pub fn check_left_alone(&mut self) {
        let (old, new, name) = (&mut self.before.old, &mut self.new, &self.before.name);
        let what = format!("what old clients wrote, and new ones left alone after `{name}`,");
        expect(old.left_alone_by(new.schema.as_deref(), &what));
        let what = format!("what new clients wrote, and old ones left alone after `{name}`,");
        expect(new.left_alone_by(old.schema.as_deref(), &what));
    }

    /// Checks that `down` gives back what `up` was given, and `up` what `down` was: each version writes every row anew, with what it reads, and
    /// the other one looks. Nothing is changed.
    ///
    /// A name that is split and put together with another space, or a number that is rounded, is found; so is a column that one version does not
    /// have, and the other one has no way to guess.
    ///
    /// # Panics
    ///
    /// If a row reads differently, or cannot be written.
    #[track_caller]
    pub fn check_round_trips(&mut self) {
        self.check_round_trips_except(&[]);
    }

    /// The same without the columns, as `table.column`, of which it is known that they are not given back.
    ///
    /// # Panics
    ///
    /// If a row reads differently, or cannot be written; or if there is no such column.
    #[track_caller]
    pub fn check_round_trips_except(&mut self, lossy: &[&str]) {
        let (old, new, name) = (&mut self.before.old, &mut self.new, &self.before.name);
        let (before, after) = (expect(old.rows()), expect(new.rows()));
        for column in lossy {
            let known = before.columns().chain(after.columns()).any(|known| known == *column);
            assert!(known, "no version has a column `{column}`");
        }
        let what = format!(
            "what new clients read after `{name}`, and write anew, old ones read differently"
        );
        expect(old.rewritten_by(new.schema.as_deref(), lossy, &what));
        let what = format!(
            "what old clients read after `{name}`, and write anew, new ones read differently"
        );
        expect(new.rewritten_by(old.schema.as_deref(), lossy, &what));
    }

    /// Completes the migration, and compares what new clients read before and after.
    ///
    /// # Panics
    ///
    /// If the completion fails, or changes what new clients read.
    #[track_caller]
    pub fn complete(mut self) -> CompletedMigrationTest {
        let before = expect(self.new.rows());
        expect(self.before.migrator().complete());
        let after = expect(self.new.rows());
        same(
            &before,
            &after,
            &format!("the completion of `{}` changes what new clients read", self.before.name),
        );
        CompletedMigrationTest { new: self.new, db: self.before.db }
    }

    /// Aborts the migration, and compares what old clients read before and after.
    ///
    /// # Panics
    ///
    /// If the abort fails, or changes what old clients read.
    #[track_caller]
    pub fn abort(mut self) -> MigrationTest {
        let before = expect(self.before.old.rows());
        expect(self.before.migrator().abort());
        let after = expect(self.before.old.rows());
        same(
            &before,
            &after,
            &format!("the abort of `{}` changes what old clients read", self.before.name),
        );
        self.before
    }
}

impl Session {
    /// What the version reads.
    fn rows(&mut self) -> Result<Rows, Error> {
        Rows::read(&mut self.client, self.schema.as_deref()).map_err(failed)
    }

    /// Lets the other version write every column of every row as it is, one after the other, and compares what this one reads.
    fn left_alone_by(&mut self, other: Option<&str>, what: &str) -> Result<(), Error> {
        let before = self.rows()?;
        let theirs = Rows::read(&mut self.client, other).map_err(failed)?;
        for (table, column) in theirs.names() {
            let relation = qualified(other.unwrap_or(DEFAULT_SCHEMA), table);
            let write =
                format!("UPDATE {relation} SET {column} = {column}", column = ident(column));
            let after = self.tried(other, |client| rewrite::one(client, &write))?;
            if let Some(difference) = before.difference(&after) {
                let message = format!(
                    "{what} reads differently when they write `{table}.{column}` as it is:\n{difference}"
                );
                return Err(Error::new(ErrorKind::Database, message)
                    .with_help("a trigger of `custom` SQL may do more than it should"));
            }
        }
        Ok(())
    }

    /// Lets the other version write all rows anew, and compares what this one reads.
    fn rewritten_by(
        &mut self,
        other: Option<&str>,
        lossy: &[&str],
        what: &str,
    ) -> Result<(), Error> {
        let before = self.rows()?.without(lossy);
        let theirs = Rows::read(&mut self.client, other).map_err(failed)?;
        let schema = other.unwrap_or(DEFAULT_SCHEMA);
        let after =
            self.tried(other, |client| rewrite::all(client, schema, &theirs))?.without(lossy);
        match before.difference(&after) {
            None => Ok(()),
            Some(difference) => {
                let help = "make `up` and `down` give back what they were given; columns of which you know that they do not are named by `check_round_trips_except(&[\"table.column\"])`";
                Err(Error::new(ErrorKind::Database, format!("{what}:\n{difference}"))
                    .with_help(help))
            }
        }
    }

    /// What this version reads after the other one has written; then that is rolled back.
    fn tried(
        &mut self,
        other: Option<&str>,
        write: impl FnOnce(&mut Client) -> Result<(), Error>,
    ) -> Result<Rows, Error> {
        let begin = format!("BEGIN; SET LOCAL search_path TO {}", search_path(other));
        self.client.batch_execute(&begin).map_err(failed)?;
        let after = write(&mut self.client).and_then(|()| self.rows());
        self.client.batch_execute("ROLLBACK").map_err(failed)?;
        after
    }
}

fn failed(error: postgres::Error) -> Error {
    Error::new(ErrorKind::Database, "the rows cannot be compared")
        .with_sqlstate(&error)
        .with_source(error)
}

#[track_caller]
fn same(before: &Rows, after: &Rows, what: &str) {
    if let Some(difference) = before.difference(after) {
        panic!("{what}:\n{difference}");
    }
}
