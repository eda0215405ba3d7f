//! The clients of one version: connections that write and connections that read, for as long as they may.
//!
//! **Invariant:** no query is repeated. The first that fails is counted as an error and shown, and the client connects
//! anew: a rollout without downtime is one in which that never happens.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use reshape_runtime::typed::Error;

use crate::person::Seen;
use crate::stats::Stats;

/// Connections that write; as many read.
pub const WRITERS: usize = 2;

/// Between two queries of a client: what a service does with an answer.
const PAUSE: Duration = Duration::from_millis(1);

/// Rows that everybody keeps changing and reading, so that the versions meet.
const BUSY_ROWS: i64 = 200;

/// How many errors are shown; all are counted.
const SHOWN: u64 = 5;

/// How one version stores users: its own statements, on a connection of its own.
pub trait Users: Sized + 'static {
    /// `v1` or `v2`; what it writes to `written_by`.
    const VERSION: &'static str;

    /// Connects, selects the version's schema, prepares the statements.
    fn connect(url: &str) -> Result<Self, Error>;
    /// Adds the user whom the stamp stands for. Returns the key.
    fn add(&mut self, stamp: i64) -> Result<i64, Error>;
    /// Makes a user another person. Returns how many rows there were of that key: 0 or 1.
    fn change(&mut self, id: i64, stamp: i64) -> Result<u64, Error>;
    /// Removes a user. Returns how many rows there were of that key: 0 or 1.
    fn remove(&mut self, id: i64) -> Result<u64, Error>;
    /// Reads a user.
    fn get(&mut self, id: i64) -> Result<Option<Seen>, Error>;
    /// Reads the users added last.
    fn newest(&mut self) -> Result<Vec<Seen>, Error>;
}

/// Clients at work.
#[derive(Debug)]
pub struct Traffic {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    url: String,
    rows: i64,
    stop: AtomicBool,
    stats: Mutex<Stats>,
}

impl Traffic {
    /// Starts the clients of version `U`, on a table that began with `rows` rows.
    pub fn start<U: Users>(url: &str, rows: i64) -> Self {
        let shared = Arc::new(Shared {
            url: url.to_owned(),
            rows,
            stop: AtomicBool::new(false),
            stats: Mutex::default(),
        });
        let clients = (0..2 * WRITERS)
            .map(|number| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || {
                    if number < WRITERS { shared.write::<U>() } else { shared.read::<U>() }
                })
            })
            .collect();
        Self { shared, clients }
    }

    /// What was done since the last call.
    pub fn take_stats(&self) -> Stats {
        std::mem::take(&mut *self.shared.stats())
    }

    /// Stops the clients; none of them is interrupted in a query.
    pub fn stop(self) -> Stats {
        self.shared.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            if client.join().is_err() {
                self.shared.stats().errors += 1;
            }
        }
        std::mem::take(&mut *self.shared.stats())
    }
}

impl Shared {
    fn stats(&self) -> std::sync::MutexGuard<'_, Stats> {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls `work` with a connection until it is time to stop.
    fn client<U: Users>(&self, mut work: impl FnMut(&mut U) -> Result<(), Error>) {
        while !self.stop.load(Ordering::Relaxed) {
            let mut run = || {
                let mut users = U::connect(&self.url)?;
                while !self.stop.load(Ordering::Relaxed) {
                    work(&mut users)?;
                    thread::sleep(PAUSE);
                }
                Ok(())
            };
            if let Err(error) = run() {
                self.fault::<U>(&describe(&error));
                thread::sleep(PAUSE * 20);
            }
        }
    }

    /// Measures one query.
    fn query<T>(&self, run: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        let start = Instant::now();
        let answer = run();
        let mut stats = self.stats();
        stats.slowest = stats.slowest.max(start.elapsed());
        stats.queries += u64::from(answer.is_ok());
        answer
    }

    fn write<U: Users>(&self) {
        let mut mine = Vec::new();
        self.client(|users: &mut U| {
            let stamp = fastrand::i64(1..1_000_000_000_000);
            match fastrand::u8(0..10) {
                0..2 => {
                    mine.push(self.query(|| users.add(stamp))?);
                    self.stats().added += 1;
                }
                2 if mine.len() > 50 => {
                    let id = mine.swap_remove(fastrand::usize(..mine.len()));
                    let removed = self.query(|| users.remove(id))?;
                    self.stats().removed += removed;
                    self.expect_one::<U>(removed, id);
                }
                _ => {
                    let id = self.some_row();
                    let changed = self.query(|| users.change(id, stamp))?;
                    self.expect_one::<U>(changed, id);
                }
            }
            Ok(())
        });
    }

    fn read<U: Users>(&self) {
        self.client(|users: &mut U| {
            let rows = if fastrand::u8(0..10) == 0 {
                self.query(|| users.newest())?
            } else {
                let id = self.some_row();
                let row = self.query(|| users.get(id))?;
                self.expect_one::<U>(u64::from(row.is_some()), id);
                row.into_iter().collect()
            };
            for row in rows {
                if row.written_by != U::VERSION && row.written_by != "load" {
                    self.stats().seen += 1;
                }
                if let Some(fault) = row.fault() {
                    self.fault::<U>(&fault);
                }
            }
            Ok(())
        });
    }

    /// One of the rows that were there first, which nobody removes; every other time one of the busy ones.
    fn some_row(&self) -> i64 {
        let end = if fastrand::bool() { self.rows.min(BUSY_ROWS) } else { self.rows };
        fastrand::i64(1..=end)
    }

    fn expect_one<U: Users>(&self, rows: u64, id: i64) {
        if rows != 1 {
            self.fault::<U>(&format!("user {id} is gone"));
        }
    }

    fn fault<U: Users>(&self, text: &str) {
        let mut stats = self.stats();
        stats.errors += 1;
        if stats.errors <= SHOWN {
            crate::service::complain(U::VERSION, text);
        }
    }
}

/// The server's message, which `Display` of the error leaves out.
fn describe(error: &Error) -> String {
    match error.database().and_then(|error| error.as_db_error()) {
        Some(server) => format!("{server} ({})", server.code().code()),
        None => error.to_string(),
    }
}
