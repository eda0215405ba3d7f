//! What a process does on a server for tests beside its tests: it holds leases for its databases, and has a thread that drops
//! them and makes others ready.
//!
//! A database in use has a lease: an advisory lock, in the server's maintenance database, whose number is in the database's name. It is
//! taken before the database gets that name, and whatever ends the process gives it back; so what has no lease is nobody's.
//!
//! **Invariant:** a database is dropped only by who holds its lease, or has found that nobody does.

use std::collections::{HashMap, HashSet};
use std::fmt::{self, Write as _};
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread;

use postgres::{Client, Config};

use super::admin::{connect, create_error, on_own_thread};
use super::statements::{drop_database, try_lock, unlock};
use super::{marks, pool, sweep};
use crate::{Error, ErrorKind};

/// The names of databases in use begin with it.
pub(super) const IN_USE: &str = "reshape_test_";

/// The first number of a lease's lock: `reshape_test` in little.
pub(super) const LEASES: i32 = 0x7265_7374;

/// So many names are drawn before a server that refuses all of them is thought to be broken.
const DRAWS: u32 = 100;

/// So many databases at most wait to be dropped.
const WAITING: usize = 8;

/// What need not be waited for.
#[derive(Debug)]
pub(super) enum Job {
    /// Drops a database whose lease is ours.
    Drop(String),
    /// Makes databases of a template ready.
    Fill(u64),
    /// Drops what is nobody's.
    Sweep,
}

/// One per server and process.
pub(super) struct Keeper {
    pub(super) config: Config,
    /// What `CREATE DATABASE` is told about how to copy.
    pub(super) strategy: &'static str,
    /// The folder of a shared server.
    pub(super) home: Option<PathBuf>,
    /// The session that holds the leases; opened by the first.
    leases: Mutex<Option<Client>>,
    /// How many leases were taken.
    taken: AtomicUsize,
    /// How many databases wait for the thread to drop them.
    to_drop: AtomicUsize,
    /// Whose databases wait to be made by the thread.
    to_fill: Mutex<HashSet<u64>>,
    /// Held while a template is looked for or made: those of this process that wait for one hold no connection, which its maker may need.
    pub(super) making: Mutex<()>,
    /// The states that could not be made, and why: another try would end in the same way.
    unmade: Mutex<HashMap<u64, Error>>,
    jobs: OnceLock<Sender<Job>>,
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").field("home", &self.home).finish_non_exhaustive()
    }
}

impl Keeper {
    pub(super) fn new(config: &Config, strategy: &'static str, home: Option<PathBuf>) -> Self {
        let mut config = config.clone();
        if config.get_application_name().is_none() {
            config.application_name("reshape-testing");
        }
        Self {
            config,
            strategy,
            home,
            leases: Mutex::new(None),
            taken: AtomicUsize::new(0),
            to_drop: AtomicUsize::new(0),
            to_fill: Mutex::default(),
            making: Mutex::new(()),
            unmade: Mutex::default(),
            jobs: OnceLock::new(),
        }
    }

    /// A new name, with a lease, for a database that is then to be made or renamed by `and` in the same session.
    pub(super) fn lease<T: Send>(
        &self,
        and: impl FnOnce(&mut Client, &str) -> Result<T, postgres::Error> + Send,
    ) -> Result<(String, T), Error> {
        self.with_leases(|client| {
            for _ in 0..DRAWS {
                let name = draw(IN_USE);
                let Some(lease) = number_of(&name) else { continue };
                if try_lock(client, LEASES, lease).map_err(self.error())? {
                    self.taken.fetch_add(1, Ordering::Relaxed);
                    let done = and(client, &name);
                    return match done {
                        Ok(done) => Ok((name, done)),
                        Err(error) => {
                            // A session that is gone has no lock either.
                            let _ = unlock(client, LEASES, lease);
                            Err(self.error()(error))
                        }
                    };
                }
            }
            Err(Error::new(ErrorKind::Database, "every lease for a test's database is taken"))
        })
    }

    /// Gives a lease back.
    pub(super) fn release(&self, name: &str) {
        let Some(lease) = number_of(name) else { return };
        // A session that is gone has no lock either.
        let _ = self.with_leases(|client| unlock(client, LEASES, lease).map_err(self.error()));
    }

    /// Drops a database whose lease is ours, with the sessions that are connected to it.
    pub(super) fn drop_now(&self, name: &str) {
        // A server that is gone has no database to drop; and a test that panics shall report its own panic.
        let _ = on_own_thread(|| {
            drop_database(&mut connect(&self.config)?, name).map_err(self.error())
        });
        self.release(name);
    }

