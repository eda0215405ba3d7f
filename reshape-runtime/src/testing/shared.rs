//! The server that all test processes of a user share.
//!
//! The cache holds, for each set of server programs, a file that names the server's folder, and a lock that is held while one is
//! started. The folder holds `data`, `log`, `address` and the pipe `users`; what they mean, and how a server ends, `shared.sh` says.
//!
//! **Invariant:** nothing here goes by a process id: whether a server is alive is asked by way of its pipe, whose other end only its
//! supervisor holds, and of its port.
//!
//! **Invariant:** a server whose `address` was there after we came goes on until we are gone.

use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use rustix::process::{Pid, Signal, kill_process_group};

use super::marks;
use super::owner::{Owner, io_error, temporary_folder};
use super::place::Place;
use super::prepared::{self, Prepared};
use super::programs::{Programs, has_strategies};
use super::ready::{self, LOST_PORT, PORTS, free_port, wait_until_ready};
use super::supervise::{COMMON, Supervised};
use crate::{Error, ErrorKind};

const SUPERVISOR: &str = include_str!("shared.sh");

/// A file in the folder of a server whose databases are made faster by copying files, and which can be told so.
const COPIES_FILES: &str = "copies-files";

/// How long nobody has to use the server before it ends, in seconds.
const IDLE_VARIABLE: &str = "RESHAPE_TEST_SERVER_IDLE";
const IDLE_SECONDS: u32 = 300;

/// How long a server that has just lost its address may take to end.
const END: Duration = Duration::from_secs(10);

const CONNECT: Duration = Duration::from_secs(2);

/// Many processes with some clients each; databases too short-lived for autovacuum, which would only be in the way of dropping them.
const SETTINGS: [&str; 4] =
    ["max_connections=1000", "shared_buffers=128MB", "autovacuum=off", "checkpoint_timeout=1h"];

/// A server that does not end while this value lives.
#[derive(Debug)]
pub(super) struct Shared {
    folder: PathBuf,
    port: u16,
    pid: u32,
    copies_files: bool,
    /// Kept open: the supervisor notices when it is closed, whatever closes it.
    _users: File,
}

/// Where the processes of a user find the server of some programs.
struct Meeting {
    programs: Programs,
    owner: Owner,
    /// Names the server's folder.
    named: PathBuf,
    /// Held while a server is started.
    lock: PathBuf,
}

impl Shared {
    /// The running server, or one that is started now.
    pub(super) fn join() -> Result<Self, Error> {
        let meeting = Meeting::new()?;
        if let Some(server) = meeting.join() {
            return Ok(server);
        }
        let lock = File::options().create(true).truncate(false).write(true).open(&meeting.lock);
        let lock = lock.map_err(|error| io_error(&meeting.lock, error))?;
        lock.lock().map_err(|error| io_error(&meeting.lock, error))?;
        // Somebody may have started it while we waited for the lock, which is given back when it is closed.
        for _ in 0..PORTS {
            if let Some(server) = meeting.join() {
                return Ok(server);
            }
            meeting.start()?;
        }
        let version = meeting.programs.version()?;
        let message = format!("the shared server ({version}) ends as soon as it starts");
        Err(Error::new(ErrorKind::Connect, message)
            .with_help("name a running server in `DATABASE_URL`, or look into the folder that `reshape-postgres-*` in the temporary folder names"))
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

    /// Whether databases are made faster by copying files, and the server can be told so.
    pub(super) fn copies_files(&self) -> bool {
        self.copies_files
    }
}

/// The folders of all servers of this user that are there, or were, of other programs and of other versions of this crate too.
pub(super) fn folders() -> Result<Vec<PathBuf>, Error> {
    let cache = prepared::cache(&temporary_folder(), Owner::of_server()?)?;
    let entries = fs::read_dir(&cache).map_err(|error| io_error(&cache, error))?;
    let files = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let named = files.filter(|file| file.extension().is_some_and(|end| end == "server"));
    Ok(named.filter_map(|file| named_in(&file)).filter(|folder| folder.exists()).collect())
}

/// The folder of the server that a process of ours would use, if it is there.
pub(super) fn folder() -> Result<Option<PathBuf>, Error> {
    Ok(Meeting::new()?.folder())
}

fn named_in(file: &Path) -> Option<PathBuf> {
    let folder = fs::read_to_string(file).ok()?;
    Some(PathBuf::from(folder.trim_end()))
}

impl Meeting {
    fn new() -> Result<Self, Error> {
        let programs = Programs::find()?;
        let owner = Owner::of_server()?;
        let cache = prepared::cache(&temporary_folder(), owner)?;
        let key = prepared::key(&(programs.key()?, COMMON, SETTINGS, SUPERVISOR));
        let named = cache.join(format!("{key:016x}.server"));
        Ok(Self { programs, owner, lock: named.with_extension("starting"), named })
    }

