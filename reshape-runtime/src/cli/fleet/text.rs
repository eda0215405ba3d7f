//! The report of a fleet, for people and as JSON.
//!
//! **Invariant:** pure; the same report is the same text.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Value, json};

use crate::cli::exit::Exit;
use crate::cli::text::{duration, plural};
use crate::{Error, FleetReport, Outcome, State, Status, TargetReport, TargetResult};

/// How many came to what, then those that are not done.
pub(super) fn report(command: &str, report: &FleetReport) -> String {
    let outcomes = [
        (Outcome::Started, "started"),
        (Outcome::Completed, "completed"),
        (Outcome::Aborted, "aborted"),
        (Outcome::Nothing, "nothing to do"),
        (Outcome::Ahead, "ahead"),
    ];
    let number = |outcome| {
        let is = |target: &&TargetReport| {
            target.result.done().is_some_and(|report| report.outcome == outcome)
        };
        report.targets.iter().filter(is).count()
    };
    let counts = outcomes.map(|(outcome, name)| (number(outcome), name));
    let mut text = head(report, &counts);
    text.push_str(&rest(command, report));
    if report.is_done() && number(Outcome::Started) > 0 {
        text.push_str("next: `fleet complete`, once nothing uses the old version any more\n");
    }
    text
}

/// What the fleet is one of.
pub(super) fn noun<T>(report: &FleetReport<T>) -> &'static str {
    let is_schema = report.targets.iter().any(|target| target.schema.is_some());
    if is_schema { "schema" } else { "database" }
}

/// How many were paused, or are no longer, then those that are not done.
pub(super) fn paused(command: &str, report: &FleetReport<bool>) -> String {
    let number = |is: bool| {
        let is = |target: &&TargetReport<bool>| target.result.done() == Some(&is);
        report.targets.iter().filter(is).count()
    };
    let [yes, no] = match command {
        "pause" => ["paused", "not being started"],
        _ => ["resumed", "not paused"],
    };
    let mut text = head(report, &[(number(true), yes), (number(false), no)]);
    text.push_str(&rest(command, report));
    text
}

/// A line for each database, then how many there are of each kind.
pub(super) fn statuses(report: &FleetReport<Status>) -> String {
    let mut text = String::new();
    let width = report.targets.iter().map(|target| target.target.chars().count()).max();
    let width = width.unwrap_or_default();
    for target in &report.targets {
        let what = match &target.result {
            TargetResult::Done(status) => line(status),
            TargetResult::Failed(error) => format!("error: {}", error.message()),
            TargetResult::Left => String::from("not looked at"),
        };
        let _ = writeln!(text, "{:<width$}  {what}", target.target);
    }
    let states =
        [State::Idle, State::Applying, State::InProgress, State::Completing, State::Aborting];
    let counts = states.map(|state| {
        let is = |target: &&TargetReport<Status>| {
            target.result.done().is_some_and(|status| status.state == state)
        };
        (report.targets.iter().filter(is).count(), words(state))
    });
    text.push_str(&head(report, &counts));
    text
}

fn words(state: State) -> &'static str {
    match state {
        State::Idle => "idle",
        State::Applying => "applying",
        State::InProgress => "in progress",
        State::Completing => "completing",
        State::Aborting => "aborting",
    }
}

/// `in progress  1_a, next 2_b, 1 pending`
fn line(status: &Status) -> String {
    let mut text = format!(
        "{:<11}  {}",
        words(status.state),
        status.current.as_deref().unwrap_or("the plain tables")
    );
    if let Some(target) = &status.target {
        let _ = write!(text, ", next {target}");
    }
    let at_rest = matches!(status.state, State::Idle | State::InProgress);
    match &status.migrator {
        Some(_) => text.push_str(", a migrator is at work"),
        None if !at_rest => text.push_str(", but nobody is at work"),
        None => {}
    }
    if status.paused.is_some() {
        text.push_str(", paused");
    }
    if !status.pending.is_empty() {
        let _ = write!(text, ", {} pending", status.pending.len());
    }
    text
}

/// `500 databases: 497 started, 2 failed, 1 left (12.3 s)`
fn head<T>(report: &FleetReport<T>, counts: &[(usize, &str)]) -> String {
    let others = [(report.failed().count(), "failed"), (report.left().count(), "left")];
    let counts = counts.iter().chain(&others).filter(|(number, _)| *number > 0);
    let counts: Vec<String> = counts.map(|(number, name)| format!("{number} {name}")).collect();
    let colon = if counts.is_empty() { "" } else { ": " };
    format!(
        "{}{colon}{} ({})\n",
        plural(report.targets.len(), noun(report)),
        counts.join(", "),
        duration(report.elapsed)
    )
}

/// Those that are not done, and why.
fn rest<T>(command: &str, report: &FleetReport<T>) -> String {
    let mut text = String::new();
    for (n, (target, error)) in report.failed().enumerate() {
        if n == 0 {
            text.push_str("failed:\n");
        }
        let error = error.report().replace('\n', "\n    ");
        let _ = writeln!(text, "  {target}\n    {error}");
    }
    for (n, target) in report.left().enumerate() {
        if n == 0 {
            let _ = writeln!(text, "left as they were, `fleet {command}` once more does them:");
        }
        let _ = writeln!(text, "  {target}");
    }
    text
}

/// The same for programs; with what each database's own command reports.
pub(super) fn report_json(command: &str, report: &FleetReport) -> String {
    json_of(command, "report", report)
}

/// The same for programs; with what `status` tells of each database.
pub(super) fn statuses_json(report: &FleetReport<Status>) -> String {
    json_of("status", "status", report)
}

/// The same for programs: whether there was something to pause, or to let go on.
pub(super) fn paused_json(command: &str, report: &FleetReport<bool>) -> String {
    json_of(command, if command == "pause" { "paused" } else { "resumed" }, report)
}

fn json_of<T: Serialize>(command: &str, key: &str, report: &FleetReport<T>) -> String {
    let targets: Vec<Value> = report
        .targets
        .iter()
        .map(|target| {
            let mut value = json!({
                "database": target.target,
                "elapsed_ms": u64::try_from(target.elapsed.as_millis()).unwrap_or(u64::MAX),
            });
            if let Some(schema) = &target.schema {
                value["schema"] = schema.as_str().into();
            }
            match &target.result {
                TargetResult::Done(done) => {
                    value["result"] = "done".into();
                    value[key] = serde_json::to_value(done).expect("a report is plain data");
                }
                TargetResult::Failed(error) => {
                    value["result"] = "failed".into();
                    value["error"] = error_json(error);
                }
                TargetResult::Left => value["result"] = "left".into(),
            }
            value
        })
        .collect();
    let all = json!({
        "command": command,
        "elapsed_ms": u64::try_from(report.elapsed.as_millis()).unwrap_or(u64::MAX),
        "done": report.targets.len() - report.failed().count() - report.left().count(),
        "failed": report.failed().count(),
        "left": report.left().count(),
        "databases": targets,
    });
    serde_json::to_string_pretty(&all).expect("a value is plain data") + "\n"
}

fn error_json(error: &Error) -> Value {
    json!({
        "message": error.message(),
        "help": error.help(),
        "sqlstate": error.sqlstate(),
        "may_try_again": Exit::from(error.kind()) == Exit::TryAgain,
    })
}
