//! Puts what the other benchmarks have written to `target/bench` into one table, with the machine it was measured on, and charts.
//!
//! `tests/bench` runs it last; with `BENCH_README=1` the table goes into README.md too.
//!
//! **Invariant:** what `tests/bench` has not run this time is not there: it removes what was written before.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

mod page;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use page::{machine, page, ratio, text};
use serde_json::{Value, json};

/// What the table stands between in README.md.
const BEGIN: &str = "<!-- results of tests/bench -->\n";
const END: &str = "<!-- end of results -->\n";

fn main() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("bench");
    let [mut rows, series, notes] = written(&folder);
    rows.sort_by_key(place);
    let machine = machine();
    let mut table = table(&rows);
    for note in notes.iter().filter_map(Value::as_str) {
        write!(table, "\n{note}\n").unwrap();
    }
    println!("{machine}\n\n{table}");
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        println!("written to {}", path.display());
    };
    let all = json!({ "machine": machine, "results": rows, "series": series, "notes": notes });
    write("results.json", &serde_json::to_string_pretty(&all).unwrap());
    write("results.md", &format!("{machine}\n\n{table}"));
    write("results.html", &page(&machine, &rows, &series, &notes));
    if env::var_os("BENCH_README").is_some_and(|value| !value.is_empty()) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
        let readme = fs::read_to_string(&path).unwrap();
        let (before, rest) = readme.split_once(BEGIN).expect("the mark of where it begins");
        let (_, after) = rest.split_once(END).expect("the mark of where it ends");
        fs::write(&path, format!("{before}{BEGIN}\n{machine}\n\n{table}\n{END}{after}")).unwrap();
    }
}

/// The lines, the series and the notes of all programs.
fn written(folder: &Path) -> [Vec<Value>; 3] {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = files
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .filter(|path| path.file_stem().is_some_and(|stem| stem != "results"))
        .collect();
    files.sort();
    let mut all = [const { Vec::new() }; 3];
    for path in files {
        let mut of_program: Value =
            serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let program = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        for (all, key) in all.iter_mut().zip(["lines", "series", "notes"]) {
            let Value::Array(mut some) = of_program[key].take() else { continue };
            for line in some.iter_mut().filter(|line| line.is_object()) {
                line["program"] = json!(program);
            }
            all.append(&mut some);
        }
    }
    all
}

/// By number, with those of others after ours; then what has no number.
fn place(row: &Value) -> (u32, bool) {
    let number = text(row, "id").strip_prefix('B').and_then(|number| number.parse().ok());
    (number.unwrap_or(u32::MAX), text(row, "program") == "peers")
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

fn as_f64(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap())
}
