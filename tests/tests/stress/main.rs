//! 200 tests at once, each with a database of its own, some of them killed: none sees another's rows, and nothing is left.
//!
//! Two repetitions, of which one has kills; `RESHAPE_STRESS=20` is the long form.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod killer;
mod package;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use std::{env, thread};

use postgres::{Client, NoTls};
use reshape_runtime::testing::TestDb;
use reshape_tests::{databases, rows};
use tempfile::TempDir;

use killer::Killer;
use package::{Package, TESTS};

/// Makes this binary's test `sweeper` sweep the server that it names.
const SWEEPER: &str = "RESHAPE_STRESS_SWEEPER";

/// How many databases may be left when a run of all tests is over, without a sweep: those of the killed, and those that a process
/// with many tests has not yet dropped when it ends. Each run begins with what the one before has left.
const LEFT: usize = TESTS / 2;

/// A place where nobody else's shared server is found, and the package whose tests use it.
struct Stress {
    package: Package,
    temporary: TempDir,
}

impl Stress {
    fn new() -> Self {
        let temporary = tempfile::tempdir_in("/tmp").unwrap();
        // The server's user has to get in.
        fs::set_permissions(temporary.path(), Permissions::from_mode(0o755)).unwrap();
        Self { package: Package::new(), temporary }
    }

    fn here<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env_remove("DATABASE_URL")
            .env("TMPDIR", self.temporary.path())
            .env("RESHAPE_TEST_SERVER_IDLE", "60")
    }

    /// A process for each test.
    fn nextest(&self) -> Output {
        let mut command = self.package.cargo();
        command.args(["nextest", "run", "--offline", "-j", "50", "--no-fail-fast"]);
        command.args(["--color", "never", "--status-level", "fail"]);
        self.here(&mut command).output().unwrap()
    }

    /// One process for all of them, as `cargo test` runs it.
    fn threads(&self) -> Output {
        let mut command = Command::new(&self.package.tests);
        self.here(command.args(["--test-threads", "50"])).output().unwrap()
    }

    fn assert_not_piled_up(&self) {
        let mut client = Client::connect(&self.server(), NoTls).unwrap();
        let left = databases(&mut client, "reshape_test_").len();
        assert!(left <= LEFT, "{left} databases are left");
    }

    /// The server's connection string.
    fn server(&self) -> String {
        let mut command = Command::new(&self.package.tests);
        command.args(["--exact", "server", "--ignored", "--nocapture"]);
        let output = self.here(&mut command).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let (_, after) = text.split_once("<<").unwrap();
        after.split_once(">>").unwrap().0.to_owned()
    }
}

fn text(output: &Output) -> String {
    let (out, error) = (&output.stdout, &output.stderr);
    format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(error))
}

fn repetitions() -> usize {
    env::var("RESHAPE_STRESS").ok().and_then(|count| count.parse().ok()).unwrap_or(2)
}

#[test]
fn many_tests_at_once_leave_nothing_and_see_only_their_own() {
    let stress = Stress::new();
    let mut killed = 0;
    for repetition in 0..repetitions() {
        let with_kills = repetition % 2 == 1;
        let running = with_kills.then(|| Killer::start(&stress.package.tests));
        let output = stress.nextest();
        let kills = running.map_or(0, Killer::stop);
        let said = text(&output);
        assert!(said.contains(&format!("{TESTS} tests run")), "{said}");
        // Who was killed has not failed; but nobody else has a reason to.
        assert!(!said.contains(" FAIL ["), "{said}");
        assert_eq!(output.status.success(), kills == 0, "{kills} were killed: {said}");
        killed += kills;
        stress.assert_not_piled_up();

        let output = stress.threads();
        assert!(output.status.success(), "{}", text(&output));
        assert!(text(&output).contains(&format!("{TESTS} passed")), "{}", text(&output));
        stress.assert_not_piled_up();
    }
    assert!(killed > 0, "nobody was killed");
    let server = stress.server();
    sweep(&server);
    assert_nothing_is_left(&server);
}

/// Not a test of its own: makes a template, with which a sweep comes.
#[test]
fn sweeper() {
    let Some(url) = env::var_os(SWEEPER) else { return };
    let set = reshape_tests::migrations(&[("1_other", package::NOTES)]);
    let db = TestDb::new(&set).unwrap();
    let mut client = Client::connect(url.to_str().unwrap(), NoTls).unwrap();
    // As long as this process lives its thread sweeps.
    until(|| {
        let left = databases(&mut client, "reshape_test_");
        if left == [db.name()] { None } else { Some(left) }
    });
}

fn sweep(server: &str) {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "sweeper"]).env("DATABASE_URL", server).env(SWEEPER, server);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
}

/// Waits until nothing is found.
fn until(mut found: impl FnMut() -> Option<Vec<String>>) {
    // Generous, because the machine may be busy.
    let deadline = Instant::now() + Duration::from_mins(1);
    while let Some(left) = found() {
        assert!(Instant::now() < deadline, "{} left: {left:?}", left.len());
        thread::sleep(Duration::from_millis(50));
    }
}

fn assert_nothing_is_left(server: &str) {
    let mut client = Client::connect(server, NoTls).unwrap();
    until(|| Some(left(&mut client)).filter(|left| !left.is_empty()));
}

/// What there is besides a template, what is ready of it, and the locks of those who look.
fn left(client: &mut Client) -> Vec<String> {
    let mut left = databases(client, "reshape_test_");
    left.extend(databases(client, "reshape_unfinished_"));
    let templates = databases(client, "reshape_template_");
    // The package's, and the sweeper's.
    if templates.len() != 2 {
        left.push(format!("templates: {templates:?}"));
    }
    let ready = databases(client, "reshape_ready_").len();
    // As many as wait at most, on a machine with any number of processors, and one for each process that was filling when it ended.
    if ready > 2 * 16 + 50 {
        left.push(format!("{ready} that are ready"));
    }
    let locks =
        "SELECT format('lock %s %s', classid, objid) FROM pg_locks WHERE locktype = 'advisory'";
    left.extend(rows(client, locks));
    left
}
