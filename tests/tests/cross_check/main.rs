//! The checks against a server: random histories, some with mistakes. What the checks accept has to plan and apply; what they reject has to fail as plain SQL, or
//! be against a rule that is a policy.
//!
//! A failure prints its seed; `RESHAPE_CROSS_SEED` runs that one, `RESHAPE_CROSS_SEEDS` as many as it says.

mod generate;
mod plain;

use std::fmt::Write as _;

use postgres::Client;
use reshape_runtime::history::History;
use reshape_runtime::model::{Action, Migration};
use reshape_runtime::rule::Rule;
use reshape_runtime::{ErrorKind, Migrations, Migrator};
use reshape_tests::database;

/// Rules that say more than Postgres does, and why.
const POLICY: &[(Rule, &str)] = &[
    (Rule::NotNullWithoutValue, "the table may have rows, this one has none"),
    (Rule::RemovedWithoutDown, "Postgres knows no old clients"),
    (Rule::ColumnInPrimaryKey, "Postgres drops the key with its column"),
    (Rule::ChangesNothing, "Postgres does not mind"),
];

/// What is not supported yet, or is not to be proven without rows: refused before anything has changed.
const REFUSED: &[&str] = &[
    "not supported yet",
    "in the same batch",
    "that the same batch",
    "several columns",
    "is taken",
    "depends on",
];

#[derive(Debug, Default)]
struct Tally {
    applied: usize,
    refused: usize,
    rejected: usize,
    policy: usize,
}

#[test]
fn the_checks_and_the_server_agree() {
    let set = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match (set("RESHAPE_CROSS_SEED"), set("RESHAPE_CROSS_SEEDS")) {
        (Some(seed), _) => seed..seed + 1,
        (None, Some(count)) => 0..count,
        (None, None) => 0..60,
    };
    let only = seeds.end - seeds.start == 1;
    let mut tally = Tally::default();
    let mut failed = String::new();
    for seed in seeds {
        if let Err(why) = judge(&generate::history(seed), &mut tally) {
            let _ = writeln!(failed, "seed {seed}: {why}\n");
        }
    }
    assert!(failed.is_empty(), "{tally:?}\n{failed}");
    // A generator that makes nothing but mistakes, or none, proves nothing.
    let enough = tally.applied >= 10 && tally.rejected >= 10 && tally.refused < tally.applied / 2;
    assert!(only || enough, "{tally:?}");
}

fn judge(migrations: &[Migration], tally: &mut Tally) -> Result<(), String> {
    let set = Migrations::owned(migrations.to_vec());
    let (_, problems) = History::replay(&set);
    let shown = || {
        migrations.iter().fold(String::new(), |mut text, migration| {
            let _ = writeln!(text, "{}", serde_json::to_string(&migration.actions).expect("JSON"));
            text
        })
    };
    let Some(first) = problems.iter().min_by_key(|problem| problem.at) else {
        return accepted(&set, tally).map_err(|why| format!("{why}\n{}", shown()));
    };
    if POLICY.iter().any(|(rule, _)| *rule == first.rule) {
        tally.policy += 1;
        return Ok(());
    }
    let actions = migrations.iter().enumerate().flat_map(|(number, migration)| {
        migration.actions.iter().enumerate().map(move |(place, action)| ((number, place), action))
    });
    let wrong = (first.at.migration, first.at.action);
    let (before, from): (Vec<_>, Vec<_>) = actions.partition(|(at, _)| *at < wrong);
    let database = database();
    let mut client = database.connect().map_err(|error| error.report())?;
    for (_, action) in before {
        if run(&mut client, action).is_err() {
            // What plain SQL cannot do in this order, a batch may do in another one.
            return Ok(());
        }
    }
    let Some((_, action)) = from.first() else { return Ok(()) };
    tally.rejected += 1;
    match run(&mut client, action) {
        Err(_) => Ok(()),
        Ok(()) => Err(format!(
            "{} `{}` is no mistake for Postgres\n{}",
            first.rule,
            first.message,
            shown()
        )),
    }
}

fn run(client: &mut Client, action: &Action) -> Result<(), postgres::Error> {
    client.batch_execute(&plain::sql(action))
}

/// Version by version, as a client that follows the releases sees it.
fn accepted(set: &Migrations, tally: &mut Tally) -> Result<(), String> {
    let database = database();
    for migration in set.migrations.iter() {
        let known = set.up_to(&migration.name).expect("one of them");
        let mut migrator = Migrator::new(known, database.url());
        match migrator.start() {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Refused => {
                if REFUSED.iter().any(|known| error.report().contains(known)) {
                    tally.refused += 1;
                    return Ok(());
                }
                return Err(format!("{}: {}", migration.name, error.report()));
            }
            Err(error) => return Err(format!("{}: {}", migration.name, error.report())),
        }
        migrator.complete().map_err(|error| format!("{}: {}", migration.name, error.report()))?;
    }
    tally.applied += 1;
    Ok(())
}
