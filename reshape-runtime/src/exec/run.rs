//! One command on one connection: what all steps share.
//!
//! **Invariant:** after a reconnect nothing goes on before the lock is ours again and the token is still the one we took.

use std::thread::sleep;
use std::time::Instant;

use postgres::Client;

use super::connection::{Refused, Source};
use super::metadata::{self, Snapshot};
use super::probe::Probe;
use super::retry::{Class, Failure, Retry, classify, describe};
use super::session::{self, database_error, rows};
use super::set::Set;
use super::{Settings, blockers, lock, pace};
use crate::error::{Error, ErrorKind};
use crate::observer::{Event, Observer};
use crate::plan::{Offenders, Plan};
use crate::report::StepReport;

/// A command while it runs.
pub(super) struct Run<'a> {
    pub(super) client: Client,
    pub(super) source: &'a mut Source,
    pub(super) set: Set,
    pub(super) settings: Settings,
    observer: &'a mut dyn Observer,
    /// The fence that this run took.
    pub(super) token: Option<i64>,
    /// Whether there is a column for what [`probe`](super::probe) reads, as of that.
    pub(super) has_live: bool,
    /// The process of the server that the session is, once it is set up.
    pub(super) session: Option<String>,
    is_locked: bool,
    /// The gate that this run keeps shut, as an SQL expression; see `lease`.
    pub(super) gate: Option<String>,
    pub(super) began: Instant,
    pub(super) steps: Vec<StepReport>,
    pub(super) notes: Vec<String>,
    pub(super) pace: pace::Pace,
}

/// What is being tried, for messages.
#[derive(Clone, Copy)]
pub(super) enum Task<'t> {
    /// A step of the plan or its undo: its title, and the SQL, in which the tables are looked for that it has to lock.
    Step { title: &'t str, sql: &'t str, rules: Rules<'t> },
    /// Anything else, as in "cannot …".
    Own(&'t str),
}

/// The rules for rows that a step may break.
#[derive(Clone, Copy, Default)]
pub(super) struct Rules<'t> {
    pub(super) offenders: &'t [Offenders],
    /// Where the queries for offenders look names up.
    pub(super) search_path: &'t str,
}

impl<'t> Rules<'t> {
    /// Those of the step `n`.
    pub(super) fn of(plan: &'t Plan, n: usize) -> Self {
        Self { offenders: &plan.steps[n].offenders, search_path: &plan.search_path }
    }
}

impl<'a> Run<'a> {
    /// Connects.
    pub(super) fn open(
        source: &'a mut Source,
        set: Set,
        settings: &Settings,
        observer: &'a mut dyn Observer,
    ) -> Result<Self, Error> {
        let began = Instant::now();
        let client = source.open(settings, observer)?;
        Ok(Self {
            client,
            source,
            set,
            settings: *settings,
            observer,
            token: None,
            has_live: false,
            session: None,
            is_locked: false,
            gate: None,
            began,
            steps: Vec::new(),
            notes: Vec::new(),
            pace: pace::Pace::default(),
        })
    }

    /// Gives the lock and the connection back. Not on drop: after a panic both go with the connection.
    pub(super) fn close(mut self) {
        if !self.client.is_closed() {
            self.leave();
        }
        self.source.give_back(self.client);
    }

    /// Gives back what `enter` took, and what it was taken for.
    pub(super) fn leave(&mut self) {
        self.open_gate();
        if std::mem::take(&mut self.is_locked) {
            lock::unlock(&mut self.client, &self.set);
        }
    }

    pub(super) fn emit(&mut self, event: &Event) {
        self.observer.event(event);
    }

    pub(super) fn note(&mut self, note: String) {
        self.emit(&Event::Note(note.clone()));
        self.notes.push(note);
    }

    /// Sets the session up, checks that it may migrate, and takes the lock.
    pub(super) fn enter(&mut self, waits: bool) -> Result<(), Error> {
        self.enter_unless::<()>(waits, |_, _| Ok(None)).map(|_| ())
    }

