//! A longer and longer history.

use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs};

use postgres::NoTls;
use reshape_runtime::{Migrations, Migrator};

use super::{runs, sizes};
use crate::shared::server::{Databases, done, setting};
use crate::shared::{Series, history, timed};

/// What this program does as its own child: what a build script does.
pub(crate) const CHILD: &str = "BENCH_BUILD";

/// From nothing, at most so many: their tables alone fill the rest of the time.
const FROM_NOTHING: usize = 1000;

pub(crate) fn grow(databases: &mut Databases) -> Vec<Series> {
    let mut read = Series::floor("migrations", "reading the files");
    let mut build = Series::new("migrations", "checked and embedded by a build script");
    let mut nothing = Series::new("migrations", "start and complete from nothing");
    let mut applied = Series::new("migrations", "start, all applied, connection open");
    let mut validate = Series::new("migrations", "validate, all applied, connection open");
    let mut more = Series::new("migrations", "start of one more");
    let mut complete = Series::new("migrations", "complete of it");
    databases.prepare("no_migrations", &Migrations::embedded(&[]), "");
    for size in sizes(&[10, 100, 1000, 10_000], "BENCH_MIGRATIONS") {
        let package = tempfile::tempdir().unwrap();
        history::write(&package.path().join("migrations"), size);
        let mut times = [const { Vec::new() }; 2];
        for run in 0..runs() {
            times[0].push(timed(|| files(package.path())));
            // A folder for each: files where as many have just been removed are made slowly.
            let out = package.path().join(format!("out_{run}"));
            times[1].push(timed(|| build_script(package.path(), &out)));
        }
        let [of_read, of_build] = times;
        println!("{size} migrations: read {of_read:.0?}, built {of_build:.0?} ms");
        read.add(size, of_read);
        build.add(size, of_build);

        let set = set(&package.path().join("migrations"));
        if size <= FROM_NOTHING {
            let mut times = Vec::new();
            for _ in 0..runs() {
                let client = databases.copy("no_migrations").connect(NoTls).unwrap();
                let mut migrator = Migrator::new(&set, client);
                times.push(timed(|| done(migrator.start_and_complete())));
            }
            println!("{size} migrations: from nothing {times:.0?} ms");
            nothing.add(size, times);
        }

        let name = format!("migrations_{size}");
        let took = timed(|| drop(databases.prepare(&name, &set, "")));
        println!("{size} migrations: prepared in {took:.0} ms");
        let client = databases.copy(&name).connect(NoTls).unwrap();
        let mut migrator = Migrator::new(&set, client);
        done(migrator.start());
        let again = setting("BENCH_STARTS", 500).min(100);
        applied.add(size, (0..again).map(|_| timed(|| done(migrator.start()))).collect());
        validate.add(size, (0..runs()).map(|_| timed(|| done(migrator.validate()))).collect());
        drop(migrator);

        history::write_one(&package.path().join("migrations"), size);
        let set = self::set(&package.path().join("migrations"));
        let mut times = [const { Vec::new() }; 2];
        for _ in 0..runs() {
            let client = databases.copy(&name).connect(NoTls).unwrap();
            let mut migrator = Migrator::new(&set, client);
            times[0].push(timed(|| done(migrator.start())));
            times[1].push(timed(|| done(migrator.complete())));
        }
        println!("{size} migrations: one more {times:.1?} ms");
        databases.forget(&name);
        let [of_more, of_complete] = times;
        more.add(size, of_more);
        complete.add(size, of_complete);
    }
    vec![read, build, nothing, applied, validate, more, complete]
}

fn set(folder: &Path) -> Migrations {
    reshape_build::load(&[folder]).unwrap_or_else(|problems| panic!("{problems}"))
}

fn files(package: &Path) {
    for entry in fs::read_dir(package.join("migrations")).unwrap() {
        std::hint::black_box(fs::read(entry.unwrap().path()).unwrap());
    }
}

/// As cargo runs it, but for the profile.
fn build_script(package: &Path, out: &Path) {
    fs::create_dir(out).unwrap();
    let status = Command::new(env::current_exe().unwrap())
        .current_dir(package)
        .env(CHILD, "1")
        .env("CARGO_MANIFEST_DIR", package)
        .env("OUT_DIR", out)
        .stdout(Stdio::null())
        .status();
    assert!(status.unwrap().success());
    let index = fs::read_to_string(out.join("reshape/index.txt")).unwrap();
    assert!(!index.contains("\nproblem\t"), "{index}");
}
