//! Puts what the other benchmarks have written to `target/bench` into one table, with the machine it was measured on, and a chart.
//!
//! `tests/bench` runs it last; with `BENCH_README=1` the table goes into README.md too.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, thread};

use serde_json::{Value, json};

/// What the table stands between in README.md.
const BEGIN: &str = "<!-- results of tests/bench -->\n";
const END: &str = "<!-- end of results -->\n";

fn main() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("bench");
    let mut rows = rows(&folder);
    rows.sort_by_key(|row| text(row, "id")[1..].parse::<u32>().unwrap());
    let machine = machine();
    let table = table(&rows);
    println!("{machine}\n\n{table}");
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        println!("written to {}", path.display());
    };
    let all = json!({ "machine": machine, "results": rows });
    write("results.json", &serde_json::to_string_pretty(&all).unwrap());
    write("results.md", &format!("{machine}\n\n{table}"));
    write("results.html", &page(&machine, &rows));
    if env::var_os("BENCH_README").is_some_and(|value| !value.is_empty()) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
        let readme = fs::read_to_string(&path).unwrap();
        let (before, rest) = readme.split_once(BEGIN).expect("the mark of where it begins");
        let (_, after) = rest.split_once(END).expect("the mark of where it ends");
        fs::write(&path, format!("{before}{BEGIN}\n{machine}\n\n{table}\n{END}{after}")).unwrap();
    }
}

fn rows(folder: &Path) -> Vec<Value> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = files
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .filter(|path| path.file_stem().is_some_and(|stem| stem != "results"))
        .collect();
    files.sort();
    files
        .iter()
        .flat_map(|path| {
            serde_json::from_str::<Vec<Value>>(&fs::read_to_string(path).unwrap()).unwrap()
        })
        .collect()
}

fn text<'v>(row: &'v Value, key: &str) -> &'v str {
    row[key].as_str().unwrap_or_default()
}

fn ratio(row: &Value) -> Option<f64> {
    Some(row["measured"].as_f64()? / row["floor"].as_f64()?)
}

fn table(rows: &[Value]) -> String {
    let mut table = String::from(
        "| # | what | measured | compared with | ratio | to reach |\n|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let floor = row["floor_shown"].as_str().map_or(String::from("–"), |floor| {
            format!("{floor}: {}", text(row, "compared_with"))
        });
        let ratio = ratio(row).map_or(String::from("–"), |ratio| format!("{ratio:.2}"));
        let target = match row["met"].as_bool() {
            Some(true) => format!("{}: met", text(row, "target")),
            Some(false) => format!("{}: **not met**", text(row, "target")),
            None => String::from("–"),
        };
        let (id, what, shown) = (text(row, "id"), text(row, "what"), text(row, "shown"));
        writeln!(table, "| {id} | {what} | {shown} | {floor} | {ratio} | {target} |").unwrap();
    }
    table
}

/// What the figures depend on.
fn machine() -> String {
    let said = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().ok()?;
        Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
    };
    let cpu = fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?.to_owned();
        Some(line.split_once(':')?.1.trim().to_owned())
    });
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let commit = said("git", &["rev-parse", "--short", "HEAD"]).unwrap_or_default();
    let day = said("date", &["+%Y-%m-%d"]).unwrap_or_default();
    let server = env::var("BENCH_SERVER").unwrap_or_default();
    format!(
        "{day}, commit {commit}; {cores} cores of {}; {}; {server}",
        cpu.unwrap_or_else(|| String::from("an unknown processor")),
        env::consts::OS,
    )
}

/// A bar for each ratio; the line is where it equals what it is compared with.
fn page(machine: &str, rows: &[Value]) -> String {
    const SCALE: f64 = 200.0;
    const LONGEST: f64 = 3.0;
    let mut bars = String::new();
    let mut y = 10;
    for row in rows {
        let Some(ratio) = ratio(row) else { continue };
        let width = ratio.min(LONGEST) * SCALE;
        let fill = match row["met"].as_bool() {
            Some(true) => "#2a7",
            Some(false) => "#c53",
            None => "#89a",
        };
        let label = escaped(&format!("{} {}", text(row, "id"), text(row, "what")));
        writeln!(
            bars,
            "<text x=\"0\" y=\"{}\">{label}</text><rect x=\"0\" y=\"{}\" width=\"{width:.0}\" height=\"12\" fill=\"{fill}\"/><text x=\"{:.0}\" y=\"{}\">{ratio:.2}</text>",
            y + 10, y + 15, width + 6.0, y + 26
        )
        .unwrap();
        y += 40;
    }
    format!(
        "<!doctype html>\n<meta charset=\"utf-8\">\n<title>reshape: what it costs</title>\n<style>body {{ font: 14px sans-serif; margin: 2em }}</style>\n\
         <h1>What it costs, as a ratio to what it is compared with</h1>\n<p>{}</p>\n\
         <svg width=\"900\" height=\"{}\" font-size=\"12\">\n<line x1=\"{SCALE}\" x2=\"{SCALE}\" y1=\"0\" y2=\"{y}\" stroke=\"#999\" stroke-dasharray=\"4\"/>\n{bars}</svg>\n",
        escaped(machine),
        y + 10
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
