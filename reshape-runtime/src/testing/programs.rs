//! Finds the server's programs.
//!
//! **Invariant:** the first folder that holds both `initdb` and `postgres` wins; a folder that `RESHAPE_PG_BIN` names is
//! taken or refused, never passed over.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use super::prepared::key;
use crate::{Error, ErrorKind};

/// The oldest major version that is supported.
const OLDEST: u32 = 14;

const HELP: &str = "install PostgreSQL 14 or newer (Debian: `apt-get install postgresql`, macOS: \
    `brew install postgresql`), name the folder of its programs in `RESHAPE_PG_BIN`, or a running server in `DATABASE_URL`";

/// The programs of one installation.
///
/// Every test process looks for them, most of them to find the server that another one has started: what it takes a process to learn is
/// learnt by who needs it.
#[derive(Clone, Debug)]
pub(super) struct Programs {
    /// The folder that holds `initdb` and `postgres`.
    pub(super) folder: PathBuf,
}

impl Programs {
    /// Looks in `RESHAPE_PG_BIN`, `PATH`, `pg_config --bindir`, then where packages install servers.
    pub(super) fn find() -> Result<Self, Error> {
        if let Some(folder) = std::env::var_os("RESHAPE_PG_BIN").filter(|value| !value.is_empty()) {
            let folder = PathBuf::from(folder);
            if !holds_server(&folder) {
                let message = format!(
                    "`RESHAPE_PG_BIN` names `{}`, which does not hold `initdb` and `postgres`",
                    folder.display()
                );
                return Err(Error::new(ErrorKind::Connect, message).with_help(HELP));
            }
            return Ok(Self { folder });
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folder = std::env::split_paths(&path)
            .find(|folder| holds_server(folder))
            .or_else(|| pg_config_bindir().filter(|folder| holds_server(folder)))
            .or_else(|| packaged(Path::new("/")).into_iter().find(|folder| holds_server(folder)));
        match folder {
            Some(folder) => Ok(Self { folder }),
            None => Err(Error::new(ErrorKind::Connect, "no PostgreSQL server programs were found")
                .with_help(HELP)),
        }
    }

    /// What tells these programs from others, and from those that an update puts in their place.
    pub(super) fn key(&self) -> Result<u64, Error> {
        let program = self.folder.join("postgres");
        let found = fs::metadata(&program).map_err(|error| does_not_run(&program, error))?;
        Ok(key(&(&self.folder, found.dev(), found.ino(), found.len(), found.mtime())))
    }

    /// What `postgres --version` says, e.g. `postgres (PostgreSQL) 17.2`, if that is supported.
    pub(super) fn version(&self) -> Result<String, Error> {
        let program = self.folder.join("postgres");
        let output = Command::new(&program).arg("--version").output();
        let output = output.map_err(|error| does_not_run(&program, error))?;
        let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        match major(&version) {
            Some(major) if major < OLDEST => {
                let message =
                    format!("`{}` is {version}, which is older than {OLDEST}", program.display());
                Err(Error::new(ErrorKind::Connect, message).with_help(HELP))
            }
            _ => Ok(version),
        }
    }
}

/// Whether `CREATE DATABASE` of a server of this version can be told how to copy.
pub(super) fn has_strategies(version: &str) -> bool {
    major(version).is_some_and(|major| major >= 15)
}

fn does_not_run(program: &Path, error: io::Error) -> Error {
    let message = format!("`{}` does not run", program.display());
    Error::new(ErrorKind::Connect, message).with_help(HELP).with_source(error)
}

fn holds_server(folder: &Path) -> bool {
    folder.is_absolute() && folder.join("initdb").is_file() && folder.join("postgres").is_file()
}

fn pg_config_bindir() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().into())
}

/// `postgres (PostgreSQL) 17.2` -> 17; also `18beta1`.
fn major(version: &str) -> Option<u32> {
    version.split_whitespace().find_map(first_number)
}

/// The folders in which packages put the server, the newest version of each kind first.
fn packaged(root: &Path) -> Vec<PathBuf> {
    // Debian; PGDG for Red Hat; Alpine; Homebrew on Apple silicon, on Intel, and on Linux.
    let places = [
        ("usr/lib/postgresql", "", "bin"),
        ("usr", "pgsql-", "bin"),
        ("usr/libexec", "postgresql", ""),
        ("opt/homebrew/opt", "postgresql@", "bin"),
        ("usr/local/opt", "postgresql@", "bin"),
        ("home/linuxbrew/.linuxbrew/opt", "postgresql@", "bin"),
    ];
    places
        .iter()
        .flat_map(|(parent, prefix, rest)| {
            let mut versions: Vec<(u32, PathBuf)> = fs::read_dir(root.join(parent))
                .into_iter()
                .flatten()
                .flatten()
                .filter_map(|entry| {
                    let name = entry.file_name();
                    let version = first_number(name.to_str()?.strip_prefix(prefix)?)?;
                    Some((version, entry.path().join(rest)))
                })
                .collect();
            versions.sort_by(|a, b| b.cmp(a));
            versions.into_iter().map(|(_, folder)| folder)
        })
        .collect()
}

/// The number that a text begins with.
fn first_number(text: &str) -> Option<u32> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_packaged_version_comes_first_and_not_by_the_alphabet() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["usr/lib/postgresql/9/bin", "usr/lib/postgresql/16/bin", "usr/pgsql-17/bin"]
        {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        fs::create_dir_all(root.path().join("usr/lib/postgresql/common")).unwrap();

        let found = packaged(root.path());

        let expected =
            ["usr/lib/postgresql/16/bin", "usr/lib/postgresql/9/bin", "usr/pgsql-17/bin"];
        assert_eq!(found, expected.map(|folder| root.path().join(folder)));
    }

    #[test]
    fn a_folder_with_one_program_alone_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("postgres"), "").unwrap();
        assert!(!holds_server(folder.path()));
        fs::write(folder.path().join("initdb"), "").unwrap();
        assert!(holds_server(folder.path()));
    }

    #[test]
    fn versions_are_read() {
        assert_eq!(major("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"), Some(15));
        assert_eq!(major("postgres (PostgreSQL) 19beta1"), Some(19));
        assert_eq!(major("something else"), None);
    }
}
