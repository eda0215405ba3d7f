//! The usual start: that nothing is to be done is found out with as little as possible.
//!
//! Whoever brings a version up writes down, in the same transaction, which migrations a program must have to find it as it is: their
//! digest, beside the token of the run. A start compares that with its own before it reads anything else. All of it is in one row of one table,
//! found by its key: what the server needs for a second table is as much as it needs for everything else here.
//!
//! **Invariant:** who is told here that nothing is to be done would be told so by [`decide`](super::compare::decide).
//!
//! **Invariant:** what is written down holds for one token. Every command that changes anything draws a new one first, that of an older
//! program too, which knows nothing of this. A newer layout of the metadata says its number here; before that changes anything of a set, this holds.

use postgres::Client;
use postgres::error::SqlState;
use serde::{Deserialize, Serialize};

use super::compare::remaining;
use super::lock;
use super::metadata::{Applied, LAYOUT, Snapshot, is_undefined};
use super::retry::Failure;
use super::run::{Run, Task};
use super::session::rows;
use super::set::Set;
use crate::error::{Error, ErrorKind};
use crate::model::Migrations;
use crate::plan::Plan;
use crate::report::State;
use crate::sql::ident::literal;
use crate::sql::names;

/// What the probe has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Probe {
    /// The wanted version is there, and nothing is left to start.
    Live(Live),
    /// That cannot be told from here.
    Unknown,
    /// The tables are not there.
    Absent,
}

/// What a report says of a version that is live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Live {
    /// Idle or in progress.
    pub(super) state: State,
    /// The last migration that is completed.
    pub(super) base: Option<String>,
}

impl Probe {
    /// The version, if it is live.
    pub(super) fn live(self) -> Option<Live> {
        match self {
            Self::Live(live) => Some(live),
            Self::Unknown | Self::Absent => None,
        }
    }
}

/// What is written down, as JSON.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    /// That of the program that wrote it.
    layout: i64,
    /// The run that wrote it.
    token: i64,
    /// Of the migrations that have been applied or are in progress.
    digest: String,
    /// The last one that is completed.
    base: Option<String>,
}

/// A digest of names and contents, in order. None where a content is not known.
fn digest<'a>(migrations: impl Iterator<Item = (&'a str, Option<&'a str>)>) -> Option<String> {
    let mut digest = names::fnv1a(&[]);
    for (name, checksum) in migrations {
        digest = fold(fold(digest, name), checksum?);
    }
    Some(format!("{digest:016x}"))
}