    /// As [`enter`](Self::enter); but while another migrator has the lock, what `needless` returns ends the wait, and nothing is taken.
    pub(super) fn enter_unless<T>(
        &mut self,
        waits: bool,
        needless: impl Fn(&mut Client, &Set) -> Result<Option<T>, postgres::Error>,
    ) -> Result<Option<T>, Error> {
        self.retrying(Task::Own("set the session up"), |run| {
            run.session = Some(session::set_up_to_migrate(&mut run.client)?);
            Ok(())
        })?;
        let patience = if waits { self.settings.wait_timeout } else { lock::GRACE };
        let began = Instant::now();
        let (needless, _) = self
            .retrying(Task::Own("take the migration lock"), |run| {
                let listens = run.source.can_reconnect();
                let Self { client, set, observer, .. } = run;
                lock::lock(client, set, began, patience, listens, *observer, |client| {
                    needless(client, set)
                })
            })
            .map_err(|error| self.with_work(error))?;
        self.is_locked = needless.is_none();
        Ok(needless)
    }

    /// What the migrator that has the lock is at, as far as that can be told.
    fn with_work(&mut self, error: Error) -> Error {
        if error.kind() != ErrorKind::Locked {
            return error;
        }
        match self.read().ok().as_ref().and_then(super::status::work) {
            Some(work) => error.and(&work),
            None => error,
        }
    }

    /// Reads the metadata where the probe has not been enough.
    pub(super) fn read_after(&mut self, probe: &Probe) -> Result<Snapshot, Error> {
        match probe {
            Probe::Absent => {
                let (snapshot, _) = self.retrying(Task::Own("read the metadata"), |run| {
                    metadata::read_foreign(&mut run.client, &run.set)
                })?;
                Ok(snapshot)
            }
            Probe::Live(_) | Probe::Unknown => self.read(),
        }
    }

    /// Reads the metadata.
    pub(super) fn read(&mut self) -> Result<Snapshot, Error> {
        let (snapshot, _) = self.retrying(Task::Own("read the metadata"), |run| {
            metadata::read(&mut run.client, &run.set)
        })?;
        Ok(snapshot)
    }

    /// Tries `work` until it succeeds, fails for good, or the budget is used up; returns also how often it had to be tried
    /// again. `work` may be cut off anywhere, after its COMMIT too: it looks for itself what has been done already.
    pub(super) fn retrying<T>(
        &mut self,
        task: Task<'_>,
        mut work: impl FnMut(&mut Self) -> Result<T, Failure>,
    ) -> Result<(T, u32), Error> {
        let mut retry = Retry::new(&self.settings);
        loop {
            let error = match work(self) {
                Ok(value) => return Ok((value, retry.attempt())),
                Err(Failure::Final(error)) => {
                    self.roll_back_transaction();
                    return Err(error);
                }
                Err(Failure::Server(error)) => error,
            };
            let class = classify(&error);
            let mut reason = describe(&error);
            let mut in_the_way = String::new();
            match class {
                Class::Fatal => {
                    self.roll_back_transaction();
                    let violation = match task {
                        Task::Step { title, rules, .. } => self.violation(title, rules, &error),
                        Task::Own(_) => None,
                    };
                    return Err(violation.unwrap_or_else(|| failed(task, &error)));
                }
                Class::Lost => {
                    self.reconnect(&mut retry, &reason)?;
                    continue;
                }
                Class::Conflict => self.roll_back_transaction(),
                Class::Held => {
                    self.roll_back_transaction();
                    in_the_way = blockers::of_temporary_objects(&mut self.client, &error);
                    reason = format!("{reason}; {in_the_way}");
                }
                Class::Busy => {
                    self.roll_back_transaction();
                    let sql = match task {
                        Task::Step { sql, .. } => sql,
                        Task::Own(_) => "reshape.batch",
                    };
                    in_the_way = blockers::describe(&mut self.client, sql);
                    reason = format!("{reason}; {in_the_way}");
                }
            }
            let Some(delay) = retry.next() else {
                let attempts = retry.attempt() + 1;
                return Err(match class {
                    Class::Busy => lock_timeout(task, attempts, &in_the_way),
                    Class::Held => failed(task, &error)
                        .and(&in_the_way)
                        .with_help("end that session, then run it again: it goes on where it was"),
                    Class::Conflict | Class::Lost | Class::Fatal => failed(task, &error),
                });
            };
            self.emit(&Event::Retry { reason, attempt: retry.attempt(), delay });
            sleep(delay);
        }
    }

