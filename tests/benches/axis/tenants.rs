//! A fleet of more and more databases, four at once.

use super::{is_large, runs, sizes};
use crate::shared::server::Databases;
use crate::shared::tenants::{ROWS, all_done, columns, fleet_of};
use crate::shared::{Series, timed};

const JOBS: usize = 4;

pub(crate) fn grow(databases: &mut Databases) -> Vec<Series> {
    let mut all = vec![1, 10, 50, 200];
    if is_large() {
        all.push(500);
    }
    let mut both = Series::new("tenants", format!("start and complete, {JOBS} at once"));
    let mut again = Series::new("tenants", format!("start, nothing to do, {JOBS} at once"));
    databases.prepare("tenant", &columns(0), ROWS);
    for size in sizes(&all, "BENCH_TENANTS") {
        let fleet = databases.copies("tenant", "axis", size);
        let mut times = [const { Vec::new() }; 2];
        for run in 1..=runs() {
            // A migration for each run, so that there is always the same to do.
            let set = columns(run);
            times[0].push(timed(|| all_done(&fleet_of(&set, &fleet, JOBS).start_and_complete())));
            times[1].push(timed(|| all_done(&fleet_of(&set, &fleet, JOBS).start())));
        }
        println!("{size} tenants: {times:.0?} ms");
        for number in 0..size {
            databases.forget(&format!("tenant_axis_{number}"));
        }
        let [of_both, of_again] = times;
        both.add(size, of_both);
        again.add(size, of_again);
    }
    vec![both, again]
}