    /// The folder of the server that is there, or was.
    fn folder(&self) -> Option<PathBuf> {
        named_in(&self.named)
    }

    /// The server that is there, unless it is about to end.
    fn join(&self) -> Option<Shared> {
        let folder = self.folder()?;
        // Not even a byte for a server that is not yet, or no longer, to be used.
        address(&folder)?;
        // Without a reader, whose end the supervisor holds, opening fails at once.
        let pipe = folder.join("users");
        let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
        let mut users = File::options().write(true).custom_flags(nonblocking).open(&pipe).ok()?;
        users.write_all(b".").ok()?;
        // Now that we have come it counts.
        let port = address(&folder)?;
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let (Ok(_), Some(pid)) = (TcpStream::connect_timeout(&at, CONNECT), ready::pid(&folder))
        else {
            return None;
        };
        let copies_files = folder.join(COPIES_FILES).exists();
        Some(Shared { folder, port, pid, copies_files, _users: users })
    }

    /// Starts a server, with the data of the one before if that is to stay. The lock is held.
    fn start(&self) -> Result<(), Error> {
        // Before anything is touched: a wrong setting costs nothing.
        let idle = idle_seconds()?;
        let version = self.programs.version()?;
        let before = self.folder().filter(|folder| folder.exists());
        let (folder, last_port) = match before {
            Some(folder) if has_data_to_keep(&folder) => {
                let port = fs::read_to_string(folder.join("port")).unwrap_or_default();
                (folder, port.trim().parse().ok())
            }
            before => {
                if let Some(folder) = before {
                    dispose(&folder);
                }
                (self.new_folder(&version)?, None)
            }
        };
        let mut port = last_port;
        for _ in 0..PORTS {
            let chosen = match port.take() {
                Some(port) => port,
                None => free_port()?,
            };
            let started = self.start_at(&folder, chosen, idle);
            // Nobody else knows of it; what is kept stays.
            if !matches!(started, Ok(Ok(()))) && !marks::keeps(&folder) {
                let _ = fs::remove_dir_all(&folder);
            }
            match started? {
                Ok(()) => return Ok(()),
                Err(log) if log.contains(LOST_PORT) => {}
                Err(log) => {
                    let message = format!("the shared server ({version}) did not start");
                    return Err(Error::new(ErrorKind::Connect, message).with_source(log));
                }
            }
            if !marks::keeps(&folder) {
                return Ok(());
            }
        }
        Ok(())
    }

