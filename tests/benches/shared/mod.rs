//! What the benchmarks share: medians, the table and its JSON.
//!
//! **Invariant:** a figure stands beside its floor, measured in the same run, in alternating order.

// Each program has a copy, and uses its part of it.
#![allow(dead_code)]

pub(crate) mod history;
pub(crate) mod series;
pub(crate) mod server;
pub(crate) mod spread;
pub(crate) mod tenants;
pub(crate) mod users;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::{Value, json};

pub(crate) use series::Series;
pub(crate) use spread::Spread;

/// A line of the table.
pub(crate) struct Line {
    /// Its number in the list of what is measured, e.g. `B10`.
    pub(crate) id: &'static str,
    /// What is measured.
    pub(crate) what: String,
    /// How much it is.
    pub(crate) measured: Spread,
    /// Of what.
    pub(crate) unit: Unit,
    /// The same of what it is compared with, and what that is.
    pub(crate) floor: Option<(Spread, String)>,
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
    /// With which power something grows.
    Power,
}

impl Unit {
    pub(crate) fn show(self, value: f64) -> String {
        let digits = usize::from(value < 10.0) + usize::from(value < 1.0);
        match self {
            Self::Ms if value < 0.1 => format!("{:.1} µs", value * 1000.0),
            Self::Ms => format!("{value:.digits$} ms"),
            Self::PerSecond => format!("{value:.0}/s"),
            Self::MiB => format!("{value:.0} MiB"),
            Self::Count => format!("{value:.0}"),
            Self::Power => format!("n^{value:.2}"),
        }
    }
}

impl Line {
    /// A line without a floor and a target.
    pub(crate) fn new(
        id: &'static str,
        what: impl Into<String>,
        measured: impl Into<Spread>,
    ) -> Self {
        let (what, measured) = (what.into(), measured.into());
        Self { id, what, measured, unit: Unit::Ms, floor: None, target: None }
    }

    pub(crate) fn in_unit(mut self, unit: Unit) -> Self {
        self.unit = unit;
        self
    }

    pub(crate) fn beside(mut self, floor: impl Into<Spread>, what: impl Into<String>) -> Self {
        self.floor = Some((floor.into(), what.into()));
        self
    }

    /// The ratio to the floor shall be at most that.
    pub(crate) fn at_most_times(self, most: f64) -> Self {
        let met = self.ratio().is_some_and(|ratio| ratio <= most);
        self.target(format!("≤ {most} x"), met)
    }

    /// The ratio to the floor shall be at least that.
    pub(crate) fn at_least_times(self, least: f64) -> Self {
        let met = self.ratio().is_some_and(|ratio| ratio >= least);
        self.target(format!("≥ {least} x"), met)
    }

    /// It shall be at most that.
    pub(crate) fn at_most(self, most: f64) -> Self {
        let met = self.measured.median <= most;
        let most = self.unit.show(most);
        self.target(format!("≤ {most}"), met)
    }

    pub(crate) fn target(mut self, target: impl Into<String>, met: bool) -> Self {
        self.target = Some((target.into(), met));
        self
    }

    fn ratio(&self) -> Option<f64> {
        Some(self.measured / self.floor.as_ref()?.0)
    }

    fn json(&self) -> Value {
        let shown = self.unit.show(self.measured.median);
        let floor = self.floor.as_ref();
        json!({
            "id": self.id, "what": self.what, "measured": self.measured.median, "shown": shown, "unit": format!("{:?}", self.unit),
            "spread": self.measured.json(), "floor": floor.map(|(floor, _)| floor.median), "floor_spread": floor.map(|(floor, _)| floor.json()),
            "floor_shown": floor.map(|(floor, _)| self.unit.show(floor.median)), "compared_with": floor.map(|(_, what)| what),
            "target": self.target.as_ref().map(|(target, _)| target), "met": self.target.as_ref().map(|(_, met)| met),
        })
    }
}

/// The middle of the values, and how far apart they are.
///
/// # Panics
///
/// If there is none.
pub(crate) fn median(values: Vec<f64>) -> Spread {
    Spread::of(values)
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
    report_all(name, lines, &[], &[]);
}

/// The same with how things grow, and with what there is to say of what was left out.
pub(crate) fn report_all(name: &str, lines: &[Line], series: &[Series], notes: &[String]) {
    let mut text = String::from(
        "| # | what | measured | compared with | ratio | to reach |\n|---|---|---|---|---|---|\n",
    );
    let of_series: Vec<Line> = series.iter().filter_map(Series::line).collect();
    for line in lines.iter().chain(&of_series) {
        let floor = line.floor.as_ref().map_or(String::from("–"), |(floor, what)| {
            format!("{}: {what}", line.unit.show(floor.median))
        });
        let ratio = line.ratio().map_or(String::from("–"), |ratio| format!("{ratio:.2}"));
        let target = line.target.as_ref().map_or(String::from("–"), |(target, met)| {
            format!("{target}: {}", if *met { "met" } else { "**not met**" })
        });
        let (id, what, measured) = (line.id, &line.what, line.unit.show(line.measured.median));
        writeln!(text, "| {id} | {what} | {measured} | {floor} | {ratio} | {target} |")
            .expect("a string takes everything");
    }
    for note in notes {
        writeln!(text, "\n{note}").expect("a string takes everything");
    }
    println!("{text}");
    let all = json!({
        "lines": lines.iter().chain(&of_series).map(Line::json).collect::<Vec<_>>(),
        "series": series.iter().map(Series::json).collect::<Vec<_>>(),
        "notes": notes,
    });
    let folder = target_folder().join("bench");
    fs::create_dir_all(&folder).expect("a folder in `target`");
    let path = folder.join(format!("{name}.json"));
    fs::write(&path, serde_json::to_vec_pretty(&all).expect("plain values"))
        .expect("a file in `target`");
    println!("written to {}", path.display());
}

/// Where cargo builds.
pub(crate) fn target_folder() -> PathBuf {
    let inside = Path::new(env!("CARGO_TARGET_TMPDIR"));
    inside.parent().expect("it is in `target`").to_owned()
}
