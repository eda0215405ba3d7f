//! `custom`

use serde::Serialize;

use crate::model::Str;
use crate::plan::{Batch, Phase, Refusal, Step, own};
use crate::schema::{At, Problem, Schema};

/// Runs SQL of the user's own.
///
/// # What it does
///
/// Each of `start`, `complete` and `abort` is SQL, of one or more statements, that runs at that point; all are optional. It
/// promises nothing about downtime: how long it locks what is the author's business. What it creates is not known to the
/// checks, so later actions cannot refer to a table or an enum type that it made. A table that `start` creates has a view in
/// the new version, which is in the way of a `complete` that drops the table: do that in a migration of its own.
///
/// A completed migration can be reverted (`revert_to`) only if each of its `custom` actions that does something says with `reverts` how to take
/// that back: `reverts = { start, complete }`. What `start` created, the newer version uses until the revert is complete, so it goes
/// then: `reverts.complete`, or a single string. What `complete` removed, the older version needs when the revert has started: `reverts.start`. If the
/// revert is aborted, `complete` runs again, in case `reverts.start` has run. A table that `start` created (`CREATE TABLE`) has no view in the
/// version that comes back. What has been applied without `reverts` cannot get it later: that would be another migration.
///
/// # Expand
///
/// `start` runs, at the action's place among the others.
///
/// # Contract
///
/// `complete` runs.
///
/// # Rollback
///
/// `abort` runs, if `start` has run. It should take back what `start` did.
///
/// # Example
///
/// ```toml
/// [[actions]]
/// type = "custom"
/// start = "CREATE FUNCTION public.initials(name text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT left(name, 1)'"
/// abort = "DROP FUNCTION public.initials(text)"
/// reverts = { complete = "DROP FUNCTION public.initials(text)" }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct Custom {
    /// Runs during expand, at the action's place in the batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Str>,
    /// Runs during contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complete: Option<Str>,
    /// Runs when the batch is rolled back after `start` has run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abort: Option<Str>,
    /// How it is taken back once the migration is complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverts: Option<Reverts>,
}

/// How a `custom` action is taken back once its migration is complete; a single string in a file is `complete`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct Reverts {
    /// Takes back what the action's `complete` did, so that the older version can be used again; the action's `complete` runs again if the
    /// revert is aborted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Str>,
    /// Takes back what the action's `start` did, when the newer version is no longer used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complete: Option<Str>,
}

// --- check: the simulated schema -------------------------------------------------------------------------------

use crate::rule::Rule;
use crate::schema::{Review, place};

impl Custom {
    pub(super) fn check(&self, schema: &mut Schema, at: At, problems: &mut Vec<Problem>) {
        let mut review = Review::new(schema, at, problems);
        for sql in self.start.iter().chain(&self.complete) {
            review.note_custom(sql);
        }
        review.note_statements(self);
        let again = self.reverts.as_ref().is_some_and(|reverts| reverts.start.is_some());
        if again && self.complete.is_none() {
            review
                .report(
                    Rule::RevertsNothing,
                    place!["reverts", "start"],
                    "`reverts.start` takes back what `complete` did, but there is no `complete`",
                )
                .help("what `start` did is taken back by `reverts.complete`");
        }
    }
}

// --- plan: the steps -------------------------------------------------------------------------------------------

impl Custom {
    // Fallible like every action's, so that the enum can delegate to all of them alike.
    #[allow(clippy::unnecessary_wraps)]
    pub(super) fn plan(&self, batch: &mut Batch<'_>) -> Result<(), Refusal> {
        let (migration, action) = batch.at;
        let name = &batch.request.pending[migration].name;
        let title = format!("custom SQL of `{name}`, action {}", action + 1);
        let lock = "whatever the SQL takes, until it is done";
        if self.start.is_some() || self.abort.is_some() {
            let start = self.start.iter().map(|sql| sql.trim().to_owned());
            let start =
                start.chain(self.start.as_ref().and_then(|_| own::claim_found(batch))).collect();
            let abort = self.abort.iter().map(|sql| sql.trim().to_owned()).collect();
            batch.push(
                Step::sql(Phase::Expand, title.clone(), start)
                    .custom()
                    .locking(lock)
                    .undone_by(abort),
            );
        }
        if let Some(complete) = &self.complete {
            let step = Step::sql(Phase::Contract, title, vec![complete.trim().to_owned()]);
            batch.push(step.custom().locking(lock));
        }
        Ok(())
    }
}
