//! What is going on, on standard error: a line for each database that has ended, below them a bar on a terminal.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::text::{duration, report};
use crate::{Event, FleetEvent};

const BAR: &str = "{spinner} [{pos}/{len}] {wide_msg}";

/// The observer for standard error as it is.
pub(super) fn observer() -> impl FnMut(&FleetEvent<'_>) + Send + 'static {
    let mut terminal = io::stderr().is_terminal().then(Bar::new);
    move |event| {
        let text = line(event);
        match (&mut terminal, text) {
            (Some(bar), text) => bar.event(event, text),
            // Nobody reads it any more: no reason to stop migrating.
            (None, Some(text)) => drop(writeln!(io::stderr().lock(), "{text}")),
            (None, None) => {}
        }
    }
}

/// What stays to be read.
fn line(event: &FleetEvent<'_>) -> Option<String> {
    match event {
        FleetEvent::Begun { .. }
        | FleetEvent::Ended { command: "status" | "pause" | "resume", .. } => None,
        FleetEvent::Ended { target, result, done, total, .. } => {
            let what = match result {
                Ok(Some(said)) => report(said),
                Ok(None) => String::from("done"),
                Err(error) => format!("error: {}", error.message()),
            };
            // The lines after the first are in the report at the end.
            Some(format!("[{done}/{total}] {target}: {}", what.lines().next().unwrap_or_default()))
        }
        FleetEvent::Event { target, event } => {
            let what = match event {
                Event::Waiting { holder, elapsed } if *elapsed < Duration::from_secs(1) => {
                    format!("waiting for another migrator: {holder}")
                }
                Event::Paused { reason, elapsed } if *elapsed < Duration::from_secs(1) => {
                    format!("paused: {reason}")
                }
                Event::Resuming { done, total } => {
                    format!("resuming: {done} of {total} steps are done")
                }
                Event::Retry { reason, attempt, delay } => {
                    format!("try {attempt} failed, again in {}: {reason}", duration(*delay))
                }
                Event::Note(note) => format!("note: {note}"),
                // Of interest where one database is looked at.
                _ => return None,
            };
            Some(format!("{target}: {what}"))
        }
    }
}

/// How many have ended, and which are at work.
struct Bar {
    bar: ProgressBar,
    at_work: Vec<String>,
}

impl Bar {
    fn new() -> Self {
        let bar = ProgressBar::new(0);
        if let Ok(style) = ProgressStyle::with_template(BAR) {
            bar.set_style(style);
        }
        Self { bar, at_work: Vec::new() }
    }

    fn event(&mut self, event: &FleetEvent<'_>, text: Option<String>) {
        match event {
            FleetEvent::Begun { target, total } => {
                self.at_work.push((*target).to_owned());
                self.bar.set_length(*total as u64);
                self.bar.enable_steady_tick(Duration::from_millis(100));
            }
            FleetEvent::Ended { target, done, .. } => {
                self.at_work.retain(|other| other != target);
                self.bar.set_position(*done as u64);
            }
            FleetEvent::Event { .. } => {}
        }
        self.bar.set_message(self.at_work.join(", "));
        if let Some(text) = text {
            self.bar.println(text);
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_valid() {
        assert!(ProgressStyle::with_template(BAR).is_ok());
    }

    #[test]
    fn a_line_says_which_database() {
        let note = Event::Note(String::from("take care"));
        let said = line(&FleetEvent::Event { target: "h:5432/d", event: &note });
        assert_eq!(said.as_deref(), Some("h:5432/d: note: take care"));
        let elapsed = Duration::from_millis(5);
        let waiting = Event::Waiting { holder: String::from("pid 7"), elapsed };
        let said = line(&FleetEvent::Event { target: "h:5432/d", event: &waiting });
        assert_eq!(said.as_deref(), Some("h:5432/d: waiting for another migrator: pid 7"));
        assert_eq!(line(&FleetEvent::Begun { target: "h:5432/d", total: 1 }), None);
    }
}
