//! The throw-away server: nothing is shared between databases, and nothing is left behind.

#![cfg(all(feature = "testing", unix))]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "helpers of tests")]

use std::io::{BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, panic, thread};

use reshape_runtime::ErrorKind;
use reshape_runtime::testing::Server;

/// Makes this binary's test `child` do something; see [`spawn_child`].
const CHILD: &str = "RESHAPE_TESTING_CHILD";

#[test]
fn databases_are_isolated() {
    let server = Server::shared().unwrap();
    let (one, two) = (server.database().unwrap(), server.database().unwrap());
    assert_ne!(one.name(), two.name());

    one.connect().unwrap().batch_execute("CREATE TABLE t ()").unwrap();

    let mut client = two.connect().unwrap();
    let row = client.query_one("SELECT current_database()::text, to_regclass('t') IS NULL", &[]);
    let row = row.unwrap();
    assert_eq!(row.get::<_, String>(0), two.name());
    assert!(row.get::<_, bool>(1), "a table of the other database is seen");
}

#[test]
fn the_url_leads_to_the_database() {
    let database = Server::shared().unwrap().database().unwrap();
    let config: postgres::Config = database.url().parse().unwrap();
    assert_eq!(config.get_dbname(), Some(database.name()));
    config.connect(postgres::NoTls).unwrap();
}

#[test]
fn a_database_is_dropped_while_clients_are_connected() {
    let server = Server::shared().unwrap();
    let database = server.database().unwrap();
    let name = database.name().to_owned();
    let _client = database.connect().unwrap();

    drop(database);

    assert!(!database_exists(server, &name));
}

#[test]
fn a_panic_leaves_nothing() {
    let server = Server::start().unwrap();
    let (pid, folder) = (server.pid().unwrap(), server.folder().unwrap().to_owned());
    let shared = Server::shared().unwrap();
    let database = shared.database().unwrap();
    let name = database.name().to_owned();
    assert!(is_running(pid) && folder.join("data").is_dir() && database_exists(shared, &name));

    let panicked = panic::catch_unwind(panic::AssertUnwindSafe(move || {
        let _held = (server, database);
        panic!("on purpose");
    }));

    assert!(panicked.is_err());
    // Not polled: when the drop returns everything is gone.
    assert!(!is_running(pid), "the server runs on");
    assert!(!folder.exists(), "{} is left", folder.display());
    assert!(!database_exists(shared, &name), "{name} is left");
}

#[test]
fn a_killed_process_leaves_nothing() {
    let (mut child, pid, folder) = spawn_child("hold");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_cleaned_up(pid, &folder);
}

#[test]
fn an_interrupted_process_leaves_nothing() {
    let (mut child, pid, folder) = spawn_child("hold");
    assert!(
        Command::new("kill").arg("-INT").arg(child.id().to_string()).status().unwrap().success()
    );
    child.wait().unwrap();
    assert_cleaned_up(pid, &folder);
}

#[test]
fn a_private_server_ends_with_its_process() {
    let (mut child, pid, folder) = spawn_child("return");
    assert!(child.wait().unwrap().success());
    assert_cleaned_up(pid, &folder);
}

#[test]
fn a_role_that_may_not_create_databases_is_named() {
    let error = run_child_with("database", |command| {
        let server = Server::start().unwrap();
        let mut client = server.config().connect(postgres::NoTls).unwrap();
        client.batch_execute("CREATE ROLE guest LOGIN").unwrap();
        command.env("DATABASE_URL", server.url().replace("postgres@", "guest@"));
        server
    });
    assert!(error.contains("Permission"), "{error}");
    assert!(error.contains("`guest` may not create databases"), "{error}");
    assert!(error.contains("CREATEDB"), "{error}");
}

#[test]
fn a_wrong_folder_of_programs_is_named() {
    let error = run_child_with("start", |command| {
        command.env("RESHAPE_PG_BIN", "/nowhere");
    });
    assert!(error.contains("`RESHAPE_PG_BIN` names `/nowhere`"), "{error}");
}

#[test]
fn a_server_that_does_not_answer_is_named() {
    let error = run_child_with("database", |command| {
        // Port 1 is reserved: nothing listens there.
        command.env("DATABASE_URL", "postgres://me:secret@127.0.0.1:1/app");
    });
    assert!(
        error.contains("cannot connect to the server for tests at `127.0.0.1` port 1"),
        "{error}"
    );
    assert!(!error.contains("secret"), "{error}");
}

/// Not a test of its own: what the tests above run in a process that they can kill.
#[test]
fn child() {
    // The markers keep what is ours apart from what the test harness prints.
    let fail = |error: reshape_runtime::Error| {
        let kind: ErrorKind = error.kind();
        format!("<<{kind:?} {}>>", error.report())
    };
    match env::var(CHILD).as_deref() {
        Ok("hold" | "return") => {
            let server = Server::start().unwrap();
            let folder = server.folder().unwrap().display().to_string();
            eprintln!("<<{} {folder}>>", server.pid().unwrap());
            if env::var(CHILD).as_deref() == Ok("hold") {
                // Until the parent kills us, or is gone itself.
                let _ = std::io::stdin().read(&mut [0]);
            }
        }
        Ok("start") => eprintln!("{}", fail(Server::start().unwrap_err())),
        Ok("database") => {
            eprintln!("{}", fail(Server::shared().unwrap().database().unwrap_err()));
        }
        _ => {}
    }
}

fn child_command(task: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "child", "--nocapture"]).env(CHILD, task).env_remove("DATABASE_URL");
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// A process that has started a private server: itself, the server's process id and folder.
fn spawn_child(task: &str) -> (Child, u32, PathBuf) {
    let mut child = child_command(task).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains(">>") {
        assert_ne!(stderr.read_line(&mut line).unwrap(), 0, "the child ended: {line}");
    }
    let (_, rest) = line.split_once("<<").unwrap();
    let (pid, folder) = rest.split_once(">>").unwrap().0.split_once(' ').unwrap();
    let pid = pid.parse().unwrap();
    let folder = PathBuf::from(folder);
    assert!(folder.join("data/PG_VERSION").exists(), "{} is no cluster", folder.display());
    (child, pid, folder)
}

/// What a child that fails has to say. `prepare` may return something that lives as long as the child.
fn run_child_with<T>(task: &str, prepare: impl FnOnce(&mut Command) -> T) -> String {
    let mut command = child_command(task);
    let _kept = prepare(&mut command);
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("<<"), "the child did not report: {text}");
    text
}

fn assert_cleaned_up(pid: u32, folder: &Path) {
    // Generous, because the machine may be busy; normally it is a tenth of a second.
    let deadline = Instant::now() + Duration::from_secs(30);
    while is_running(pid) || folder.exists() {
        assert!(Instant::now() < deadline, "{pid} or {} is left", folder.display());
        thread::sleep(Duration::from_millis(20));
    }
}

fn is_running(pid: u32) -> bool {
    let mut command = Command::new("kill");
    command.args(["-0", &pid.to_string()]).stderr(Stdio::null());
    command.status().unwrap().success()
}

fn database_exists(server: &Server, name: &str) -> bool {
    let mut client = server.config().connect(postgres::NoTls).unwrap();
    let row =
        client.query_one("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", &[&name]);
    row.unwrap().get(0)
}
