//! The pace of a backfill: what it waits for, how fast it is, and how other processes get to know.
//!
//! Between ranges it looks whether somebody has paused the batch, whether others write, whether standbys keep up, and, where that is wanted, how busy the
//! server is and how the program itself is. How fast it is stands in a row of `reshape.data`, with the run's token: what a run that is over has left there is nobody's.
//!
//! **Invariant:** it looks and waits outside any transaction, so a wait holds no lock but the migration lock.
//!
//! **Invariant:** looking is for the good of others: where the server does not let it, the backfill goes on.

use std::thread::sleep;
use std::time::{Duration, Instant};

use postgres::Client;
use serde::{Deserialize, Serialize};

pub(super) mod meter;
mod sight;
mod throttle;
mod traffic;

pub use throttle::Throttle;

use super::control::{POLL, Wait};
use super::retry::{Class, classify, describe};
use super::run::{Run, Task};
use super::session::rows;
use super::set::Set;
use crate::error::Error;
use crate::observer::Event;
use crate::sql::ident::literal;
use meter::{Meter, Speed, time_left};
use sight::{Bounds, Finding, Sight, Watch};
use throttle::Brake;
pub(super) use throttle::Program;
use traffic::Traffic;

/// Between two looks for a pause.
const LOOK: Duration = Duration::from_millis(100);

/// Between two looks at standbys and load, and between two records of the speed.
const SECOND: Duration = Duration::from_secs(1);

/// Where others write, a range should take so much less than elsewhere.
const SHORTER: u32 = 5;

/// What a run knows of its pace.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// The step that the meter is of.
    step: usize,
    meter: Meter,
    watch: Watch,
    looked: Option<Instant>,
    seen: Option<Instant>,
    recorded: Option<Instant>,
    /// What the last look came to.
    reason: Option<String>,
    /// Whether the server did not answer: then it is not asked again.
    is_blind: bool,
    /// Whether others write.
    pub(super) traffic: Traffic,
    /// Whom to ask.
    pub(super) program: Program,
    brake: Brake,
    /// When the work began after which to rest.
    began: Option<Instant>,
}

/// What other processes get to know.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    token: i64,
    pub(super) step: usize,
    #[serde(default)]
    pub(super) rows_per_second: Option<u64>,
    #[serde(default)]
    pub(super) blocks_per_second: Option<f64>,
    /// Why it waits.
    #[serde(default)]
    pub(super) waits: Option<String>,
}

impl Set {
    /// The key of its row in `reshape.data` for the speed, as SQL.
    pub(super) fn pace_key(&self) -> String {
        literal(&format!("pace/{}", self.name()))
    }
}

/// What the run that is in charge of the batch says of its pace.
pub(super) fn recorded(client: &mut Client, set: &Set) -> Result<Option<Record>, postgres::Error> {
    let (own, key) = (set.own(), set.pace_key());
    let sql = format!(
        "SELECT d.value FROM reshape.data d, reshape.batch b \
         WHERE b.{own} AND d.key = {key} AND d.value ->> 'token' = b.token::text"
    );
    let found = rows(client, &sql)?;
    let text = found.first().and_then(|row| row.get(0));
    Ok(text.and_then(|text| serde_json::from_str(text).ok()))
}

