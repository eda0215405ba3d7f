//! What the benchmarks share: medians, the table and its JSON.
//!
//! **Invariant:** a figure stands beside its floor, measured in the same run, in alternating order.

// Each program has a copy, and uses its part of it.
#![allow(dead_code)]

pub(crate) mod server;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};

/// A line of the table.
pub(crate) struct Line {
    /// Its number in the list of what is measured, e.g. `B10`.
    pub(crate) id: &'static str,
    /// What is measured.
    pub(crate) what: String,
    /// How much it is.
    pub(crate) measured: f64,
    /// Of what.
    pub(crate) unit: Unit,
    /// The same of what it is compared with, and what that is.
    pub(crate) floor: Option<(f64, &'static str)>,
    /// What it should be, in words, and whether it is.
    pub(crate) target: Option<(String, bool)>,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Milliseconds.
    Ms,
    /// Statements per second.
    PerSecond,
    /// Mebibytes.
    MiB,
    /// Something that is counted by ones.
    Count,
}

impl Unit {
    fn show(self, value: f64) -> String {
        let digits = usize::from(value < 10.0) + usize::from(value < 1.0);
        match self {
            Self::Ms => format!("{value:.digits$} ms"),
            Self::PerSecond => format!("{value:.0}/s"),
            Self::MiB => format!("{value:.0} MiB"),
            Self::Count => format!("{value:.0}"),
        }
    }
}

impl Line {
    /// A line without a floor and a target.
    pub(crate) fn new(id: &'static str, what: impl Into<String>, measured: f64) -> Self {
        Self { id, what: what.into(), measured, unit: Unit::Ms, floor: None, target: None }
    }

    pub(crate) fn in_unit(mut self, unit: Unit) -> Self {
        self.unit = unit;
        self
    }

    pub(crate) fn beside(mut self, floor: f64, what: &'static str) -> Self {
        self.floor = Some((floor, what));
        self
    }

    /// The ratio to the floor shall be at most that.
    pub(crate) fn at_most_times(self, most: f64) -> Self {
        let met = self.floor.is_some_and(|(floor, _)| self.measured <= floor * most);
        self.target(format!("≤ {most} x"), met)
    }

    /// The ratio to the floor shall be at least that.
    pub(crate) fn at_least_times(self, least: f64) -> Self {
        let met = self.floor.is_some_and(|(floor, _)| self.measured >= floor * least);
        self.target(format!("≥ {least} x"), met)
    }

    /// It shall be at most that.
    pub(crate) fn at_most(self, most: f64) -> Self {
        let met = self.measured <= most;
        let most = self.unit.show(most);
        self.target(format!("≤ {most}"), met)
    }

    pub(crate) fn target(mut self, target: String, met: bool) -> Self {
        self.target = Some((target, met));
        self
    }
}

/// The middle of the values.
///
/// # Panics
///
/// If there is none.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Milliseconds.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64() * 1000.0
}

/// The parts that the command line names, or all of them.
pub(crate) fn wanted() -> impl Fn(&str) -> bool {
    let parts: Vec<String> =
        std::env::args().skip(1).filter(|part| !part.starts_with("--")).collect();
    move |part| parts.is_empty() || parts.iter().any(|other| other.eq_ignore_ascii_case(part))
}

/// Prints the table and writes the same as JSON to `target/bench/<name>.json`.
pub(crate) fn report(name: &str, lines: &[Line]) {
    let mut text = String::from(
        "| # | what | measured | compared with | ratio | to reach |\n|---|---|---|---|---|---|\n",
    );
    for line in lines {
        let floor = line.floor.map_or(String::from("–"), |(floor, what)| {
            format!("{}: {what}", line.unit.show(floor))
        });
        let ratio = line
            .floor
            .map_or(String::from("–"), |(floor, _)| format!("{:.2}", line.measured / floor));
        let target = line.target.as_ref().map_or(String::from("–"), |(target, met)| {
            format!("{target}: {}", if *met { "met" } else { "**not met**" })
        });
        let (id, what, measured) = (line.id, &line.what, line.unit.show(line.measured));
        writeln!(text, "| {id} | {what} | {measured} | {floor} | {ratio} | {target} |")
            .expect("a string takes everything");
    }
    println!("{text}");
    let rows: Vec<Value> = lines
        .iter()
        .map(|line| {
            json!({
                "id": line.id, "what": line.what, "measured": line.measured, "shown": line.unit.show(line.measured), "unit": format!("{:?}", line.unit),
                "floor": line.floor.map(|(floor, _)| floor), "floor_shown": line.floor.map(|(floor, _)| line.unit.show(floor)), "compared_with": line.floor.map(|(_, what)| what),
                "target": line.target.as_ref().map(|(target, _)| target), "met": line.target.as_ref().map(|(_, met)| met),
            })
        })
        .collect();
    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it is in `target`").join("bench");
    fs::create_dir_all(&folder).expect("a folder in `target`");
    let path = folder.join(format!("{name}.json"));
    fs::write(&path, serde_json::to_vec_pretty(&rows).expect("plain values"))
        .expect("a file in `target`");
    println!("written to {}", path.display());
}
