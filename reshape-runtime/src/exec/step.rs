//! Runs one step, forwards.
//!
//! **Invariant:** a step is done when its journal row says so, and only then; every try looks for the row first.
//!
//! **Invariant:** the next step begins when this one's journal row is on the disk: a server that crashes loses no step that another one builds on.

use std::time::{Duration, Instant};

use postgres::SimpleQueryRow;

use super::backfill::Pass;
use super::fence::{Fence, OWN_PATH};
use super::index::locked_by;
use super::journal::Begun;
use super::patience::Patience;
use super::retry::{Class, Failure, classify, describe};
use super::run::{Rules, Run, Task};
use super::session::{SEARCH_PATH, rows};
use crate::error::{Error, ErrorKind};
use crate::observer::Event;
use crate::plan::{Phase, Plan, Step, Work};
use crate::report::StepReport;

/// How long a message may be before it is sent, in bytes.
const LONGEST: usize = 1_000_000;

/// The column by which our own row is told from those of the statements.
const XID: &str = "reshape_xid";

/// What to do where SQL of the user's can never succeed.
const SKIP: &str = "make what it needs, and run this again; if it can never succeed, go on without it: `--skip-custom`, or \
                    `Migrator::skip_custom`";

impl Run<'_> {
    /// Runs the step `n`; `closing` is SQL that goes into its last transaction (only for [`Work::Sql`]).
    pub(super) fn run_step(&mut self, plan: &Plan, n: usize, closing: &str) -> Result<(), Error> {
        let step = &plan.steps[n];
        let rules = Rules::of(plan, n);
        self.reported(plan, n, false, |run| match &step.work {
            Work::Sql { statements } => {
                let done = join(&run.set.done_sql(n, None), closing);
                let sql = statements.join(";\n");
                let task = Task::Step { title: &step.title, sql: &sql, rules };
                let result = run.retrying(task, |run| {
                    run.transaction(plan, n, (statements, false), is_done, &done)
                });
                let ((), retries) = match result {
                    Err(error) if step.phase == Phase::Contract => run.skip(step, error, &done)?,
                    result => result?,
                };
                Ok((None, retries))
            }
            Work::Backfill { table, statement, ctid, rest, parallel, in_turns, xmin, walks } => {
                let search_path = &plan.search_path;
                let pass = Pass {
                    search_path,
                    step: n,
                    table,
                    statement,
                    ctid,
                    rest,
                    parallel: *parallel,
                    in_turns: *in_turns,
                    xmin,
                    walks,
                };
                let (rows, retries) = run.backfill(plan, pass)?;
                Ok((Some(rows), retries))
            }
            Work::CreateIndex { .. }
            | Work::DefineIndex { .. }
            | Work::CreateIndexes { .. }
            | Work::DropIndex { .. } => {
                let task = Task::Step { title: &step.title, sql: &locked_by(&step.work), rules };
                let done = run.set.done_sql(n, None);
                let ((), retries) = run.retrying(task, |run| {
                    run.outside(plan, n, "started", is_done, &done, |run| run.index(&step.work))
                })?;
                Ok((None, retries))
            }
            Work::Analyze { table } => {
                let retries = run.analyze(plan, n, &step.title, table)?;
                Ok((None, retries))
            }
        })
    }

    /// Tells the observer and the report of a step; `work` returns rows and retries.
    pub(super) fn reported(
        &mut self,
        plan: &Plan,
        n: usize,
        undo: bool,
        work: impl FnOnce(&mut Self) -> Result<(Option<u64>, u32), Error>,
    ) -> Result<(), Error> {
        let (phase, title, total) = (plan.steps[n].phase, &plan.steps[n].title, plan.steps.len());
        let began = Instant::now();
        self.emit(&Event::StepStarted { step: n, total, phase, title: title.clone(), undo });
        let (rows, retries) = work(self)?;
        let elapsed = began.elapsed();
        self.emit(&Event::StepDone { step: n, phase, title: title.clone(), elapsed, rows, undo });
        let title = if undo { format!("undo: {title}") } else { title.clone() };
        self.steps.push(StepReport { phase, title, elapsed, rows, retries });
        Ok(())
    }

    /// Statements of the step (or, `true`, of its undo) in one fenced transaction, with `closing` (our own SQL, the journal's row) at its end.
    /// What a statement leaves in the setting `reshape.note` is for the operator: a NOTICE of the server's would not reach whoever has handed
    /// over a connection of their own.
    pub(super) fn transaction(
        &mut self,
        plan: &Plan,
        n: usize,
        (statements, undo): (&[String], bool),
        is_done: impl Fn(&Begun) -> bool,
        closing: &str,
    ) -> Result<(), Failure> {
        let begun = self.begin(&plan.search_path, n)?;
        if is_done(&begun) {
            return self.commit("");
        }
        let title = &plan.steps[n].title;
        let mut note = None;
        let mut messages = messages(&plan.steps[n], (statements, undo), self.settings.lock_timeout);
        let end = End::of(plan, n, undo);
        if end != End::Apart {
            end.add_to(&mut messages, closing);
        }
        for message in &messages {
            match rows(&mut self.client, message) {
                Ok(rows) => {
                    let is_ours = |row: &&SimpleQueryRow| row.try_get(XID).is_ok();
                    let row = rows.iter().rfind(is_ours);
                    note = row.and_then(|row| row.get(1)).map(str::to_owned);
                    if row.and_then(|row| row.get(0)) != Some(&begun.xid) {
                        return Err(self.ended_by_itself(plan, n, title, None));
                    }
                }
                Err(error) if classify(&error) == Class::Fatal => {
                    self.client.batch_execute("ROLLBACK")?;
                    if self.is_committed(&begun.xid)? {
                        return Err(self.ended_by_itself(plan, n, title, Some(&error)));
                    }
                    return Err(error.into());
                }
                Err(error) => return Err(error.into()),
            }
        }
        if end == End::Apart || messages.is_empty() {
            self.commit(closing)?;
        }
        if end == End::Early {
            self.keep()?;
        }
        if let Some(note) = note.filter(|note| !note.is_empty()) {
            self.note(note);
        }
        Ok(())
    }

    /// Waits until what has been committed is on the disk, and with whichever standby is to have it first. If this fails, the step is tried again, and finds
    /// out whether it is done.
    fn keep(&mut self) -> Result<(), Failure> {
        // A lock on a row is written down, so this commit waits, and with it for all before.
        let sql = format!(
            "BEGIN; {OWN_PATH}; {}; SELECT FROM reshape.batch WHERE {} FOR SHARE; COMMIT",
            Fence::timeouts_sql(self.settings.lock_timeout),
            self.set.own()
        );
        Ok(self.client.batch_execute(&sql)?)
    }

    /// Passes over a step that has failed for good, if it is the user's own SQL and the operator wants that.
    pub(super) fn skip(
        &mut self,
        step: &Step,
        error: Error,
        closing: &str,
    ) -> Result<((), u32), Error> {
        let has_failed = matches!(error.kind(), ErrorKind::Failed | ErrorKind::Permission);
        if !(self.settings.skip_custom && step.custom && has_failed) {
            let is_stuck = step.custom && has_failed;
            return Err(if is_stuck { error.with_more_help(SKIP) } else { error });
        }
        // What it writes can be written twice.
        self.fenced("skip a step", |_| false, closing)?;
        self.note(format!("skipped: {}", error.message()));
        Ok(((), 0))
    }

    /// Work outside a transaction: a journal row before it, so that a rollback knows of it, and one after it.
    pub(super) fn outside(
        &mut self,
        plan: &Plan,
        n: usize,
        status: &str,
        is_done: impl Fn(&Begun) -> bool,
        closing: &str,
        work: impl FnOnce(&mut Self) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let begun = self.begin("pg_catalog, pg_temp", n)?;
        if is_done(&begun) {
            return self.commit("");
        }
        let mark = self.set.mark_sql(n, status);
        self.commit(&mark)?;
        // Nothing that runs here blocks a write, and with a timeout it would fail while any old transaction is open.
        self.client.batch_execute(&format!(
            "SET lock_timeout = 0; SET statement_timeout = 0; SET search_path TO {}",
            plan.search_path
        ))?;
        let result = work(self);
        if !matches!(&result, Err(Failure::Server(error)) if classify(error) == Class::Lost) {
            self.client.batch_execute(SEARCH_PATH)?;
        }
        result?;
        // The fence again: the work may have taken long, on a connection that was cut off from the lock.
        self.begin("pg_catalog, pg_temp", n)?;
        self.commit(closing)
    }

    /// `ANALYZE`: helps the planner of Postgres, decides nothing, so no failure of it is worth a rollback.
    fn analyze(&mut self, plan: &Plan, n: usize, title: &str, table: &str) -> Result<u32, Error> {
        let mut skipped = None;
        let task = Task::Step { title, sql: table, rules: Rules::default() };
        let done = self.set.done_sql(n, None);
        let ((), retries) = self.retrying(task, |run| {
            run.outside(plan, n, "started", is_done, &done, |run| {
                match run.client.batch_execute(&format!("ANALYZE {table}")) {
                    Err(error) if classify(&error) == Class::Fatal => {
                        skipped = Some(describe(&error));
                        Ok(())
                    }
                    result => Ok(result?),
                }
            })
        })?;
        if let Some(reason) = skipped {
            self.note(format!("{table} was not analyzed: {reason}"));
        }
        Ok(retries)
    }

    fn is_committed(&mut self, xid: &str) -> Result<bool, Failure> {
        let sql = format!("SELECT pg_catalog.pg_xact_status('{xid}'::xid8)");
        let rows = rows(&mut self.client, &sql)?;
        Ok(rows.first().and_then(|row| row.get(0)) == Some("committed"))
    }

    /// The step's own SQL ended its transaction: part of it may be there for good, so its undo has to run.
    fn ended_by_itself(
        &mut self,
        plan: &Plan,
        n: usize,
        title: &str,
        error: Option<&postgres::Error>,
    ) -> Failure {
        let mark = |run: &mut Self| -> Result<(), Failure> {
            run.client.batch_execute("ROLLBACK")?;
            run.begin(&plan.search_path, n)?;
            let mark = run.set.mark_sql(n, "started");
            run.commit(&mark)
        };
        if let Err(failure) = mark(self) {
            return failure;
        }
        let then = error.map(|error| format!(", then failed: {}", describe(error)));
        Failure::Final(
            Error::new(
                ErrorKind::Failed,
                format!(
                    "the SQL of the step `{title}` ended its transaction (COMMIT or ROLLBACK){}",
                    then.unwrap_or_default()
                ),
            )
            .with_help(
                "take COMMIT and ROLLBACK out of it: a step runs in one transaction with its journal \
                 row; what it had committed is still there unless its own undo removed it",
            ),
        )
    }
}

