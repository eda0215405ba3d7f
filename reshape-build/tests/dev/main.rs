//! `reshape dev`: a database that follows the files, from outside.

#![cfg(unix)]
// All of this is test code.
#![allow(clippy::unwrap_used)]

mod server;

use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader, Read};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use postgres::{Client, NoTls};
use reshape_runtime::testing::Server;
use serde_json::Value;
use tempfile::TempDir;

/// Generous, because the machine may be busy.
const LONG: Duration = Duration::from_mins(1);

const USERS: &str = r#"
[[actions]]
type = "create_table"
name = "users"
primary_key = "id"
columns = [
    { name = "id", type = "bigint", generated = "ALWAYS AS IDENTITY" },
    { name = "name", type = "text", nullable = false },
]
"#;

/// The last line after each change.
const WAITING: &str = "waiting for changes; Ctrl-C ends this\n";

/// A column with the `n`th word of the name.
fn word(n: u32) -> String {
    format!(
        r#"
[[actions]]
type = "add_column"
table = "users"
column = {{ name = "word", type = "text", nullable = false }}
up = "split_part(name, ' ', {n})"
"#
    )
}

/// A package, with a development database of its own.
struct Package {
    folder: TempDir,
    /// Where the shared server is found.
    server: OnServer,
}

enum OnServer {
    /// The one of the other tests.
    Given(String),
    /// One that nobody else finds.
    Own(TempDir),
}

impl Package {
    fn of(server: OnServer) -> Self {
        // The database is named after the folder.
        let package =
            Self { folder: tempfile::Builder::new().prefix("dev").tempdir().unwrap(), server };
        fs::create_dir(package.folder.path().join("migrations")).unwrap();
        package.write("0001_users", USERS);
        package
    }

    fn new() -> Self {
        Self::of(OnServer::Given(Server::shared().unwrap().url().to_owned()))
    }

    fn with_own_server() -> Self {
        let temporary = tempfile::tempdir_in("/tmp").unwrap();
        // The server's user has to get in.
        fs::set_permissions(temporary.path(), Permissions::from_mode(0o755)).unwrap();
        Self::of(OnServer::Own(temporary))
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(format!("migrations/{name}.toml")), text).unwrap();
    }

    fn reshape(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_reshape"));
        command.args(arguments.split_whitespace()).current_dir(self.folder.path());
        // There nothing is locked.
        command.env_remove("CI");
        match &self.server {
            OnServer::Given(url) => command.env("DATABASE_URL", url),
            OnServer::Own(temporary) => command
                .env_remove("DATABASE_URL")
                .env("TMPDIR", temporary.path())
                .env("RESHAPE_TEST_SERVER_IDLE", "1"),
        };
        command
    }

    fn run(&self, arguments: &str) -> Run {
        Run::of(&self.reshape(arguments).output().unwrap())
    }

    /// What `dev --once` says.
    fn once(&self) -> Value {
        self.run("dev --once --format json").object()
    }

    fn follow(&self) -> Following {
        let mut command = self.reshape("dev --format json");
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let (out, err) = (lines(process.stdout.take()), lines(process.stderr.take()));
        Following { process, out, err }
    }
}

impl Drop for Package {
    fn drop(&mut self) {
        if let OnServer::Given(_) = self.server {
            let dropped = self.run("dev --drop");
            assert!(thread::panicking() || dropped.code == Some(0), "{}", dropped.err);
        }
    }
}

struct Run {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Run {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Self { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    fn object(&self) -> Value {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.err);
        serde_json::from_str(&self.out).unwrap()
    }
}

/// A `reshape dev` that goes on.
struct Following {
    process: Child,
    out: Receiver<String>,
    err: Receiver<String>,
}

impl Following {
    /// The next thing that was applied.
    fn applied(&self) -> Value {
        let line = self.out.recv_timeout(LONG).unwrap_or_else(|_| {
            panic!("nothing was applied: {:#?}", self.err.try_iter().collect::<Vec<_>>())
        });
        self.says(WAITING);
        serde_json::from_str(&line).unwrap()
    }

    /// The error output, up to a line that has `text`.
    fn says(&self, text: &str) -> String {
        let mut said = String::new();
        while !said.contains(text) {
            let line = self.err.recv_timeout(LONG);
            said += &line.unwrap_or_else(|_| panic!("it does not say `{text}`: {said}"));
            said.push('\n');
        }
        said
    }

