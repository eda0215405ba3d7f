//! Pausing a batch that is being started, and letting it go on, from another session.
//!
//! A pause is a row of `reshape.data` that names the batch by the time of its beginning, so that one that was forgotten says nothing
//! of the next batch, also where an older program has ended this one.
//!
//! **Invariant:** who pauses takes neither the migration lock, which the migrator has, nor the row of `reshape.batch`, which each of the
//! migrator's transactions holds.
//!
//! **Invariant:** a pause is waited for outside any transaction.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::Migrator;
use super::lock;
use super::metadata::Snapshot;
use super::run::{Run, Task, check_token};
use super::session::{is_true, rows};
use super::set::Set;
use crate::error::{Error, ErrorKind};
use crate::observer::Event;
use crate::report::State;
use crate::sql::ident::literal;

/// Between two looks of a migrator that is paused.
pub(super) const POLL: Duration = Duration::from_millis(500);

/// How long `abort` waits for a migrator that is paused to let go: it may be in the middle of what cannot be paused.
const LETTING_GO: Duration = Duration::from_secs(10);

/// A batch by the time of its beginning.
const BATCH: &str = "coalesce(extract(epoch FROM b.started_at)::text, '')";

/// A pause that is in force.
pub(super) struct Pause {
    /// Who wants it and since when.
    text: String,
    /// Whether somebody waits for the migrator to end, to abort the batch.
    is_aborted: bool,
}

impl Pause {
    /// Why the migrator waits.
    pub(super) fn reason(&self) -> String {
        format!("paused {}: `migration resume` lets it go on", self.text)
    }
}

impl Migrator {
    /// Pauses the batch that is being started, by whichever session: its migrator goes no further than to the end of what it has begun,
    /// which is a range of a backfill, or a step (the build of an index, say), until somebody calls [`resume`](Self::resume). Both versions'
    /// clients go on as before.
    ///
    /// The pause belongs to the batch: a migrator that goes on with it after a crash waits too. [`abort`](Self::abort) ends a batch that is
    /// paused. Returns false if it was paused before.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::State`] if no batch is being started.
    pub fn pause(&mut self) -> Result<bool, Error> {
        self.run(|run, _, _| run.pause())
    }

    /// Lets a batch go on that was [paused](Self::pause). Returns false if it was not.
    ///
    /// # Errors
    ///
    /// As [`status`](Self::status).
    pub fn resume(&mut self) -> Result<bool, Error> {
        self.run(|run, _, _| run.let_go_on())
    }
}

impl Set {
    /// The key of its row in `reshape.data` for a pause, as SQL.
    fn pause_key(&self) -> String {
        literal(&format!("pause/{}", self.name()))
    }

    /// Forgets the pause and the pace of a batch that has ended.
    pub(super) fn no_pause_sql(&self) -> String {
        let (pause, pace) = (self.pause_key(), self.pace_key());
        format!("DELETE FROM reshape.data WHERE key IN ({pause}, {pace})")
    }

    /// The batch `b` and its pause `p`, if there is one.
    fn and_pause(&self) -> String {
        let (own, key) = (self.own(), self.pause_key());
        format!(
            "FROM reshape.batch b LEFT JOIN reshape.data p \
               ON p.key = {key} AND p.value ->> 'batch' = {BATCH} WHERE b.{own}"
        )
    }
}

