//! The thread of a lease: takes it, keeps it, takes it again.
//!
//! **Invariant:** the client is opened, used and dropped here; see the invariants of `exec`.
//!
//! **Invariant:** ends at once when it is told to, unless a query or a connection attempt is under way.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::thread::panicking;
use std::time::{Duration, Instant};

use postgres::Client;

use super::claim::{Answer, Claim};
use super::{Patience, Shared};
use crate::error::{Error, ErrorKind};
use crate::exec::Settings;
use crate::exec::connection::{Refused, Source};
use crate::exec::lock;
use crate::exec::retry::{Failure, Retry, describe};
use crate::exec::session::database_error;
use crate::exec::set::Set;
use crate::instance::LeaseChange;
use crate::observer::{Event, Observer};
use crate::sql::names::version_schema;

/// Between two tries while the version is being removed.
const POLL: Duration = Duration::from_millis(100);

/// What the thread owns.
pub(super) struct Keeper {
    pub(super) claim: Claim,
    pub(super) source: Source,
    pub(super) patience: Patience,
    pub(super) observer: Option<Box<dyn Observer>>,
    pub(super) shared: Arc<Shared>,
}

/// Why the loop ends.
enum End {
    Stopped,
    Lost(String),
}

impl Keeper {
    /// Takes the lease, tells whether that went well, and keeps it until `stop` is closed.
    pub(super) fn keep(mut self, stop: &Receiver<()>, tell: &Sender<Result<(), Error>>) {
        let guard = Guard(Arc::clone(&self.shared));
        let taken = self.take_first(stop);
        let client = match taken {
            Ok(client) => client,
            Err(error) => {
                let _ = tell.send(Err(error));
                return;
            }
        };
        self.change(LeaseChange::Held);
        let _ = tell.send(Ok(()));
        match self.hold(client, stop) {
            End::Stopped => {}
            End::Lost(reason) => self.change(LeaseChange::Lost(reason)),
        }
        drop(guard);
    }

    fn take_first(&mut self, stop: &Receiver<()>) -> Result<Client, Error> {
        let began = Instant::now();
        let patience = self.patience.wait_timeout;
        let mut silent = |_: &Event| {};
        let observer: &mut dyn Observer = match &mut self.observer {
            Some(observer) => &mut **observer,
            None => &mut silent,
        };
        let mut client = self.source.open(&patient(patience), observer)?;
        self.claim.set_up(&mut client).map_err(failed)?;
        let mut told: Option<Instant> = None;
        loop {
            match self.claim.take(&mut client).map_err(failed)? {
                Answer::Held => return Ok(client),
                Answer::Retired => return Err(self.not_live()),
                Answer::Busy => {}
            }
            let elapsed = began.elapsed();
            let is_over = elapsed >= patience;
            if is_over || told.is_none_or(|told| told.elapsed() >= Duration::from_secs(1)) {
                let set = Set::new(&self.claim.namespace);
                let holder = lock::holder(&mut client, &set).ok().flatten();
                let holder = holder.unwrap_or_else(|| String::from("another session"));
                if is_over {
                    return Err(self.being_removed(&holder));
                }
                self.emit(&Event::Waiting { holder, elapsed });
                told = Some(Instant::now());
            }
            if wait(stop, POLL.min(patience.saturating_sub(elapsed))) {
                return Err(self.not_live());
            }
        }
    }

    /// Looks now and then, until it is over.
    fn hold(&mut self, mut client: Client, stop: &Receiver<()>) -> End {
        let mut pause = self.patience.check_interval;
        loop {
            if wait(stop, pause) {
                self.claim.leave(&mut client);
                return End::Stopped;
            }
            let reason = match self.claim.check(&mut client) {
                Ok(Answer::Held) => {
                    pause = self.patience.check_interval;
                    continue;
                }
                // A completion has shut the gate: it will find this lease and open it again, or the version will be gone.
                Ok(Answer::Busy) => {
                    pause = POLL.min(self.patience.check_interval);
                    continue;
                }
                Ok(Answer::Retired) => return End::Lost(self.removed()),
                Err(failure) => reason(&failure),
            };
            self.change(LeaseChange::Interrupted(reason));
            drop(client);
            client = match self.take_again(stop) {
                Ok(client) => client,
                Err(end) => return end,
            };
            self.change(LeaseChange::Held);
            pause = self.patience.check_interval;
        }
    }

