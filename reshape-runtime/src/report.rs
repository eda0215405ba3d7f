//! What a command did.

use std::time::Duration;

use serde::Serialize;

use crate::instance::Instance;
use crate::plan::Phase;

/// What came of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// There was nothing to do.
    Nothing,
    /// The database is ahead of these migrations, and their version is still live.
    Ahead,
    /// A batch was started: both versions are live.
    Started,
    /// A batch was completed.
    Completed,
    /// A batch was rolled back.
    Aborted,
}

/// What `start`, `complete` or `abort` did.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// What came of it.
    pub outcome: Outcome,
    /// The version that was live before; `None` for plain tables.
    pub base: Option<String>,
    /// The version that the batch leads to (for `Nothing` and `Ahead`, the one that is wanted), if there is one.
    pub target: Option<String>,
    /// The migrations of the batch, oldest first.
    pub migrations: Vec<String>,
    /// The completed migrations that the batch takes back, oldest first.
    pub reverts: Vec<String>,
    /// The steps that this call ran or undid, in the order in which it did.
    pub steps: Vec<StepReport>,
    /// What the operator should know.
    pub notes: Vec<String>,
    /// How long the call took, the wait for the lock included.
    pub elapsed: Duration,
}

#[cfg(feature = "client")]
impl Report {
    /// The report of a command that has done nothing.
    pub(crate) fn new(outcome: Outcome) -> Self {
        Self {
            outcome,
            base: None,
            target: None,
            migrations: Vec::new(),
            reverts: Vec::new(),
            steps: Vec::new(),
            notes: Vec::new(),
            elapsed: Duration::ZERO,
        }
    }
}

/// One step of a [`Report`].
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct StepReport {
    /// Its phase.
    pub phase: Phase,
    /// What it does.
    pub title: String,
    /// How long it took, retries and waits included.
    pub elapsed: Duration,
    /// Rows written, for a backfill.
    pub rows: Option<u64>,
    /// How often it had to be tried again.
    pub retries: u32,
}

/// The state of the database's migrations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum State {
    /// No batch: one version is live (or none yet).
    Idle,
    /// A batch is being started, or its start died.
    Applying,
    /// A batch is started: both versions are live.
    InProgress,
    /// A batch is being completed, or its completion died.
    Completing,
    /// A batch is being rolled back, or its rollback died.
    Aborting,
}

impl State {
    /// The state's name as it is stored: `idle`, `applying`, `in_progress`, `completing`, `aborting`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Applying => "applying",
            Self::InProgress => "in_progress",
            Self::Completing => "completing",
            Self::Aborting => "aborting",
        }
    }
}

/// What `status` tells.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Status {
    /// The state.
    pub state: State,
    /// Whether a migrator is at work right now, and who: pid, `application_name`, since when.
    pub migrator: Option<String>,
    /// The version that is live when no batch is in progress; during one, the batch's base. `None` for plain tables.
    pub current: Option<String>,
    /// The batch's target.
    pub target: Option<String>,
    /// The schemas clients can use now, e.g. `migration_0002_x`.
    pub live_schemas: Vec<String>,
    /// Completed migrations, oldest first.
    pub applied: Vec<String>,
    /// The migrations of the batch, oldest first.
    pub batch: Vec<String>,
    /// The completed migrations that the batch takes back, oldest first; they are among `applied` until it is complete.
    pub reverts: Vec<String>,
    /// Known migrations that the database has not seen, oldest first; empty if the migrations are not known.
    pub pending: Vec<String>,
    /// Migrations in the database that are not known here, oldest first; empty if the migrations are not known.
    pub unknown: Vec<String>,
    /// Migrations in the database whose content here is another one, oldest first; empty if the migrations are not known.
    pub edited: Vec<String>,
    /// Whether the batch is paused (`Migrator::pause`): by whom and since when.
    pub paused: Option<String>,
    /// While the batch is being applied, completed or aborted: the step at work, or the one at which the run died.
    pub step: Option<StepStatus>,
    /// Steps of the batch that are done, and steps in all (contract included).
    pub progress: Option<(usize, usize)>,
    /// The error that the last failed run left behind.
    pub last_error: Option<String>,
    /// Who uses the live versions: all that hold a lease, and those who are seen without one.
    pub instances: Vec<Instance>,
    /// The other sets of migrations that the database has, by name.
    pub other_sets: Vec<SetStatus>,
}

/// Another set of migrations in a [`Status`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SetStatus {
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: State,
    /// The newest migration that it has in the database, of a batch in progress too.
    pub latest: Option<String>,
}

/// The step of a [`Status`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StepStatus {
    /// Its phase.
    pub phase: Phase,
    /// What it does.
    pub title: String,
    /// Whether it is being undone.
    pub undo: bool,
    /// Of a backfill: rows written so far.
    pub rows: Option<u64>,
    /// Of a backfill, and of the build of an index where the server shows it: blocks of the table that are done, and blocks in all.
    pub blocks: Option<(u64, u64)>,
    /// Of a backfill at work: rows per second, over the last seconds.
    pub rows_per_second: Option<u64>,
    /// Of a backfill at work: how long it will take at this rate.
    pub seconds_left: Option<u64>,
    /// Of a backfill at work: what it waits for, if it does.
    pub waits: Option<String>,
}