    /// Drops a database whose lease is ours, when its test has ended.
    ///
    /// Not to make the next test wait that is left to the thread, on a shared server: if the process ends before that, another one drops it, or it
    /// goes with the server. But not by a process that has had one test only, as those of nextest: it ends before the thread comes to it.
    pub(super) fn drop_used(self: &Arc<Self>, name: &str) {
        if self.home.is_none() {
            return self.drop_now(name);
        }
        if self.taken.load(Ordering::Relaxed) > 1 {
            // What the thread cannot keep up with is left when the process ends, and takes room until then.
            return if self.to_drop.load(Ordering::Relaxed) < WAITING {
                self.later(Job::Drop(name.to_owned()));
            } else {
                self.drop_now(name);
            };
        }
        // In the session that there is: another one would take as long again.
        let dropped = self.with_leases(|client| drop_database(client, name).map_err(self.error()));
        match dropped {
            Ok(()) => self.release(name),
            Err(_) => self.later(Job::Drop(name.to_owned())),
        }
    }

    /// Hands a job to this process's thread, which is started by the first one.
    pub(super) fn later(self: &Arc<Self>, job: Job) {
        let jobs = self.jobs.get_or_init(|| {
            let (sender, receiver) = channel();
            // Not to be kept alive by its own thread.
            let keeper = Arc::downgrade(self);
            // Without a thread nothing is dropped or made ready: what is dropped later is slower, not wrong.
            let _ = thread::Builder::new()
                .name(String::from("reshape-testing"))
                .spawn(move || work(&keeper, &receiver));
            sender
        });
        match &job {
            Job::Drop(_) => {
                self.to_drop.fetch_add(1, Ordering::Relaxed);
            }
            // One that has not begun does for all.
            Job::Fill(key) if !self.to_fill().insert(*key) => return,
            Job::Fill(_) | Job::Sweep => {}
        }
        let _ = jobs.send(job);
    }

    /// Says why the server gives no database.
    pub(super) fn error(&self) -> impl Fn(postgres::Error) -> Error + Copy + '_ {
        |error| create_error(&self.config, error)
    }

    /// Without a connection nothing is done of it but to take note that it is over.
    fn do_job(self: &Arc<Self>, job: Job, client: Option<&mut Client>) {
        match job {
            Job::Drop(name) => {
                if let Some(client) = client {
                    let _ = drop_database(client, &name);
                }
                self.release(&name);
                self.to_drop.fetch_sub(1, Ordering::Relaxed);
            }
            Job::Fill(key) => {
                self.to_fill().remove(&key);
                if let Some(client) = client {
                    let _ = pool::fill(self, client, key);
                }
            }
            Job::Sweep => {
                if let Some(client) = client {
                    let _ = sweep::sweep(self, client);
                }
            }
        }
    }

    /// Fails if this state could not be made.
    pub(super) fn may_be_made(&self, key: u64) -> Result<(), Error> {
        match self.unmade().get(&key) {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }

    /// This state cannot be made.
    pub(super) fn remember_unmade(&self, key: u64, error: &Error) {
        self.unmade().insert(key, error.clone());
    }

    fn unmade(&self) -> MutexGuard<'_, HashMap<u64, Error>> {
        self.unmade.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn to_fill(&self) -> MutexGuard<'_, HashSet<u64>> {
        self.to_fill.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The leases' session, opened if there is none or it is gone.
    fn with_leases<T: Send>(
        &self,
        work: impl FnOnce(&mut Client) -> Result<T, Error> + Send,
    ) -> Result<T, Error> {
        on_own_thread(|| {
            let mut leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
            let gone = leases.as_ref().is_none_or(Client::is_closed);
            if gone {
                *leases = None;
            }
            let client = match &mut *leases {
                Some(client) => client,
                none => none.insert(connect(&self.config)?),
            };
            work(client)
        })
    }

    /// The data of a shared server stays when it ends: somebody may want to look at a database.
    pub(super) fn keep_data(&self) {
        if let Some(home) = &self.home {
            marks::test_is_kept(home);
        }
    }
}

fn work(keeper: &Weak<Keeper>, jobs: &Receiver<Job>) {
    let mut client: Option<Client> = None;
    for job in jobs {
        let Some(keeper) = keeper.upgrade() else { return };
        if client.as_ref().is_none_or(Client::is_closed) {
            // What cannot be done is swept or made by somebody else, or its failure is met by a test that needs it.
            client = connect(&keeper.config).ok();
        }
        keeper.do_job(job, client.as_mut());
    }
}

/// A name that nobody has: 64 random bits after `prefix`.
pub(super) fn draw(prefix: &str) -> String {
    let mut name = String::from(prefix);
    // Writing to a String does not fail.
    let _ = write!(name, "{:016x}", RandomState::new().hash_one(std::process::id()));
    name
}

/// The lease's number: the last 32 bits of the name.
pub(super) fn number_of(name: &str) -> Option<i32> {
    let digits = name.get(name.len().checked_sub(8)?..)?;
    u32::from_str_radix(digits, 16).ok().map(u32::cast_signed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_has_the_number_at_the_end_of_the_name() {
        assert_eq!(number_of("reshape_test_00000000ffffffff"), Some(-1));
        assert_eq!(number_of("reshape_test_123456780000000a"), Some(10));
        assert_eq!(number_of("x"), None);
        let name = draw(IN_USE);
        assert_eq!(name.len(), IN_USE.len() + 16);
        assert_ne!(name, draw(IN_USE));
    }
}
