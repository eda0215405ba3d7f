//! The server that the test processes of a user share: one for all of them, none left when nobody needs it, whoever is killed.

#![cfg(all(feature = "testing", unix))]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests")]

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, thread};

use reshape_runtime::testing::Server;
use tempfile::TempDir;

/// Makes this binary's test `child` use the shared server.
const CHILD: &str = "RESHAPE_SHARED_CHILD";

/// A place where nobody else's shared server is found.
struct Place {
    temporary: TempDir,
    idle: &'static str,
}

/// A process that uses the server, until it is told to end.
struct User {
    process: Child,
    pid: String,
    folder: PathBuf,
    /// Open as long as the process may write to it.
    _output: BufReader<ChildStdout>,
}

impl Place {
    fn new(idle: &'static str) -> Self {
        let temporary = tempfile::tempdir_in("/tmp").unwrap();
        // The server's user has to get in.
        fs::set_permissions(temporary.path(), Permissions::from_mode(0o755)).unwrap();
        Self { temporary, idle }
    }

    /// This binary's test `child`, here.
    fn command(&self) -> Command {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "child", "--nocapture"]).env(CHILD, "1");
        command.env_remove("DATABASE_URL").env("TMPDIR", self.temporary.path());
        command.env("RESHAPE_TEST_SERVER_IDLE", self.idle);
        command
    }

    fn spawn(&self) -> Child {
        let mut command = self.command();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        command.spawn().unwrap()
    }

    fn user(&self) -> User {
        User::of(self.spawn())
    }
}

impl User {
    fn of(mut process: Child) -> Self {
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        while !line.contains(">>") {
            assert_ne!(output.read_line(&mut line).unwrap(), 0, "the child ended: {line}");
        }
        let (pid, folder) =
            line.split_once("<<").unwrap().1.split_once(">>").unwrap().0.split_once(' ').unwrap();
        let (pid, folder) = (pid.to_owned(), PathBuf::from(folder));
        Self { process, pid, folder, _output: output }
    }

    fn leave(mut self) {
        drop(self.process.stdin.take());
        assert!(self.process.wait().unwrap().success());
    }

    fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// Not a test of its own: a process that uses the server until its input is closed, or it is killed.
#[test]
fn child() {
    if env::var_os(CHILD).is_none() {
        return;
    }
    let server = Server::shared().unwrap();
    let database = server.database().unwrap();
    database.connect().unwrap().batch_execute("SELECT 1").unwrap();
    println!("<<{} {}>>", server.pid().unwrap(), server.folder().unwrap().display());
    let _ = std::io::stdin().read(&mut [0]);
    // It is still there, however long that was.
    database.connect().unwrap().batch_execute("SELECT 1").unwrap();
}

#[test]
fn processes_at_once_start_one_server() {
    let place = Place::new("1");
    let starting: Vec<Child> = (0..12).map(|_| place.spawn()).collect();
    let users: Vec<User> = starting.into_iter().map(User::of).collect();

    assert!(users.iter().all(|user| user.pid == users[0].pid && user.folder == users[0].folder));

    let (pid, folder) = (users[0].pid.clone(), users[0].folder.clone());
    users.into_iter().for_each(User::leave);
    assert_ends(&pid, &folder);
}

#[test]
fn a_server_goes_on_while_one_process_uses_it_and_ends_when_all_were_killed() {
    let place = Place::new("1");
    let first = place.user();
    let (pid, folder) = (first.pid.clone(), first.folder.clone());
    let second = place.user();
    first.kill();
    // Longer than a server without users lives.
    thread::sleep(Duration::from_secs(3));
    let third = place.user();
    assert_eq!((&third.pid, &third.folder), (&pid, &folder));

    second.kill();
    third.kill();

    assert_ends(&pid, &folder);
}

#[test]
fn a_server_waits_for_the_next_process() {
    let place = Place::new("600");
    let first = place.user();
    let (pid, folder) = (first.pid.clone(), first.folder.clone());
    first.leave();

    let second = place.user();

    assert_eq!((&second.pid, &second.folder), (&pid, &folder));
    second.leave();
    end_now(&pid, &folder);
}

#[test]
fn a_killed_server_is_replaced() {
    let place = Place::new("1");
    let user = place.user();
    signal("-KILL", &user.pid);
    assert_ends(&user.pid, &user.folder);

    assert_replaced(&place, user, assert_ends);
}

#[test]
fn a_server_ends_with_its_supervisor_and_is_replaced() {
    let place = Place::new("600");
    let user = place.user();
    // The server's parent; the shell above that one would do as well.
    let output = Command::new("ps").args(["-o", "ppid=", "-p", &user.pid]).output();
    let Ok(output) = output else { return user.kill() };
    let parent = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    signal("-KILL", &parent);
    assert_ends(&user.pid, &user.folder);

    assert_replaced(&place, user, end_now);
}

#[test]
fn what_a_dead_server_left_is_no_server() {
    let place = Place::new("1");
    let user = place.user();
    // Everything of the server is killed at once, as by a crash of the machine: its address and its process id are left behind.
    let group = Command::new("ps").args(["-o", "pgid=", "-p", &user.pid]).output();
    let Ok(group) = group else { return user.kill() };
    let group = String::from_utf8(group.stdout).unwrap().trim().to_owned();
    signal("-KILL", &format!("-{group}"));
    assert!(
        user.folder.join("address").exists() && user.folder.join("data/postmaster.pid").exists()
    );
    // The process id is somebody else's now: ours.
    let file = user.folder.join("data/postmaster.pid");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replacen(&user.pid, &std::process::id().to_string(), 1)).unwrap();

