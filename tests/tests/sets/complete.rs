//! Start and complete in one go.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use reshape_runtime::{Event, Outcome, State};

use super::*;

/// Tables that are made and changed, `groups` times five migrations and a few. In every second group an enum type comes under a name that has to be
/// free first: a batch that finds the type there cannot do both.
fn many(groups: usize) -> Migrations {
    let mut files: Vec<(String, String)> = Vec::new();
    let mut add = |text: String| files.push((format!("{:04}_m", files.len() + 1), text));
    for n in 0..groups {
        let mood = if n % 2 == 0 {
            // A name that the same batch would have to free.
            let remove =
                if n == 0 { "" } else { "[[actions]]\ntype = \"remove_enum\"\nenum = \"mood\"\n" };
            add(String::from(remove) + "[[actions]]\ntype = \"custom\"\nstart = \"SELECT 1\"\n");
            format!("[[actions]]\ntype = \"create_enum\"\nname = \"mood\"\nvalues = [\"m{n}\"]\n")
        } else {
            String::from("[[actions]]\ntype = \"custom\"\nstart = \"SELECT 1\"\n")
        };
        add(mood);
        add(format!(
            "[[actions]]\ntype = \"create_table\"\nname = \"t{n}\"\nprimary_key = \"id\"\n\
             columns = [{{ name = \"id\", type = \"int\" }}, {{ name = \"name\", type = \"text\" }}]\n\
             [[actions]]\ntype = \"custom\"\nstart = \"INSERT INTO public.t{n} VALUES (1, 'a')\"\n"
        ));
        add(format!(
            "[[actions]]\ntype = \"add_column\"\ntable = \"t{n}\"\nup = \"upper(name)\"\ncolumn = {{ name = \"title\", type = \"text\", nullable = false, default = \"''\" }}\n"
        ));
        add(format!(
            "[[actions]]\ntype = \"add_index\"\ntable = \"t{n}\"\nindex = {{ name = \"t{n}_title\", columns = [\"title\"], unique = true }}\n"
        ));
        add(format!(
            "[[actions]]\ntype = \"alter_column\"\ntable = \"t{n}\"\ncolumn = \"id\"\nup = \"id\"\ndown = \"id\"\nchanges = {{ type = \"bigint\" }}\n"
        ));
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    migrations(&files)
}

fn one_by_one(database: &TestDatabase, all: &Migrations) {
    let applied = Migrator::new(all, database.url()).status().unwrap().applied.len();
    for migration in all.migrations.iter().skip(applied) {
        done(database, &all.up_to(&migration.name).unwrap());
    }
}

fn at_once(database: &TestDatabase, all: &Migrations) -> reshape_runtime::Report {
    let report = Migrator::new(all, database.url()).start_and_complete();
    report.unwrap_or_else(|error| panic!("{}", error.report()))
}

/// What is left, the rows included.
fn left(database: &TestDatabase, groups: usize) -> Vec<String> {
    let mut client = client(database);
    let mut left = catalog(&mut client);
    // How a version's views are put together differs; what they show does not.
    left.retain(|line| !line.starts_with("view ") && !line.contains(" reshape_"));
    assert_eq!(leftovers(&mut client), Vec::<String>::new());
    for n in 0..groups {
        left.extend(rows(&mut client, &format!("SELECT 't{n}', id, name, title FROM t{n}")));
    }
    left.extend(rows(&mut client, "SELECT name FROM reshape.migrations ORDER BY index"));
    left
}

#[test]
fn an_empty_database_ends_as_if_the_migrations_had_run_one_by_one() {
    let all = many(3);
    let (one, other) = (reshape_tests::database(), reshape_tests::database());
    one_by_one(&one, &all);
    let report = at_once(&other, &all);
    assert_eq!(report.outcome, Outcome::Completed);
    assert_eq!(
        (report.base.as_deref(), report.target),
        (None, all.latest().map(|m| m.name.to_string()))
    );
    assert_eq!(report.migrations.len(), all.migrations.len());
    assert_eq!(left(&one, 3), left(&other, 3));
    assert_eq!(at_once(&other, &all).outcome, Outcome::Nothing);
}

#[test]
fn a_hundred_migrations_of_an_empty_database_take_few_transactions() {
    let all = migrations(
        &(0..110)
            .map(|n| {
                let text = format!(
                    "[[actions]]\ntype = \"create_table\"\nname = \"t{n}\"\nprimary_key = \"id\"\ncolumns = [{{ name = \"id\", type = \"int\" }}]\n\
                     [[actions]]\ntype = \"add_index\"\ntable = \"t{n}\"\nindex = {{ name = \"i{n}\", columns = [\"id\"] }}\n\
                     [[actions]]\ntype = \"custom\"\nstart = \"SELECT 1\"\ncomplete = \"SELECT 2\"\n"
                );
                (format!("{n:04}_m"), text)
            })
            .collect::<Vec<_>>()
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()))
            .collect::<Vec<_>>(),
    );
    let database = reshape_tests::database();
    let report = at_once(&database, &all);
    assert_eq!(report.migrations.len(), 110);
    // Expand with what is published, and contract.
    assert!(report.steps.len() <= 4, "{:?}", report.steps);
}

