//! Processes that die, and what takes up what they leave.

use reshape_tests::rows;
use rustix::process::Signal;
use serde_json::Value;

use crate::desk::*;

#[test]
fn a_killed_start_goes_on_where_it_was() {
    let mut desk = Desk::killed(Hold::Backfill);
    assert_eq!(desk.state(), "applying");
    let (_, human, _) = desk.run("status");
    assert!(human.starts_with("state       applying, but nobody is at work: "), "{human}");
    let step = &desk.status()["step"];
    assert_eq!((&step["phase"], &step["undo"]), (&"backfill".into(), &false.into()), "{step}");
    let blocks = [&step["blocks"][0], &step["blocks"][1], &step["rows"]].map(Value::as_u64);
    // Blocks count when the last of their rows has been written.
    assert!(blocks[0] < blocks[1] && blocks[2].is_some_and(|rows| rows > 0), "{step}");
    // Rows that are written once more have another xmin.
    let filled = "CREATE TEMP TABLE filled AS \
        SELECT id, xmin::text AS writer FROM public.users WHERE \"__reshape_shout\" IS NOT NULL";
    desk.client.batch_execute(filled).unwrap();
    assert_ne!(rows(&mut desk.client, "SELECT count(*) FROM filled"), ["0"]);

    let (code, out, err) = desk.run("migration start");
    assert_eq!(code, 0, "{err}");
    assert!(out.starts_with("started `2_shout` "), "{out}");
    assert!(err.starts_with("resuming: "), "{err}");
    // Not all: a row of the last block may have moved within it.
    let kept = "SELECT count(*) FILTER (WHERE u.xmin::text = writer) * 10 > count(*) * 9 \
        FROM filled JOIN public.users u USING (id)";
    assert_eq!(rows(&mut desk.client, kept), ["t"]);
    desk.assert_started();
    let (code, _, err) = desk.run_elsewhere("migration complete");
    assert_eq!(code, 0, "{err}");
    desk.assert_completed();
}

#[test]
fn a_killed_start_is_not_completed_and_can_be_aborted_without_files() {
    let mut desk = Desk::killed(Hold::Backfill);
    let (code, out, err) = desk.run_elsewhere("migration complete");
    assert_eq!((code, &*out), (1, ""), "{err}");
    assert!(err.contains("start it again (it goes on where it was), or abort it"), "{err}");
    let (code, out, err) = desk.run_elsewhere("migration abort");
    assert_eq!(code, 0, "{err}");
    assert!(out.starts_with("aborted `2_shout` "), "{out}");
    desk.assert_aborted();
}

/// The old version restarts while the new one's start lies dead: it is not taken down, and leaves the batch alone.
#[test]
fn the_old_version_starts_beside_a_dead_batch() {
    let desk = Desk::killed(Hold::Backfill);
    let (code, out, err) = desk.run("migration start --migration 1_users");
    assert_eq!(code, 0, "{err}");
    assert_eq!(out, "nothing to do: the database is ahead, and `1_users` is still live\n");
    assert_eq!(desk.state(), "applying");
}

#[test]
fn an_interrupt_says_what_it_leaves() {
    let mut desk = Desk::new();
    for signal in [Signal::INT, Signal::TERM] {
        let child = desk.held(Hold::Backfill, "migration start");
        let err = desk.end(child, signal);
        assert!(err.contains("\ninterrupted: what was begun is left as it is"), "{err}");
        desk.let_go();
        assert_eq!(desk.state(), "applying");
    }
    assert_eq!(desk.code("migration abort"), 0);
    desk.assert_aborted();
}

/// The batch that lies dead is not the one that is wanted now.
#[test]
fn a_dead_batch_of_other_migrations_is_rolled_back_first() {
    let mut desk = Desk::killed(Hold::Backfill);
    std::fs::remove_file(desk.folder.path().join("migrations/2_shout.toml")).unwrap();
    desk.write("2_rename", RENAME);
    let (code, out, err) = desk.run("migration start");
    assert_eq!(code, 0, "{err}");
    assert!(err.contains("undo backfill: ") && out.starts_with("started `2_rename` "), "{err}");
    assert_eq!(desk.code("migration abort"), 0);
    desk.assert_aborted();
}

#[test]
fn a_killed_completion_goes_on_and_has_no_way_back() {
    for command in ["complete", "start"] {
        let mut desk = Desk::killed(Hold::Completion);
        assert_eq!(desk.state(), "completing");
        let (_, human, _) = desk.run("status");
        assert!(human.starts_with("state       completing, but nobody is at work: "), "{human}");
        assert!(human.contains("\nstep        contract: custom SQL of `2_shout`"), "{human}");
        let (code, out, err) = desk.run("migration abort");
        assert_eq!((code, &*out), (1, ""), "{err}");
        assert!(err.contains("there is no way back"), "{err}");
        assert_eq!(desk.code(&format!("migration {command}")), 0);
        desk.assert_completed();
    }
}

#[test]
fn a_killed_rollback_is_finished() {
    for command in ["abort", "start"] {
        let mut desk = Desk::killed(Hold::Rollback);
        assert_eq!(desk.state(), "aborting");
        let (_, human, _) = desk.run("status");
        assert!(human.starts_with("state       aborting, but nobody is at work: "), "{human}");
        assert!(human.contains("\nstep        undo expand: custom SQL of `2_shout`"), "{human}");
        let (code, out, err) = desk.run("migration complete");
        assert_eq!((code, &*out), (1, ""), "{err}");
        assert!(err.contains("abort it again: that finishes the rollback"), "{err}");
        assert_eq!(desk.code(&format!("migration {command}")), 0);
        if command == "abort" {
            desk.assert_aborted();
        } else {
            // It is finished first; then everything pending starts anew.
            desk.assert_started();
        }
    }
}