    let left = user.folder.clone();
    assert_replaced(&place, user, assert_ends);
    assert!(!left.exists(), "what the dead server left is still there");
}

#[test]
fn a_wrong_time_is_named_and_leaves_nothing() {
    let folders = || -> BTreeSet<PathBuf> {
        let places = [Path::new("/dev/shm"), Path::new("/tmp")];
        let entries = places.iter().flat_map(fs::read_dir).flatten().flatten();
        entries
            .map(|entry| entry.path())
            .filter(|path| path.to_string_lossy().contains("reshape-shared-"))
            .filter(|path| !path.join("data").exists())
            .collect()
    };
    let before = folders();
    let output = Place::new("soon").command().output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("`RESHAPE_TEST_SERVER_IDLE` is `soon`"), "{said}");
    // Other tests start servers meanwhile; what they have just made has its data soon.
    let deadline = Instant::now() + Duration::from_mins(1);
    while !folders().is_subset(&before) {
        assert!(Instant::now() < deadline, "{:?} is left", folders());
        thread::sleep(Duration::from_millis(50));
    }
}

/// The next process gets another server; that one ends in the given way.
fn assert_replaced(place: &Place, user: User, end: fn(&str, &Path)) {
    let next = place.user();
    assert_ne!(next.folder, user.folder);
    user.kill();
    let (pid, folder) = (next.pid.clone(), next.folder.clone());
    next.leave();
    end(&pid, &folder);
}

/// An end that has not to be waited for.
fn end_now(pid: &str, folder: &Path) {
    signal("-INT", pid);
    assert_ends(pid, folder);
}

fn signal(name: &str, to: &str) {
    assert!(Command::new("kill").args([name, "--", to]).status().unwrap().success());
}

fn assert_ends(pid: &str, folder: &Path) {
    // Generous, because the machine may be busy.
    let deadline = Instant::now() + Duration::from_mins(1);
    let runs = || {
        let mut command = Command::new("kill");
        command.args(["-0", pid]).stderr(Stdio::null()).status().unwrap().success()
    };
    while runs() || folder.exists() {
        assert!(Instant::now() < deadline, "{pid} or {} is left", folder.display());
        thread::sleep(Duration::from_millis(20));
    }
}