#[test]
fn tables_in_use_are_changed_as_always() {
    let all = many(3);
    let (one, other) = (reshape_tests::database(), reshape_tests::database());
    for database in [&one, &other] {
        done(database, &all.up_to("0003_m").unwrap());
    }
    one_by_one(&one, &all);
    let indexes = |event: &Event| match event {
        Event::StepStarted { title, .. } => title.starts_with("build index"),
        _ => false,
    };
    let built = std::sync::Arc::new(AtomicUsize::new(0));
    let counter = std::sync::Arc::clone(&built);
    let mut migrator = Migrator::new(&all, other.url()).observer(move |event: &Event| {
        counter.fetch_add(usize::from(indexes(event)), Ordering::SeqCst);
    });
    let report = migrator.start_and_complete().unwrap_or_else(|error| panic!("{}", error.report()));
    assert_eq!(report.migrations.len(), all.migrations.len() - 3);
    assert!(built.load(Ordering::SeqCst) > 0);
    assert_eq!(left(&one, 3), left(&other, 3));
}

/// A new database, or one in which the first three migrations have been completed: then the rest takes two batches.
fn prepared(all: &Migrations, is_new: bool) -> TestDatabase {
    let database = reshape_tests::database();
    if !is_new {
        done(&database, &all.up_to("0003_m").unwrap());
    }
    database
}

#[test]
fn what_is_cut_off_anywhere_is_finished_by_the_next() {
    let all = many(3);
    let expected = {
        let database = reshape_tests::database();
        one_by_one(&database, &all);
        left(&database, 3)
    };
    for is_new in [true, false] {
        let mut dies_at = 0;
        loop {
            let database = prepared(&all, is_new);
            let seen = std::sync::Arc::new(AtomicUsize::new(0));
            let counter = std::sync::Arc::clone(&seen);
            let died = catch_unwind(AssertUnwindSafe(|| {
                Migrator::new(&all, database.url())
                    .observer(move |event: &Event| {
                        let at_step =
                            matches!(event, Event::StepStarted { .. } | Event::StepDone { .. });
                        if at_step && counter.fetch_add(1, Ordering::SeqCst) == dies_at {
                            panic!("dies here");
                        }
                    })
                    .start_and_complete()
            }))
            .is_err();
            let report = at_once(&database, &all);
            assert_eq!(left(&database, 3), expected, "died at {dies_at}");
            if !died {
                assert_eq!(report.outcome, Outcome::Nothing);
                assert!(dies_at >= 2, "{dies_at}");
                break;
            }
            // Every event of the short run, one in seven of the long one.
            dies_at += if is_new { 1 } else { 7 };
        }
    }
}

