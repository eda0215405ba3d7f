//! Schemas as the targets of a fleet; and the commands that few need.

use super::report::FleetReport;
use super::{Fleet, Target};
use crate::error::{Error, ErrorKind};
use crate::exec::Migrator;
use crate::model::Migrations;

impl Fleet {
    /// A fleet of these schemas of one database, each with the tables of one tenant; see [`Migrations::in_schema`]. One that does not exist is made
    /// by [`start`](Self::start).
    ///
    /// ```no_run
    /// # fn main() -> Result<(), reshape_runtime::Error> {
    /// # let migrations = reshape_runtime::Migrations::embedded(&[]);
    /// use reshape_runtime::Fleet;
    ///
    /// let database = "postgres://app@localhost/app".parse()?;
    /// let fleet = Fleet::schemas(&migrations, &database, ["acme", "globex"]);
    /// assert!(fleet.start().is_done());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// For schemas of several databases give [`Fleet::new`] targets of [`Target::in_schema`].
    pub fn schemas<S: AsRef<str>>(
        migrations: impl Into<Migrations>,
        database: &Target,
        schemas: impl IntoIterator<Item = S>,
    ) -> Self {
        let targets = schemas.into_iter().map(|schema| database.clone().in_schema(schema.as_ref()));
        Self::new(migrations, targets)
    }

    /// Goes [back](Migrator::revert_to) on all databases to the version of the completed migration `name`: where it succeeds, that version is live
    /// beside the latest one. [`complete`](Self::complete) and [`abort`](Self::abort) end it, as they end a start.
    pub fn revert_to(&self, name: &str) -> FleetReport {
        self.run("revert", |_| true, |migrator| migrator.revert_to(name))
    }

    /// [Pauses](Migrator::pause) the batches that are being started: true where one was, also if it was paused before. A command that starts the
    /// fleet goes no further once all that it has at work are paused; what it begins meanwhile is not paused.
    pub fn pause(&self) -> FleetReport<bool> {
        let pause = |migrator: &mut Migrator| match migrator.pause() {
            Err(error) if is_nothing_started(&error) => Ok(false),
            paused => paused.map(|_| true),
        };
        self.run("pause", |_| true, pause)
    }

    /// Lets batches go on that were [paused](Self::pause): true where one was.
    pub fn resume(&self) -> FleetReport<bool> {
        self.run("resume", |_| true, Migrator::resume)
    }
}

/// Whether a pause has found no batch that is being started.
fn is_nothing_started(error: &Error) -> bool {
    error.kind() == ErrorKind::State
}
