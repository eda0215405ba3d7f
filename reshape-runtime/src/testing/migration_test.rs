//! A migration tried on rows, with a client on either side.

use std::fmt::Write as _;

use postgres::Client;
use postgres::error::SqlState;

use super::rows::Rows;
use super::{Argument, TestDb, TestDbOptions};
use crate::sql::ident::ident;
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
    db: TestDb,
    set: Migrations,
    name: String,
    old: Session,
    new: Session,
}

/// A client, and the schema that it uses; `None` for plain tables.
struct Session {
    client: Client,
    schema: Option<String>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
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
        let mut new = Session {
            client: expect(super::admin::connect(&self.db.plain_config())),
            schema: Some(schema),
        };
        expect(new.use_schema());
        let mut started = StartedMigrationTest {
            db: self.db,
            set: self.set,
            name: self.name,
            old: self.old,
            new,
        };
        let after = expect(started.old.rows());
        same(
            &before,
            &after,
            &format!("the start of `{}` changes what old clients read", started.name),
        );
        started
    }

    fn migrator(&self) -> Migrator {
        Migrator::new(self.set.clone(), self.db.plain_config())
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
        &mut self.old.client
    }

    /// A client of the version that the migration leads to, as the new instances have.
    pub fn new_client(&mut self) -> &mut Client {
        &mut self.new.client
    }

    /// Both at once: old, new.
    pub fn both(&mut self) -> (&mut Client, &mut Client) {
        (&mut self.old.client, &mut self.new.client)
    }

    /// The database.
    pub fn db(&self) -> &TestDb {
        &self.db
    }

    /// Checks that what one version writes, and the other leaves alone, reads the same afterwards: in every row, in both directions, for every
    /// single column that the other one might write. Nothing is changed.
    ///
    /// It fails where `down` does not give back what `up` was given, or `up` what `down` was: a name that was split and is put together with
    /// another space, a number that is rounded.
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
        let Self { old, new, name, .. } = self;
        let all =
            expect(old.rows()).columns().chain(expect(new.rows()).columns()).collect::<Vec<_>>();
        for column in lossy {
            assert!(all.iter().any(|known| known == column), "no version has a column `{column}`");
        }
        expect(old.touch(
            new.schema.as_deref(),
            lossy,
            &format!("what old clients wrote, and new ones left alone after `{name}`,"),
        ));
        expect(new.touch(
            old.schema.as_deref(),
            lossy,
            &format!("what new clients wrote, and old ones left alone after `{name}`,"),
        ));
    }

    /// Completes the migration, and compares what new clients read before and after.
    ///
    /// # Panics
    ///
    /// If the completion fails, or changes what new clients read.
    #[track_caller]
    pub fn complete(mut self) -> Client {
        let before = expect(self.new.rows());
        expect(self.migrator().complete());
        let after = expect(self.new.rows());
        same(
            &before,
            &after,
            &format!("the completion of `{}` changes what new clients read", self.name),
        );
        self.new.client
    }

    /// Aborts the migration, and compares what old clients read before and after.
    ///
    /// # Panics
    ///
    /// If the abort fails, or changes what old clients read.
    #[track_caller]
    pub fn abort(mut self) -> MigrationTest {
        let before = expect(self.old.rows());
        expect(self.migrator().abort());
        let after = expect(self.old.rows());
        same(
            &before,
            &after,
            &format!("the abort of `{}` changes what old clients read", self.name),
        );
        MigrationTest { db: self.db, set: self.set, name: self.name, old: self.old }
    }

    fn migrator(&self) -> Migrator {
        Migrator::new(self.set.clone(), self.db.plain_config())
    }
}

impl Session {
    fn path(schema: Option<&str>) -> String {
        schema.map_or_else(|| String::from("DEFAULT"), ident)
    }

    fn use_schema(&mut self) -> Result<(), Error> {
        let sql = format!("SET search_path TO {}", Self::path(self.schema.as_deref()));
        self.client.batch_execute(&sql).map_err(failed)
    }

    /// What the version reads.
    fn rows(&mut self) -> Result<Rows, Error> {
        Rows::read(&mut self.client, self.schema.as_deref()).map_err(failed)
    }

    /// Lets the other version write every column of every row as it is, one after the other, and compares what this one reads. In a
    /// transaction that is rolled back.
    fn touch(&mut self, other: Option<&str>, lossy: &[&str], what: &str) -> Result<(), Error> {
        let before = self.rows()?.without(lossy);
        let theirs = Rows::read(&mut self.client, other).map_err(failed)?;
        for (table, column) in theirs.names() {
            let write = format!(
                "UPDATE {schema}.{table} SET {column} = {column}",
                schema = ident(other.unwrap_or(DEFAULT_SCHEMA)),
                table = ident(table),
                column = ident(column)
            );
            self.client
                .batch_execute(&format!("BEGIN; SET LOCAL search_path TO {}", Self::path(other)))
                .map_err(failed)?;
            let written = self.client.batch_execute(&write);
            let after =
                written.is_ok().then(|| Rows::read(&mut self.client, self.schema.as_deref()));
            self.client.batch_execute("ROLLBACK").map_err(failed)?;
            match written {
                // Nobody can write it.
                Err(error) if is_read_only(&error) => continue,
                Err(error) => {
                    let message = format!("a row cannot be written as it is: `{write}`");
                    return Err(Error::new(ErrorKind::Database, message)
                        .with_sqlstate(&error)
                        .with_source(error));
                }
                Ok(()) => {}
            }
            let Some(after) = after.transpose().map_err(failed)? else { continue };
            let after = after.without(lossy);
            if let Some(difference) = before.difference(&after) {
                let mut message = format!(
                    "{what} reads differently when `{table}.{column}` is written as it is:"
                );
                // Writing to a String does not fail.
                let _ = write!(message, "\n{difference}");
                return Err(Error::new(ErrorKind::Database, message)
                    .with_help(format!("make `up` and `down` give back what they were given; if it cannot be, `check_round_trips_except(&[\"{table}.…\"])`")));
            }
        }
        Ok(())
    }
}

/// Generated columns and identities, and columns of views that are expressions.
fn is_read_only(error: &postgres::Error) -> bool {
    const READ_ONLY: [SqlState; 3] = [
        SqlState::GENERATED_ALWAYS,
        SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
        SqlState::FEATURE_NOT_SUPPORTED,
    ];
    error.code().is_some_and(|code| READ_ONLY.contains(code))
}

fn failed(error: postgres::Error) -> Error {
    Error::new(ErrorKind::Database, "the rows cannot be compared")
        .with_sqlstate(&error)
        .with_source(error)
}

#[track_caller]
fn expect<T>(result: Result<T, Error>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{}", error.report()),
    }
}

#[track_caller]
fn same(before: &Rows, after: &Rows, what: &str) {
    if let Some(difference) = before.difference(after) {
        panic!("{what}:\n{difference}");
    }
}
