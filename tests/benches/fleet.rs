//! B13: many databases by one command.
//!
//! `cargo bench -p reshape-tests --bench fleet`, best by way of `tests/bench`. `BENCH_TENANTS` is the number of databases of the largest fleet.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

mod shared;

use postgres::{Config, NoTls};
use reshape_runtime::{Fleet, Migrations, Migrator, Target};
use shared::server::{Databases, done, setting};
use shared::{Line, median, report, timed, wanted};

/// How many databases a fleet works on at once, if nothing is said.
const JOBS: usize = 4;

fn main() {
    if wanted()("B13") {
        report("fleet", &tenants(&mut Databases::new()));
    }
}

/// A table, and so many columns that are added to it one by one.
fn columns(count: usize) -> Migrations {
    let table = String::from(
        r#"
[[actions]]
type = "create_table"
name = "users"
primary_key = "id"
columns = [
    { name = "id", type = "bigint" },
    { name = "name", type = "text", nullable = false },
]
"#,
    );
    let column = |number: usize| {
        format!(
            r#"
[[actions]]
type = "add_column"
table = "users"
up = "name || '{number}'"
column = {{ name = "name_{number}", type = "text", nullable = false }}
"#
        )
    };
    let mut files = vec![(String::from("000_users"), table)];
    files.extend((1..=count).map(|number| (format!("{number:03}_column"), column(number))));
    let files: Vec<(&str, &str)> =
        files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    reshape_tests::migrations(&files)
}

/// Fleets of three sizes and the smallest of them once more, one database after the other.
fn tenants(databases: &mut Databases) -> Vec<Line> {
    let largest = usize::try_from(setting("BENCH_TENANTS", 500)).unwrap();
    let (small, middle) = ((largest / 10).max(1), (largest * 2 / 5).max(1));
    let rows = "INSERT INTO public.users SELECT i, 'user ' || i FROM generate_series(1, 1000) i";
    databases.prepare("tenant", &columns(0), rows);
    let alone = databases.copies("tenant", "alone", small);
    let sizes = [("small", small), ("middle", middle), ("large", largest)];
    let fleets: Vec<Vec<Config>> =
        sizes.iter().map(|(name, size)| databases.copies("tenant", name, *size)).collect();
    let mut one_by_one = Vec::new();
    let mut per_database = [Vec::new(), Vec::new(), Vec::new()];
    // A migration for each run, so that there is always the same to do.
    for run in 1..=usize::try_from(setting("BENCH_RUNS", 3)).unwrap() {
        let set = columns(run);
        one_by_one.push(timed(|| {
            for config in &alone {
                let mut migrator = Migrator::new(&set, config.clone());
                done(migrator.start());
                done(migrator.complete());
            }
        }));
        for (fleet, times) in fleets.iter().zip(&mut per_database) {
            let all = timed(|| all_done(&fleet_of(&set, fleet).start_and_complete()));
            times.push(all / of(fleet.len()));
        }
        println!("run {run}: one by one {one_by_one:.0?} ms, per database {per_database:.1?} ms");
    }
    let set = columns(usize::try_from(setting("BENCH_RUNS", 3)).unwrap());
    let (mut again, mut looks) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        again.push(timed(|| all_done(&fleet_of(&set, &fleets[2]).start())) / of(largest));
        let look = |config: &Config| config.connect(NoTls).unwrap().simple_query("SELECT 1");
        looks.push(
            timed(|| fleets[2].iter().for_each(|one| drop(look(one).unwrap()))) / of(largest),
        );
    }
    let [at_small, at_middle, at_large] = per_database.map(median);
    let title = |what: &str, size: usize| format!("{what} of {size} databases, {JOBS} at once");
    let growth = "the same per database in the smallest fleet";
    vec![
        Line::new(
            "B13",
            title("a migration is started and completed on a fleet", small),
            at_small * of(small),
        )
        .beside(median(one_by_one), "a migrator for each, one after the other")
        .at_most_times(1.0),
        Line::new("B13", title("the same, per database", middle), at_middle)
            .beside(at_small, growth)
            .at_most_times(1.25),
        Line::new("B13", title("the same, per database", largest), at_large)
            .beside(at_small, growth)
            .at_most_times(1.25),
        Line::new("B13", title("nothing to do, per database", largest), median(again))
            .beside(median(looks), "to connect and `SELECT 1`, one after the other"),
    ]
}

fn fleet_of(set: &Migrations, configs: &[Config]) -> Fleet {
    Fleet::new(set, configs.iter().cloned().map(Target::new)).jobs(JOBS)
}

fn all_done(report: &reshape_runtime::FleetReport) {
    if let Some((database, error)) = report.failed().next() {
        panic!("{database}: {}", error.report());
    }
}

fn of(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap())
}
