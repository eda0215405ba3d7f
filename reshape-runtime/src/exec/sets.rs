//! Several sets of migrations in one program, in the order in which they need each other.

use super::Migrator;
use crate::error::{Error, ErrorKind};
use crate::report::Report;
use crate::sql::tenant;

/// The sets of migrations that one program brings along: its own, and those of libraries.
///
/// ```no_run
/// # fn main() -> Result<(), reshape_runtime::Error> {
/// # let (auth, app) = (reshape_runtime::Migrations::embedded(&[]), reshape_runtime::Migrations::embedded(&[]));
/// use reshape_runtime::{Migrator, Sets};
///
/// let url = "postgres://app@localhost/app";
/// let mut sets = Sets::new([
///     Migrator::new(app, url),
///     Migrator::new(auth.in_namespace("auth"), url),
/// ])?;
/// sets.start()?;
/// # Ok(())
/// # }
/// ```
///
/// A set comes after those that its migrations name in `requires`; otherwise the order is the one that is given. The sets have nothing else in common: where
/// one fails, those before it stay as they are.
#[derive(Debug)]
pub struct Sets {
    migrators: Vec<Migrator>,
}

impl Sets {
    /// Puts the sets in order.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::History`] if two of them have the same name, or need each other.
    pub fn new(migrators: impl IntoIterator<Item = Migrator>) -> Result<Self, Error> {
        let mut left: Vec<Migrator> = migrators.into_iter().collect();
        for (number, migrator) in left.iter().enumerate() {
            let name = migrator.set.name();
            if left[..number].iter().any(|other| other.set.name() == name) {
                return Err(Error::new(
                    ErrorKind::History,
                    format!("two sets of migrations are called `{name}`"),
                )
                .with_help("give one of them another name, with `Migrations::in_namespace`"));
            }
        }
        let mut migrators = Vec::new();
        while !left.is_empty() {
            let is_free = |migrator: &Migrator| {
                let mut required = migrator.required();
                required.all(|name| left.iter().all(|other| !migrator.requires(name, other)))
            };
            let Some(next) = left.iter().position(is_free) else {
                let names: Vec<String> =
                    left.iter().map(|other| format!("`{}`", other.set.name())).collect();
                return Err(Error::new(
                    ErrorKind::History,
                    format!("the sets of migrations {} require each other in a circle", names.join(", ")),
                )
                .with_help("a set can require what another has, if that one requires nothing of it: see `requires` in their migrations"));
            };
            migrators.push(left.remove(next));
        }
        Ok(Self { migrators })
    }

    /// The sets, in the order in which they run.
    pub fn migrators(&mut self) -> &mut [Migrator] {
        &mut self.migrators
    }

    /// Starts what is pending in each set; see [`Migrator::start`].
    ///
    /// # Errors
    ///
    /// The first one; the sets after it are not started.
    pub fn start(&mut self) -> Result<Vec<Report>, Error> {
        self.each(Migrator::start)
    }

    /// Completes what is in progress in each set; see [`Migrator::complete`].
    ///
    /// # Errors
    ///
    /// The first one; the sets after it are not completed.
    pub fn complete(&mut self) -> Result<Vec<Report>, Error> {
        self.each(Migrator::complete)
    }

    /// Starts what is pending in each set and completes it; see [`Migrator::start_and_complete`].
    ///
    /// # Errors
    ///
    /// The first one; the sets after it are not started.
    pub fn start_and_complete(&mut self) -> Result<Vec<Report>, Error> {
        self.each(Migrator::start_and_complete)
    }

    /// Rolls back what is in progress in each set, the last one first; see [`Migrator::abort`].
    ///
    /// # Errors
    ///
    /// The first one; the sets before it are not rolled back.
    pub fn abort(&mut self) -> Result<Vec<Report>, Error> {
        self.migrators.iter_mut().rev().map(Migrator::abort).collect()
    }

    fn each(
        &mut self,
        command: impl Fn(&mut Migrator) -> Result<Report, Error>,
    ) -> Result<Vec<Report>, Error> {
        self.migrators
            .iter_mut()
            .map(|migrator| {
                let name = migrator.set.name().to_owned();
                command(migrator).map_err(|error| {
                    error.and(&format!("this is about the set of migrations `{name}`"))
                })
            })
            .collect()
    }
}

impl Migrator {
    /// Whether `name`, which one of its migrations requires something of, is that set.
    fn requires(&self, name: &str, other: &Self) -> bool {
        tenant::meant(self.set.name(), name).iter().any(|meant| meant == other.set.name())
    }

    /// The names of the other sets that its migrations require something of.
    fn required(&self) -> impl Iterator<Item = &str> {
        let own = self.set.name();
        let all = self.migrations.iter().flat_map(|set| set.migrations.iter());
        all.flat_map(move |migration| migration.required_of_others(own)).map(|(set, _)| set)
    }
}
