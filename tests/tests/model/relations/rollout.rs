//! The commands of a migrator that may die at any event, while clients write.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reshape_runtime::testing::TestDatabase;
use reshape_runtime::{Error, Event, Migrations, Migrator, Report};

use super::player::{Moment, Player};
use super::world::Side;

/// What the observer panics with: the connection is gone without any clean-up.
struct Death;

pub(crate) struct Rollout<'a> {
    database: &'a TestDatabase,
    player: &'a Arc<Mutex<Player>>,
    history: Migrations,
}

impl<'a> Rollout<'a> {
    pub(crate) fn new(
        database: &'a TestDatabase,
        player: &'a Arc<Mutex<Player>>,
        files: &[(String, String)],
    ) -> Self {
        let files: Vec<(&str, &str)> =
            files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        Self { database, player, history: reshape_tests::migrations(&files) }
    }

    /// One to three workers, as the history's length has it, and ranges as short as they can be.
    fn migrator(&self) -> Migrator {
        let workers = 1 + self.history.migrations.len() % 3;
        let migrator = Migrator::new(&self.history, self.database.url());
        migrator.workers(workers).batch_duration(Duration::from_millis(1))
    }

    /// A command that nobody disturbs.
    pub(crate) fn quietly(
        &self,
        command: impl FnOnce(&mut Migrator) -> Result<Report, Error>,
    ) -> Result<Report, Error> {
        command(&mut self.migrator())
    }

    /// Runs the command with a client of that version writing at each event; `None` if the migrator has died.
    fn attempt(
        &self,
        (side, version, moment): (Side, &str, Moment),
        command: fn(&mut Migrator) -> Result<Report, Error>,
    ) -> Option<Result<Report, Error>> {
        let events = {
            let player = &mut *self.player.lock().expect("no panic");
            let dies = player.random.chance(12);
            let events = player.random.next(25);
            if dies { events } else { usize::MAX }
        };
        let (player, version) = (Arc::clone(self.player), version.to_owned());
        let left = Mutex::new(events);
        let observer = move |event: &Event| {
            let left = &mut *left.lock().unwrap_or_else(PoisonError::into_inner);
            if *left == 0 {
                resume_unwind(Box::new(Death));
            }
            *left -= 1;
            if let Event::StepStarted { .. } | Event::Backfill { .. } = event {
                let player = &mut *player.lock().unwrap_or_else(PoisonError::into_inner);
                player.write(side, &version, moment);
            }
        };
        let mut migrator = self.migrator().observer(observer);
        match catch_unwind(AssertUnwindSafe(|| command(&mut migrator))) {
            Ok(result) => Some(result),
            Err(panic) if panic.is::<Death>() => {
                let player = &mut *self.player.lock().expect("no panic");
                player.log.push(String::from("# the migrator dies"));
                player.deaths += 1;
                None
            }
            Err(panic) => resume_unwind(panic),
        }
    }

    /// Starts while old clients write. Whether the batch is in progress: if the migrator has died, it may be aborted.
    pub(crate) fn start(&self, base: &str) -> Result<bool, Error> {
        loop {
            match self.attempt((Side::Old, base, Moment::Start), Migrator::start) {
                Some(result) => return result.map(|_| true),
                None if self.player.lock().expect("no panic").random.chance(30) => {
                    return self.abort().map(|_| false);
                }
                None => {}
            }
        }
    }

    pub(crate) fn abort(&self) -> Result<Report, Error> {
        self.quietly(Migrator::abort)
    }

    /// Completes while new clients write.
    pub(crate) fn complete(&self, target: &str) -> Result<Report, Error> {
        loop {
            let writer = (Side::New, target, Moment::Complete);
            if let Some(result) = self.attempt(writer, Migrator::complete) {
                return result;
            }
        }
    }
}