    fn new_folder(&self, version: &str) -> Result<PathBuf, Error> {
        let place = Place::find();
        let folder = tempfile::Builder::new()
            .prefix("reshape-shared-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(&place.folder)
            .map_err(|error| io_error(&place.folder, error))?;
        self.owner.take(folder.path())?;
        if place.in_memory && has_strategies(version) {
            let mark = folder.path().join(COPIES_FILES);
            File::create(&mark).map_err(|error| io_error(&mark, error))?;
        }
        Ok(folder.keep())
    }

    /// The inner error is the log of a server that ended at once or never got ready.
    fn start_at(&self, folder: &Path, port: u16, idle: u32) -> Result<Result<(), String>, Error> {
        let prepared = Prepared::get(&temporary_folder(), &self.programs, self.owner)?;
        let owner = self.owner;
        let server =
            Supervised { owner, programs: &self.programs, folder, port, settings: &SETTINGS };
        let exit = folder.join("exit");
        let _ = fs::remove_file(&exit);
        // Who does not get as far as to use the data leaves it as it was: after a clean shutdown, or it would not be here.
        let unused = || fs::write(&exit, "0");
        let arguments = [prepared.data.clone().into(), idle.to_string().into()];
        let spawned = server.spawn(SUPERVISOR, &arguments, Stdio::null());
        let mut child = spawned.inspect_err(|_| {
            let _ = unused();
        })?;
        let ready = wait_until_ready(folder);
        if let Err(log) = ready {
            // A server that never got ready would else run on without an address until it is found to be idle.
            let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
            let _ = child.wait();
            if exit.exists() {
                let _ = unused();
            }
            return Ok(Err(log));
        }
        // It is not ours to wait for; when we have ended it is the system's.
        drop(child);
        let port = port.to_string();
        write(&folder.join("port"), &port)?;
        write(&self.named, &folder.to_string_lossy())?;
        write(&folder.join("address"), &port)?;
        Ok(Ok(()))
    }
}

/// The port of a server that is to be used.
fn address(folder: &Path) -> Option<u16> {
    fs::read_to_string(folder.join("address")).ok()?.trim().parse().ok()
}

/// Whether the server of this folder has ended and left its data, for which it is given a moment if it is about to.
fn has_data_to_keep(folder: &Path) -> bool {
    let started = Instant::now();
    while marks::keeps(folder) {
        if folder.join("exit").exists() {
            // Without a clean shutdown, and without fsync, there is no telling what it holds.
            return fs::read_to_string(folder.join("exit")).is_ok_and(|code| code.trim() == "0");
        }
        if folder.join("address").exists() || started.elapsed() > END {
            return false;
        }
        sleep(Duration::from_millis(20));
    }
    false
}

/// Removes what a server has left behind for the sake of data that nobody wants any more.
pub(super) fn clear(folder: &Path) {
    if folder.join("exit").exists() && !marks::keeps(folder) && is_ours(folder) {
        // What cannot be removed now is in nobody's way.
        let _ = fs::remove_dir_all(folder);
    }
}

fn is_ours(folder: &Path) -> bool {
    let name = folder.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with("reshape-shared-"))
}

/// Removes what a server has left behind that did not end as it should: one that is ending removes its folder itself.
fn dispose(folder: &Path) {
    if folder.join("address").exists() && is_ours(folder) {
        // A server without its files, should one be left, notices within a minute and ends.
        let _ = fs::remove_dir_all(folder);
    }
}

/// A file that is either as before or whole.
fn write(path: &Path, text: &str) -> Result<(), Error> {
    let new = path.with_extension("new");
    fs::write(&new, text)
        .and_then(|()| fs::rename(&new, path))
        .map_err(|error| io_error(path, error))
}

fn idle_seconds() -> Result<u32, Error> {
    let Some(text) = std::env::var_os(IDLE_VARIABLE).filter(|text| !text.is_empty()) else {
        return Ok(IDLE_SECONDS);
    };
    text.to_str().and_then(|text| text.parse().ok()).ok_or_else(|| {
        let message =
            format!("`{IDLE_VARIABLE}` is `{}`, which is no number of seconds", text.display());
        Error::new(ErrorKind::Setting, message)
            .with_help(format!("leave it out, or write for example `{IDLE_VARIABLE}=60`"))
    })
}
