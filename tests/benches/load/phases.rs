//! What goes on while statements run, and what they make of it.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use reshape_runtime::Event;

use super::clients::{KINDS, Sample};

/// What went on when: a phase, and the step that was at work in it.
#[derive(Clone, Default)]
pub(crate) struct Clock(Arc<Mutex<Vec<Mark>>>);

#[derive(Clone)]
struct Mark {
    at: Instant,
    phase: &'static str,
    step: String,
}

impl Clock {
    /// From now on it is this.
    pub(crate) fn phase(&self, phase: &'static str) {
        let mark = Mark { at: Instant::now(), phase, step: String::new() };
        self.0.lock().unwrap().push(mark);
    }

    /// For a migrator's observer.
    pub(crate) fn event(&self, event: &Event) {
        let mut marks = self.0.lock().unwrap();
        let Some(phase) = marks.last().map(|mark| mark.phase) else { return };
        let step = match event {
            Event::StepStarted { title, undo, .. } => {
                format!("{}{title}", if *undo { "undo: " } else { "" })
            }
            Event::StepDone { .. } => String::from("between steps"),
            _ => return,
        };
        marks.push(Mark { at: Instant::now(), phase, step });
    }

    /// Takes the samples in. A statement belongs to the last phase that it has seen, or the last but one if it is over soon after that: what
    /// keeps a statement waiting may well be over before it is.
    pub(crate) fn sort(&self, samples: Vec<Sample>, into: &mut Waits) {
        let marks = self.0.lock().unwrap();
        for sample in samples {
            let first = marks.partition_point(|mark| mark.at <= sample.began);
            let last = marks.partition_point(|mark| mark.at <= sample.ended);
            let seen = &marks[first.saturating_sub(1)..last];
            let Some(mark) = seen.iter().find(|mark| !is_quiet(mark.phase)).or(seen.first()) else {
                continue;
            };
            into.all.push((mark.phase, mark.step.clone(), sample.kind, sample.millis()));
        }
    }
}

/// Whether nothing is at work then but the clients.
fn is_quiet(phase: &str) -> bool {
    [BEFORE, IN_PROGRESS, NOTHING].contains(&phase)
}

pub(crate) const NOTHING: &str = "nothing";
pub(crate) const BEFORE: &str = "before";
pub(crate) const READS: &str = "beside a session that reads the table again and again";
pub(crate) const WRITES: &str = "beside plain UPDATEs of the whole table, 100 ms each";
pub(crate) const DDL: &str = "while a column is added and dropped by hand";
pub(crate) const START: &str = "during start";
pub(crate) const SMALL_START: &str = "during start, a small table";
pub(crate) const IN_PROGRESS: &str = "in progress";
pub(crate) const COMPLETE: &str = "during complete";
pub(crate) const ABORT: &str = "during abort";

/// How long statements took, by phase, step and kind, in milliseconds.
#[derive(Default)]
pub(crate) struct Waits {
    all: Vec<(&'static str, String, usize, f64)>,
    pub(crate) errors: usize,
}

impl Waits {
    /// All of that phase, from the shortest to the longest.
    fn of(&self, phase: &str, is_meant: impl Fn(&str, usize) -> bool) -> Vec<f64> {
        let all = self.all.iter().filter(|all| all.0 == phase && is_meant(&all.1, all.2));
        let mut all: Vec<f64> = all.map(|all| all.3).collect();
        all.sort_by(f64::total_cmp);
        all
    }

    /// 99 of 100 took no longer.
    pub(crate) fn p99(&self, phase: &str) -> f64 {
        share(&self.of(phase, |_, _| true), 99)
    }

    /// How many of a thousand took longer.
    pub(crate) fn slower(&self, phase: &str, millis: f64) -> f64 {
        let all = self.of(phase, |_, _| true);
        let slow = all.iter().filter(|took| **took > millis).count();
        #[expect(clippy::cast_precision_loss, reason = "a million at most")]
        let share = slow as f64 * 1000.0 / all.len().max(1) as f64;
        share
    }

    /// The longest while a migrator was at work, or both versions were live.
    pub(crate) fn longest(&self) -> f64 {
        let ours = [START, SMALL_START, IN_PROGRESS, COMPLETE, ABORT];
        let ours = self.all.iter().filter(|all| ours.contains(&all.0));
        ours.map(|all| all.3).fold(0.0, f64::max)
    }

    pub(crate) fn count(&self, phase: &str) -> usize {
        self.all.iter().filter(|all| all.0 == phase).count()
    }

    /// Prints what each step did to which statements.
    pub(crate) fn print(&self) {
        let row = |what: &str, all: &[f64]| {
            let slow = all.iter().filter(|took| **took > 10.0).count();
            println!(
                "{what:60} {:7} p50 {:7.2} p90 {:7.2} p99 {:7.2} most {:7.2} over 10 ms {slow}",
                all.len(),
                share(all, 50),
                share(all, 90),
                share(all, 99),
                all.last().copied().unwrap_or_default()
            );
        };
        for phase in [BEFORE, READS, WRITES, DDL, START, SMALL_START, IN_PROGRESS, COMPLETE, ABORT]
        {
            row(phase, &self.of(phase, |_, _| true));
            for (kind, name) in KINDS.iter().enumerate() {
                row(&format!("  {name}"), &self.of(phase, |_, of| of == kind));
            }
            let mut steps: Vec<&str> =
                self.all.iter().filter(|all| all.0 == phase).map(|all| all.1.as_str()).collect();
            steps.sort_unstable();
            steps.dedup();
            for step in steps.iter().filter(|_| steps.len() > 1) {
                row(&format!("  - {step}"), &self.of(phase, |of, _| of == *step));
            }
        }
    }
}

fn share(sorted: &[f64], percent: usize) -> f64 {
    sorted.get(sorted.len() * percent / 100).copied().unwrap_or_default()
}