impl Run<'_> {
    /// Waits before the next range of the step's backfill for as long as there is a reason to. `own` sessions of ours are at work
    /// beside this one.
    pub(super) fn keep_pace(&mut self, step: usize, own: usize) -> Result<(), Error> {
        let worked = self.pace.began.map_or(Duration::ZERO, |began| began.elapsed());
        sleep(self.pace.brake.after(worked));
        if self.pace.looked.is_none_or(|looked| looked.elapsed() >= LOOK) {
            self.look_and_wait(step, own)?;
        }
        self.pace.began = Some(Instant::now());
        Ok(())
    }

    /// How long the next range should take.
    pub(super) fn range_duration(&self) -> Duration {
        let longest = self.settings.batch_duration;
        let is_shorter = self.pace.traffic.is_seen(Instant::now()) || self.pace.brake.is_on();
        if is_shorter { longest / SHORTER } else { longest }
    }

    fn look_and_wait(&mut self, step: usize, own: usize) -> Result<(), Error> {
        let mut wait = Wait::default();
        let mut before = None;
        while let Some(reason) = self.reason_to_wait(own)? {
            if before.as_ref() != Some(&reason) {
                self.record(step, Some(&reason));
                before = Some(reason.clone());
            }
            wait.on(self, &reason, POLL);
        }
        if before.is_some() {
            self.pace.meter.restart();
            self.record(step, None);
        } else if self.pace.recorded.get_or_insert_with(Instant::now).elapsed() >= SECOND {
            self.record(step, None);
        }
        if let Some((latency, limit)) = self.pace.program.latency()
            && let Some(note) = self.pace.brake.adapt(latency, limit)
        {
            self.note(note);
        }
        self.pace.looked = Some(Instant::now());
        Ok(())
    }

    fn reason_to_wait(&mut self, own: usize) -> Result<Option<String>, Error> {
        match self.pause_asked()? {
            Some(pause) => {
                pause.check()?;
                Ok(Some(pause.reason()))
            }
            None => match self.pace.program.reason_to_wait() {
                Some(reason) => Ok(Some(reason)),
                None => self.look_around(own),
            },
        }
    }

    /// Looks at standbys and load, and says why to wait for them.
    fn look_around(&mut self, own: usize) -> Result<Option<String>, Error> {
        let bounds = Bounds { lag: self.settings.max_lag, load: self.settings.max_load };
        let is_due = self.pace.seen.is_none_or(|seen| seen.elapsed() >= SECOND);
        if bounds.is_none() || self.pace.is_blind {
            return Ok(None);
        }
        if !is_due {
            return Ok(self.pace.reason.clone());
        }
        let (sight, _) =
            self.retrying(Task::Own("look at standbys and load"), |run| {
                match rows(&mut run.client, sight::QUERY) {
                    Ok(rows) => Ok(Ok(rows.first().and_then(|row| row.get(0)).map(str::to_owned))),
                    Err(error) if classify(&error) == Class::Fatal => Ok(Err(describe(&error))),
                    Err(error) => Err(error.into()),
                }
            })?;
        let sight = sight.and_then(|text| {
            serde_json::from_str::<Sight>(&text.unwrap_or_default())
                .map_err(|error| error.to_string())
        });
        self.pace.seen = Some(Instant::now());
        let Finding { reason, notes } = match sight {
            Ok(sight) => self.pace.watch.judge(Instant::now(), &sight, bounds, own),
            Err(error) => {
                self.pace.is_blind = true;
                let note =
                    format!("standbys and load cannot be seen, so nothing waits for them: {error}");
                Finding { reason: None, notes: vec![note] }
            }
        };
        for note in notes {
            self.note(note);
        }
        self.pace.reason.clone_from(&reason);
        Ok(reason)
    }

    /// Tells how far the backfill of the step has got, and how fast.
    pub(super) fn has_got_to(
        &mut self,
        step: usize,
        table: &str,
        blocks: u64,
        total: u64,
        rows: u64,
    ) {
        if self.pace.step != step {
            self.pace.step = step;
            self.pace.meter.restart();
            self.pace.began = None;
        }
        self.pace.traffic.add_own();
        self.pace.meter.add(Instant::now(), blocks, rows);
        let speed = self.pace.meter.speed();
        let left = speed
            .and_then(|speed| time_left(total.saturating_sub(blocks), speed.blocks_per_second));
        self.emit(&Event::Backfill {
            table: table.to_owned(),
            blocks,
            total,
            rows,
            rate: speed.map(Speed::rows),
            left,
        });
    }

    /// Writes down for others how fast it is, or why it waits. Of no importance to the batch: a failure is none.
    fn record(&mut self, step: usize, waits: Option<&str>) {
        let Some(token) = self.token else { return };
        let speed = self.pace.meter.speed().filter(|_| self.pace.step == step);
        let record = Record {
            token,
            step,
            rows_per_second: speed.map(Speed::rows),
            blocks_per_second: speed.map(|speed| speed.blocks_per_second),
            waits: waits.map(str::to_owned),
        };
        let Ok(json) = serde_json::to_string(&record) else { return };
        let (own, key) = (self.set.own(), self.set.pace_key());
        // One message, one transaction; not worth waiting for the disk. Not by a run that another one has taken over from.
        let _ = self.client.batch_execute(&format!(
            "SET LOCAL synchronous_commit TO off; SET LOCAL lock_timeout = 100; \
             INSERT INTO reshape.data (key, value) \
               SELECT {key}, {}::jsonb FROM reshape.batch b WHERE b.{own} AND b.token = {token} \
               ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            literal(&json)
        ));
        self.pace.traffic.add_own();
        self.pace.recorded = Some(Instant::now());
    }
}
