//! The way back: from completed migrations to the batch that takes them back.
//!
//! Each action becomes its inverse, last first, and the list is planned like any other batch: the version that is being left is its base, and
//! the clients of that version are its old clients. What the inverse needs to know of columns, indexes and constraints that are
//! gone is what the history said of them: all completed migrations are replayed on the simulated schema, action by action.
//!
//! **Invariant:** pure, and needs no migration files: the completed migrations are those that the database has recorded.
//!
//! **Invariant:** what cannot be taken back without losing something is refused, with the action and what is missing.

use crate::action::Action;
use crate::model::{Migration, Str};
use crate::plan::facts::Facts;
use crate::plan::{Plan, Refusal, Request, plan_to};

mod action;
mod column;
mod custom;
mod hanging;
mod replay;
mod words;

/// What stands in the way of taking an action back, and what to do about it.
#[derive(Debug)]
struct Missing {
    message: String,
    help: &'static str,
}

impl Missing {
    fn new(message: impl Into<String>, help: &'static str) -> Self {
        Self { message: message.into(), help }
    }
}

/// The inverse of completed migrations, not planned yet.
#[derive(Debug)]
pub(crate) struct Inverse {
    /// One for each migration that is taken back, newest first.
    pub(crate) migrations: Vec<Migration>,
    /// For each of these the migration that it takes back.
    origins: Vec<Origin>,
    /// Tables that SQL of the user's has created: they go when the batch is complete, and have no place in the version that comes back.
    hidden: Vec<String>,
}

#[derive(Debug)]
struct Origin {
    name: String,
    /// For each of the inverse actions, which of the migration's it takes back, counted from 0.
    places: Vec<usize>,
}

impl Inverse {
    /// Takes back every migration of the set that is `completed`, oldest first, but the first `keep`.
    ///
    /// # Errors
    ///
    /// The newest action for which something is missing, in the migration that is taken back.
    pub(crate) fn new(set: &str, completed: &[Migration], keep: usize) -> Result<Self, Refusal> {
        let replay = replay::Replay::new(set, completed, keep);
        let hidden = hidden(completed, keep, &replay);
        let mut inverse = Self { migrations: Vec::new(), origins: Vec::new(), hidden };
        for (number, migration) in completed.iter().enumerate().skip(keep).rev() {
            let mut actions: Vec<Action> = Vec::new();
            let mut places = Vec::new();
            for taken in replay.taken.iter().rev().filter(|taken| taken.migration == number) {
                let back = action::inverse(taken, &replay).map_err(|missing| Refusal {
                    migration: migration.name.to_string(),
                    action: Some(taken.place + 1),
                    message: missing.message,
                    help: Some(missing.help.to_owned()),
                })?;
                places.extend(back.iter().map(|_| taken.place));
                actions.extend(back);
            }
            inverse.migrations.push(Migration {
                name: format!("revert of {}", migration.name).into(),
                description: None,
                checksum: Str::Borrowed(""),
                actions: actions.into(),
                allow: migration.allow.clone(),
                requires: Vec::new().into(),
            });
            inverse.origins.push(Origin { name: migration.name.to_string(), places });
        }
        Ok(inverse)
    }

    /// Plans the batch that leads from the version `base` back to `target`.
    ///
    /// # Errors
    ///
    /// The planner's refusal, in terms of the migration that is taken back.
    pub(crate) fn plan(&self, base: &str, target: &str, facts: &Facts) -> Result<Plan, Refusal> {
        let request = Request { pending: &self.migrations, base: Some(base), facts };
        let plan =
            plan_to(&request, target, &self.hidden).map_err(|refusal| self.blame(refusal))?;
        let mut reverts: Vec<String> =
            self.origins.iter().map(|origin| origin.name.clone()).collect();
        reverts.reverse();
        Ok(Plan { migrations: Vec::new(), reverts, ..plan })
    }

    /// The same refusal of the action that is taken back.
    fn blame(&self, refusal: Refusal) -> Refusal {
        let inverse = self.migrations.iter().position(|own| own.name == refusal.migration);
        let Some(origin) = inverse.and_then(|number| self.origins.get(number)) else {
            return refusal;
        };
        let action = refusal.action.and_then(|place| origin.places.get(place - 1));
        Refusal { migration: origin.name.clone(), action: action.map(|n| n + 1), ..refusal }
    }
}

/// The tables that custom SQL has created in the migrations that are taken back, and not in one before.
fn hidden(completed: &[Migration], keep: usize, replay: &replay::Replay<'_>) -> Vec<String> {
    let created = |migrations: &[Migration]| -> Vec<String> {
        let actions = migrations.iter().flat_map(|migration| migration.actions.iter());
        let starts = actions.filter_map(|action| {
            if let Action::Custom(custom) = action { custom.start.as_deref() } else { None }
        });
        starts.flat_map(custom::creates).collect()
    };
    let (before, back) = completed.split_at(keep.min(completed.len()));
    let before = created(before);
    let known =
        |name: &str| replay.taken.first().is_some_and(|taken| taken.before.table(name).is_some());
    created(back).into_iter().filter(|name| !before.contains(name) && !known(name)).collect()
}
