//! An instance as a process, which is killed.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use super::{LEASE_PIDS, old, started, until};
use crate::error::ErrorKind;
use crate::exec::lease::Lease;
use crate::exec::tests::Fixture;
use crate::report::Outcome;

/// The process: this test, run by others.
#[test]
#[ignore = "another process of the tests below"]
fn holder() {
    let Ok(url) = env::var("RESHAPE_TEST_HOLDER") else { return };
    let ttl = env::var("RESHAPE_TEST_TTL").ok().and_then(|ttl| ttl.parse().ok());
    let mut options = Lease::options(old(), &url).name("web-1");
    if let Some(ttl) = ttl {
        options = options.heartbeat(Duration::from_millis(ttl));
    }
    let _lease = options.take().unwrap();
    writeln!(std::io::stderr(), "held").unwrap();
    sleep(Duration::from_mins(10));
}

fn spawn(fixture: &Fixture, ttl: Option<&str>) -> Child {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "exec::lease::tests::processes::holder", "--ignored", "--nocapture"]);
    command.env("RESHAPE_TEST_HOLDER", fixture.database.url());
    if let Some(ttl) = ttl {
        command.env("RESHAPE_TEST_TTL", ttl);
    }
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("held")), "it has ended");
    child
}

#[test]
fn the_lock_of_an_instance_that_is_killed_goes_with_it() {
    let mut fixture = started();
    let mut child = spawn(&fixture, None);
    let error = fixture.detached().complete().unwrap_err();
    assert!(error.message().contains("`web-1` (pid "), "{error}");
    child.kill().unwrap();
    child.wait().unwrap();
    until(&mut fixture, LEASE_PIDS, "0");
    assert_eq!(fixture.detached().complete().unwrap().outcome, Outcome::Completed);
    fixture.assert_new();
}

#[test]
fn the_heartbeat_of_an_instance_that_is_killed_expires() {
    let mut fixture = started();
    // Long enough not to expire while it lives, on a slow machine too.
    let mut child = spawn(&fixture, Some("5000"));
    assert_eq!(fixture.detached().complete().unwrap_err().kind(), ErrorKind::InUse);
    child.kill().unwrap();
    child.wait().unwrap();
    // Nobody tells: its row is there until its time is up.
    assert_eq!(fixture.text("SELECT count(*) FROM reshape.leases"), "1");
    let mut migrator = fixture.detached().drain_timeout(Duration::from_mins(10));
    assert_eq!(migrator.complete().unwrap().outcome, Outcome::Completed);
    assert_eq!(fixture.text("SELECT count(*) FROM reshape.leases"), "0");
    fixture.assert_new();
}
