//! Which migrations a command is for.

use super::run::Run;
use super::{Migrator, Planner, compare};
use crate::error::{Error, ErrorKind};
use crate::model::Migrations;
use crate::report::Report;

impl Migrator {
    /// Runs a command for the migrations up to `name`, or for all of them, of which no copy is made then.
    pub(super) fn run_wanted(
        &mut self,
        name: Option<&str>,
        command: impl FnOnce(&mut Run<'_>, &Migrations, &Planner) -> Result<Report, Error> + Send,
    ) -> Result<Report, Error> {
        let all = self.migrations.as_ref().ok_or_else(detached)?;
        let up_to = |name| all.up_to(name).ok_or_else(|| compare::no_such(all, name));
        let some = name.map(up_to).transpose()?;
        self.run(move |run, all, planner| {
            command(run, some.as_ref().or(all).ok_or_else(detached)?, planner)
        })
    }
}

fn detached() -> Error {
    Error::new(ErrorKind::State, "a detached migrator has no migrations to start")
        .with_help("make it with `Migrator::new`, which takes the migrations")
}