    /// Connects again, takes the lock again, and checks that nobody else took over meanwhile.
    fn reconnect(&mut self, retry: &mut Retry, reason: &str) -> Result<(), Error> {
        if !self.source.can_reconnect() {
            return Err(Error::new(
                ErrorKind::Connect,
                format!("the connection was lost: {reason}"),
            )
            .with_help(
                "run it again on a new connection: it goes on where it was. A URL or a \
                     `Connector` in place of an open client would have connected again",
            ));
        }
        let mut reason = format!("the connection was lost: {reason}");
        loop {
            let Some(delay) = retry.next() else {
                return Err(Error::new(ErrorKind::Connect, reason)
                    .with_help("run it again once the server is back: it goes on where it was"));
            };
            self.emit(&Event::Retry { reason: reason.clone(), attempt: retry.attempt(), delay });
            sleep(delay);
            match self.source.connect() {
                Ok(client) => self.client = client,
                Err(Refused::ForNow(error) | Refused::Unreachable(error)) => {
                    error.message().clone_into(&mut reason);
                    continue;
                }
                Err(Refused::ForGood(error)) => return Err(error),
            }
            match self.take_up(retry) {
                Ok(()) => return Ok(()),
                Err(Failure::Server(error)) if classify(&error) == Class::Lost => {
                    reason = format!("the connection was lost again: {}", describe(&error));
                }
                Err(Failure::Server(error)) => {
                    return Err(database_error("cannot set up the new connection", &error));
                }
                Err(Failure::Final(error)) => return Err(error),
            }
        }
    }

    fn take_up(&mut self, retry: &mut Retry) -> Result<(), Failure> {
        if self.session.is_some() {
            self.session = Some(session::set_up(&mut self.client)?);
        }
        if self.is_locked {
            lock::relock(&mut self.client, &self.set, retry)??;
        }
        self.shut_gate_again(retry)?;
        if let Some(token) = self.token {
            let rows = rows(
                &mut self.client,
                &format!("SELECT token FROM reshape.batch WHERE {}", self.set.own()),
            )?;
            check_token(token, rows.first().and_then(|row| row.get(0)))?;
        }
        Ok(())
    }

    pub(super) fn roll_back_transaction(&mut self) {
        // Outside a transaction this is a warning; on a dead connection there is nothing to roll back.
        let _ = self.client.batch_execute("ROLLBACK");
    }
}

/// Whether the run that took `ours` is still the one in charge.
pub(super) fn check_token(ours: i64, stored: Option<&str>) -> Result<(), Error> {
    if stored.and_then(|token| token.parse().ok()) == Some(ours) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Fenced,
        "another migrator took over while this one was cut off; this one has changed nothing since",
    )
    .with_help("look at the status, and run the command again if there is still something to do"))
}

fn failed(task: Task<'_>, error: &postgres::Error) -> Error {
    let Task::Step { title, .. } = task else {
        let Task::Own(what) = task else { unreachable!("the other variant was matched") };
        return database_error(&format!("cannot {what}"), error);
    };
    let code = error.code().map(postgres::error::SqlState::code);
    let kind = if code == Some("42501") { ErrorKind::Permission } else { ErrorKind::Failed };
    let failed = Error::new(kind, format!("the step `{title}` failed: {}", describe(error)))
        .with_sqlstate(error);
    // What Postgres hints at, CASCADE, is the last thing to do, and nobody here could say it.
    if code == Some("2BP01") {
        return failed.with_help(
            "drop what depends on it, or let it use something else, then run it again: it goes on where it was",
        );
    }
    match error.as_db_error().and_then(|error| error.hint()) {
        Some(hint) => failed.with_help(hint),
        None if kind == ErrorKind::Permission => {
            failed.with_help("run it as a role that owns the tables that the migration changes")
        }
        None => failed,
    }
}

fn lock_timeout(task: Task<'_>, attempts: u32, in_the_way: &str) -> Error {
    let what = match task {
        Task::Step { title, .. } => format!("the step `{title}`"),
        Task::Own(what) => format!("the attempt to {what}"),
    };
    Error::new(
        ErrorKind::LockTimeout,
        format!("{what} did not get its locks in {attempts} tries; {in_the_way}"),
    )
    .with_help(
        "end those transactions (or wait for them), then run it again; or raise the retry budget",
    )
}
