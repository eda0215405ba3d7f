//! What commands print: reports, status and durations, as text.
//!
//! **Invariant:** pure; the same report is the same text.

use std::fmt::Write as _;
use std::time::Duration;

use crate::{Outcome, Report, State, Status, StepStatus};

/// `start`, `complete` or `abort`: what it came to, on one or two lines.
pub(super) fn report(report: &Report) -> String {
    let version = |name: &Option<String>| {
        name.as_ref().map_or_else(|| String::from("the plain tables"), |name| format!("`{name}`"))
    };
    let (base, target) = (version(&report.base), version(&report.target));
    let (verb, number) = match report.reverts.len() {
        0 => ("", report.migrations.len()),
        number => ("the revert to ", number),
    };
    let size = format!(
        "{}, {}, {}",
        plural(number, "migration"),
        plural(report.steps.len(), "step"),
        duration(report.elapsed)
    );
    match (report.outcome, &report.target) {
        (Outcome::Nothing, None) => String::from("nothing to do"),
        (Outcome::Nothing, Some(_)) if report.base == report.target => {
            format!("nothing to do: {target} is live")
        }
        (Outcome::Nothing, Some(_)) => {
            format!("nothing to do: {target} is live beside {base}\n{}", next(&base))
        }
        (Outcome::Ahead, _) => {
            format!("nothing to do: the database is ahead, and {target} is still live")
        }
        (Outcome::Started, _) => {
            format!("started {verb}{target} ({size}): it is live beside {base}\n{}", next(&base))
        }
        (Outcome::Completed, _) => format!("completed {verb}{target} ({size})"),
        (Outcome::Aborted, _) => format!("aborted {verb}{target} ({size}): {base} stays"),
    }
}

/// What `migration validate` found.
pub(super) fn validated(report: &Report) -> String {
    match (&report.target, report.outcome) {
        (None, _) => String::from("there are no migrations"),
        (Some(target), Outcome::Ahead) => {
            format!("`{target}` is live; the database is ahead of it")
        }
        (Some(target), _) => format!("`{target}` is live"),
    }
}

/// What the four answers to `migration pause` and `migration resume` are.
pub(super) const PAUSED: &str = "\
paused: the migrator waits as soon as it has ended what it has begun
next: `migration resume`, or `migration abort`
";
pub(super) const WAS_PAUSED: &str = "nothing to do: it is paused already\n";
pub(super) const RESUMED: &str = "resumed\n";
pub(super) const NOT_PAUSED: &str = "nothing to do: it is not paused\n";

fn next(base: &str) -> String {
    format!("next: `migration complete`, once nothing uses {base} any more")
}

/// A table of the state, then one of the migrations.
pub(super) fn status(status: &Status) -> String {
    let mut text = String::new();
    let mut row = |name: &str, value: &str| {
        // A message of the server can have several lines.
        let value = value.trim_end().replace('\n', "\n            ");
        let _ = writeln!(text, "{name:<12}{value}");
    };
    let state = match (status.state, status.migrator.is_some()) {
        (State::Idle, _) => "idle",
        (State::InProgress, _) => "in progress: `migration complete` or `migration abort` ends it",
        (State::Applying, true) => "applying: a migrator is at work",
        (State::Completing, true) => "completing: a migrator is at work",
        (State::Aborting, true) => "aborting: a migrator is at work",
        (State::Applying, false) if !status.reverts.is_empty() => {
            "a revert is half started, but nobody is at work: the same `migration revert` goes on, `migration abort` takes it back"
        }
        (State::Applying, false) => {
            "applying, but nobody is at work: `migration start` goes on, `migration abort` takes it back"
        }
        (State::Completing, false) => {
            "completing, but nobody is at work: `migration complete` goes on"
        }
        (State::Aborting, false) => "aborting, but nobody is at work: `migration abort` goes on",
    };
    row("state", state);
    row("version", status.current.as_deref().unwrap_or("none: the plain tables"));
    if let Some(target) = &status.target {
        row("next", target);
    }
    if let Some(paused) = &status.paused {
        row("paused", &format!("{paused}: `migration resume` lets it go on"));
    }
    if let Some((done, total)) = status.progress {
        row("progress", &format!("{done} of {}", plural(total, "step")));
    }
    if let Some(step) = &status.step {
        row("step", &self::step(step));
    }
    if !status.live_schemas.is_empty() {
        row("schemas", &status.live_schemas.join("\n"));
    }
    if let Some(migrator) = &status.migrator {
        row("at work", migrator);
    }
    let uses: Vec<String> = status
        .instances
        .iter()
        .map(|instance| {
            let version = instance.version.as_deref().unwrap_or("the plain tables");
            format!("{version}: {instance}")
        })
        .collect();
    if !uses.is_empty() {
        row("in use", &uses.join("\n"));
    }
    if let Some(error) = &status.last_error {
        row("last error", error);
    }
    let others = status.other_sets.iter().map(|set| {
        let latest = set.latest.as_deref().unwrap_or("nothing");
        format!("{}: {}, {latest}", set.name, set.state.name().replace('_', " "))
    });
    let others: Vec<String> = others.collect();
    if !others.is_empty() {
        row("other sets", &others.join("\n"));
    }

    let groups = [
        (&status.applied, "applied"),
        (&status.batch, "in this batch"),
        (&status.pending, "pending"),
    ];
    let names = groups.iter().flat_map(|(names, _)| names.iter());
    let width = names.map(|name| name.chars().count()).max().unwrap_or_default();
    if width > 0 {
        text.push('\n');
    }
    for (names, group) in groups {
        for name in names {
            let mut remark = "";
            if status.reverts.contains(name) {
                remark = ", being reverted";
            } else if status.unknown.contains(name) {
                remark = ", not known here";
            } else if status.edited.contains(name) {
                remark = ", edited since";
            }
            let _ = writeln!(text, "  {name:<width$}  {group}{remark}");
        }
    }
    text
}

