//! What `cargo build` says of random histories, some with mistakes, against a server. What it accepts has to plan and apply, one migration at a time, in
//! one batch, and in an empty database, with the same result; what it rejects has to fail as plain SQL, or be against a rule that is a policy.
//!
//! A failure prints its seed; `RESHAPE_CROSS_SEED` runs that one, `RESHAPE_CROSS_SEEDS` as many as it says.

mod deploy;
mod generate;
mod plain;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use postgres::Client;
use reshape_build::{Diagnostic, Level};
use reshape_runtime::Migrations;
use reshape_runtime::model::Action;
use reshape_runtime::rule::Rule;
use reshape_tests::database;
use serde_json::Value;

/// Rules that say more than Postgres does, and why.
const POLICY: &[(Rule, &str)] = &[
    (Rule::NotNullWithoutValue, "the table may have rows, this one has none"),
    (Rule::RemovedWithoutDown, "Postgres knows no old clients"),
    (Rule::ColumnInPrimaryKey, "Postgres drops the key with its column"),
    (Rule::ChangesNothing, "Postgres does not mind"),
];

#[derive(Debug, Default)]
struct Tally {
    /// Deployed in every way, with the same result.
    applied: usize,
    /// Refused by the planner, by what the message says.
    refused: BTreeMap<&'static str, usize>,
    /// Stopped by the rows.
    broken: usize,
    rejected: usize,
    /// Rejected because of SQL.
    sql: usize,
    policy: usize,
}

#[test]
fn the_build_and_the_server_agree() {
    let set = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match (set("RESHAPE_CROSS_SEED"), set("RESHAPE_CROSS_SEEDS")) {
        (Some(seed), _) => seed..seed + 1,
        (None, Some(count)) => 0..count,
        (None, None) => 0..48,
    };
    let only = seeds.end - seeds.start == 1;
    let mut tally = Tally::default();
    let mut failed = String::new();
    for seed in seeds {
        if let Err(why) =
            judge(&generate::history(seed, |history| load(history).is_ok()), &mut tally)
        {
            let _ = writeln!(failed, "seed {seed}: {why}\n");
        }
    }
    assert!(failed.is_empty(), "{tally:?}\n{failed}");
    // A generator that makes nothing but mistakes, or none, proves nothing.
    let refused: usize = tally.refused.values().sum();
    let enough =
        tally.applied >= 10 && tally.rejected >= 10 && tally.sql >= 3 && refused < tally.applied;
    assert!(only || enough, "{tally:?}");
}

/// The files of a history, read and checked as by a build script. Each action has a line of its own.
fn load(history: &[Vec<Value>]) -> Result<Migrations, Vec<Diagnostic>> {
    let root = tempfile::tempdir().expect("a temporary folder");
    let folder = root.path().join("migrations");
    fs::create_dir(&folder).expect("a folder");
    for (number, actions) in history.iter().enumerate() {
        let lines: Vec<String> = actions.iter().map(Value::to_string).collect();
        let text = format!("{{\"actions\": [\n{}\n]}}\n", lines.join(",\n"));
        fs::write(folder.join(format!("{}_x.json", number + 1)), text).expect("a file");
    }
    // A hazard is no mistake.
    let hazards = Rule::ALL.iter().filter(|rule| rule.is_hazard());
    let levels: Vec<String> = hazards.map(|rule| format!("{} = \"allow\"", rule.name())).collect();
    let settings = format!("[lints]\n{}\n", levels.join("\n"));
    fs::write(root.path().join("reshape.toml"), settings).expect("settings");
    reshape_build::load(&[&folder]).map_err(|problems| problems.iter().cloned().collect())
}

fn judge(history: &[Vec<Value>], tally: &mut Tally) -> Result<(), String> {
    let shown = || {
        history.iter().fold(String::new(), |mut text, actions| {
            let _ = writeln!(text, "{}", Value::from(actions.clone()));
            text
        })
    };
    let problems = match load(history) {
        Ok(set) => {
            return deploy::accepted(&set, tally).map_err(|why| format!("{why}\n{}", shown()));
        }
        Err(problems) => problems,
    };
    let number = |problem: &Diagnostic| {
        let file = problem.file.rsplit('/').next().unwrap_or_default();
        let number: usize = file.split('_').next().and_then(|n| n.parse().ok()).expect("a number");
        (number - 1, problem.line - 2)
    };
    let errors = problems.iter().filter(|problem| problem.level == Level::Error);
    let Some(first) = errors.min_by_key(|problem| number(problem)) else {
        return Err(String::from("no error, and no migrations"));
    };
    if POLICY.iter().any(|(rule, _)| *rule == first.rule) {
        tally.policy += 1;
        return Ok(());
    }
    let actions = history.iter().enumerate().flat_map(|(number, actions)| {
        let actions = actions.iter().enumerate();
        actions.map(move |(place, action)| ((number, place), action))
    });
    let wrong = number(first);
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
    tally.sql += usize::from(first.rule.name().starts_with("sql-"));
    match run(&mut client, action) {
        Err(_) => Ok(()),
        Ok(()) => Err(format!("{} is no mistake for Postgres\n{}", first.render(false), shown())),
    }
}

fn run(client: &mut Client, action: &Value) -> Result<(), postgres::Error> {
    let action: Action = serde_json::from_value(action.clone()).expect("an action");
    client.batch_execute(&plain::sql(&action))
}
