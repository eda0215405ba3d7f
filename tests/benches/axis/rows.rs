//! A table with more and more rows: filling a column takes time for each of them, all else should not.

use std::process::Command;

use postgres::NoTls;
use reshape_runtime::{Migrations, Migrator};

use super::{is_large, runs, sizes};
use crate::shared::server::{Databases, done};
use crate::shared::users::{UPPER_NAME, USERS};
use crate::shared::{Series, timed};

/// What a row takes on the disk at most, in bytes, with the old and the new version of it, a copy of the table, its key, and the log of all of that.
const PER_ROW: u64 = 800;

fn set(files: &[(&str, &str)]) -> Migrations {
    reshape_tests::migrations(files)
}

/// The series, and which sizes were left out.
pub(crate) fn grow(databases: &mut Databases) -> (Vec<Series>, Option<String>) {
    let mut all = vec![1000, 10_000, 100_000, 1_000_000];
    if is_large() {
        all.extend([10_000_000, 100_000_000]);
    }
    let mut sizes = sizes(&all, "BENCH_ROWS");
    let free = free();
    sizes.retain(|size| *size < 10_000_000 || *size as u64 * PER_ROW < free);
    let left_out = all.iter().find(|size| **size >= 10_000_000 && !sizes.contains(size));
    let note = left_out.map(|size| {
        format!(
            "Rows: {size} and more are left out: they take {} GB of the disk, which has {}.",
            *size as u64 * PER_ROW / 1_000_000_000,
            free / 1_000_000_000
        )
    });

    let first = set(&[("0001_users", USERS)]);
    let both = set(&[("0001_users", USERS), ("0002_change", UPPER_NAME)]);
    let mut plain = Series::floor("rows", "one plain UPDATE of all");
    let mut start = Series::new("rows", "start, a column is filled");
    let mut complete = Series::new("rows", "complete");
    let mut abort = Series::new("rows", "abort");
    for size in sizes {
        let rows = format!(
            "INSERT INTO public.users SELECT n, 'user ' || n, n % 1000, repeat(md5(n::text), 2) FROM generate_series(1, {size}) AS n"
        );
        let name = format!("rows_{size}");
        databases.prepare(&name, &first, &rows);
        let mut times = [const { Vec::new() }; 4];
        let [of_plain, of_start, of_complete, of_abort] = &mut times;
        let runs = if size < 10_000_000 { runs() } else { 1 };
        for _ in 0..runs {
            let mut client = databases.copy(&name).connect(NoTls).unwrap();
            client.batch_execute("ALTER TABLE public.users ADD COLUMN upper_name text").unwrap();
            let sql = "UPDATE public.users SET upper_name = upper(name)";
            of_plain.push(timed(|| client.batch_execute(sql).unwrap()));
            drop(client);
            let mut migrator = Migrator::new(&both, databases.copy(&name));
            of_start.push(timed(|| done(migrator.start())));
            of_complete.push(timed(|| done(migrator.complete())));
            let mut migrator = Migrator::new(&both, databases.copy(&name));
            of_start.push(timed(|| done(migrator.start())));
            of_abort.push(timed(|| done(migrator.abort())));
        }
        println!("{size} rows: {times:.0?} ms");
        databases.forget(&name);
        let series = [&mut plain, &mut start, &mut complete, &mut abort];
        series.into_iter().zip(times).for_each(|(series, times)| series.add(size, times));
    }
    (vec![plain, start, complete, abort], note)
}

/// The bytes that are free where the server of `tests/bench` has its data.
fn free() -> u64 {
    let folder = std::env::temp_dir();
    let output = Command::new("df").args(["--output=avail", "-B1"]).arg(folder).output();
    let text = output.ok().and_then(|output| String::from_utf8(output.stdout).ok());
    text.and_then(|text| text.lines().last()?.trim().parse().ok()).unwrap_or(0)
}
