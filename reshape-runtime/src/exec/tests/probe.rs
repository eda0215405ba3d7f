//! The short look at the database says nothing that the long one would not.

use std::thread;
use std::time::Duration;

use serde_json::json;

use super::proxy::{self, Fate};
use super::{Fixture, batch, crash, migration, plan, sql};
use crate::Migrations;
use crate::error::Error;
use crate::exec::Migrator;
use crate::exec::compare::{Todo, decide};
use crate::exec::metadata;
use crate::exec::probe::{Live, probe};
use crate::exec::set::Set;
use crate::model::{Action, DEFAULT_NAMESPACE, Migration};
use crate::observer::Event;
use crate::plan::Phase;
use crate::report::{Outcome, Report, State};

/// Every program that may look: the probe of none of them says more than `decide` does. Returns for which of them it found the version live.
fn live_for(fixture: &mut Fixture, programs: &[Migrations]) -> Vec<bool> {
    let set = Set::new(DEFAULT_NAMESPACE);
    let mut found = Vec::new();
    for wanted in programs {
        let live = probe(&mut fixture.client, &set, wanted).unwrap().live();
        if let Some(live) = &live {
            let snapshot = metadata::read(&mut fixture.client, &set);
            let Ok(snapshot) = snapshot else { panic!("the metadata cannot be read") };
            assert_eq!(decide(&snapshot, wanted).unwrap(), Todo::Nothing, "{snapshot:?}");
            let base = snapshot.applied.last().map(|applied| applied.name.clone());
            assert_eq!(*live, Live { state: snapshot.state, base });
        }
        found.push(live.is_some());
    }
    found
}

