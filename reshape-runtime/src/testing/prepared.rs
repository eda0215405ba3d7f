//! An initialised data folder, kept from one run to the next: `initdb` takes a second, a copy a tenth of it.
//!
//! **Invariant:** a data folder is complete when it has its name: it is made under another one, with the lock held.
//!
//! **Invariant:** the folder of prepared ones belongs to the user of the server and is closed to everybody else.

use std::fs::{self, File, Permissions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::owner::{Owner, io_error};
use super::programs::Programs;
use crate::{Error, ErrorKind};

/// Systems delete old temporary files one by one; it is made anew long before.
const MAX_AGE: Duration = Duration::from_hours(24);

const INITDB: [&str; 5] =
    ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"];

/// The maps of free space and of visible pages, which are made anew where they are missing: a third of a new database's files, and what
/// a copy of it takes goes by their number.
const SLIM: [&str; 2] = ["_fsm", "_vm"];

/// A prepared data folder that nobody replaces while this value lives.
#[derive(Debug)]
pub(super) struct Prepared {
    /// The data folder to copy.
    pub(super) data: PathBuf,
    _lock: File,
}

impl Prepared {
    /// The one for these programs, made if there is none.
    pub(super) fn get(temporary: &Path, programs: &Programs, owner: Owner) -> Result<Self, Error> {
        let cache = cache(temporary, owner)?;
        let data = cache.join(format!("{:016x}", key(&(programs.key()?, INITDB, SLIM))));
        let lock_path = data.with_extension("lock");
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(|error| io_error(&lock_path, error))?;
        loop {
            lock.lock_shared().map_err(|error| io_error(&lock_path, error))?;
            if is_fresh(&data) {
                return Ok(Self { data, _lock: lock });
            }
            lock.unlock().map_err(|error| io_error(&lock_path, error))?;
            lock.lock().map_err(|error| io_error(&lock_path, error))?;
            if !is_fresh(&data) {
                make(&data, programs, owner)?;
            }
            lock.unlock().map_err(|error| io_error(&lock_path, error))?;
        }
    }
}

/// The folder of what is kept from one run to the next, made if there is none.
pub(super) fn cache(temporary: &Path, owner: Owner) -> Result<PathBuf, Error> {
    let cache = temporary.join(format!("reshape-postgres-{}", owner.uid()));
    private_folder(&cache, owner)?;
    Ok(cache)
}

/// What tells one thing in the cache from another.
pub(super) fn key(of: &impl Hash) -> u64 {
    let mut key = DefaultHasher::new();
    of.hash(&mut key);
    key.finish()
}

fn private_folder(folder: &Path, owner: Owner) -> Result<(), Error> {
    match fs::create_dir(folder) {
        Ok(()) => {
            fs::set_permissions(folder, Permissions::from_mode(0o700))
                .map_err(|error| io_error(folder, error))?;
            owner.take(folder)
        }
        Err(error) => {
            let found = fs::symlink_metadata(folder).map_err(|_| io_error(folder, error))?;
            // The moment between another process's `create_dir` and `take`: the folder is still root's.
            let ours = found.uid() == owner.uid()
                || matches!(owner, Owner::Other { .. }) && found.uid() == 0;
            if found.is_dir() && ours {
                return owner.take(folder);
            }
            let message = format!("`{}` belongs to somebody else", folder.display());
            Err(Error::new(ErrorKind::Connect, message)
                .with_help("remove it, or point `TMPDIR` to a folder of your own"))
        }
    }
}

/// `PG_VERSION` is written once, by initdb.
fn is_fresh(data: &Path) -> bool {
    let written = fs::metadata(data.join("PG_VERSION")).and_then(|file| file.modified());
    written.is_ok_and(|at| SystemTime::now().duration_since(at).is_ok_and(|age| age < MAX_AGE))
}

fn make(data: &Path, programs: &Programs, owner: Owner) -> Result<(), Error> {
    let unfinished = data.with_extension("new");
    for folder in [data, &unfinished] {
        if folder.exists() {
            fs::remove_dir_all(folder).map_err(|error| io_error(folder, error))?;
        }
    }
    let initdb = programs.folder.join("initdb");
    let output = owner.command(&initdb).args(INITDB).arg("--pgdata").arg(&unfinished).output();
    let output = output.map_err(|error| {
        let message = format!("`{}` does not run", initdb.display());
        Error::new(ErrorKind::Connect, message).with_source(error)
    })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        let message = format!("`{}` failed", initdb.display());
        return Err(Error::new(ErrorKind::Connect, message).with_source(said));
    }
    slim(&unfinished).map_err(|error| io_error(&unfinished, error))?;
    fs::rename(&unfinished, data).map_err(|error| io_error(data, error))
}

/// Leaves out of each database what it need not have. The server is not running.
fn slim(data: &Path) -> io::Result<()> {
    for database in fs::read_dir(data.join("base"))? {
        for file in fs::read_dir(database?.path())? {
            let file = file?;
            if SLIM.iter().any(|end| file.file_name().to_string_lossy().ends_with(end)) {
                fs::remove_file(file.path())?;
            }
        }
    }
    Ok(())
}
