//! Tells when a file of the migrations may have changed.
//!
//! **Invariant:** folders are watched, not files, since many editors put a new file in the old one's place; and the folders above them, for what is
//! beside them (the lock file, the settings), and because they may be replaced as a whole.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use crate::or_default;

/// So long nothing must happen before the files are read: editors and `git` write several at once.
const QUIET: Duration = Duration::from_millis(100);

/// So long it may take until they are read all the same.
const LONGEST: Duration = Duration::from_secs(1);

/// Watches the folders of the migrations.
#[derive(Debug)]
pub struct Watch {
    folders: Vec<PathBuf>,
    watcher: RecommendedWatcher,
    changes: Receiver<()>,
}

impl Watch {
    /// From now on no change of `folders`, relative to the current folder, goes unnoticed.
    ///
    /// # Errors
    ///
    /// If the system does not tell of changes, or has no room for more.
    pub fn new(folders: &[PathBuf]) -> notify::Result<Self> {
        let (sender, changes) = channel();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // An error may mean that events were lost.
            if event.as_ref().map_or(true, matters) {
                let _ = sender.send(());
            }
        })?;
        let mut watch = Self { folders: or_default(folders.to_vec()), watcher, changes };
        watch.look()?;
        Ok(watch)
    }

    /// Waits until something has happened and then nothing more for a moment.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn wait(&mut self) -> notify::Result<()> {
        let lost = || notify::Error::generic("the system does not tell of changes any more");
        self.changes.recv().map_err(|_| lost())?;
        let first = Instant::now();
        while first.elapsed() < LONGEST && self.changes.recv_timeout(QUIET).is_ok() {}
        // A folder that is there again is another one.
        self.look()
    }

    fn look(&mut self) -> notify::Result<()> {
        for folder in &self.folders {
            let above = folder.parent().unwrap_or(Path::new(""));
            // What is not there is made in the nearest folder that is.
            let above = above.ancestors().find(|above| or_here(above).is_dir());
            self.watcher
                .watch(or_here(above.unwrap_or(Path::new(""))), RecursiveMode::NonRecursive)?;
            // Without it there is nothing in it to watch.
            match self.watcher.watch(or_here(folder), RecursiveMode::NonRecursive) {
                Err(error) if or_here(folder).is_dir() => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }
}

fn or_here(path: &Path) -> &Path {
    if path.as_os_str().is_empty() { Path::new(".") } else { path }
}

/// Whether a file may be another one now. To read one is an event, too.
fn matters(event: &notify::Event) -> bool {
    match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) => false,
        EventKind::Any
        | EventKind::Create(_)
        | EventKind::Modify(_)
        | EventKind::Remove(_)
        | EventKind::Other => true,
    }
}
