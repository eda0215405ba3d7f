//! The rows that fenced transactions leave: the journal and the batch's state.
//!
//! **Invariant:** work and its journal row commit together, or the work can be run again.

use std::hash::{BuildHasher, RandomState};

use postgres::SimpleQueryRow;

use super::fence::{Fence, OWN_PATH};
use super::metadata::{HAS_LIVE, Snapshot, add_live_sql};
use super::owners::Others;
use super::retry::Failure;
use super::run::{Run, Task, check_token};
use super::session::rows;
use super::set::Set;
use crate::error::{Error, ErrorKind};
use crate::plan::Plan;
use crate::report::State;
use crate::sql::ident::literal;

/// What a fenced transaction found when it began.
pub(super) struct Begun {
    /// Its id: user SQL that ends the transaction is found out by it.
    pub(super) xid: String,
    /// The state of the batch.
    pub(super) state: String,
    /// The step's row in the journal: its status, position and rows.
    pub(super) entry: Option<Row>,
}

/// A row of the journal.
pub(super) struct Row {
    pub(super) status: String,
    pub(super) position: Option<String>,
    pub(super) rows: u64,
}

impl Run<'_> {
    /// What the run's own connection shows.
    pub(super) fn fence(&self) -> Fence {
        Fence {
            set: self.set.clone(),
            token: self.token.unwrap_or_default(),
            session: self.session.clone().unwrap_or_default(),
            lock_timeout: self.settings.lock_timeout,
        }
    }

    /// Begins a transaction, takes the fence, and looks the step up; one round trip. Afterwards the plan's `search_path` is set.
    pub(super) fn begin(&mut self, search_path: &str, step: usize) -> Result<Begun, Failure> {
        self.fence().begin(&mut self.client, search_path, step)
    }

    /// Runs our own statements and commits; one round trip.
    pub(super) fn commit(&mut self, sql: &str) -> Result<(), Failure> {
        Fence::commit(&mut self.client, sql)?;
        Ok(())
    }

    /// Runs our own statements in a fenced transaction, unless `is_done` says that they have been.
    pub(super) fn fenced(
        &mut self,
        what: &str,
        is_done: impl Fn(&Begun) -> bool,
        sql: &str,
    ) -> Result<(), Error> {
        self.retrying(Task::Own(what), |run| {
            let begun = run.begin("pg_catalog, pg_temp", 0)?;
            let sql = if is_done(&begun) { "" } else { sql };
            run.commit(sql)
        })?;
        Ok(())
    }

    /// Changes the state.
    pub(super) fn set_state(&mut self, state: State, error: Option<&Error>) -> Result<(), Error> {
        let sql = self.set.state_sql(state, error);
        self.fenced("change the state", |_| false, &sql)
    }

    /// Takes the batch over: a new token shuts out whoever had the old one, and sets the state. `plan` stores a
    /// new batch, for which the tables are created where they are missing, unless another set that has to do with its tables has begun or ended a batch since the plan was made:
    /// then nothing is changed, and the answer is false.
    pub(super) fn take(
        &mut self,
        snapshot: &Snapshot,
        state: State,
        plan: Option<(&Plan, &Others)>,
    ) -> Result<bool, Error> {
        let own = self.set.own();
        let (mut install, mut batch, mut claims) = (String::new(), String::new(), String::new());
        let mut undisturbed = String::from("true");
        if !snapshot.installed {
            install = format!("{}; ", self.set.install_sql());
        } else if !snapshot.has_live {
            install = format!("{}; ", add_live_sql());
        }
        if let Some((plan, others)) = plan {
            install.insert_str(0, &Set::meet_sql());
            undisturbed = self.set.undisturbed_by(plan, others);
            claims = self.set.claim_sql(plan);
            let text = serde_json::to_string(plan).map_err(|error| {
                Error::new(ErrorKind::Database, "the plan cannot be stored").with_source(error)
            })?;
            claims.push_str(&format!("DELETE FROM reshape.journal WHERE {own}; "));
            batch = format!(
                ", plan = {}::jsonb, last_error = NULL, started_at = now()",
                literal(&text)
            );
        }
        // Drawn, not counted, so that after a COMMIT without an answer the stored one tells whether it was ours.
        let (old, new) = (snapshot.token, draw_token());
        let sql = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; {OWN_PATH}; {}; {install}\
             UPDATE reshape.batch SET token = {new}, state = '{}'{batch} \
               WHERE {own} AND (token = {new} OR token = {old} AND {undisturbed}) RETURNING token, {HAS_LIVE} AS has_live",
            Fence::timeouts_sql(self.settings.lock_timeout),
            state.name()
        );
        // Nothing of ours may be fenced by the old token while the new one is being taken.
        self.token = None;
        let (taken, _) = self.retrying(Task::Own("store the batch"), |run| {
            let found = rows(&mut run.client, &sql)?;
            let is_taken = |row: &&SimpleQueryRow| matches!(row.try_get("token"), Ok(Some(_)));
            let Some(row) = found.iter().find(is_taken) else {
                let stored = format!("SELECT token FROM reshape.batch WHERE {own}; ROLLBACK");
                let stored = rows(&mut run.client, &stored)?;
                check_token(old, stored.first().and_then(|row| row.get(0)))?;
                return Ok(false);
            };
            run.has_live = row.try_get("has_live").is_ok_and(|there| there == Some("t"));
            run.client.batch_execute(&format!("{claims}COMMIT"))?;
            Ok(true)
        })?;
        if taken {
            self.token = Some(new);
        }
        Ok(taken)
    }
}

/// 63 random bits.
fn draw_token() -> i64 {
    i64::try_from(RandomState::new().hash_one(std::process::id()) >> 1).unwrap_or_default()
}