/// `undo backfill: fill `x`, 16 %, 49,152 rows`
fn step(step: &StepStatus) -> String {
    let undo = if step.undo { "undo " } else { "" };
    let mut text = format!("{undo}{}: {}", step.phase.name(), step.title);
    // What was filled is not emptied again.
    if !step.undo {
        if let Some((done, all)) = step.blocks {
            let percent = (done * 100).checked_div(all).unwrap_or(100);
            let _ = write!(text, ", {percent} %");
        }
        if let Some(rows) = step.rows {
            let _ = write!(text, ", {} rows", count(rows));
        }
        text.push_str(&speed(step.rows_per_second, step.seconds_left.map(Duration::from_secs)));
        if let Some(waits) = &step.waits {
            let _ = write!(text, "; waits: {waits}");
        }
    }
    text
}

/// `, 12,000 rows/s, 3 min 4 s left`, as far as it is known.
pub(super) fn speed(rate: Option<u64>, left: Option<Duration>) -> String {
    let rate = rate.map_or_else(String::new, |rate| format!(", {} rows/s", count(rate)));
    // To the second: it is an estimate.
    let left = left.map(|left| Duration::from_secs(left.as_secs().max(1)));
    let left = left.map_or_else(String::new, |left| match left.as_secs() {
        seconds @ 0..60 => format!(", {seconds} s left"),
        _ => format!(", {} left", duration(left)),
    });
    rate + &left
}

