//! A private server.
//!
//! **Invariant:** the process that starts a server is not its parent; the shell of `supervisor.sh` is, and it stops the
//! server and removes the folder as soon as the pipe to it is closed.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::owner::{Owner, io_error, temporary_folder};
use super::programs::Programs;
use super::template::Template;
use crate::{Error, ErrorKind};

const SUPERVISOR: &str = include_str!("supervisor.sh");

/// Between the choice of a free port and its use somebody else may take it; so often a new one is chosen.
const PORTS: u32 = 10;

/// How long a server may take to accept connections; it is far less, except on a machine that is overwhelmed.
const START: Duration = Duration::from_mins(1);

/// Speed before safety: the data does not outlive the process. Everything else as Postgres sets it.
const SETTINGS: [&str; 10] = [
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_connections=200",
    "shared_buffers=64MB",
    "listen_addresses=127.0.0.1",
    "logging_collector=off",
    "log_destination=stderr",
];

#[derive(Debug)]
pub(super) struct Cluster {
    folder: PathBuf,
    port: u16,
    pid: u32,
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
        let mut tries = 0;
        loop {
            tries += 1;
            match Self::start_once(&programs)? {
                Ok(cluster) => return Ok(cluster),
                Err(log)
                    if tries < PORTS && log.contains("could not create any TCP/IP sockets") => {}
                Err(log) => {
                    let message = format!("a private server ({}) did not start", programs.version);
                    return Err(Error::new(ErrorKind::Connect, message).with_source(log));
                }
            }
        }
    }

    /// The inner error is the log of a server that ended at once or never got ready.
    fn start_once(programs: &Programs) -> Result<Result<Self, String>, Error> {
        let temporary = temporary_folder();
        let folder = tempfile::Builder::new()
            .prefix("reshape-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(&temporary)
            .map_err(|error| io_error(&temporary, error))?;
        let owner = Owner::of_server(folder.path())?;
        owner.take(folder.path())?;
        let template = Template::get(&temporary, programs, owner)?;
        let port = TcpListener::bind(("127.0.0.1", 0))
            .and_then(|listener| listener.local_addr())
            .map_err(|error| {
                Error::new(ErrorKind::Connect, "no free loopback port").with_source(error)
            })?
            .port();

        let mut command = owner.command("sh");
        command.args(["-c", SUPERVISOR, "reshape-supervisor"]);
        command.arg(folder.path()).arg(&template.data);
        command.arg(programs.folder.join("postgres")).arg("-D").arg(folder.path().join("data"));
        command.arg("-p").arg(port.to_string()).arg("-k").arg(folder.path());
        for setting in SETTINGS {
            command.arg("-c").arg(setting);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().map_err(|error| {
            Error::new(ErrorKind::Connect, "a shell to supervise the server cannot be started")
                .with_source(error)
        })?;
        // From here on the folder is the supervisor's to remove.
        let supervisor = Supervisor(child);
        let folder = folder.keep();
        Ok(wait_until_ready(&folder).map(|pid| Self { folder, port, pid, _supervisor: supervisor }))
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }
}

/// The process id of the server once it accepts connections, or its log.
fn wait_until_ready(folder: &Path) -> Result<u32, String> {
    let started = Instant::now();
    while started.elapsed() < START && !folder.join("exit").exists() {
        // Line 1 is the process id, line 8 the state; pg_ctl goes by the same.
        let file = fs::read_to_string(folder.join("data/postmaster.pid")).unwrap_or_default();
        let lines: Vec<&str> = file.lines().map(str::trim).collect();
        if let [pid, _, _, _, _, _, _, "ready", ..] = lines[..]
            && let Ok(pid) = pid.parse()
        {
            return Ok(pid);
        }
        sleep(Duration::from_millis(5));
    }
    Err(fs::read_to_string(folder.join("log")).unwrap_or_default().trim().to_owned())
}
