//! The good histories of `tests/cases/good`, on a real server: what the checks call valid has to be valid.
//!
//! Beside a migration `0004_x.toml` there may be a `0004_x.sql`: what a client of that version does while the one before is still live.
//! Each migration is started, aborted, started again and completed, and the whole history is also applied in one go.

use std::fs;
use std::path::{Path, PathBuf};

use reshape_runtime::{Error, Migrations, Migrator};
use reshape_tests::{catalog, client, database, leftovers};

/// Those that show what the format can say, which one migration of them cannot do yet, or nothing but their order.
const ONLY_CHECKED: [&str; 3] = ["all_actions_json", "all_actions_toml", "order"];

/// How many tests share the corpus.
const SHARES: usize = 6;

fn cases(share: usize) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases/good");
    let mut cases: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the corpus")
        .map(|entry| entry.expect("the folder stays").path())
        .filter(|path| path.is_dir() && !ONLY_CHECKED.iter().any(|name| path.ends_with(name)))
        .collect();
    cases.sort();
    let only = std::env::var("RESHAPE_CORPUS").ok();
    cases
        .into_iter()
        .enumerate()
        .filter(|(number, _)| number % SHARES == share)
        .map(|(_, case)| case)
        .filter(|case| only.as_deref().is_none_or(|only| case.ends_with(only)))
        .collect()
}

fn load(case: &Path) -> Migrations {
    reshape_build::load(&[case]).unwrap_or_else(|problems| panic!("{problems}"))
}

/// The client's SQL beside the migration's file, which may have given itself another name than its stem.
fn client_sql(case: &Path, number: usize) -> Option<String> {
    let mut files: Vec<PathBuf> = fs::read_dir(case)
        .expect("the case")
        .map(|entry| entry.expect("the folder stays").path())
        .filter(|path| path.is_file() && path.file_stem().is_some_and(|stem| stem != "baseline"))
        .filter(|path| path.extension().is_some_and(|e| e == "toml" || e == "json"))
        .collect();
    // The corpus numbers its files with a fixed width, so that this is their order.
    files.sort();
    fs::read_to_string(files.get(number)?.with_extension("sql")).ok()
}

/// What is there before the first migration, where there is a baseline.
fn before(case: &Path) -> Option<String> {
    fs::read_to_string(case.join("baseline.sql")).ok()
}

/// One version after the other; gives the number of the migration that fails and why.
fn version_by_version(case: &Path) -> Result<(), String> {
    let migrations = load(case);
    let database = database();
    if let Some(sql) = before(case) {
        let mut admin = database.connect().map_err(|error| error.report())?;
        admin.batch_execute(&sql).map_err(|error| format!("baseline.sql: {error:?}"))?;
    }
    for (number, migration) in migrations.migrations.iter().enumerate() {
        let name = &migration.name;
        let told = |what: &str, error: Error| format!("{what} of {name}: {}", error.report());
        let known = migrations.up_to(name).expect("it is one of them");
        let mut admin = database.connect().map_err(|error| error.report())?;
        let mut migrator = Migrator::new(known, database.url());
        let earlier = without_rights(catalog(&mut admin));
        migrator.start().map_err(|error| told("start", error))?;
        migrator.abort().map_err(|error| told("abort", error))?;
        let after = without_rights(catalog(&mut admin));
        if number > 0 && earlier != after {
            return Err(format!(
                "{name} leaves something behind: {}",
                difference(&earlier, &after)
            ));
        }
        migrator.start().map_err(|error| told("second start", error))?;
        if let Some(sql) = client_sql(case, number) {
            client(&database, name)
                .batch_execute(&sql)
                .map_err(|error| format!("client of {name}: {error:?}"))?;
        }
        migrator.complete().map_err(|error| told("complete", error))?;
        let left = leftovers(&mut admin);
        if !left.is_empty() {
            return Err(format!("{name} leaves {left:?}"));
        }
        no_drift(&mut migrator)?;
    }
    Ok(())
}

fn at_once(case: &Path) -> Result<(), String> {
    let database = database();
    if let Some(sql) = before(case) {
        let mut admin = database.connect().map_err(|error| error.report())?;
        admin.batch_execute(&sql).map_err(|error| format!("baseline.sql: {error:?}"))?;
    }
    let mut migrator = Migrator::new(load(case), database.url());
    let told = |error: Error| format!("at once: {}", error.report());
    migrator.start_and_complete().map_err(told)?;
    no_drift(&mut migrator)
}

fn no_drift(migrator: &mut Migrator) -> Result<(), String> {
    let drift = migrator.drift().map_err(|error| error.report())?;
    if drift.is_none() { Ok(()) } else { Err(drift.report()) }
}

/// GRANT and REVOKE write down what was true without them.
fn without_rights(mut lines: Vec<String>) -> Vec<String> {
    for line in &mut lines {
        if let (Some(start), Some(end)) = (line.find(" {"), line.find('}'))
            && start < end
            && line[start..end].contains('=')
        {
            line.replace_range(start..=end, "");
        }
    }
    lines
}

fn difference(one: &[String], other: &[String]) -> String {
    let gone = one.iter().filter(|line| !other.contains(line)).map(|line| format!("\n- {line}"));
    let come = other.iter().filter(|line| !one.contains(line)).map(|line| format!("\n+ {line}"));
    gone.chain(come).collect()
}

fn apply(share: usize) {
    let mut failed = Vec::new();
    for case in cases(share) {
        for way in [version_by_version, at_once] {
            if let Err(why) = way(&case) {
                failed.push(format!("{}: {why}", case.display()));
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

macro_rules! shares {
    ($($name:ident $share:literal)*) => {
        $(#[test]
        fn $name() {
            apply($share);
        })*
    };
}

shares! {
    good_histories_apply_first_share 0
    good_histories_apply_second_share 1
    good_histories_apply_third_share 2
    good_histories_apply_fourth_share 3
    good_histories_apply_fifth_share 4
    good_histories_apply_sixth_share 5
}
