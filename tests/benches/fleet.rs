//! B13: many databases by one command.
//!
//! `cargo bench -p reshape-tests --bench fleet`, best by way of `tests/bench`. `BENCH_TENANTS` is the number of databases of the larger fleet, 200 unless
//! it is set; the smaller one has a quarter.
//!
//! **Invariant:** what a fleet takes is compared with a fleet of one database, which has the same migration in the same round.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

mod shared;

use postgres::{Config, NoTls};
use reshape_runtime::{Outcome, TargetResult};
use shared::series::as_f64;
use shared::server::{Databases, setting};
use shared::tenants::{ROWS, all_done, columns, computed, fleet_of};
use shared::{Line, Series, Spread, Unit, median, report_all, timed, wanted};

/// On how many databases at once.
const JOBS: [usize; 3] = [1, 2, 4];

/// How many fleets of one there are: a single one says little.
const ALONE: usize = 5;

fn main() {
    if wanted()("B13") {
        let mut databases = Databases::new();
        let large = usize::try_from(setting("BENCH_TENANTS", 200)).unwrap();
        databases.prepare("tenant", &columns(0), ROWS);
        let (mut lines, series) = many(&mut databases, large);
        lines.extend(one_fails(&mut databases, (large / 4).max(3)));
        report_all("fleet", &lines, &series, &[]);
    }
}

/// Two sizes, and each number of jobs.
fn many(databases: &mut Databases, large: usize) -> (Vec<Line>, Vec<Series>) {
    let small = (large / 4).max(1);
    let alone = databases.copies("tenant", "alone", ALONE);
    let sizes = [("small", small), ("large", large)];
    let fleets = sizes.map(|(name, size)| databases.copies("tenant", name, size));
    let mut one = Vec::new();
    let mut times = JOBS.map(|_| [Vec::new(), Vec::new()]);
    let mut migrations = 0;
    for run in 1..=setting("BENCH_RUNS", 3) {
        for (jobs, times) in JOBS.into_iter().zip(&mut times) {
            // One more each time, so that there is always the same to do.
            migrations += 1;
            let set = columns(migrations);
            let all = |configs: &[Config]| {
                timed(|| all_done(&fleet_of(&set, configs, jobs).start_and_complete()))
            };
            one.extend(alone.chunks(1).map(all));
            for (fleet, times) in fleets.iter().zip(&mut *times) {
                times.push(all(fleet));
            }
            println!("run {run}, {jobs} at once: {times:.0?} ms");
        }
    }
    let one = Spread::of(one);
    let (mut lines, mut series) = (Vec::new(), Vec::new());
    for (jobs, [at_small, at_large]) in JOBS.into_iter().zip(times) {
        let mut growth = Series::new("databases", format!("start and complete, {jobs} at once"));
        growth.id = "B13";
        growth.points.push((1, one));
        for (size, took) in [(small, at_small), (large, at_large)] {
            let what =
                format!("a migration is started and completed on {size} databases, {jobs} at once");
            let floor = format!("{size} times the same on one");
            let line = Line::new("B13", what, median(took.clone()));
            let line = line.beside(one * as_f64(size), floor);
            // With one at a time both are the same work.
            lines.push(line.at_most_times(if jobs == 1 { 1.1 } else { 1.0 }));
            growth.add(size, took);
        }
        series.push(growth);
    }
    lines.push(nothing_to_do(&fleets[1], migrations));
    (lines, series)
}

fn nothing_to_do(fleet: &[Config], migrations: usize) -> Line {
    let (set, jobs) = (columns(migrations), JOBS[2]);
    let (mut again, mut looks) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        again.push(timed(|| all_done(&fleet_of(&set, fleet, jobs).start())));
        looks.push(timed(|| {
            for config in fleet {
                config.connect(NoTls).unwrap().simple_query("SELECT 1").unwrap();
            }
        }));
    }
    let what = format!("nothing to do on {} databases, {jobs} at once", fleet.len());
    let floor = "to connect and `SELECT 1` on each, one after the other";
    Line::new("B13", what, median(again)).beside(median(looks), floor)
}

/// The expression cannot be computed for a row of the database in the middle.
fn one_fails(databases: &mut Databases, count: usize) -> Vec<Line> {
    let jobs = JOBS[2];
    let fleet = databases.copies("tenant", "failing", count);
    let mut middle = fleet[count / 2].connect(NoTls).unwrap();
    middle.batch_execute("UPDATE public.users SET quota = 0 WHERE id = 500").unwrap();
    let set = computed(&["(100 / quota)::text"]);
    let all = || fleet_of(&set, &fleet, jobs);
    let others = as_f64(count - 1);

    let started = all().start();
    assert_eq!(started.failed().count(), 1, "the one in the middle");
    let started = having(&started, Outcome::Started);
    // As long as one is not ready, the old version is needed there and stays everywhere.
    let early = having(&all().complete(), Outcome::Completed);
    let partial = having(&all().partial(true).complete(), Outcome::Completed);

    middle.batch_execute("UPDATE public.users SET quota = 1 WHERE id = 500").unwrap();
    drop(middle);
    let rest = all().start_and_complete();
    all_done(&rest);
    let rest = having(&rest, Outcome::Completed);
    let line = |what: &str, measured: f64| {
        let what = format!("one of {count} databases fails, in the middle: {what}");
        Line::new("B13", what, measured).in_unit(Unit::Count)
    };
    vec![
        line("started all the same", started).beside(others, "the others").at_least_times(1.0),
        line("completed before all are started", early).at_most(0.0),
        line("completed with `--partial`", partial)
            .beside(others, "the others")
            .at_least_times(1.0),
        line("left for the same command, once the row is mended", rest).at_most(1.0),
    ]
}

fn having(report: &reshape_runtime::FleetReport, outcome: Outcome) -> f64 {
    let is_such = |result: &TargetResult| result.done().is_some_and(|one| one.outcome == outcome);
    as_f64(report.targets.iter().filter(|target| is_such(&target.result)).count())
}