/// The digest with a further text, which is taken eight bytes at a time: byte by byte, a long history would take longer than the question to the
/// server.
fn fold(digest: u64, text: &str) -> u64 {
    let mix = |digest: u64, word: u64| {
        let product = (digest.rotate_left(29) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        product ^ (product >> 32)
    };
    let mut words = text.as_bytes().chunks_exact(8);
    let word = |bytes: &[u8]| bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
    let digest = words.by_ref().fold(digest, |digest, bytes| mix(digest, word(bytes)));
    // With its length, so that no other texts in a row come to the same.
    mix(mix(digest, word(words.remainder())), text.len() as u64)
}

fn of_applied(applied: &[Applied]) -> Option<String> {
    digest(applied.iter().map(|one| (one.name.as_str(), one.checksum.as_deref())))
}

fn of_wanted(wanted: &Migrations) -> Option<String> {
    digest(wanted.migrations.iter().map(|one| (&*one.name, Some(&*one.checksum))))
}

/// Looks whether the wanted version is there and nothing is left to do. Where it cannot be told, it is not an error either.
pub(super) fn probe(
    client: &mut Client,
    set: &Set,
    wanted: &Migrations,
) -> Result<Probe, postgres::Error> {
    look(client, &set.patient_probe_sql(), wanted)
}

fn look(client: &mut Client, sql: &str, wanted: &Migrations) -> Result<Probe, postgres::Error> {
    let rows = match rows(client, sql) {
        Ok(rows) => rows,
        // An older program has made the table; or who reads the rest can say what is missing.
        Err(error)
            if matches!(
                error.code(),
                Some(&SqlState::UNDEFINED_COLUMN | &SqlState::INSUFFICIENT_PRIVILEGE)
            ) =>
        {
            return Ok(Probe::Unknown);
        }
        Err(error) if is_undefined(&error) => return Ok(Probe::Absent),
        Err(error) => return Err(error),
    };
    let Some(row) = rows.first() else { return Ok(Probe::Unknown) };
    let cell = |column: usize| row.get(column).unwrap_or_default();
    let state = match cell(0) {
        state if state == State::Idle.name() => State::Idle,
        state if state == State::InProgress.name() => State::InProgress,
        _ => return Ok(Probe::Unknown),
    };
    let Ok(note) = serde_json::from_str::<Note>(cell(2)) else { return Ok(Probe::Unknown) };
    let is_live = note.layout == LAYOUT
        && cell(1).parse() == Ok(note.token)
        && of_wanted(wanted) == Some(note.digest);
    Ok(if is_live { Probe::Live(Live { state, base: note.base }) } else { Probe::Unknown })
}

impl Set {
    /// The state, the token and what is written down, in a row: as little as the server can be asked.
    fn probe_sql(&self) -> String {
        format!("SELECT state, token, live FROM reshape.batch WHERE {}", self.own())
    }

    /// The same for those who ask again and again. In a table that an older program has made there is no column `live`: then the name is that of the
    /// outer query, where each of them would leave an error in the server's log.
    fn patient_probe_sql(&self) -> String {
        format!(
            "SELECT b.* FROM (SELECT NULL::text AS live) o, \
             LATERAL (SELECT state, token, live FROM reshape.batch WHERE {}) b",
            self.own()
        )
    }

    /// Forgets what is written down.
    pub(super) fn forget_live_sql(&self) -> String {
        format!("UPDATE reshape.batch SET live = NULL WHERE {}", self.own())
    }

    fn live_sql(&self, note: Option<&Note>) -> Result<String, Error> {
        let Some(note) = note else { return Ok(self.forget_live_sql()) };
        let note = serde_json::to_string(note).map_err(|error| {
            Error::new(ErrorKind::Database, "the live version cannot be stored").with_source(error)
        })?;
        Ok(format!(
            "UPDATE reshape.batch SET live = {} WHERE {}; {}",
            literal(&note),
            self.own(),
            lock::tell_sql(self)
        ))
    }
}

impl Run<'_> {
    /// See [`probe`].
    pub(super) fn probe(&mut self, wanted: &Migrations) -> Result<Probe, Error> {
        let (probe, _) = self.retrying(Task::Own("read the metadata"), |run| {
            look(&mut run.client, &run.set.probe_sql(), wanted).map_err(Failure::from)
        })?;
        Ok(probe)
    }

    /// Writes down what a start finds once the batch is in progress.
    pub(super) fn live_in_progress_sql(
        &self,
        plan: &Plan,
        snapshot: &Snapshot,
    ) -> Result<String, Error> {
        // While migrations are being taken back, more than one set of them finds its version live.
        let note = if plan.reverts.is_empty() {
            self.note_of(&with_batch(plan, snapshot), &snapshot.applied)
        } else {
            None
        };
        self.live_sql(note.as_ref())
    }

    /// Writes down what a start finds once the batch is completed.
    pub(super) fn live_completed_sql(
        &self,
        plan: &Plan,
        snapshot: &Snapshot,
    ) -> Result<String, Error> {
        let known = with_batch(plan, snapshot);
        self.live_sql(self.note_of(&known, &known).as_ref())
    }

    /// Where there is nothing to write to, those who wait are told all the same.
    fn live_sql(&self, note: Option<&Note>) -> Result<String, Error> {
        if self.has_live { self.set.live_sql(note) } else { Ok(lock::tell_sql(&self.set)) }
    }

    fn note_of(&self, known: &[Applied], completed: &[Applied]) -> Option<Note> {
        let base = completed.last().map(|last| last.name.clone());
        Some(Note { layout: LAYOUT, token: self.token?, digest: of_applied(known)?, base })
    }
}

/// The migrations once the batch is completed.
fn with_batch(plan: &Plan, snapshot: &Snapshot) -> Vec<Applied> {
    let batch = plan.migrations.iter().map(Applied::from);
    remaining(snapshot, plan).into_iter().chain(batch).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_of_each_text_and_of_its_place() {
        let long = "0123456789abcdef";
        let histories: [&[(&str, &str)]; 9] = [
            &[],
            &[("a", "b")],
            &[("b", "a")],
            &[("ab", "")],
            &[("", "ab")],
            &[("a", "b"), ("c", "d")],
            &[("c", "d"), ("a", "b")],
            &[(long, "a")],
            &[(&long[..8], "89abcdefa")],
        ];
        let digests: Vec<_> = histories
            .iter()
            .map(|history| digest(history.iter().map(|(name, sum)| (*name, Some(*sum)))))
            .collect();
        for (n, one) in digests.iter().enumerate() {
            assert!(one.is_some() && !digests[..n].contains(one), "{n}: {digests:?}");
        }
        assert_eq!(digest([("a", None)].into_iter()), None);
        // What is written down outlives the program: another digest would make every first start of a newer one slow.
        assert_eq!(digests[5].as_deref(), Some("5e38d700775d5f80"));
    }
}
