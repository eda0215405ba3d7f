//! Migrators that die, that meet, and that find a state in which nothing can be reverted; programs of both versions that start meanwhile.

use std::panic::{AssertUnwindSafe, catch_unwind};

use reshape_runtime::{ErrorKind, Event, Migrations, Migrator, Outcome, State};
use reshape_tests::{BASE, CHANGE, Rollout, catalog, client, database, migrations, rows};

use crate::{ROWS, USERS, comparable, complete, completed, revert};

/// Every kind of step in the inverse: transactions, a backfill, an index build, an index drop, user SQL.
const CHANGE_ALL: &str = r#"
[[actions]]
type = "remove_index"
index = "users_email"

[[actions]]
type = "add_column"
table = "users"
up = "upper(name)"
column = { name = "shout", type = "text", nullable = false }

[[actions]]
type = "add_index"
table = "users"
index = { name = "users_shout", columns = ["shout"] }

[[actions]]
type = "alter_column"
table = "users"
column = "email"
up = "coalesce(email, 'none')"
down = "nullif(email, 'none')"
changes = { nullable = false }

[[actions]]
type = "custom"
start = "CREATE TABLE log (what text)"
abort = "DROP TABLE log"
reverts = "DROP TABLE log"

[[actions]]
type = "remove_check"
table = "users"
check = "named"

[[actions]]
type = "rename_table"
table = "users"
new_name = "accounts"
"#;

fn base() -> String {
    format!(
        "{USERS}{}",
        r#"
        [[actions]]
        type = "add_index"
        table = "users"
        index = { name = "users_email", columns = ["email"], unique = true }

        [[actions]]
        type = "add_check"
        table = "users"
        check = { name = "named", expression = "name <> ''" }
        "#
    )
}

fn prepare() -> (Rollout, Vec<String>) {
    completed(&base(), ROWS, CHANGE_ALL)
}

fn detached(r: &Rollout) -> Migrator {
    Migrator::detached(r.database.url())
}

/// Runs `command` with a migrator that dies at its event number `at`. `true` if it did.
fn dies_at(r: &Rollout, at: usize, command: impl FnOnce(&mut Migrator)) -> bool {
    let mut seen = 0;
    let mut migrator = detached(r).observer(move |_: &Event| {
        assert!(seen != at, "killed");
        seen += 1;
    });
    catch_unwind(AssertUnwindSafe(|| command(&mut migrator))).is_err()
}

fn check_both(r: &mut Rollout) {
    rows(&mut r.old, "INSERT INTO users (name) VALUES ('from the old')");
    rows(&mut r.new, "INSERT INTO accounts (name, shout, email) VALUES ('new', 'own', 'n@x')");
    assert_eq!(
        rows(&mut r.new, "SELECT shout, email FROM accounts ORDER BY name"),
        ["ADA LOVELACE|ada@x", "ALAN TURING|none", "FROM THE OLD|none", "own|n@x"]
    );
    assert_eq!(rows(&mut r.old, "SELECT count(*) FROM users WHERE email IS NULL"), ["2"]);
}

#[test]
fn a_revert_that_dies_goes_on() {
    let mut at = 0;
    loop {
        // Two rows without an e-mail address are `none` twice to the newer version: its index is gone.
        let (mut r, _) = prepare();
        let died = dies_at(&r, at, |migrator| drop(migrator.revert_to(BASE)));
        let again = if at % 2 == 0 {
            revert(&r)
        } else {
            // A program of the version that it leads to goes on with it, too.
            Migrator::new(r.migrations.up_to(BASE).expect("the first"), r.database.url()).start()
        };
        match again {
            Ok(report) => {
                assert!(matches!(report.outcome, Outcome::Started | Outcome::Nothing));
            }
            // It had not begun.
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::History, "{}", error.report());
                revert(&r).unwrap_or_else(|error| panic!("{}", error.report()));
            }
        }
        check_both(&mut r);
        complete(&mut r);
        if !died {
            break;
        }
        at += 1;
    }
    assert!(at > 15, "only {at} events");
}