fn programs(names: &[&[&'static str]]) -> Vec<Migrations> {
    let set =
        |names: &&[&'static str]| Migrations::owned(names.iter().map(|n| migration(n)).collect());
    names.iter().map(set).collect()
}

/// The one that has the batch of these tests comes first.
fn others() -> Vec<Migrations> {
    let mut programs = programs(&[&["2"], &[], &["1"], &["1", "2"], &["2", "3"], &["3"]]);
    let edited = Migration { checksum: "another".into(), ..migration("2") };
    programs.push(Migrations::owned(vec![edited]));
    programs
}

/// The first of them alone finds its version live.
fn assert_live(fixture: &mut Fixture) {
    let found = live_for(fixture, &others());
    assert_eq!(found.iter().position(|live| *live), Some(0), "{found:?}");
    assert_eq!(found.iter().filter(|live| **live).count(), 1, "{found:?}");
}

fn assert_not_live(fixture: &mut Fixture) {
    assert!(!live_for(fixture, &others()).contains(&true));
}

#[test]
fn a_version_is_live_while_its_batch_is_in_progress_and_afterwards() {
    let mut fixture = Fixture::new();
    assert_not_live(&mut fixture);
    fixture.migrator().start().unwrap();
    assert_live(&mut fixture);
    fixture.detached().abort().unwrap();
    assert_not_live(&mut fixture);
    fixture.migrator().start().unwrap();
    fixture.detached().complete().unwrap();
    assert_live(&mut fixture);
    let report = fixture.migrator().start().unwrap();
    assert_eq!((report.outcome, report.base.as_deref()), (Outcome::Nothing, Some("2")));
    assert_eq!(fixture.migrator().start_and_complete().unwrap().outcome, Outcome::Nothing);
}

#[test]
fn what_is_in_progress_is_not_complete() {
    let mut fixture = Fixture::new();
    fixture.migrator().start().unwrap();
    assert_live(&mut fixture);
    let report = fixture.migrator().start_and_complete().unwrap();
    assert_eq!(report.outcome, Outcome::Completed);
    fixture.assert_new();
    assert_live(&mut fixture);
}

type Command = fn(&mut Migrator) -> Result<Report, Error>;

#[test]
fn a_crash_at_any_event_leaves_nothing_that_is_not_so() {
    let mut fixture = Fixture::new();
    let commands: [(bool, Command); 3] = [
        (false, Migrator::start_and_complete),
        (true, Migrator::complete),
        (true, Migrator::abort),
    ];
    for (has_started, command) in commands {
        let mut at = 0;
        loop {
            fixture.reset();
            if has_started {
                fixture.migrator().start().unwrap();
            }
            let is_over = !crash(fixture.migrator(), at, |migrator| command(migrator).map(drop));
            live_for(&mut fixture, &others());
            if is_over {
                fixture.migrator().start().unwrap();
                assert_live(&mut fixture);
                break;
            }
            at += 1;
        }
        assert!(at >= 5, "the crashes have covered {at} events only");
    }
}

/// What the server does with a message that is lost, it has done with the one before.
#[test]
fn a_commit_without_an_answer_leaves_nothing_that_is_not_so() {
    let mut fixture = Fixture::new();
    let commands: [(bool, Command); 3] =
        [(false, Migrator::start), (true, Migrator::complete), (true, Migrator::abort)];
    for (has_started, command) in commands {
        for at in 0.. {
            fixture.reset();
            if has_started {
                fixture.migrator().start().unwrap();
            }
            let mut commits = 0;
            let config = proxy::start(&fixture.database.config(), move |_, text| {
                let commits_now = text.contains("COMMIT");
                commits += usize::from(commits_now);
                if commits_now && commits == at + 1 { Fate::Unanswered } else { Fate::Passed }
            });
            let Some(config) = config else { return };
            let plan = batch();
            let set = Migrations::owned(plan.migrations.clone());
            // A connection that is handed over is not opened again.
            let client = config.connect(postgres::NoTls).unwrap();
            let mut migrator = Migrator::new(&set, client).planner(move |_| Ok(plan.clone()));
            let is_cut = command(&mut migrator).is_err();
            fixture.wait_until_unlocked();
            live_for(&mut fixture, &others());
            if !is_cut {
                assert!(at > 5, "{at} commits only");
                break;
            }
        }
    }
}

#[test]
fn a_start_that_fails_leaves_nothing() {
    let mut fixture = Fixture::new();
    let mut plan = batch();
    let place = plan.steps.iter().position(|step| step.phase == Phase::Contract).unwrap();
    plan.steps.insert(place, sql(Phase::Expand, "fail", &["SELECT 1/0"], &[]));
    fixture.migrator_for(plan).start().unwrap_err();
    fixture.assert_old();
    assert_not_live(&mut fixture);
}

#[test]
fn a_rollback_under_the_token_of_the_start_forgets_it() {
    let mut fixture = Fixture::new();
    fixture.migrator().start().unwrap();
    assert_live(&mut fixture);
    let end = Set::new(DEFAULT_NAMESPACE).end_sql(false, true);
    fixture.client.batch_execute(&end).unwrap();
    assert_not_live(&mut fixture);
}

/// An older program writes nothing down, and draws a token like any other.
#[test]
fn what_an_older_program_has_not_written_down_holds_no_longer() {
    let mut fixture = Fixture::new();
    let value = "SELECT live FROM reshape.batch";
    let older = |fixture: &mut Fixture, value: &str| {
        let back = format!("UPDATE reshape.batch SET live = '{value}'");
        fixture.client.batch_execute(&back).unwrap();
    };
    fixture.migrator().start().unwrap();
    let started = fixture.text(value);
    fixture.detached().complete().unwrap();
    let completed = fixture.text(value);
    let of_a_newer_layout = completed.replace("\"layout\":2", "\"layout\":3");
    assert_ne!(of_a_newer_layout, completed);
    for value in [&started, "7", "", &of_a_newer_layout] {
        older(&mut fixture, value);
        assert_not_live(&mut fixture);
        assert_eq!(fixture.migrator().start().unwrap().outcome, Outcome::Nothing);
    }
    older(&mut fixture, &completed);
    assert_live(&mut fixture);
}

const OLDER: &str = "ALTER TABLE reshape.batch DROP COLUMN live";

#[test]
fn steps_at_work_keep_the_column_out_and_nothing_else() {
    let mut fixture = Fixture::new();
    fixture.migrator().start().unwrap();
    fixture.client.batch_execute(OLDER).unwrap();
    let mut step = fixture.database.connect().unwrap();
    step.batch_execute("BEGIN; LOCK TABLE reshape.batch IN ROW SHARE MODE").unwrap();
    let hurry = |migrator: Migrator| {
        migrator.lock_timeout(Duration::from_millis(50)).retry_budget(Duration::from_millis(50))
    };
    hurry(fixture.detached()).abort().unwrap();
    fixture.assert_old();
    hurry(fixture.migrator()).start().unwrap();
    fixture.assert_both();
    assert_not_live(&mut fixture);
    step.batch_execute("COMMIT").unwrap();
    hurry(fixture.detached()).complete().unwrap();
    fixture.assert_new();
    assert_live(&mut fixture);
}

#[test]
fn a_role_that_does_not_own_the_table_goes_on_without_the_column() {
    let mut fixture = Fixture::new();
    let plan = plan(vec![sql(Phase::Expand, "wait", &["SELECT 1"], &[])]);
    fixture.migrator_for(plan.clone()).start().unwrap();
    // Roles belong to the whole server: this one has the database's name.
    let role = fixture.database.name().to_owned();
    let grant = format!(
        "{OLDER}; CREATE ROLE {role} LOGIN; GRANT CREATE ON DATABASE {role} TO {role}; \
         GRANT USAGE ON SCHEMA reshape TO {role}; \
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA reshape TO {role}"
    );
    fixture.client.batch_execute(&grant).unwrap();
    let mut config = fixture.database.config();
    config.user(&role);
    let set = Migrations::owned(plan.migrations.clone());
    let mut migrator = Migrator::new(&set, config).planner(move |_| Ok(plan.clone()));
    let outcomes = [migrator.abort(), migrator.start(), migrator.start(), migrator.complete()]
        .map(|report| report.map(|report| report.outcome).map_err(|error| error.report()));
    fixture.client.batch_execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).unwrap();
    let expected = [Outcome::Aborted, Outcome::Started, Outcome::Nothing, Outcome::Completed];
    assert_eq!(outcomes, expected.map(Ok));
    assert_not_live(&mut fixture);
}

/// The column is younger than the layout, and an older program may have begun the batch.
#[test]
fn a_table_of_an_older_program_gets_its_column_with_the_next_change() {
    for end in [Migrator::complete as Command, Migrator::abort] {
        let mut fixture = Fixture::new();
        fixture.migrator().start().unwrap();
        fixture.client.batch_execute(OLDER).unwrap();
        // Nor does the server have an error to log: it would end the transaction.
        fixture.client.batch_execute("BEGIN").unwrap();
        assert_not_live(&mut fixture);
        assert_eq!(fixture.text("COMMIT; SELECT 1"), "1");
        assert_eq!(fixture.migrator().start().unwrap().outcome, Outcome::Nothing);
        end(&mut fixture.detached()).unwrap();
        fixture.migrator().start().unwrap();
        assert_live(&mut fixture);
    }
}

#[test]
fn rows_without_checksums_are_compared_by_their_actions() {
    let mut fixture = Fixture::new();
    fixture.migrator().start().unwrap();
    fixture.detached().complete().unwrap();
    // As if the command line had applied what is before the next batch.
    let forget =
        "UPDATE reshape.migrations SET checksum = NULL; UPDATE reshape.batch SET live = NULL";
    fixture.client.batch_execute(forget).unwrap();
    let mut plan = batch();
    plan.migrations = vec![migration("3")];
    plan.steps = vec![sql(Phase::Expand, "wait", &["SELECT 1"], &[])];
    let both = Migrations::owned(vec![migration("2"), migration("3")]);
    let migrator = Migrator::new(&both, fixture.database.url()).planner(move |_| Ok(plan.clone()));
    let mut migrator = migrator;
    assert_eq!(migrator.start().unwrap().outcome, Outcome::Started);
    assert_eq!(live_for(&mut fixture, std::slice::from_ref(&both)), [false]);
    assert_eq!(migrator.start().unwrap().outcome, Outcome::Nothing);
}

#[test]
fn a_revert_is_live_once_it_is_complete() {
    let of = |name: &'static str, actions: serde_json::Value| Migration {
        actions: serde_json::from_value::<Vec<Action>>(actions).unwrap().into(),
        ..migration(name)
    };
    let first = of(
        "a",
        json!([{"type": "create_table", "name": "t", "columns": [{"name": "id", "type": "int"}], "primary_key": ["id"]}]),
    );
    let second = of(
        "b",
        json!([{"type": "add_column", "table": "t", "column": {"name": "x", "type": "int"}}]),
    );
    let one = Migrations::owned(vec![first.clone()]);
    let two = Migrations::owned(vec![first, second]);
    let all = [one.clone(), two.clone()];
    let mut fixture = Fixture::new();
    let migrator = |fixture: &Fixture, set: &Migrations| Migrator::new(set, fixture.database.url());
    let back: [(Command, [bool; 2]); 2] =
        [(Migrator::complete, [true, false]), (Migrator::abort, [false, false])];
    for (end, expected) in back {
        for at in 0.. {
            fixture.client.batch_execute("DROP SCHEMA IF EXISTS reshape, migration_a, migration_b CASCADE; DROP TABLE IF EXISTS t").unwrap();
            migrator(&fixture, &one).start_and_complete().unwrap();
            migrator(&fixture, &two).start_and_complete().unwrap();
            assert_eq!(live_for(&mut fixture, &all), [false, true]);
            let command =
                |migrator: &mut Migrator| migrator.revert_to("a").and_then(|_| end(migrator));
            let is_over =
                !crash(migrator(&fixture, &two), at, |migrator| command(migrator).map(drop));
            let found = live_for(&mut fixture, &all);
            if is_over {
                assert_eq!(found, expected);
                assert!(at > 5, "{at} events only");
                break;
            }
        }
    }
}

/// What was waited for is found live, while the other migrator still has the lock.
#[test]
fn who_waits_for_nothing_any_more_takes_no_lock() {
    for (command, state) in [
        (Migrator::start as Command, State::InProgress),
        (Migrator::start_and_complete, State::Idle),
    ] {
        let mut fixture = Fixture::new();
        fixture.migrator().start().unwrap();
        if state == State::Idle {
            fixture.detached().complete().unwrap();
        }
        let hide = "UPDATE reshape.batch SET state = 'completing', live = 'x' || live";
        let show =
            format!("UPDATE reshape.batch SET live = substr(live, 2), state = '{}'", state.name());
        fixture.client.batch_execute(hide).unwrap();
        let mut holder = fixture.database.connect().unwrap();
        holder.batch_execute("SELECT pg_advisory_lock(4036779288569897133)").unwrap();
        let mut other = fixture.database.connect().unwrap();
        let mut migrator = fixture.migrator().wait_timeout(Duration::from_mins(1)).observer(
            move |event: &Event| {
                assert!(!matches!(event, Event::Locked), "the lock was taken");
                if matches!(event, Event::Waiting { .. }) {
                    other.batch_execute(&show).unwrap();
                }
            },
        );
        let report = thread::spawn(move || command(&mut migrator)).join().unwrap().unwrap();
        assert_eq!(report.outcome, Outcome::Nothing);
        drop(holder);
    }
}
