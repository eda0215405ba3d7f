//! Reading, checking and planning migrations, without a database: what grows with the length of a history.
//!
//! `cargo bench -p reshape-tests --bench micro`, best by way of `tests/bench micro`. `criterion` measures, and keeps its figures in `target/criterion`: it says
//! by how much they differ from those of the last run.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

mod shared;

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, SamplingMode};
use reshape_runtime::Migrations;
use reshape_runtime::history::History;
use reshape_runtime::plan::facts::Facts;
use reshape_runtime::plan::{Plan, Request, plan};
use serde_json::Value;
use shared::history;
use shared::server::setting;
use shared::{Line, Series, Spread, report_all, target_folder};

const GROUP: &str = "micro";

/// How many migrations, or tables.
const SIZES: [usize; 3] = [10, 100, 1000];

const PARSE: &str = "read and parse";
const CHECK: &str = "read, parse and check";
const ONE: &str = "plan one more column";
const ALL: &str = "plan all tables from nothing";

fn main() {
    let seconds = setting("BENCH_SECONDS", 4).unsigned_abs();
    let mut criterion = Criterion::default()
        .output_directory(&target_folder().join("criterion"))
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(seconds));
    gate(&mut criterion);
    planner(&mut criterion);
    criterion.final_summary();
    let series: Vec<Series> =
        [(PARSE, "migrations"), (CHECK, "migrations"), (ONE, "tables"), (ALL, "tables")]
            .map(|(what, axis)| {
                let mut series = Series::new(axis, what);
                series.points = SIZES.map(|size| (size, measured(what, size))).into();
                series
            })
            .into();
    let line = |series: &Series| {
        let (size, took) = *series.points.last().expect("there are several");
        Line::new("micro", format!("{}, {size} {}", series.what, series.axis), took)
    };
    let lines: Vec<Line> = series.iter().map(line).collect();
    report_all("micro", &lines, &series, &[]);
}

/// What the build does with the files.
fn gate(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group(GROUP);
    group.sampling_mode(SamplingMode::Flat);
    for size in SIZES {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        history::write(folder, size);
        let parse = || assert_eq!(reshape_build::parsed(&[folder]), size);
        group.bench_with_input(BenchmarkId::new(PARSE, size), &(), |b, ()| b.iter(parse));
        let check = || reshape_build::load(&[folder]).unwrap();
        group.bench_with_input(BenchmarkId::new(CHECK, size), &(), |b, ()| b.iter(check));
    }
    group.finish();
}

/// What a start plans, given what it has read of the database.
fn planner(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group(GROUP);
    group.sampling_mode(SamplingMode::Flat);
    for size in SIZES {
        let mut files: Vec<(String, String)> =
            (0..size).map(|number| (format!("{number:04}_table"), table(number))).collect();
        files.push((String::from("9999_more"), column()));
        let files: Vec<(&str, &str)> =
            files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let set = reshape_tests::migrations(&files);
        let facts = facts(&set, size);
        let one = || planned(&set, size..size + 1, &facts);
        group.bench_with_input(BenchmarkId::new(ONE, size), &(), |b, ()| b.iter(one));
        let nothing = self::facts(&set, 0);
        let all = || planned(&set, 0..size, &nothing);
        group.bench_with_input(BenchmarkId::new(ALL, size), &(), |b, ()| b.iter(all));
    }
    group.finish();
}

/// A database that has the first migrations of the set, completed.
fn facts(set: &Migrations, applied: usize) -> Facts {
    let (history, problems) = History::replay(set);
    assert!(problems.is_empty(), "{problems:?}");
    let mut facts = Facts::from_schema(history.schema_after(applied).unwrap(), 150_000);
    if let Some(base) = base(set, applied) {
        let version = format!("migration_{base}");
        let tables = facts.tables.iter();
        facts.base_views = tables.map(|table| (version.clone(), table.name.clone())).collect();
        facts.base_schemas = vec![version];
    }
    facts
}

fn base(set: &Migrations, applied: usize) -> Option<&str> {
    Some(&*set.migrations[applied.checked_sub(1)?].name)
}

fn planned(set: &Migrations, pending: std::ops::Range<usize>, facts: &Facts) -> Plan {
    let base = base(set, pending.start);
    plan(&Request { pending: &set.migrations[pending], base, facts: black_box(facts) }).unwrap()
}

fn table(number: usize) -> String {
    format!(
        r#"
[[actions]]
type = "create_table"
name = "table_{number}"
primary_key = "id"
columns = [
    {{ name = "id", type = "bigint" }},
    {{ name = "name", type = "text", nullable = false }},
    {{ name = "created_at", type = "timestamptz", nullable = false, default = "now()" }},
]
"#
    )
}

fn column() -> String {
    String::from(
        r#"
[[actions]]
type = "add_column"
table = "table_0"
up = "upper(name)"
column = { name = "upper_name", type = "text", nullable = false }
"#,
    )
}

/// The milliseconds per run of each sample that was taken.
fn measured(what: &str, size: usize) -> Spread {
    let folder = target_folder().join("criterion").join(GROUP).join(what);
    let path = folder.join(size.to_string()).join("new/sample.json");
    let sample: Value = serde_json::from_slice(&fs::read(Path::new(&path)).unwrap()).unwrap();
    let numbers = |key: &str| -> Vec<f64> {
        let values = sample[key].as_array().expect("a list of numbers").iter();
        values.map(|value| value.as_f64().expect("a number")).collect()
    };
    let (runs, nanoseconds) = (numbers("iters"), numbers("times"));
    let each = nanoseconds.iter().zip(runs).map(|(time, runs)| time / runs / 1e6);
    Spread::of(each.collect())
}