#[test]
fn a_revert_that_dies_is_aborted() {
    let mut at = 0;
    loop {
        let (mut r, there) = prepare();
        let died = dies_at(&r, at, |migrator| drop(migrator.revert_to(BASE)));
        detached(&r).abort().unwrap_or_else(|error| panic!("{}", error.report()));
        assert_eq!(catalog(&mut r.new), there, "died at event {at}");
        if !died {
            break;
        }
        at += 1;
    }
    assert!(at > 15, "only {at} events");
}

#[test]
fn the_completion_or_the_rollback_of_a_revert_that_dies_is_finished() {
    for completes in [true, false] {
        let mut at = 0;
        loop {
            let (mut r, there) = prepare();
            revert(&r).unwrap_or_else(|error| panic!("{}", error.report()));
            if completes {
                let died = dies_at(&r, at, |migrator| drop(migrator.complete()));
                complete(&mut r);
                if !died {
                    break;
                }
            } else {
                let died = dies_at(&r, at, |migrator| drop(migrator.abort()));
                detached(&r).abort().unwrap_or_else(|error| panic!("{}", error.report()));
                assert_eq!(catalog(&mut r.new), there, "died at event {at}");
                if !died {
                    break;
                }
            }
            at += 1;
        }
        assert!(at > 5, "only {at} events");
    }
}

/// Of three migrations, one at a time.
fn three() -> (Migrations, reshape_runtime::testing::TestDatabase) {
    let all = migrations(&[
        ("1_a", USERS),
        (
            "2_b",
            r#"
            [[actions]]
            type = "add_column"
            table = "users"
            up = "upper(name)"
            column = { name = "shout", type = "text", nullable = false }
            "#,
        ),
        (
            "3_c",
            r#"
            [[actions]]
            type = "alter_column"
            table = "users"
            column = "shout"
            up = "shout || '!'"
            down = "rtrim(shout, '!')"
            changes = { name = "cry" }

            [[actions]]
            type = "remove_column"
            table = "users"
            column = "name"
            down = "lower(rtrim(cry, '!'))"
            "#,
        ),
    ]);
    let database = database();
    for migration in all.migrations.iter() {
        let known = all.up_to(&migration.name).expect("it is there");
        let mut migrator = Migrator::new(known, database.url());
        migrator.start().unwrap_or_else(|error| panic!("{}", error.report()));
        migrator.complete().unwrap_or_else(|error| panic!("{}", error.report()));
    }
    (all, database)
}

#[test]
fn several_migrations_are_taken_back_at_once() {
    let (all, database) = three();
    let (mut first, mut last) = (client(&database, "1_a"), client(&database, "3_c"));
    rows(&mut last, "INSERT INTO users (cry) VALUES ('ADA!')");
    let report = Migrator::new(&all, database.url()).revert_to("1_a").expect("a revert");
    assert_eq!((report.reverts, report.migrations.len()), (vec!["2_b".into(), "3_c".into()], 0));
    assert_eq!((report.base.as_deref(), report.target.as_deref()), (Some("3_c"), Some("1_a")));
    rows(&mut first, "INSERT INTO users (name) VALUES ('alan')");
    rows(&mut last, "INSERT INTO users (cry) VALUES ('EMMY!')");
    assert_eq!(rows(&mut first, "SELECT name FROM users ORDER BY id"), ["ada", "alan", "emmy"]);
    assert_eq!(rows(&mut last, "SELECT cry FROM users ORDER BY id"), ["ADA!", "ALAN!", "EMMY!"]);

    let status = Migrator::new(&all, database.url()).status().expect("a status");
    assert_eq!(
        (status.state, &*status.reverts),
        (State::InProgress, &["2_b".into(), "3_c".into()][..])
    );
    assert_eq!((status.current.as_deref(), status.target.as_deref()), (Some("3_c"), Some("1_a")));
    assert_eq!(status.live_schemas, ["migration_1_a", "migration_3_c"]);
    assert_eq!(status.applied, ["1_a", "2_b", "3_c"]);

    Migrator::detached(database.url()).complete().expect("a completion");
    assert_eq!(rows(&mut first, "SELECT name FROM users ORDER BY id"), ["ada", "alan", "emmy"]);
    let status = Migrator::new(&all, database.url()).status().expect("a status");
    assert_eq!((status.state, &*status.applied), (State::Idle, &["1_a".into()][..]));
    assert_eq!((status.pending, status.reverts.len()), (vec!["2_b".into(), "3_c".into()], 0));

    // The way there again.
    let report = Migrator::new(&all, database.url()).start().expect("a start");
    assert_eq!(report.migrations, ["2_b", "3_c"]);
    rows(&mut first, "INSERT INTO users (name) VALUES ('max')");
    assert_eq!(rows(&mut last, "SELECT cry FROM users WHERE id = 4"), ["MAX!"]);
    Migrator::new(&all, database.url()).complete().expect("a completion");
}

