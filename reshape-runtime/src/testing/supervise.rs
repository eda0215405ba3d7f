//! A server and the shell that watches over it.
//!
//! **Invariant:** how much faster than safe a server for tests is, is said here once; what its kinds differ in they say themselves.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Child, Stdio};

use super::owner::Owner;
use super::programs::Programs;
use crate::{Error, ErrorKind};

/// Speed before safety: what is in it can be made again.
pub(super) const COMMON: [&str; 9] = [
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    // In the data folder, so that nothing of a killed server is left elsewhere.
    "dynamic_shared_memory_type=mmap",
    "listen_addresses=127.0.0.1",
    "logging_collector=off",
    "log_destination=stderr",
];

/// What the shell is to run.
pub(super) struct Supervised<'a> {
    pub(super) owner: Owner,
    pub(super) programs: &'a Programs,
    /// Where the server's files are: `data`, its socket, and what the script makes.
    pub(super) folder: &'a Path,
    pub(super) port: u16,
    /// Besides those that all have.
    pub(super) settings: &'a [&'a str],
}

impl Supervised<'_> {
    /// Starts the shell. The script is given the folder, `arguments`, and the server's command line.
    pub(super) fn spawn(
        &self,
        script: &str,
        arguments: &[OsString],
        input: Stdio,
    ) -> Result<Child, Error> {
        let Self { owner, programs, folder, port, settings } = self;
        let mut command = owner.command("sh");
        command.args(["-c", script, "reshape-supervisor"]).arg(folder).args(arguments);
        command.arg(programs.folder.join("postgres")).arg("-D").arg(folder.join("data"));
        command.arg("-p").arg(port.to_string()).arg("-k").arg(folder);
        for setting in COMMON.iter().chain(*settings) {
            command.arg("-c").arg(setting);
        }
        // Nothing of ours is left open in it: whoever runs the tests may wait until their output is closed.
        command.stdin(input).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().map_err(|error| {
            Error::new(ErrorKind::Connect, "a shell to supervise the server cannot be started")
                .with_source(error)
        })
    }
}