    fn interrupt(mut self) -> String {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        assert_eq!(self.process.wait().unwrap().signal(), Some(2));
        self.err.iter().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The lines of a pipe, as they come.
fn lines(pipe: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (sender, lines) = channel();
    let pipe = BufReader::new(pipe.unwrap());
    thread::spawn(move || pipe.lines().try_for_each(|line| sender.send(line.unwrap())));
    lines
}

fn connect(applied: &Value) -> Client {
    Client::connect(applied["url"].as_str().unwrap(), NoTls).unwrap()
}

fn texts(client: &mut Client, sql: &str) -> Vec<String> {
    client.query(sql, &[]).unwrap().iter().map(|row| row.get(0)).collect()
}

/// The names in a list.
fn names<'v>(applied: &'v Value, key: &str) -> Vec<&'v str> {
    applied[key].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect()
}

#[test]
fn a_new_database_has_what_is_there_completed_and_is_found_again() {
    let package = Package::new();
    package.write("0002_word", &word(1));

    let applied = package.once();

    assert_eq!(names(&applied, "completed"), ["0001_users", "0002_word"]);
    assert!(names(&applied, "in_progress").is_empty());
    assert_eq!(applied["schema_query"], "SET search_path TO \"migration_0002_word\"");
    connect(&applied).execute("INSERT INTO users (name, word) VALUES ('a', 'b')", &[]).unwrap();

    let again = package.once();
    assert_eq!((&again["url"], &again["unchanged"]), (&applied["url"], &Value::Bool(true)));
    assert_eq!(texts(&mut connect(&again), "SELECT word FROM users"), ["b"]);

    let shown = package.run("dev --once");
    for part in [
        "up to date: 2 completed, up to `0002_word`",
        "  psql          psql 'postgres",
        "  schema query  SET ",
    ] {
        assert!(shown.out.contains(part), "{}", shown.out);
    }
}

#[test]
fn what_comes_later_is_in_progress_and_follows_its_file() {
    let package = Package::new();
    let dev = package.follow();
    let first = dev.applied();
    assert_eq!(names(&first, "completed"), ["0001_users"]);
    connect(&first).execute("INSERT INTO users (name) VALUES ('Ada Lovelace')", &[]).unwrap();

    package.write("0002_word", &word(1));
    let added = dev.applied();
    assert_eq!(
        (names(&added, "completed"), names(&added, "in_progress")),
        (vec!["0001_users"], vec!["0002_word"])
    );
    assert_eq!(texts(&mut connect(&added), "SELECT word FROM users"), ["Ada"]);
    // The old version goes on beside it.
    connect(&first).execute("INSERT INTO users (name) VALUES ('Alan Turing')", &[]).unwrap();

    package.write("0002_word", &word(2));
    let edited = dev.applied();
    assert_eq!(names(&edited, "in_progress"), ["0002_word"]);
    let words = texts(&mut connect(&edited), "SELECT word FROM users ORDER BY id");
    assert_eq!(words, ["Lovelace", "Turing"]);

    fs::remove_file(package.folder.path().join("migrations/0002_word.toml")).unwrap();
    let removed = dev.applied();
    assert_eq!(removed["url"], first["url"]);
    assert_eq!(texts(&mut connect(&removed), "SELECT name FROM users").len(), 2);
}

#[test]
fn a_folder_that_is_replaced_is_still_followed() {
    let package = Package::new();
    let dev = package.follow();
    dev.applied();
    let folder = package.folder.path().join("migrations");
    fs::rename(&folder, folder.with_extension("old")).unwrap();
    dev.says("there is no folder `migrations`");
    dev.says(WAITING);

    fs::create_dir(&folder).unwrap();
    package.write("0001_users", USERS);
    assert_eq!(dev.applied()["unchanged"], true);

    package.write("0002_word", &word(1));
    assert_eq!(names(&dev.applied(), "in_progress"), ["0002_word"]);
}

#[test]
fn a_file_with_a_problem_leaves_the_database_alone() {
    let package = Package::new();
    let dev = package.follow();
    dev.applied();
    package.write("0002_word", &word(1));
    let before = dev.applied();

    package.write("0002_word", &word(1).replace("name, '", "nam, '"));

    let said = dev.says(WAITING);
    let checked = package.run("check");
    assert_eq!(checked.code, Some(4));
    assert_eq!(said.replace(WAITING, ""), checked.err);
    assert!(texts(&mut connect(&before), "SELECT word FROM users").is_empty());
    drop(dev);
    assert_eq!(package.run("dev --once").code, Some(4));

    let dev = package.follow();
    dev.says(WAITING);
    package.write("0002_word", &word(2));
    assert_eq!(names(&dev.applied(), "in_progress"), ["0002_word"]);
}

#[test]
fn a_start_that_fails_is_tried_again() {
    let package = Package::new();
    let dev = package.follow();
    connect(&dev.applied()).execute("INSERT INTO users (name) VALUES ('Ada')", &[]).unwrap();

    package.write("0002_word", &word(1).replace("split_part(name, ' ', 1)", "NULL"));
    dev.says("error: ");
    dev.says(WAITING);

    package.write("0002_word", &word(1));
    assert_eq!(texts(&mut connect(&dev.applied()), "SELECT word FROM users"), ["Ada"]);
}

#[test]
fn a_completed_migration_that_was_edited_is_an_error_with_a_way_out() {
    let package = Package::new();
    let first = package.once();
    connect(&first).execute("INSERT INTO users (name) VALUES ('Ada')", &[]).unwrap();
    package.write("0001_users", &USERS.replace("\"text\"", "\"varchar\""));

    let refused = package.run("dev --once");

    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("`0001_users` has been edited"), "{}", refused.err);
    assert!(refused.err.contains("`reshape dev --reset`"), "{}", refused.err);
    assert_eq!(texts(&mut connect(&first), "SELECT name FROM users"), ["Ada"]);