    /// Connects again and takes the lease again, for however long that takes.
    fn take_again(&mut self, stop: &Receiver<()>) -> Result<Client, End> {
        if !self.source.can_reconnect() {
            return Err(End::Lost(String::from(
                "the connection that was handed over is lost; a URL or a `Connector` could have been opened again",
            )));
        }
        let mut retry = Retry::new(&patient(Duration::MAX));
        loop {
            let delay = retry.next().unwrap_or(POLL);
            if wait(stop, delay) {
                return Err(End::Stopped);
            }
            let taken = match self.source.connect() {
                Ok(mut client) => {
                    let taken =
                        self.claim.set_up(&mut client).and_then(|()| self.claim.take(&mut client));
                    taken.map(|answer| (client, answer)).map_err(|failure| reason(&failure))
                }
                Err(
                    Refused::ForNow(error) | Refused::Unreachable(error) | Refused::ForGood(error),
                ) => Err(error.message().to_owned()),
            };
            match taken {
                Ok((client, Answer::Held)) => return Ok(client),
                Ok((_, Answer::Retired)) => return Err(End::Lost(self.removed())),
                Ok((_, Answer::Busy)) => {}
                // What is wrong now may be put right, e.g. by a failover; this program goes on meanwhile.
                Err(reason) => self.change(LeaseChange::Interrupted(reason)),
            }
        }
    }

    fn change(&mut self, change: LeaseChange) {
        // The same reason again and again is no news.
        if change != LeaseChange::Held && self.shared.get() == change {
            return;
        }
        self.shared.set(change.clone());
        self.emit(&Event::Lease { version: self.claim.version.clone(), change });
    }

    fn emit(&mut self, event: &Event) {
        #[cfg(feature = "tracing")]
        crate::exec::trace::emit(event);
        if let Some(observer) = &mut self.observer {
            observer.event(event);
        }
    }

    fn removed(&self) -> String {
        format!("the version `{}` has been retired: its schema is gone", self.claim.version)
    }

    fn not_live(&self) -> Error {
        let version = &self.claim.version;
        Error::new(
            ErrorKind::History,
            format!(
                "the version `{version}` is not live: it has been retired, or was never started; there is no schema `{}`",
                version_schema(version)
            ),
        )
        .with_help("if it was retired, deploy a build that knows the database's migrations; else start it first")
    }

    fn being_removed(&self, holder: &str) -> Error {
        Error::new(
            ErrorKind::Locked,
            format!(
                "the version `{}` is being removed by another migrator: {holder}",
                self.claim.version
            ),
        )
        .with_help(
            "run it again once the other one is done: then it is known whether the version stays",
        )
    }
}

/// A thread that panics keeps nothing.
struct Guard(Arc<Shared>);

impl Drop for Guard {
    fn drop(&mut self) {
        if panicking() {
            self.0.set(LeaseChange::Lost(String::from("the lease's observer panicked")));
        }
    }
}

/// Waits, unless told to stop; whether it was. For heartbeats the pauses count from the end of the last one.
fn wait(stop: &Receiver<()>, pause: Duration) -> bool {
    !matches!(stop.recv_timeout(pause), Err(RecvTimeoutError::Timeout))
}

fn failed(failure: Failure) -> Error {
    match failure {
        Failure::Server(error) => database_error("cannot take the lease", &error),
        Failure::Final(error) => error,
    }
}

fn reason(failure: &Failure) -> String {
    match failure {
        Failure::Server(error) => describe(error),
        Failure::Final(error) => error.message().to_owned(),
    }
}

/// Tries for that long.
fn patient(retry_budget: Duration) -> Settings {
    Settings { retry_budget, ..Settings::default() }
}
