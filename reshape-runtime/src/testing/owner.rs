//! The user whom a private server runs as.
//!
//! **Invariant:** the server, its files and the programs that make them belong to one user, and that is never root:
//! Postgres refuses to run as root.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Error, ErrorKind};

/// Who runs the server.
#[derive(Clone, Copy, Debug)]
pub(super) enum Owner {
    /// Whoever runs this process.
    Us {
        /// The user id.
        uid: u32,
    },
    /// Somebody else, because this process is root's.
    Other {
        /// The user id.
        uid: u32,
        /// The id of the user's group.
        gid: u32,
    },
}

impl Owner {
    /// The user of this process; if that is root, `postgres` if there is such a user, else `nobody`.
    pub(super) fn of_server() -> Result<Self, Error> {
        let uid = rustix::process::geteuid();
        if !uid.is_root() {
            return Ok(Self::Us { uid: uid.as_raw() });
        }
        ["postgres", "nobody"]
            .iter()
            .find_map(|user| Some(Self::Other { uid: id("-u", user)?, gid: id("-g", user)? }))
            .ok_or_else(|| {
                let message = "PostgreSQL does not run as root, and there is neither a user `postgres` nor a user `nobody`";
                Error::new(ErrorKind::Connect, message)
                    .with_help("run the command as another user, or create the user `postgres`")
            })
    }

    pub(super) fn uid(self) -> u32 {
        match self {
            Self::Us { uid } | Self::Other { uid, .. } => uid,
        }
    }

    /// Gives a file or folder of ours to the owner.
    pub(super) fn take(self, path: &Path) -> Result<(), Error> {
        match self {
            Self::Us { .. } => Ok(()),
            Self::Other { uid, gid } => {
                chown(path, Some(uid), Some(gid)).map_err(|error| io_error(path, error))
            }
        }
    }

    /// A command that runs as the owner, in a process group of its own (Ctrl-C does not reach it), with no
    /// setting of the environment that changes what a server does.
    pub(super) fn command(self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.current_dir("/").process_group(0).env("LC_ALL", "C");
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PG") {
                command.env_remove(name);
            }
        }
        match self {
            Self::Us { .. } => {}
            Self::Other { uid, gid } => {
                command.uid(uid).gid(gid);
            }
        }
        command
    }
}

/// The folder for temporary files: short enough for a socket in it, and open to other users.
pub(super) fn temporary_folder() -> PathBuf {
    // A socket's path has at most 107 bytes on Linux and 103 on macOS; ours adds some 40 to the folder's.
    const LONGEST: usize = 60;
    let folder = std::env::temp_dir();
    let open = |folder: &Path| {
        fs::metadata(folder).is_ok_and(|metadata| metadata.permissions().mode() & 0o001 != 0)
    };
    // Whether we are root is not known yet; a folder that only we may enter is no good if we are. For others it is rare enough.
    let short = folder.as_os_str().len() <= LONGEST;
    if short && folder.is_absolute() && folder.ancestors().all(open) {
        folder
    } else {
        PathBuf::from("/tmp")
    }
}

pub(super) fn io_error(path: &Path, error: io::Error) -> Error {
    let message = format!("`{}` cannot be used for a private server", path.display());
    Error::new(ErrorKind::Connect, message)
        .with_help("point `TMPDIR` to a folder that may be written")
        .with_source(error)
}

fn id(option: &str, user: &str) -> Option<u32> {
    let output = Command::new("id").args([option, user]).output().ok()?;
    output.status.success().then_some(())?;
    String::from_utf8_lossy(&output.stdout).trim().parse().ok()
}