#[test]
fn the_last_of_several_migrations_is_taken_back_alone() {
    let (all, database) = three();
    let mut second = client(&database, "2_b");
    let mut last = client(&database, "3_c");
    rows(&mut last, "INSERT INTO users (cry) VALUES ('ADA!')");
    Migrator::new(&all, database.url()).revert_to("2_b").expect("a revert");
    rows(&mut second, "INSERT INTO users (name, shout) VALUES ('alan', 'ALAN')");
    assert_eq!(
        rows(&mut second, "SELECT name, shout FROM users ORDER BY id"),
        ["ada|ADA", "alan|ALAN"]
    );
    Migrator::new(&all, database.url()).complete().expect("a completion");
    assert_eq!(
        rows(&mut second, "SELECT name FROM reshape.migrations ORDER BY index"),
        ["1_a", "2_b"]
    );
    // And from there the rest of the way.
    Migrator::detached(database.url()).revert_to("1_a").expect("a revert");
    Migrator::detached(database.url()).complete().expect("a completion");
    let mut first = client(&database, "1_a");
    assert_eq!(rows(&mut first, "SELECT name FROM users ORDER BY id"), ["ada", "alan"]);
}

/// What `start` says to a program that has the first `known` migrations.
fn starts(all: &Migrations, known: &str, url: &str) -> Result<Outcome, ErrorKind> {
    let migrations = all.up_to(known).expect("it is there");
    let report = Migrator::new(migrations, url).start();
    report.map(|report| report.outcome).map_err(|error| error.kind())
}

#[test]
fn programs_of_both_versions_start_while_a_revert_is_in_progress_and_end_nothing() {
    let (all, database) = three();
    let url = &*database.url().to_string();
    let reverting = || {
        let status = Migrator::detached(url).status().expect("a status");
        assert_eq!((status.state, status.reverts.len()), (State::InProgress, 2));
    };
    assert_eq!(starts(&all, "1_a", url), Err(ErrorKind::History));
    Migrator::detached(url).revert_to("1_a").expect("a revert");
    assert_eq!(starts(&all, "3_c", url), Ok(Outcome::Ahead));
    reverting();
    assert_eq!(starts(&all, "1_a", url), Ok(Outcome::Nothing));
    reverting();
    // Its version was retired before.
    assert_eq!(starts(&all, "2_b", url), Err(ErrorKind::History));
    // What comes after has to wait.
    let mut more = all.clone();
    let next = migrations(&[("4_d", "[[actions]]\ntype = \"custom\"\n")]);
    more.migrations.to_mut().extend(next.migrations.iter().cloned());
    assert_eq!(starts(&more, "4_d", url), Err(ErrorKind::State));
    reverting();
    // Asked for again, it is there; another one has to wait.
    let again = Migrator::detached(url).revert_to("1_a").expect("nothing to do");
    assert_eq!(again.outcome, Outcome::Nothing);
    let other = Migrator::detached(url).revert_to("2_b").expect_err("another revert");
    assert_eq!(other.kind(), ErrorKind::State);
    assert_eq!(other.message(), "the revert to `1_a` is in progress, so nothing can be reverted");

    Migrator::detached(url).abort().expect("a rollback");
    assert_eq!(starts(&all, "3_c", url), Ok(Outcome::Nothing));
    assert_eq!(starts(&all, "1_a", url), Err(ErrorKind::History));
    Migrator::detached(url).revert_to("1_a").expect("a revert");
    Migrator::detached(url).complete().expect("a completion");
    assert_eq!(starts(&all, "1_a", url), Ok(Outcome::Nothing));
    // To a program that still has them, the migrations are pending.
    assert_eq!(starts(&all, "3_c", url), Ok(Outcome::Started));
}

