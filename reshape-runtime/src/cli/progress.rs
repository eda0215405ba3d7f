//! What is going on, on standard error: a spinner or a bar on a terminal, lines elsewhere.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::text::{count, duration, plural, speed};
use crate::{Event, Instance, Observer};

/// The observer for standard error as it is.
pub fn observer() -> impl Observer + 'static {
    let mut observer: Box<dyn Observer> = if io::stderr().is_terminal() {
        Box::new(Terminal { bar: ProgressBar::new_spinner() })
    } else {
        Box::new(Lines { out: io::stderr(), waited: None, backfilled: 0 })
    };
    move |event: &Event| observer.event(event)
}

/// What stays to be read: `None` for what is only of interest while it lasts.
fn line(event: &Event) -> Option<String> {
    match event {
        Event::StepDone { step: _, phase, title, elapsed, rows, undo } => {
            let undo = if *undo { "undo " } else { "" };
            let rows = rows.map_or_else(String::new, |rows| format!(", {} rows", count(rows)));
            Some(format!("{undo}{}: {title} ({}{rows})", phase.name(), duration(*elapsed)))
        }
        Event::Retry { reason, attempt, delay } => {
            Some(format!("try {attempt} failed, again in {}: {reason}", duration(*delay)))
        }
        Event::Resuming { done, total } => {
            Some(format!("resuming: {done} of {total} steps are done"))
        }
        Event::Note(note) => Some(format!("note: {note}")),
        Event::Draining { .. } | Event::Lease { .. } => None,
        Event::Waiting { .. }
        | Event::Locked
        | Event::StepStarted { .. }
        | Event::Paused { .. }
        | Event::Backfill { .. } => None,
    }
}

/// `2 instances of the old version: `web-1` (pid 7); …`
fn draining(instances: &[Instance]) -> String {
    let number = plural(instances.len(), "instance");
    format!("{number} of the old version: {}", crate::instance::list(instances))
}

/// One line per event, for logs. What lasts long says so now and then.
struct Lines<W> {
    out: W,
    /// The wait that the last line told of.
    waited: Option<Duration>,
    /// The tenths of a backfill that the last line told of.
    backfilled: u64,
}

impl<W: Write> Lines<W> {
    fn text(&mut self, event: &Event) -> Option<String> {
        match event {
            Event::Waiting { holder, elapsed } => {
                let due = |last: Duration| *elapsed >= last + Duration::from_secs(10);
                if !self.waited.is_none_or(due) {
                    return None;
                }
                self.waited = Some(*elapsed);
                let so_far = match elapsed.as_secs() {
                    0 => String::new(),
                    _ => format!(", for {} so far", duration(*elapsed)),
                };
                Some(format!("waiting for another migrator: {holder}{so_far}"))
            }
            Event::Backfill { table, blocks, total, rows, rate, left } => {
                let tenths = (blocks * 10).checked_div(*total)?;
                if tenths <= self.backfilled {
                    return None;
                }
                self.backfilled = tenths;
                let speed = speed(*rate, *left);
                Some(format!("backfill: {table} {tenths}0 %, {} rows{speed}", count(*rows)))
            }
            Event::StepStarted { .. } => {
                self.backfilled = 0;
                None
            }
            Event::Locked => {
                self.waited = None;
                None
            }
            Event::Paused { reason, elapsed } => {
                // A new pause, or another reason.
                if elapsed.as_secs() == 0 {
                    self.waited = None;
                }
                let due = |last: Duration| *elapsed >= last + Duration::from_mins(1);
                if !self.waited.is_none_or(due) {
                    return None;
                }
                self.waited = Some(*elapsed);
                let so_far = match elapsed.as_secs() {
                    0 => String::new(),
                    _ => format!(", for {} so far", duration(*elapsed)),
                };
                Some(format!("waiting: {reason}{so_far}"))
            }
            Event::Draining { instances, elapsed, .. } => {
                let due = |last: Duration| *elapsed >= last + Duration::from_secs(10);
                if !self.waited.is_none_or(due) {
                    return None;
                }
                self.waited = Some(*elapsed);
                Some(format!("waiting for {}", draining(instances)))
            }
            Event::StepDone { .. }
            | Event::Lease { .. }
            | Event::Retry { .. }
            | Event::Resuming { .. }
            | Event::Note(_) => line(event),
        }
    }
}

impl<W: Write + Send> Observer for Lines<W> {
    fn event(&mut self, event: &Event) {
        if let Some(text) = self.text(event) {
            // Nobody reads it any more: no reason to stop migrating.
            let _ = writeln!(self.out, "{text}");
        }
    }
}

/// A spinner for what goes on, above it the lines of what is done.
struct Terminal {
    bar: ProgressBar,
}

const SPINNER: &str = "{spinner:.cyan} {prefix:.bold} {wide_msg} {elapsed:.dim}";
const BAR: &str =
    "{spinner:.cyan} {prefix:.bold} {bar:24.cyan/dim} {percent:>3} % {wide_msg} {elapsed:.dim}";

impl Terminal {
    fn spin(&self, prefix: String, message: String) {
        self.bar.reset();
        self.style(SPINNER);
        self.bar.set_prefix(prefix);
        self.bar.set_message(message);
        self.bar.enable_steady_tick(Duration::from_millis(100));
    }

