//! One version of the service as a process: it migrates, then serves, and does what the driver tells it to.
//!
//! The driver writes one command per line to standard input, the process answers on standard output:
//!
//! | command | what it does | answers |
//! |---|---|---|
//! | (at the start) | applies the migrations it knows | [`Message`]s, the last is `done` |
//! | `complete` | completes the batch | the same |
//! | `serve` | starts its clients | |
//! | `mark` | | `stats` since the last `mark` |
//! | `stop` or the end of the input | stops its clients and ends | `stats` |

use std::fmt;
use std::io::{self, BufRead as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use reshape_runtime::{Error, Event, Migrations, Migrator, Observer, Report};

use crate::stats::Stats;
use crate::traffic::{Traffic, Users};

/// A line that a version writes to the driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A phase of the migration begins.
    Phase(String),
    /// A step is done.
    Step {
        /// What it did.
        title: String,
        /// How long it took.
        elapsed: Duration,
        /// Rows written, for a backfill.
        rows: Option<u64>,
    },
    /// Something to know.
    Note(String),
    /// The start or completion is done.
    Done {
        /// How long it took.
        elapsed: Duration,
    },
    /// What the clients did.
    Stats(Stats),
    /// The start or completion failed.
    Failed(String),
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Phase(phase) => write!(f, "phase\t{phase}"),
            Self::Step { title, elapsed, rows } => {
                let rows = rows.map_or_else(|| "-".to_owned(), |rows| rows.to_string());
                write!(f, "step\t{}\t{rows}\t{}", elapsed.as_micros(), one_line(title))
            }
            Self::Note(text) => write!(f, "note\t{}", one_line(text)),
            Self::Done { elapsed } => write!(f, "done\t{}", elapsed.as_micros()),
            Self::Stats(stats) => write!(f, "stats\t{stats}"),
            Self::Failed(text) => write!(f, "failed\t{}", one_line(text)),
        }
    }
}

impl std::str::FromStr for Message {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let (kind, rest) = line.split_once('\t').unwrap_or((line, ""));
        let micros = |text: &str| {
            let number = text.parse().map_err(|_| format!("`{text}` is not a time"))?;
            Ok::<_, String>(Duration::from_micros(number))
        };
        match kind {
            "phase" => Ok(Self::Phase(rest.to_owned())),
            "step" => {
                let fields: Vec<&str> = rest.splitn(3, '\t').collect();
                let [elapsed, rows, title] = fields[..] else {
                    return Err(format!("`{line}` is not a step"));
                };
                let (elapsed, title) = (micros(elapsed)?, title.to_owned());
                Ok(Self::Step { title, elapsed, rows: rows.parse().ok() })
            }
            "note" => Ok(Self::Note(rest.to_owned())),
            "done" => Ok(Self::Done { elapsed: micros(rest)? }),
            "stats" => Ok(Self::Stats(rest.parse()?)),
            "failed" => Ok(Self::Failed(rest.to_owned())),
            _ => Err(format!("`{line}` is not a message")),
        }
    }
}

/// Messages are lines.
fn one_line(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join("; ")
}

/// The whole of a version's `main`. Arguments: the database's URL and the number of rows that the table begins with.
pub fn run<U: Users>(migrations: Migrations) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, rows] = &arguments[..] else {
        complain(U::VERSION, "usage: <url> <rows>");
        return ExitCode::from(2);
    };
    let Ok(rows) = rows.parse() else {
        complain(U::VERSION, "the second argument is a number of rows");
        return ExitCode::from(2);
    };
    match serve::<U>(migrations, url, rows) {
        Ok(()) => ExitCode::SUCCESS,
        // The driver is gone: there is nobody to tell.
        Err(_) => ExitCode::FAILURE,
    }
}

fn serve<U: Users>(migrations: Migrations, url: &str, rows: i64) -> io::Result<()> {
    let mut migrator = Migrator::new(migrations, url).observer(Reporter { phase: None });
    report(migrator.start())?;
    let mut traffic = None;
    for command in io::stdin().lock().lines() {
        match command?.as_str() {
            "complete" => report(migrator.complete())?,
            "serve" => traffic = Some(Traffic::start::<U>(url, rows)),
            "mark" => {
                tell(&Message::Stats(
                    traffic.as_ref().map(Traffic::take_stats).unwrap_or_default(),
                ))?;
            }
            "stop" => break,
            unknown => complain(U::VERSION, &format!("`{unknown}` is not a command")),
        }
    }
    tell(&Message::Stats(traffic.map(Traffic::stop).unwrap_or_default()))
}

fn report(result: Result<Report, Error>) -> io::Result<()> {
    tell(&match result {
        Ok(report) => Message::Done { elapsed: report.elapsed },
        Err(error) => Message::Failed(error.report()),
    })
}

/// Passes on what a person may want to see.
struct Reporter {
    phase: Option<&'static str>,
}

impl Observer for Reporter {
    fn event(&mut self, event: &Event) {
        let message = match event {
            Event::StepStarted { phase, .. } if self.phase != Some(phase.name()) => {
                self.phase = Some(phase.name());
                Message::Phase(phase.name().to_owned())
            }
            Event::StepDone { title, elapsed, rows, .. } => {
                Message::Step { title: title.clone(), elapsed: *elapsed, rows: *rows }
            }
            Event::Retry { reason, .. } => Message::Note(format!("tried again: {reason}")),
            Event::Note(text) => Message::Note(text.clone()),
            _ => return,
        };
        // A driver that is gone is noticed by the main loop.
        let _ = tell(&message);
    }
}

fn tell(message: &Message) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{message}")?;
    out.flush()
}

/// Shows an error at once; standard output is the driver's.
pub(crate) fn complain(version: &str, text: &str) {
    // Where standard error is closed nobody listens.
    let _ = writeln!(io::stderr(), "{version}: {text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_as_it_was_written() {
        let elapsed = Duration::from_micros(1_500);
        for message in [
            Message::Phase("expand".into()),
            Message::Step { title: "backfill\tof `users`".into(), elapsed, rows: Some(7) },
            Message::Step { title: "analyze".into(), elapsed, rows: None },
            Message::Note("mind the gap".into()),
            Message::Done { elapsed },
            Message::Stats(Stats { queries: 3, ..Stats::default() }),
            Message::Failed("no".into()),
        ] {
            assert_eq!(message.to_string().parse(), Ok(message));
        }
    }

    #[test]
    fn a_message_is_one_line() {
        assert_eq!(Message::Failed("no\n  help: yes".into()).to_string(), "failed\tno; help: yes");
    }
}
