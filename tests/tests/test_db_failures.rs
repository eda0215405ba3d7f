//! What can go wrong around databases for tests: a clear error, nothing left behind, and never a hang.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{env, thread};

use postgres::NoTls;
use reshape_runtime::Migrations;
use reshape_runtime::testing::{Server, TestDb};
use reshape_tests::{migrations, rows};
use tempfile::TempDir;

/// Makes this binary's test `child` take databases: as many as it says.
const CHILD: &str = "RESHAPE_FAILURES_CHILD";

const USERS: &str = r#"
    [[actions]]
    type = "create_table"
    name = "users"
    primary_key = ["id"]
    columns = [
        { name = "id", type = "integer", generated = "ALWAYS AS IDENTITY" },
        { name = "name", type = "text", nullable = false },
    ]
"#;

fn set() -> Migrations {
    migrations(&[("1_users", USERS)])
}

fn databases(server: &Server, prefix: &str) -> Vec<String> {
    reshape_tests::databases(&mut server.config().connect(NoTls).unwrap(), prefix)
}

/// A state whose fixture fails as long as there is no database of this name: another try can be told from what is remembered.
fn needs(server: &Server, marker: &str) -> Result<TestDb, reshape_runtime::Error> {
    let fixture = format!(
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_database WHERE datname = '{marker}') THEN RAISE 'there is no {marker}'; END IF; END $$"
    );
    TestDb::options(&set()).fixture(fixture).open_on(server)
}

#[test]
fn a_state_that_cannot_be_made_is_tried_once_by_a_process() {
    let server = Server::start().unwrap();
    let first: Vec<String> = thread::scope(|scope| {
        let tests: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| needs(&server, "marker").unwrap_err().report()))
            .collect();
        tests.into_iter().map(|test| test.join().unwrap()).collect()
    });
    assert!(first[0].contains("a fixture cannot be loaded"), "{}", first[0]);
    assert!(first[0].contains("there is no marker"), "{}", first[0]);
    let mut client = server.config().connect(NoTls).unwrap();
    client.batch_execute("CREATE DATABASE marker").unwrap();

    let again = needs(&server, "marker").unwrap_err().report();

    assert!(first.iter().all(|said| *said == again), "{again}");
    // Another state is another matter, and so is another process, or one that has come to the server anew.
    needs(&server, "postgres").unwrap();
    needs(&Server::at(server.url().to_owned()).unwrap(), "marker").unwrap();
    assert_eq!(databases(&server, "reshape_unfinished_"), Vec::<String>::new());
}

#[test]
fn a_state_for_which_the_server_had_no_time_is_tried_again() {
    let server = Server::start().unwrap();
    let slow = "DO $$ BEGIN IF current_setting('statement_timeout') <> '0' THEN PERFORM pg_sleep(60); END IF; END $$";
    let open = || TestDb::options(&set()).fixture(slow).open_on(&server);
    let limit = |limit: &str| {
        let mut client = server.config().connect(NoTls).unwrap();
        let sql = format!("ALTER ROLE postgres SET statement_timeout = '{limit}'");
        client.batch_execute(&sql).unwrap();
    };
    limit("3s");
    let report = open().unwrap_err().report();
    assert!(report.contains("statement timeout"), "{report}");
    limit("0");

    open().unwrap();
}

/// Somebody who cleans up, say.
#[test]
fn templates_that_somebody_drops_are_made_again() {
    let server = Server::start().unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let dropping = scope.spawn(|| {
            let mut dropped = 0;
            let mut client = server.config().connect(NoTls).unwrap();
            while !done.load(Ordering::Relaxed) {
                for prefix in ["reshape_template_", "reshape_ready_"] {
                    for name in databases(&server, prefix) {
                        let drop = format!("DROP DATABASE IF EXISTS {name}");
                        dropped += usize::from(client.batch_execute(&drop).is_ok());
                    }
                }
                // Often enough, and yet not whenever it is made.
                thread::sleep(Duration::from_millis(300));
            }
            dropped
        });
        let tests: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..6 {
                        let db = TestDb::options(&set()).open_on(&server).unwrap();
                        let found = rows(&mut db.connect().unwrap(), "SELECT name FROM users");
                        assert_eq!(found, Vec::<String>::new());
                    }
                })
            })
            .collect();
        let ended: Vec<_> = tests.into_iter().map(thread::ScopedJoinHandle::join).collect();
        done.store(true, Ordering::Relaxed);
        assert!(ended.iter().all(Result::is_ok));
        assert!(dropping.join().unwrap() > 0, "nothing was dropped");
    });
    assert_eq!(databases(&server, "reshape_test_"), Vec::<String>::new());
}

