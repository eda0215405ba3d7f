//! A private server.
//!
//! **Invariant:** the process that starts a server is not its parent; the shell of `supervisor.sh` is, and it stops the
//! server and removes the folder as soon as the pipe to it is closed.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use super::owner::{Owner, io_error, temporary_folder};
use super::place::Place;
use super::prepared::Prepared;
use super::programs::{Programs, has_strategies};
use super::ready::{LOST_PORT, PORTS, free_port, wait_until_ready};
use super::supervise::Supervised;
use crate::{Error, ErrorKind};

const SUPERVISOR: &str = include_str!("supervisor.sh");

/// One process with some clients. Everything else as Postgres sets it.
const SETTINGS: [&str; 2] = ["max_connections=200", "shared_buffers=64MB"];

#[derive(Debug)]
pub(super) struct Cluster {
    folder: PathBuf,
    port: u16,
    pid: u32,
    copies_files: bool,
    _supervisor: Supervisor,
}

/// The shell. Dropping it ends the server.
#[derive(Debug)]
struct Supervisor(Child);

impl Drop for Supervisor {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // Failing means that there is no such child any more.
        let _ = self.0.wait();
    }
}

impl Cluster {
    pub(super) fn start() -> Result<Self, Error> {
        let programs = Programs::find()?;
        let version = programs.version()?;
        let mut tries = 0;
        loop {
            tries += 1;
            match Self::start_once(&programs, &version)? {
                Ok(cluster) => return Ok(cluster),
                Err(log) if tries < PORTS && log.contains(LOST_PORT) => {}
                Err(log) => {
                    let message = format!("a private server ({version}) did not start");
                    return Err(Error::new(ErrorKind::Connect, message).with_source(log));
                }
            }
        }
    }

    /// The inner error is the log of a server that ended at once or never got ready.
    fn start_once(programs: &Programs, version: &str) -> Result<Result<Self, String>, Error> {
        let place = Place::find();
        let folder = tempfile::Builder::new()
            .prefix("reshape-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(&place.folder)
            .map_err(|error| io_error(&place.folder, error))?;
        let owner = Owner::of_server()?;
        owner.take(folder.path())?;
        let template = Prepared::get(&temporary_folder(), programs, owner)?;
        let port = free_port()?;
        let server =
            Supervised { owner, programs, folder: folder.path(), port, settings: &SETTINGS };
        let child = server.spawn(SUPERVISOR, &[template.data.clone().into()], Stdio::piped())?;
        // From here on the folder is the supervisor's to remove.
        let supervisor = Supervisor(child);
        let folder = folder.keep();
        let copies_files = place.in_memory && has_strategies(version);
        let ready = wait_until_ready(&folder);
        Ok(ready.map(|pid| Self { folder, port, pid, copies_files, _supervisor: supervisor }))
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether databases are made faster by copying files, and the server can be told so.
    pub(super) fn copies_files(&self) -> bool {
        self.copies_files
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }
}
