//! What the benchmarks share: medians, the table and its JSON.
//!
//! **Invariant:** a figure stands beside its floor, measured in the same run, in alternating order.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

/// A line of the table.
pub(crate) struct Line {
    /// Its number in the list of what is measured, e.g. `B10`.
    pub(crate) id: &'static str,
    /// What is measured.
    pub(crate) what: String,
    /// Milliseconds.
    pub(crate) measured: f64,
    /// Milliseconds of what it is compared with, and what that is.
    pub(crate) floor: Option<(f64, &'static str)>,
    /// What it should be, in words, and whether it is.
    pub(crate) target: Option<(String, bool)>,
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

/// Prints the table and writes the same as JSON to `target/bench/<name>.json`.
pub(crate) fn report(name: &str, lines: &[Line]) {
    let mut text = String::from(
        "| # | what | measured | compared with | ratio | to reach |\n|---|---|---|---|---|---|\n",
    );
    for line in lines {
        let floor = line
            .floor
            .map_or(String::from("–"), |(floor, what)| format!("{floor:.0} ms: {what}"));
        let ratio = line
            .floor
            .map_or(String::from("–"), |(floor, _)| format!("{:.2}", line.measured / floor));
        let target = line.target.as_ref().map_or(String::from("–"), |(target, met)| {
            format!("{target}: {}", if *met { "met" } else { "**not met**" })
        });
        let (id, what, measured) = (line.id, &line.what, line.measured);
        writeln!(text, "| {id} | {what} | {measured:.0} ms | {floor} | {ratio} | {target} |")
            .expect("a string takes everything");
    }
    println!("{text}");
    let rows: Vec<Value> = lines
        .iter()
        .map(|line| {
            json!({
                "id": line.id, "what": line.what, "measured_ms": line.measured,
                "floor_ms": line.floor.map(|(floor, _)| floor), "floor": line.floor.map(|(_, what)| what),
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