    let reset = package.run("dev --once --reset --format json").object();
    assert_eq!(reset["url"], first["url"]);
    assert!(texts(&mut connect(&reset), "SELECT name FROM users").is_empty());

    package.write("0000_before", "actions = []");
    let refused = package.run("dev --once");
    assert!(refused.err.contains("`0000_before` comes before `0001_users`"), "{}", refused.err);
    fs::remove_file(package.folder.path().join("migrations/0001_users.toml")).unwrap();
    let refused = package.run("dev --once");
    assert!(refused.err.contains("`0001_users` is not there any more"), "{}", refused.err);
}

#[test]
fn what_is_locked_is_completed() {
    let package = Package::new();
    assert_eq!(package.run("lock").code, Some(0));
    package.write("0002_word", &word(1));
    let dev = package.follow();
    let applied = dev.applied();
    assert_eq!(
        (names(&applied, "completed"), names(&applied, "in_progress")),
        (vec!["0001_users"], vec!["0002_word"])
    );
    connect(&applied).execute("INSERT INTO users (name, word) VALUES ('a', 'b')", &[]).unwrap();

    assert_eq!(package.run("lock").code, Some(0));

    let locked = dev.applied();
    assert_eq!(names(&locked, "completed"), ["0001_users", "0002_word"]);
    // It was not taken back on the way.
    assert_eq!(texts(&mut connect(&locked), "SELECT word FROM users"), ["b"]);
}

#[test]
fn the_url_may_be_that_of_the_database_itself() {
    let package = Package::new();
    let url = package.once()["url"].as_str().unwrap().to_owned();
    let own = |arguments: &str| {
        Run::of(&package.reshape(arguments).env("DATABASE_URL", &url).output().unwrap())
    };
    assert_eq!(own("dev --once --format json").object()["unchanged"], true);
    assert_eq!(own("dev --once --reset --format json").object()["unchanged"], false);
    let dropped = own("dev --drop");
    assert!(dropped.out.contains("is dropped"), "{}{}", dropped.out, dropped.err);
}

#[test]
fn everything_is_completed_if_asked() {
    let package = Package::new();
    package.once();
    package.write("0002_word", &word(1));
    assert_eq!(names(&package.once(), "in_progress"), ["0002_word"]);
    let completed = package.run("dev --once --complete --format json").object();
    assert_eq!(names(&completed, "completed"), ["0001_users", "0002_word"]);
    assert!(names(&completed, "in_progress").is_empty());
}

#[test]
fn two_cannot_work_on_the_same_database() {
    let package = Package::new();
    let dev = package.follow();
    dev.applied();

    for arguments in ["dev", "dev --once", "dev --reset", "dev --drop"] {
        let refused = package.run(arguments);
        assert_eq!(refused.code, Some(3), "{arguments}: {}{}", refused.out, refused.err);
        assert!(refused.err.contains("another `reshape dev` is at work"), "{}", refused.err);
    }

    let other = package.run("dev --once --name another-name --format json").object();
    assert_eq!(other["database"], "reshape_dev_another_name");
    assert!(package.run("dev --drop --name another-name").out.contains("is dropped"));
    assert!(dev.interrupt().contains("`reshape dev --drop`"));
    assert_eq!(package.once()["unchanged"], true);
}