#[test]
fn a_batch_that_is_not_finished_comes_first() {
    let r = Rollout::begin(&base(), ROWS, CHANGE_ALL);
    let error = revert(&r).expect_err("a batch is in progress");
    assert_eq!(error.kind(), ErrorKind::State);
    let message =
        format!("the batch that leads to `{CHANGE}` is in progress, so nothing can be reverted");
    assert_eq!(error.message(), message);
    assert_eq!(error.help(), Some("end it first: complete or abort it"));
    assert!(dies_at(&r, 4, |migrator| drop(migrator.abort())));
    let error = revert(&r).expect_err("the rollback has died");
    assert_eq!(
        (error.kind(), error.help()),
        (ErrorKind::State, Some("abort it first: that finishes the rollback"))
    );
}

#[test]
fn a_revert_does_not_wait_for_another_migrator() {
    let (r, _) = prepare();
    let mut seen = false;
    let url = r.database.url().to_string();
    let (sender, receiver) = std::sync::mpsc::channel();
    let mut migrator = detached(&r).observer(move |_: &Event| {
        // From inside the first one, which holds the lock.
        if !std::mem::replace(&mut seen, true) {
            let inner =
                Migrator::detached(url.clone()).revert_to(BASE).err().map(|error| error.kind());
            sender.send(inner).expect("a receiver");
        }
    });
    migrator.revert_to(BASE).expect("a revert");
    assert_eq!(receiver.recv(), Ok(Some(ErrorKind::Locked)));
}

#[test]
fn what_a_migration_accepts_is_recorded_for_its_revert() {
    let allow = "[[allow]]\nlint = \"row_security_bypass\"\nreason = \"one tenant\"\n";
    let secured = format!("{USERS}{allow}");
    let change = "[[actions]]\ntype = \"rename_table\"\ntable = \"users\"\nnew_name = \"people\"\n";
    let (mut r, _) = completed(&secured, ROWS, &format!("{change}{allow}"));
    rows(&mut r.new, "ALTER TABLE public.people ENABLE ROW LEVEL SECURITY");
    let recorded = "SELECT allow -> 0 ->> 'reason' FROM reshape.migrations ORDER BY index";
    assert_eq!(rows(&mut r.new, recorded), ["one tenant", "one tenant"]);
    // On PostgreSQL 14 it would be refused without.
    revert(&r).unwrap_or_else(|error| panic!("{}", error.report()));
}

/// A revert whose step fails is rolled back: nothing has changed.
#[test]
fn a_revert_that_fails_is_rolled_back() {
    let base = format!(
        "{USERS}{}",
        r#"
        [[actions]]
        type = "add_check"
        table = "users"
        check = { name = "named", expression = "name <> ''" }
        "#
    );
    let change = "[[actions]]\ntype = \"remove_check\"\ntable = \"users\"\ncheck = \"named\"\n";
    let (mut r, there) = completed(&base, ROWS, change);
    rows(&mut r.new, "INSERT INTO users (name) VALUES ('')");
    let error = revert(&r).expect_err("a row breaks the check");
    assert_eq!(error.kind(), ErrorKind::Failed, "{}", error.report());
    assert!(error.message().contains("rolled back"), "{}", error.report());
    assert_eq!(catalog(&mut r.new), there);
    rows(&mut r.new, "UPDATE users SET name = 'x' WHERE name = ''");
    revert(&r).expect("a revert");
    complete(&mut r);
    assert_eq!(comparable(catalog(&mut r.old)), comparable(r.before.clone()));
}
