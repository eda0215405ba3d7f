//! What each command does beside another one, and where there is nothing to do.

use postgres::NoTls;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use crate::desk::*;

#[test]
fn beside_a_migrator_at_work_a_start_waits_and_the_others_refuse() {
    let mut desk = Desk::new();
    let first = desk.held(Hold::Backfill, "migration start");
    assert_eq!((desk.state(), desk.is_at_work()), ("applying".to_owned(), true));
    let (_, human, _) = desk.run("status");
    assert!(human.starts_with("state       applying: a migrator is at work\n"), "{human}");
    for command in ["complete", "abort", "start --migration 2_shout", "start --wait 1ms"] {
        let (code, out, err) = desk.run(&format!("migration {command}"));
        assert_eq!((code, &*out), (3, ""), "{command}: {err}");
        assert!(err.contains("error: another migrator is at work: pid "), "{command}: {err}");
    }
    // The old version is live: its instances do not wait.
    assert_eq!(desk.code("migration start --migration 1_users"), 0);

    let mut command = desk.command("migration start");
    let mut second = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(second.stderr.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("waiting for another migrator: pid "), "{line}");
    assert!(line.contains("(`reshape`)"), "{line}");
    desk.let_go();
    let (code, out, err) = ended(first.wait_with_output().unwrap());
    assert_eq!((code, out.starts_with("started `2_shout` ")), (0, true), "{err}");
    let (code, out, _) = ended(second.wait_with_output().unwrap());
    assert_eq!(code, 0);
    assert!(out.starts_with("nothing to do: `2_shout` is live beside `1_users`\n"), "{out}");
    desk.assert_started();
}

#[test]
fn a_completion_or_rollback_at_work_is_left_alone() {
    let mut desk = Desk::new();
    for (hold, command, state) in [
        (Hold::Rollback, "migration abort", "aborting"),
        (Hold::Completion, "migration complete", "completing"),
    ] {
        assert_eq!(desk.code("migration start"), 0);
        let first = desk.held(hold, command);
        assert_eq!((desk.state(), desk.is_at_work()), (state.to_owned(), true));
        for command in ["complete", "abort", "start --wait 1ms"] {
            let (code, out, err) = desk.run(&format!("migration {command}"));
            assert_eq!((code, &*out), (3, ""), "{state}, {command}: {err}");
        }
        desk.let_go();
        let (code, _, err) = ended(first.wait_with_output().unwrap());
        assert_eq!(code, 0, "{err}");
    }
    desk.assert_completed();
}

#[test]
fn where_nothing_is_under_way_there_is_nothing_to_complete_or_abort() {
    let desk = Desk::empty();
    for _ in 0..2 {
        assert_eq!(desk.state(), "idle");
        for command in ["complete", "abort"] {
            let (code, out, err) = desk.run(&format!("migration {command}"));
            assert_eq!((code, &*out), (0, "nothing to do\n"), "{err}");
        }
        // Once more with everything applied.
        assert_eq!(desk.code("migration start --complete"), 0);
    }
    let (code, out, err) = desk.run("migration start");
    assert_eq!((code, &*out), (0, "nothing to do: `2_shout` is live\n"), "{err}");
}

/// A client of the old version that sits in a transaction holds the completion up; it is named, and nothing is lost.
#[test]
fn a_completion_that_is_held_up_before_it_began_can_be_aborted() {
    let mut desk = Desk::new();
    assert_eq!(desk.code("migration start"), 0);
    let mut old = desk.database.config().application_name("old-app").connect(NoTls).unwrap();
    old.batch_execute("BEGIN; SELECT count(*) FROM migration_1_users.users").unwrap();
    let limits = "--lock-timeout 20ms --retry-budget 50ms";
    let (code, out, err) = desk.run_elsewhere(&format!("migration complete {limits}"));
    assert_eq!((code, &*out), (3, ""), "{err}");
    assert!(err.contains("(`old-app`), idle in transaction, in a transaction for "), "{err}");
    assert!(err.contains("; nothing was removed: the batch is in progress, as before"), "{err}");
    let status = desk.status();
    assert_eq!(status["state"], "in_progress");
    assert!(status["last_error"].as_str().unwrap().contains("`old-app`"), "{status}");
    desk.assert_started();
    old.batch_execute("ROLLBACK").unwrap();
    assert_eq!(desk.code("migration abort"), 0);
    desk.assert_aborted();
}

/// Two rollouts, the second with files that were there all the time.
#[test]
fn one_migration_after_the_other() {
    let mut desk = Desk::empty();
    assert_eq!(desk.code("migration start --migration 1_users"), 0);
    let (code, out, err) = desk.run("migration start");
    assert_eq!((code, &*out), (1, ""), "{err}");
    assert!(err.contains("a batch is in progress (`1_users`)"), "{err}");
    assert_eq!(desk.status()["pending"], serde_json::json!(["2_shout"]));
    assert_eq!(desk.code("migration complete"), 0);
    assert_eq!(desk.code("migration start --migration 2_shout"), 0);
    desk.assert_started();
    assert_eq!(desk.code("migration complete"), 0);
    assert_eq!(desk.code("migration start --migration 1_users"), 1);
    assert_eq!(desk.code("migration start --migration 3_nowhere"), 2);
    assert_eq!(desk.status()["live_schemas"], serde_json::json!(["migration_2_shout"]));
}
