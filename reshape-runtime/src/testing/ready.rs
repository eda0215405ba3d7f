//! From a free port to a server that listens on it.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::{Error, ErrorKind};

/// Between the choice of a free port and its use somebody else may take it; so often a new one is chosen.
pub(super) const PORTS: u32 = 10;

/// What a server's log says in this case.
pub(super) const LOST_PORT: &str = "could not create any TCP/IP sockets";

/// How long a server may take to accept connections; it is far less, except on a machine that is overwhelmed.
const START: Duration = Duration::from_mins(1);

/// A port of the loopback interface that nobody listens on.
pub(super) fn free_port() -> Result<u16, Error> {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| Error::new(ErrorKind::Connect, "no free loopback port").with_source(error))
}

/// The process id of the server once it accepts connections, or its log. The data is in `folder/data`, the log is `folder/log`, and
/// `folder/exit` appears when the server has ended.
pub(super) fn wait_until_ready(folder: &Path) -> Result<u32, String> {
    let started = Instant::now();
    while started.elapsed() < START && !folder.join("exit").exists() {
        if let Some(pid) = pid(folder) {
            return Ok(pid);
        }
        sleep(Duration::from_millis(5));
    }
    Err(fs::read_to_string(folder.join("log")).unwrap_or_default().trim().to_owned())
}

/// The process id of a server that accepts connections.
pub(super) fn pid(folder: &Path) -> Option<u32> {
    // Line 1 is the process id, line 8 the state; pg_ctl goes by the same.
    let file = fs::read_to_string(folder.join("data/postmaster.pid")).ok()?;
    let lines: Vec<&str> = file.lines().map(str::trim).collect();
    match lines[..] {
        [pid, _, _, _, _, _, _, "ready", ..] => pid.parse().ok(),
        _ => None,
    }
}
