//! A database for development, which follows the files of the migrations.
//!
//! What is shipped is completed, and what comes after it is in progress, so that it can be edited: see [`Files::shipped`]. Rows stay: an edited
//! batch is aborted and started again, and only what its own columns and tables held is made anew.
//!
//! **Invariant:** a migration that is completed in the database is never taken back. If its file is another one now nothing is done.
//!
//! **Invariant:** files with a problem leave the database as it is.

mod apply;
mod watch;

use std::path::{Path, PathBuf};

use reshape_runtime::Migrations;
use reshape_runtime::model::Action;

pub use self::apply::{Applied, NotApplied, apply};
pub use self::watch::Watch;
use crate::diagnostic::Diagnostics;
use crate::lock::{self, Lock};
use crate::or_default;
use crate::set::Set;

/// The files of the migrations at one moment.
#[derive(Clone, Debug)]
pub struct Files {
    /// The migrations, unless they have errors.
    pub migrations: Option<Migrations>,
    /// What is wrong with them, or of note.
    pub problems: Diagnostics,
    /// Each migration that could be read, with its checksum.
    all: Vec<(String, String)>,
    /// What is there before the first.
    baseline: Vec<Action>,
    /// How many of them are locked, oldest first; `None` without a lock file.
    locked: Option<usize>,
}

impl Files {
    /// Reads and checks what is in `folders`, relative to the current folder.
    pub fn read(folders: &[PathBuf]) -> Self {
        let folders = or_default(folders.to_vec());
        let base = Path::new("");
        let mut set = Set::load(base, &folders);
        lock::check(&mut set, base, &folders, Lock::Check);
        let all = set
            .migrations()
            .map(|(migration, _)| (migration.name.to_string(), migration.checksum.to_string()))
            .collect();
        let baseline = set.baseline();
        let locked = lock::locked(base, &folders);
        let problems = set.problems.clone();
        Self { migrations: set.into_result().ok(), problems, all, baseline, locked }
    }

    /// Whether nothing that matters to the database is different.
    pub fn are(&self, others: &Self) -> bool {
        (&self.all, &self.baseline, self.locked) == (&others.all, &others.baseline, others.locked)
            && self.problems.to_string() == others.problems.to_string()
    }

    /// Whether there is a baseline: tables that no migration makes.
    pub fn have_baseline(&self) -> bool {
        !self.baseline.is_empty()
    }

    /// How many migrations, oldest first, are to be completed: those that are locked.
    ///
    /// Without a lock file they are, in a database that is `empty`, those that are now as they were at `first`; in another one there is no telling
    /// which of them are finished, so that what is completed there stays so, and nothing else is.
    pub fn shipped(&self, first: &Self, empty: bool) -> usize {
        match self.locked {
            Some(locked) => locked.min(self.all.len()),
            None if empty => {
                self.all.iter().zip(&first.all).take_while(|(now, then)| now == then).count()
            }
            None => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(locked: Option<usize>, all: &[(&str, &str)]) -> Files {
        let all = all.iter().map(|(name, sum)| ((*name).to_owned(), (*sum).to_owned())).collect();
        Files {
            migrations: None,
            problems: Diagnostics::default(),
            all,
            baseline: Vec::new(),
            locked,
        }
    }

    #[test]
    fn locked_migrations_are_shipped() {
        let first = files(Some(1), &[("1", "a"), ("2", "b")]);
        assert_eq!(first.shipped(&first, true), 1);
        assert_eq!(files(Some(2), &[("1", "a"), ("2", "c")]).shipped(&first, false), 2);
    }

    #[test]
    fn without_a_lock_file_an_empty_database_gets_what_was_there_before() {
        let first = files(None, &[("1", "a"), ("2", "b")]);
        assert_eq!(first.shipped(&first, true), 2);
        assert_eq!(first.shipped(&first, false), 0);
        assert_eq!(files(None, &[("1", "a"), ("2", "c"), ("3", "d")]).shipped(&first, true), 1);
        assert_eq!(first.shipped(&files(None, &[]), true), 0);
    }
}
