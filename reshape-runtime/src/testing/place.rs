//! Where the files of a server for tests are.
//!
//! A file system in memory where there is one with room: databases are made by copying files, and dropped by removing them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::owner::temporary_folder;

/// Linux has a file system in memory there, which Postgres itself uses too.
const MEMORY: &str = "/dev/shm";

/// In containers it often has 64 MiB, which is what a server alone takes.
const LEAST_BYTES: u64 = 1 << 30;

/// A folder in which anybody may make one of his own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) folder: PathBuf,
    /// Copying files there costs less than writing pages by way of the log.
    pub(super) in_memory: bool,
}

impl Place {
    /// `/dev/shm` if it has a GiB left, else the folder for temporary files.
    pub(super) fn find() -> Self {
        let memory = Path::new(MEMORY);
        if is_open(memory) && free_bytes(memory).is_some_and(|free| free >= LEAST_BYTES) {
            return Self { folder: memory.to_owned(), in_memory: true };
        }
        Self { folder: temporary_folder(), in_memory: false }
    }
}

/// Everybody may write there, and nobody may remove what is another's.
fn is_open(folder: &Path) -> bool {
    fs::symlink_metadata(folder)
        .is_ok_and(|found| found.is_dir() && found.permissions().mode() & 0o1777 == 0o1777)
}

fn free_bytes(folder: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(folder).ok()?;
    found.f_bavail.checked_mul(found.f_frsize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_our_own_is_not_open_to_everybody() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        assert!(!is_open(folder.path()));
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o1777)).unwrap();
        assert!(is_open(folder.path()));
        assert!(!is_open(Path::new("/no/such/folder")));
        assert!(free_bytes(folder.path()).is_some());
        assert_eq!(free_bytes(Path::new("/no/such/folder")), None);
    }
}