/// `999 ms`, `1.2 s`, `3 min 4 s`, `2 h 5 min`.
pub(super) fn duration(duration: Duration) -> String {
    // Rounded first, so that 999.7 ms is not printed as 1000 ms.
    let tenths = (duration.as_millis() + 50) / 100;
    let seconds = (duration.as_millis() + 500) / 1000;
    match duration.as_millis() {
        0..1_000 => format!("{} ms", duration.as_millis()),
        1_000..59_950 => format!("{}.{} s", tenths / 10, tenths % 10),
        59_950..3_599_500 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// `1,234,567`
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 step`, `2 steps`
pub(super) fn plural(number: usize, word: &str) -> String {
    if number == 1 { format!("1 {word}") } else { format!("{} {word}s", count(number as u64)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Phase;

    #[test]
    fn numbers_are_readable() {
        let ms = |ms| duration(Duration::from_millis(ms));
        assert_eq!(duration(Duration::from_micros(999_900)), "999 ms");
        assert_eq!([ms(0), ms(1249), ms(1250)], ["0 ms", "1.2 s", "1.3 s"]);
        assert_eq!([ms(59_949), ms(59_950), ms(184_000)], ["59.9 s", "1 min 0 s", "3 min 4 s"]);
        assert_eq!([ms(3_599_499), ms(3_599_500)], ["59 min 59 s", "1 h 0 min"]);
        assert_eq!(
            [count(0), count(999), count(1000), count(1_234_567)],
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!([plural(1, "step"), plural(0, "step")], ["1 step", "0 steps"]);
    }

    fn reported(outcome: Outcome, base: Option<&str>, target: Option<&str>) -> String {
        report(&Report {
            outcome,
            base: base.map(str::to_owned),
            target: target.map(str::to_owned),
            migrations: vec!["2_b".into()],
            reverts: Vec::new(),
            steps: Vec::new(),
            notes: Vec::new(),
            elapsed: Duration::from_millis(1200),
        })
    }

    #[test]
    fn every_outcome_has_its_words() {
        let (base, target) = (Some("1_a"), Some("2_b"));
        insta::assert_snapshot!(
            [
                reported(Outcome::Nothing, None, None),
                reported(Outcome::Nothing, target, target),
                reported(Outcome::Nothing, base, target),
                reported(Outcome::Ahead, base, target),
                reported(Outcome::Started, None, target),
                reported(Outcome::Started, base, target),
                reported(Outcome::Completed, base, target),
                reported(Outcome::Aborted, base, target),
            ]
            .join("\n"),
        );
    }

    #[test]
    fn a_revert_is_called_so() {
        let said = |outcome| {
            report(&Report {
                outcome,
                base: Some("3_c".into()),
                target: Some("1_a".into()),
                migrations: Vec::new(),
                reverts: vec!["2_b".into(), "3_c".into()],
                steps: Vec::new(),
                notes: Vec::new(),
                elapsed: Duration::from_millis(1200),
            })
        };
        let size = "(2 migrations, 0 steps, 1.2 s)";
        assert_eq!(
            said(Outcome::Started),
            format!(
                "started the revert to `1_a` {size}: it is live beside `3_c`\n\
                 next: `migration complete`, once nothing uses `3_c` any more"
            )
        );
        assert_eq!(said(Outcome::Completed), format!("completed the revert to `1_a` {size}"));
        assert_eq!(
            said(Outcome::Aborted),
            format!("aborted the revert to `1_a` {size}: `3_c` stays")
        );
        let status = Status {
            state: State::InProgress,
            applied: vec!["1_a".into(), "2_b".into()],
            reverts: vec!["2_b".into()],
            unknown: vec!["2_b".into()],
            ..idle()
        };
        let text = super::status(&status);
        assert!(text.ends_with("  1_a  applied\n  2_b  applied, being reverted\n"), "{text}");
    }

    fn idle() -> Status {
        Status {
            state: State::Idle,
            migrator: None,
            current: None,
            target: None,
            live_schemas: Vec::new(),
            applied: Vec::new(),
            batch: Vec::new(),
            reverts: Vec::new(),
            pending: Vec::new(),
            unknown: Vec::new(),
            edited: Vec::new(),
            paused: None,
            step: None,
            progress: None,
            last_error: None,
            instances: Vec::new(),
            other_sets: Vec::new(),
        }
    }

    #[test]
    fn an_empty_database_has_a_short_status() {
        insta::assert_snapshot!(status(&idle()));
    }

    /// At 3 a.m. it matters whether something is under way or has died.
    #[test]
    fn a_state_says_whether_somebody_is_at_work() {
        for state in [State::Applying, State::Completing, State::Aborting] {
            let dead = Status { state, ..idle() };
            let live = Status { migrator: Some("pid 7".into()), ..dead.clone() };
            assert!(status(&dead).contains(", but nobody is at work: `migration "), "{state:?}");
            assert!(status(&live).contains(": a migrator is at work\n"), "{state:?}");
        }
    }

    #[test]
    fn a_backfill_says_how_far_it_is() {
        let step = StepStatus {
            phase: Phase::Backfill,
            title: "fill `users`".into(),
            undo: false,
            rows: Some(49_152),
            blocks: Some((1536, 9375)),
            rows_per_second: None,
            seconds_left: None,
            waits: None,
        };
        assert_eq!(super::step(&step), "backfill: fill `users`, 16 %, 49,152 rows");
        let at_work = StepStatus {
            rows_per_second: Some(12_345),
            seconds_left: Some(184),
            waits: Some("the standby `r` is 11 s behind".into()),
            ..step.clone()
        };
        assert_eq!(
            super::step(&at_work),
            "backfill: fill `users`, 16 %, 49,152 rows, 12,345 rows/s, 3 min 4 s left; \
             waits: the standby `r` is 11 s behind"
        );
        let end = StepStatus { seconds_left: Some(0), waits: None, ..at_work };
        assert!(super::step(&end).ends_with(" rows/s, 1 s left"));
        assert_eq!(super::step(&StepStatus { undo: true, ..step }), "undo backfill: fill `users`");
    }

    #[test]
    fn a_batch_has_a_long_status() {
        let status = Status {
            state: State::InProgress,
            migrator: Some("pid 7".into()),
            current: Some("1_a".into()),
            target: Some("2_longer".into()),
            live_schemas: vec!["migration_1_a".into(), "migration_2_longer".into()],
            applied: vec!["0_x".into(), "1_a".into()],
            batch: vec!["2_longer".into()],
            reverts: Vec::new(),
            pending: vec!["3_c".into()],
            unknown: vec!["0_x".into()],
            edited: vec!["1_a".into()],
            paused: None,
            step: None,
            progress: Some((4, 6)),
            last_error: Some("lock timeout\nhelp: try again".into()),
            instances: Vec::new(),
            other_sets: vec![crate::SetStatus {
                name: "auth".into(),
                state: State::InProgress,
                latest: Some("1_x".into()),
            }],
        };
        insta::assert_snapshot!(super::status(&status));
    }
}