#[test]
fn a_batch_that_is_in_progress_is_completed_and_gone_on_from() {
    let database = reshape_tests::database();
    start(&database, &app().up_to("1_create").unwrap()).unwrap();
    let report = at_once(&database, &app());
    assert_eq!(report.migrations, ["1_create", "2_change"]);
    let status = Migrator::new(app(), database.url()).status().unwrap();
    assert_eq!(status.state, State::Idle);
    assert_eq!(views(&mut client(&database)), ["migration_2_change.orders"]);
    // But not one that is ahead.
    let more = migrations(&[("1_x", "actions = []\n"), ("2_x", "actions = []\n")]);
    let database = reshape_tests::database();
    start(&database, &more).unwrap();
    let error = Migrator::new(more.up_to("1_x").unwrap(), database.url()).start_and_complete();
    assert!(error.is_err());
    let status = Migrator::new(more, database.url()).status().unwrap();
    assert_eq!(status.state, State::InProgress);
}

#[test]
fn what_cannot_be_done_says_how_far_it_went() {
    let database = reshape_tests::database();
    let all = migrations(&[
        ("1_a", "[[actions]]\ntype = \"create_enum\"\nname = \"mood\"\nvalues = [\"a\"]\n"),
        ("2_b", "[[actions]]\ntype = \"remove_enum\"\nenum = \"mood\"\n"),
        ("3_c", "[[actions]]\ntype = \"create_enum\"\nname = \"mood\"\nvalues = [\"b\"]\n"),
        ("4_d", "[[actions]]\ntype = \"custom\"\nstart = \"SELECT 1 / 0\"\n"),
    ]);
    done(&database, &all.up_to("1_a").unwrap());
    let error = Migrator::new(&all, database.url()).start_and_complete().unwrap_err();
    assert!(error.message().contains("division by zero"), "{error}");
    let status = Migrator::new(&all, database.url()).status().unwrap();
    assert_eq!(status.state, State::Idle);
    assert_eq!(status.applied, ["1_a", "2_b"]);
    assert!(error.message().ends_with("the migrations up to `2_b` are completed"), "{error}");
}

#[test]
fn many_at_once_do_it_once() {
    let database = reshape_tests::database();
    let all = many(2);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..10)
            .map(|_| scope.spawn(|| Migrator::new(&all, database.url()).start_and_complete()))
            .collect();
        let outcomes = threads.into_iter().map(|thread| thread.join().unwrap().unwrap().outcome);
        let outcomes: Vec<Outcome> = outcomes.collect();
        let completed = outcomes.iter().filter(|outcome| **outcome == Outcome::Completed);
        assert_eq!(completed.count(), 1, "{outcomes:?}");
    });
}

/// `cargo nextest run --run-ignored only`: how long it takes.
#[test]
#[ignore = "a measurement"]
fn measure() {
    for groups in [38] {
        let all = many(groups);
        let count = all.migrations.len();
        let simple = migrations(
            &(0..count)
                .map(|n| (format!("{n:04}_m"), format!("[[actions]]\ntype = \"create_table\"\nname = \"t{n}\"\nprimary_key = \"id\"\ncolumns = [{{ name = \"id\", type = \"int\" }}]\n")))
                .collect::<Vec<_>>()
                .iter()
                .map(|(a, b)| (a.as_str(), b.as_str()))
                .collect::<Vec<_>>(),
        );
        for (what, all) in [("mixed", &all), ("tables", &simple)] {
            let database = reshape_tests::database();
            let began = std::time::Instant::now();
            let together = start(&database, all).and_then(|()| complete(&database, all));
            let batch =
                together.map(|()| began.elapsed()).map_err(|error| error.message().to_owned());
            let database = reshape_tests::database();
            let began = std::time::Instant::now();
            let report = at_once(&database, all);
            println!(
                "{count} {what}: start and complete {batch:?}, at once {:?} in {} steps",
                began.elapsed(),
                report.steps.len()
            );
        }
    }
}
