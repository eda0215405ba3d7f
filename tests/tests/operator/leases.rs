//! Instances of the old version, as those see them who complete.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use reshape_runtime::Lease;

use crate::desk::*;

/// An instance of version `1_users`.
fn instance(desk: &Desk) -> Lease {
    let set = reshape_build::load(&[desk.folder.path().join("migrations")]);
    let set = set.unwrap_or_else(|problems| panic!("{problems}"));
    let options = Lease::options(set, desk.database.url());
    options.version("1_users").name("web-1").take().unwrap()
}

#[test]
fn a_completion_asks_and_a_forced_one_does_not() {
    let mut desk = Desk::new();
    assert_eq!(desk.code("migration start"), 0);
    let lease = instance(&desk);
    // The new version is live all the same: only the old one stays.
    for command in ["migration complete", "migration start --complete"] {
        let (code, _, err) = desk.run(command);
        assert_eq!(code, 3, "{command}: {err}");
        let first = "error: the version `1_users` is still used by 1 instance: `web-1` (pid ";
        assert!(err.contains(first) && err.contains("nothing was removed\n"), "{command}: {err}");
        assert!(err.contains("help: stop them, or wait"), "{err}");
    }
    desk.assert_started();
    let (_, out, _) = desk.run("status");
    assert!(out.contains("in use      1_users: `web-1` (pid "), "{out}");
    assert_eq!(desk.status()["instances"][0]["evidence"], "lease");

    let (code, _, err) = desk.run("migration complete --force");
    assert_eq!(code, 0, "{err}");
    assert!(err.contains("note: 1 instance of `1_users` cut off: `web-1` (pid "), "{err}");
    drop(lease);
    desk.assert_completed();
}

#[test]
fn a_completion_waits_for_instances() {
    let mut desk = Desk::new();
    assert_eq!(desk.code("migration start"), 0);
    let lease = instance(&desk);
    let mut command = desk.command("migration complete --wait 10min");
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = lines.next().unwrap().unwrap();
    let first = "waiting for 1 instance of the old version: `web-1` (pid ";
    assert!(line.starts_with(first), "{line}");
    lease.release();
    // Read to the end: a process that cannot write its progress would wait for ever.
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    assert!(child.wait().unwrap().success(), "{rest:?}");
    desk.assert_completed();
}
