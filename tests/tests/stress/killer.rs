//! Kills processes of tests at random.
//!
//! **Invariant:** it ends only processes that run one given program file, which lies in this package's target folder.

use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// A thread that kills until it is stopped.
pub(crate) struct Killer {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<usize>,
}

impl Killer {
    pub(crate) fn start(program: &Path) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (program, stopped) = (program.to_owned(), Arc::clone(&stop));
        let thread = thread::spawn(move || {
            let mut killed = 0;
            while !stopped.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(RandomState::new().hash_one(()) % 100));
                let running = running(&program);
                let count = u64::try_from(running.len().max(1)).unwrap();
                let drawn = RandomState::new().hash_one(()) % count;
                let drawn = usize::try_from(drawn).unwrap();
                let Some(&pid) = running.get(drawn) else { continue };
                killed += usize::from(kill_process(pid, Signal::KILL).is_ok());
            }
            killed
        });
        Self { stop, thread }
    }

    /// How many it has killed.
    pub(crate) fn stop(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

fn running(program: &PathBuf) -> Vec<Pid> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter(|process| {
            let path = process.path();
            let is_program = fs::read_link(path.join("exe")).is_ok_and(|exe| exe == *program);
            // Not the one that lists the tests.
            is_program
                && fs::read_to_string(path.join("cmdline"))
                    .is_ok_and(|line| !line.split('\0').any(|word| word == "--list"))
        })
        .filter_map(|process| Pid::from_raw(process.file_name().to_str()?.parse().ok()?))
        .collect()
}
