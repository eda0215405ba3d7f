//! What is asked of a shared server beside to be there for its users: files in its folder, which `shared.sh` looks for.
//!
//! **Invariant:** each mark has one owner, the tests together or one database with a name of its own, and nobody else takes it away.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::Path;

use super::owner::io_error;
use crate::Error;

/// The data stays when the server ends: somebody may want to look at the database of a failed test.
const KEPT: &str = "kept";
/// The same, because of the database whose name follows.
const KEEP: &str = "keep-";
/// The server goes on without users, because of the database whose name follows.
const HOLD: &str = "hold-";

/// Whether the data stays when the server ends.
pub(super) fn keeps(home: &Path) -> bool {
    if home.join(KEPT).exists() {
        return true;
    }
    let names = fs::read_dir(home).into_iter().flatten().filter_map(Result::ok);
    names.into_iter().any(|entry| entry.file_name().as_encoded_bytes().starts_with(KEEP.as_bytes()))
}

/// A test's database is kept.
pub(super) fn test_is_kept(home: &Path) {
    // Without the mark the database goes when the server does.
    let _ = File::create(home.join(KEPT));
}

/// No test's database is kept any more.
pub(super) fn no_test_is_kept(home: &Path) {
    // Nobody may have wished for it.
    let _ = fs::remove_file(home.join(KEPT));
}

/// Whether this database is kept.
pub(super) fn is_kept(home: &Path, database: &str) -> bool {
    home.join(format!("{KEEP}{database}")).exists()
}

/// Whether this database is kept when the server ends, from now on.
pub(super) fn keep(home: &Path, database: &str, on: bool) -> Result<(), Error> {
    mark(&home.join(format!("{KEEP}{database}")), on).map(drop)
}

/// Whether the server goes on for the sake of this database, from now on; whether that is a change.
pub(super) fn hold(home: &Path, database: &str, on: bool) -> Result<bool, Error> {
    mark(&home.join(format!("{HOLD}{database}")), on)
}

/// The server does nothing any more for the sake of this database.
pub(super) fn forget(home: &Path, database: &str) -> Result<(), Error> {
    hold(home, database, false)?;
    keep(home, database, false)
}

fn mark(file: &Path, on: bool) -> Result<bool, Error> {
    let done = if on { File::create_new(file).map(drop) } else { fs::remove_file(file) };
    let already = if on { ErrorKind::AlreadyExists } else { ErrorKind::NotFound };
    match done {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == already => Ok(false),
        Err(error) => Err(io_error(file, error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_taken_away_by_its_owner_alone() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path();
        assert!(!keeps(home));
        keep(home, "reshape_dev_a", true).unwrap();
        keep(home, "reshape_dev_b", true).unwrap();
        test_is_kept(home);

        no_test_is_kept(home);
        assert!(keeps(home) && is_kept(home, "reshape_dev_a"));
        keep(home, "reshape_dev_a", false).unwrap();
        assert!(keeps(home) && !is_kept(home, "reshape_dev_a"));
        keep(home, "reshape_dev_b", false).unwrap();
        assert!(!keeps(home));
        test_is_kept(home);
        assert!(keeps(home));

        assert!(hold(home, "reshape_dev_a", true).unwrap());
        assert!(!hold(home, "reshape_dev_a", true).unwrap());
        assert!(hold(home, "reshape_dev_a", false).unwrap());
        assert!(!hold(home, "reshape_dev_a", false).unwrap());
    }
}