/// The statements as they are sent, all in one message if they are ours. SQL of the user's may say COMMIT: what came after it in one message would
/// have been done, too, so that is sent one by one.
fn messages(
    step: &Step,
    (statements, undo): (&[String], bool),
    lock_timeout: Duration,
) -> Vec<String> {
    let patience = Patience::of(step, undo, &statements.join("\n"), lock_timeout);
    let mut messages = Vec::new();
    let mut message = String::new();
    for (number, statement) in statements.iter().enumerate() {
        let before = if number == 0 { &patience.first } else { &patience.between };
        for sql in before.iter().chain([statement]) {
            message.push_str(sql);
            // A statement may end in a comment.
            message.push_str("\n;\n");
        }
        if step.custom || step.mixed || message.len() > LONGEST || number + 1 == statements.len() {
            // The id: SQL that says COMMIT would leave the journal behind.
            message.push_str(&format!("SELECT pg_catalog.pg_current_xact_id_if_assigned() AS {XID}, pg_catalog.current_setting('reshape.note', true)"));
            messages.push(std::mem::take(&mut message));
        }
    }
    messages
}

/// How a step's transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// In a message of its own: first we have to know that SQL of the user's has not ended it.
    Apart,
    /// In the message of its last statements: what it has locked is not locked for the time of another round trip.
    Together,
    /// The same, and nobody who waits for the locks waits for the disk, or for a standby: that we do afterwards.
    Early,
}

impl End {
    fn of(plan: &Plan, n: usize, undo: bool) -> Self {
        let step = &plan.steps[n];
        if step.custom || step.mixed {
            return Self::Apart;
        }
        // What instances go by, that a version is live, must not be lost once somebody has seen it.
        let is_seen = plan.steps.iter().rposition(|step| step.phase != Phase::Contract) == Some(n)
            || step.phase == Phase::Publish;
        if step.lock.is_some() && (undo || !is_seen) { Self::Early } else { Self::Together }
    }

    fn add_to(self, messages: &mut [String], closing: &str) {
        let Some(last) = messages.last_mut() else { return };
        let early = if self == Self::Early { "; SET LOCAL synchronous_commit TO off" } else { "" };
        let separator = if closing.is_empty() { "" } else { "; " };
        last.push_str(&format!("; {OWN_PATH}{early}{separator}{closing}; COMMIT"));
    }
}

fn is_done(begun: &Begun) -> bool {
    begun.entry.as_ref().is_some_and(|entry| entry.status == "done")
}

fn join(first: &str, second: &str) -> String {
    if second.is_empty() { first.to_owned() } else { format!("{first}; {second}") }
}