impl Run<'_> {
    fn pause(&mut self) -> Result<bool, Error> {
        let Snapshot { state, .. } = self.read()?;
        let (own, key) = (self.set.own(), self.set.pause_key());
        // Looks at the state again: the batch may have ended since.
        let sql = format!(
            "INSERT INTO reshape.data AS d (key, value) SELECT {key}, pg_catalog.jsonb_build_object('batch', {BATCH}, \
               'by', session_user, 'since', pg_catalog.to_char(now(), 'YYYY-MM-DD HH24:MI:SS TZ')) \
             FROM reshape.batch b WHERE b.{own} AND b.state = 'applying' \
             ON CONFLICT (key) DO UPDATE SET value = excluded.value \
               WHERE d.value ->> 'batch' IS DISTINCT FROM excluded.value ->> 'batch' \
             RETURNING key"
        );
        if state == State::Applying {
            let (is_new, _) = self.retrying(Task::Own("pause the batch"), |run| {
                Ok(!rows(&mut run.client, &sql)?.is_empty())
            })?;
            if is_new || self.pause_asked()?.is_some() {
                return Ok(is_new);
            }
        }
        Err(Error::new(
            ErrorKind::State,
            format!(
                "no batch is being started, so there is nothing to pause: the state is `{}`",
                state.name()
            ),
        )
        .with_help(match state {
            State::Completing | State::Aborting => {
                "what is at work now is short, and cannot be paused"
            }
            State::Idle | State::Applying | State::InProgress => {
                "a batch can be paused while `migration start` or `migration revert` is at work"
            }
        }))
    }

    fn let_go_on(&mut self) -> Result<bool, Error> {
        if self.read()?.state == State::Idle {
            return Ok(false);
        }
        let (own, key) = (self.set.own(), self.set.pause_key());
        let sql = format!(
            "DELETE FROM reshape.data p USING reshape.batch b \
             WHERE b.{own} AND p.key = {key} AND p.value ->> 'batch' = {BATCH} RETURNING key"
        );
        let (was_paused, _) = self.retrying(Task::Own("let the batch go on"), |run| {
            Ok(!rows(&mut run.client, &sql)?.is_empty())
        })?;
        Ok(was_paused)
    }

    /// The pause that is in force. The fence as well, if this run has taken it; and, in the same message, whether others write.
    pub(super) fn pause_asked(&mut self) -> Result<Option<Pause>, Error> {
        let sql = format!(
            "SELECT b.token, p.key IS NOT NULL, p.value ->> 'by', p.value ->> 'since', \
               (p.value ->> 'abort_until')::float8 > extract(epoch FROM pg_catalog.clock_timestamp()), \
               pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot()) {}",
            self.set.and_pause()
        );
        let (pause, _) = self.retrying(Task::Own("see whether the batch is paused"), |run| {
            let found = rows(&mut run.client, &sql)?;
            let row = found.first();
            let cell = |column: usize| row.and_then(|row| row.get(column));
            if let Some(token) = run.token {
                check_token(token, cell(0))?;
            }
            if let Some(next) = cell(5).and_then(|next| next.parse().ok()) {
                run.pace.traffic.look(Instant::now(), next);
            }
            Ok(is_true(row, 1).then(|| Pause {
                text: format!(
                    "by `{}` since {}",
                    cell(2).unwrap_or("somebody"),
                    cell(3).unwrap_or("an unknown time")
                ),
                is_aborted: is_true(row, 4),
            }))
        })?;
        Ok(pause)
    }

    /// Who has paused the batch, and since when, for `status`.
    pub(super) fn paused(&mut self) -> Result<Option<String>, Error> {
        Ok(self.pause_asked()?.map(|pause| pause.text))
    }

    /// Waits while the batch is paused. Called where nothing is under way.
    pub(super) fn heed_pause(&mut self) -> Result<(), Error> {
        let mut wait = Wait::default();
        while let Some(pause) = self.pause_asked()? {
            pause.check()?;
            wait.on(self, &pause.reason(), POLL);
        }
        Ok(())
    }

    /// Makes the migrator of a paused batch end, so that the batch can be aborted, and waits until it has let go of the lock. One that does not is
    /// met by whoever takes the lock next.
    pub(super) fn end_paused(&mut self) -> Result<(), Error> {
        let (own, key) = (self.set.own(), self.set.pause_key());
        // For a while only: an abort that died must not end the next migrator.
        let sql = format!(
            "UPDATE reshape.data p SET value = p.value || pg_catalog.jsonb_build_object('abort_until', \
               extract(epoch FROM pg_catalog.clock_timestamp()) + {}) \
             FROM reshape.batch b WHERE b.{own} AND p.key = {key} AND p.value ->> 'batch' = {BATCH} RETURNING p.key",
            LETTING_GO.as_secs()
        );
        let (is_paused, _) = self.retrying(Task::Own("end the pause"), |run| {
            Ok(!rows(&mut run.client, &sql)?.is_empty())
        })?;
        let began = Instant::now();
        while is_paused && began.elapsed() < LETTING_GO {
            let (holder, _) = self
                .retrying(Task::Own("see who holds the migration lock"), |run| {
                    Ok(lock::holder(&mut run.client, &run.set)?)
                })?;
            if holder.is_none() {
                break;
            }
            sleep(POLL / 5);
        }
        Ok(())
    }
}

impl Pause {
    /// Fails if the batch is to be aborted: then the lock has to be let go of. Nothing is rolled back here, as when another migrator takes over.
    pub(super) fn check(&self) -> Result<(), Error> {
        if !self.is_aborted {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Fenced,
            "the batch was paused, and another session is aborting it; this one has changed nothing since",
        )
        .with_help("look at the status"))
    }
}

/// A wait, and what the observer was told of it.
#[derive(Default)]
pub(super) struct Wait {
    began: Option<Instant>,
    told: Option<Instant>,
}

impl Wait {
    /// Waits a little more; says so when it begins and then about once a second.
    pub(super) fn on(&mut self, run: &mut Run<'_>, reason: &str, poll: Duration) {
        let elapsed = self.began.get_or_insert_with(Instant::now).elapsed();
        if self.told.is_none_or(|told| told.elapsed() >= Duration::from_secs(1)) {
            run.emit(&Event::Paused { reason: reason.to_owned(), elapsed });
            self.told = Some(Instant::now());
        }
        sleep(poll);
    }
}
