//! Brings a database to where the files are.

use std::fmt;

use reshape_runtime::testing::NamedDatabase;
use reshape_runtime::{Error, Migrations, Migrator, State, Status, cli};

/// A batch that others take up or end whenever it is looked at, so often in a row, is theirs.
const TRIES: u32 = 5;

/// What a database is at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The migrations that are completed, oldest first.
    pub completed: Vec<String>,
    /// Those that are in progress.
    pub in_progress: Vec<String>,
    /// Whether it was there already.
    pub unchanged: bool,
    /// Whether a batch was taken back on the way.
    pub aborted: bool,
}

/// Why a database is not where the files are.
#[derive(Debug)]
pub enum NotApplied {
    /// Migrations that are completed in it are others in the files, or none: what is the matter with them.
    Stale(String),
    /// The migrator failed, or refused.
    Failed(Error),
}

impl fmt::Display for NotApplied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stale(message) => f.write_str(message),
            Self::Failed(error) => f.write_str(&error.report()),
        }
    }
}

impl From<Error> for NotApplied {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Completes as many migrations as `shipped` says, which is told whether the database has none yet, and starts the others.
///
/// # Errors
///
/// If a completed migration is another one now: then nothing was changed. If the migrator fails: then the database may be at a version
/// between, from which the next try goes on.
pub fn apply(
    database: &NamedDatabase,
    migrations: &Migrations,
    shipped: impl Fn(bool) -> usize,
) -> Result<Applied, NotApplied> {
    let names: Vec<String> =
        migrations.migrations.iter().map(|migration| migration.name.to_string()).collect();
    let mut migrator = Migrator::new(migrations.clone(), database.config())
        // Nobody's work depends on the old version.
        .force(true)
        .observer(cli::observer())
        .limits_from_environment()?;
    let mut aborted = false;
    let mut shipped_count = None;
    for _ in 0..TRIES {
        let status = migrator.status()?;
        same_history(&status, &names).map_err(NotApplied::Stale)?;
        let done = status.applied.len();
        let empty = status.state == State::Idle && done == 0;
        // Asked once: what is aborted below leaves no empty database behind.
        let shipped = *shipped_count.get_or_insert_with(|| shipped(empty));
        let target = shipped.clamp(done, names.len());
        match next(&status, &names, target) {
            Next::Finish => drop(migrator.complete()?),
            Next::Abort => {
                migrator.abort()?;
                aborted = true;
            }
            Next::Start { unchanged } => {
                if !unchanged && done < target {
                    migrator.start_and_complete_to(&names[target - 1])?;
                }
                if !unchanged && target < names.len() {
                    migrator.start()?;
                }
                let in_progress = names[target..].to_vec();
                let completed = names[..target].to_vec();
                return Ok(Applied { completed, in_progress, unchanged, aborted });
            }
        }
    }
    let message = "somebody else starts, completes or aborts migrations in the database";
    Err(NotApplied::Stale(message.to_owned()))
}

/// What the database needs first.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// The completion that has begun cannot be taken back.
    Finish,
    /// What is in progress is not what is wanted.
    Abort,
    /// The migrator goes on from here, unless everything is as it should be.
    Start { unchanged: bool },
}

fn next(status: &Status, names: &[String], target: usize) -> Next {
    let done = status.applied.len();
    let end = done + status.batch.len();
    let fits = names.get(done..end) == Some(status.batch.as_slice())
        && !status.batch.iter().any(|name| status.edited.contains(name));
    // All of the rest, or what is to be completed as it is.
    let is_part = fits && (end <= target || end == names.len() && target == done);
    match status.state {
        State::Idle => Next::Start { unchanged: done == names.len() },
        State::InProgress if is_part => Next::Start { unchanged: end > target },
        // Its migrator died; the next one goes on.
        State::Applying if is_part => Next::Start { unchanged: false },
        State::Completing => Next::Finish,
        // In progress, being applied or aborted.
        _ => Next::Abort,
    }
}

/// Whether the migrations that are completed are the first of the files.
fn same_history(status: &Status, names: &[String]) -> Result<(), String> {
    if !status.reverts.is_empty() {
        let message = "a revert is in progress in the database";
        return Err(format!("{message}\n  help: complete or abort it"));
    }
    let completed = &status.applied;
    let edited = completed.iter().filter(|name| status.edited.contains(name));
    let gone = completed.iter().filter(|name| !names.contains(name));
    let mut wrong: Vec<String> = edited.map(|name| format!("`{name}` has been edited")).collect();
    wrong.extend(gone.map(|name| format!("`{name}` is not there any more")));
    if wrong.is_empty() && !names.starts_with(completed) {
        let last = completed.last().map(String::as_str).unwrap_or_default();
        let place = names.iter().position(|name| name == last).unwrap_or_default();
        let before = names[..place].iter().filter(|name| !completed.contains(name));
        wrong.extend(before.map(|name| format!("`{name}` comes before `{last}`")));
        if wrong.is_empty() {
            wrong.push(String::from("their order is another one"));
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(format!(
        "the files are not what is completed in the database: {}\n  help: change what is completed by a migration of its own, \
         or undo that; `reshape dev --reset` makes the database anew, without its rows",
        wrong.join(", ")
    ))
}