    fn style(&self, template: &str) {
        let style = ProgressStyle::with_template(template);
        self.bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    }
}

impl Observer for Terminal {
    fn event(&mut self, event: &Event) {
        if let Some(text) = line(event) {
            self.bar.println(text);
        }
        match event {
            Event::Waiting { holder, elapsed } if elapsed.as_secs() == 0 => {
                self.spin("waiting".into(), format!("for another migrator: {holder}"));
            }
            Event::Waiting { holder, .. } => {
                self.bar.set_message(format!("for another migrator: {holder}"));
            }
            Event::Paused { reason, elapsed } => {
                self.bar.set_message(format!("{}, {reason}", duration(*elapsed)));
            }
            Event::Draining { instances, .. } => {
                self.spin("waiting".into(), format!("for {}", draining(instances)));
            }
            Event::StepStarted { step, total, phase, title, undo } => {
                let undo = if *undo { "undo " } else { "" };
                self.spin(format!("[{}/{total}] {undo}{}", step + 1, phase.name()), title.clone());
            }
            Event::Backfill { table, blocks, total, rows, rate, left } => {
                if self.bar.length() != Some(*total) {
                    self.style(BAR);
                    self.bar.set_length(*total);
                }
                self.bar.set_position(*blocks);
                // Not the bar's own estimate, which knows nothing of pauses.
                let speed = speed(*rate, *left);
                self.bar.set_message(format!("{table}, {} rows{speed}", count(*rows)));
            }
            Event::StepDone { .. } => {
                self.bar.disable_steady_tick();
                self.bar.unset_length();
            }
            Event::Locked
            | Event::Resuming { .. }
            | Event::Retry { .. }
            | Event::Lease { .. }
            | Event::Note(_) => {}
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Phase;

    fn lines(events: &[Event]) -> String {
        let mut lines = Lines { out: Vec::new(), waited: None, backfilled: 0 };
        for event in events {
            lines.event(event);
        }
        String::from_utf8(lines.out).unwrap()
    }

    fn step(undo: bool, rows: Option<u64>) -> [Event; 2] {
        let (step, phase, title) = (0, Phase::Backfill, String::from("fill `users`"));
        [
            Event::StepStarted { step, total: 2, phase, title: title.clone(), undo },
            Event::StepDone { step, phase, title, elapsed: Duration::from_secs(2), rows, undo },
        ]
    }

    #[test]
    fn a_step_is_a_line() {
        assert_eq!(lines(&step(false, Some(1000))), "backfill: fill `users` (2.0 s, 1,000 rows)\n");
        assert_eq!(lines(&step(true, None)), "undo backfill: fill `users` (2.0 s)\n");
    }

    #[test]
    fn a_backfill_says_every_tenth_once() {
        let [started, _] = step(false, None);
        let mut events = vec![started];
        let table = String::from("users");
        events.extend([0, 5, 11, 12, 100].map(|blocks| Event::Backfill {
            table: table.clone(),
            blocks,
            total: 100,
            rows: blocks * 50,
            rate: (blocks > 50).then_some(1000),
            left: (blocks > 50).then_some(Duration::from_secs(75)),
        }));
        let (rate, left) = (None, None);
        events.push(Event::Backfill { table, blocks: 0, total: 0, rows: 0, rate, left });
        assert_eq!(
            lines(&events),
            "backfill: users 10 %, 550 rows\n\
             backfill: users 100 %, 5,000 rows, 1,000 rows/s, 1 min 15 s left\n"
        );
    }

    #[test]
    fn a_wait_says_so_every_ten_seconds() {
        let events = [0, 1, 9, 10, 19, 20].map(|seconds| Event::Waiting {
            holder: "pid 7".into(),
            elapsed: Duration::from_secs(seconds),
        });
        assert_eq!(
            lines(&events),
            "waiting for another migrator: pid 7\n\
             waiting for another migrator: pid 7, for 10.0 s so far\n\
             waiting for another migrator: pid 7, for 20.0 s so far\n"
        );
    }

    #[test]
    fn a_pause_says_so_at_once_and_every_minute() {
        let events = [0, 1, 59, 60, 61, 0].map(|seconds| Event::Paused {
            reason: "paused by `ann`".into(),
            elapsed: Duration::from_secs(seconds),
        });
        assert_eq!(
            lines(&events),
            "waiting: paused by `ann`\n\
             waiting: paused by `ann`, for 1 min 0 s so far\n\
             waiting: paused by `ann`\n"
        );
    }

    #[test]
    fn what_is_out_of_the_ordinary_is_told() {
        let events = [
            Event::Resuming { done: 3, total: 9 },
            Event::Locked,
            Event::Retry {
                reason: "blocked by pid 8".into(),
                attempt: 1,
                delay: Duration::from_millis(50),
            },
            Event::Note("take care".into()),
        ];
        assert_eq!(
            lines(&events),
            "resuming: 3 of 9 steps are done\n\
             try 1 failed, again in 50 ms: blocked by pid 8\nnote: take care\n"
        );
    }

    #[test]
    fn the_templates_are_valid() {
        assert!(ProgressStyle::with_template(SPINNER).is_ok());
        assert!(ProgressStyle::with_template(BAR).is_ok());
    }
}
