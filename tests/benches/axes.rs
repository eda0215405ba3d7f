//! How what migrations cost grows: with rows, tables, migrations and tenants.
//!
//! `cargo bench -p reshape-tests --bench axes`, best by way of `tests/bench axes`. An axis alone: `… --bench axes -- rows` (or `tables`, `migrations`,
//! `tenants`). With `BENCH_LARGE=1` there are 10 and 100 million rows, where the disk has room, and 500 tenants; with `BENCH_ROWS`, `BENCH_TABLES`,
//! `BENCH_MIGRATIONS` and `BENCH_TENANTS` no more than that.
//!
//! **Invariant:** of each size there is a database of its own, copied afresh for each run.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

mod axis;
mod shared;

use std::env;

use shared::server::Databases;
use shared::{Series, report_all, wanted};

fn main() {
    if env::var_os(axis::migrations::CHILD).is_some() {
        reshape_build::migrations("migrations");
        return;
    }
    let wanted = wanted();
    let mut databases = Databases::new();
    let (mut series, mut notes) = (Vec::<Series>::new(), Vec::new());
    if wanted("rows") {
        let (of_rows, left_out) = axis::rows::grow(&mut databases);
        series.extend(of_rows);
        notes.extend(left_out);
    }
    if wanted("tables") {
        series.extend(axis::tables::grow(&mut databases));
    }
    if wanted("migrations") {
        series.extend(axis::migrations::grow(&mut databases));
    }
    if wanted("tenants") {
        series.extend(axis::tenants::grow(&mut databases));
    }
    report_all("axes", &[], &series, &notes);
}