/// A place where nobody else's shared server is found.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let temporary = tempfile::tempdir_in("/tmp").unwrap();
        // The server's user has to get in.
        fs::set_permissions(temporary.path(), Permissions::from_mode(0o755)).unwrap();
        Self(temporary)
    }

    /// This binary's test `child`; `before` is what leads to it.
    fn command(&self, before: &[&str], databases: usize) -> Command {
        let program = env::current_exe().unwrap();
        let words: Vec<_> = before.iter().map(AsRef::as_ref).chain([program.as_os_str()]).collect();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).args(["--exact", "child", "--nocapture"]);
        command.env(CHILD, databases.to_string()).env("RESHAPE_TEST_SERVER_IDLE", "1");
        command.env_remove("DATABASE_URL").env("TMPDIR", self.0.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn child(&self) -> Running {
        let mut process = self.command(&[], 1).spawn().unwrap();
        let input = process.stdin.take().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        while !line.contains(">>") {
            assert_ne!(output.read_line(&mut line).unwrap(), 0, "the child ended: {line}");
        }
        let (_, said) = line.split_once("<<").unwrap();
        let (pid, folder) = said.split_once(">>").unwrap().0.split_once(' ').unwrap();
        let (pid, folder) = (pid.to_owned(), PathBuf::from(folder));
        Running { process, input, _output: output, pid, folder }
    }
}

/// A process with a database, which waits for a word.
struct Running {
    process: Child,
    input: ChildStdin,
    /// Open as long as the process may write to it.
    _output: BufReader<ChildStdout>,
    /// The server's.
    pid: String,
    folder: PathBuf,
}

impl Running {
    fn go_on(mut self) -> Output {
        self.input.write_all(b"\n").unwrap();
        drop(self.input);
        self.process.wait_with_output().unwrap()
    }
}

/// Not a test of its own: a process that takes databases, says so, waits for a word, and takes another one.
#[test]
#[expect(clippy::print_stdout, reason = "for the test that has started it")]
fn child() {
    let Some(count) = env::var(CHILD).ok() else { return };
    let set = set();
    // What is kept for somebody to look at would keep the server's data.
    let open = |set| TestDb::options(set).keep_on_failure(false).open();
    let open = |set| open(set).unwrap_or_else(|error| panic!("{}", error.report()));
    let taken: Vec<TestDb> = (0..count.parse().unwrap()).map(|_| open(&set)).collect();
    let server = Server::shared().unwrap();
    println!("<<{} {}>>", server.pid().unwrap(), server.folder().unwrap().display());
    let _ = std::io::stdin().read_line(&mut String::new());
    drop(open(&migrations(&[("1_other", USERS)])));
    drop(taken);
}

#[test]
fn a_server_that_is_killed_under_its_tests_fails_them_and_not_the_next_ones() {
    let place = Place::new();
    let (one, other) = (place.child(), place.child());
    assert_eq!(one.pid, other.pid);
    let (pid, folder) = (one.pid.clone(), one.folder.clone());
    assert!(Command::new("kill").args(["-KILL", &pid]).status().unwrap().success());
    until("the killed server's folder is left", || !folder.exists());

    let next = place.child();
    for running in [one, other] {
        let output = running.go_on();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "there was no server for it");
        // It depends on whether the session's end was noticed before it was used.
        let clear = ["cannot connect to", "the connection is lost to"];
        let clear = clear.map(|what| format!("{what} the server for tests at `127.0.0.1` port"));
        assert!(clear.iter().any(|clear| said.contains(clear)), "{said}");
    }

    assert_ne!(next.pid, pid);
    let folder = next.folder.clone();
    let output = next.go_on();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    until("the next server's folder is left", || !folder.exists());
}

/// In a view of the file system that this process alone has, where there is no memory to write to and little room elsewhere.
#[test]
fn a_full_disk_fails_the_test_that_fills_it_and_leaves_nothing() {
    let place = Place::new();
    let folder = place.0.path().display().to_string();
    // Room for a server and some databases.
    let small = format!(
        "mount -t tmpfs -o size=16m,mode=1777 none /dev/shm && mount -t tmpfs -o size=220m,mode=1777 none {folder} || exit
        echo mounted; \"$@\"; code=$?
        # The server ends by itself. A folder that just gets another name may be overlooked, but not again and again.
        tries=0; gone=0
        while [ $gone -lt 5 ] && [ $tries -lt 600 ]; do
            if ls {folder} | grep shared; then gone=0; else gone=$((gone + 1)); fi
            tries=$((tries + 1)); sleep 0.1
        done
        [ $gone -eq 5 ] && echo nothing is left
        exit $code"
    );
    let run = |databases: usize| {
        let before = ["unshare", "--mount", "sh", "-c", &small, "sh"];
        let mut command = place.command(&before, databases);
        command.stdin(Stdio::null()).output()
    };
    // Only root may mount, and not everywhere.
    let Ok(output) = run(1) else { return };
    if !String::from_utf8_lossy(&output.stdout).contains("mounted") {
        return;
    }
    assert!(output.status.success(), "{}", text(&output));

    let output = run(200).unwrap();

    let said = text(&output);
    assert!(!output.status.success(), "there was room for all of them");
    assert!(said.contains("No space left on device"), "{said}");
    assert!(said.contains("cannot create a database at `127.0.0.1` port"), "{said}");
    assert!(said.contains("nothing is left"), "{said}");
}

fn text(output: &Output) -> String {
    let (out, error) = (&output.stdout, &output.stderr);
    format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(error))
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    // Generous, because the machine may be busy.
    let deadline = Instant::now() + Duration::from_mins(1);
    while !done() {
        assert!(Instant::now() < deadline, "{what}");
        thread::sleep(Duration::from_millis(20));
    }
}
