//! One command on many databases: some fail, one is busy, one is gone, one is done already; and the command itself is killed or interrupted.

#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]
#![cfg(unix)]

use std::env;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use postgres::{Client, NoTls};
use reshape_runtime::testing::TestDatabase;
use reshape_runtime::{
    ErrorKind, Fleet, FleetEvent, FleetReport, Migrations, Migrator, Outcome, State, Target,
    TargetResult,
};
use reshape_tests::rows;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

const USERS: &str = r#"
[[actions]]
type = "create_table"
name = "users"
primary_key = "id"
columns = [
  { name = "id", type = "integer" },
  { name = "name", type = "text" },
]
"#;

/// Waits while a session of the test holds lock 1 of the database.
const SHOUT: &str = r#"
[[actions]]
type = "add_column"
table = "users"
up = "public.held(name)"
column = { name = "shout", type = "text", nullable = false }
"#;

const HELD: &str = "CREATE FUNCTION public.held(name text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN \
    PERFORM pg_advisory_xact_lock_shared(1); RETURN upper(name); END $$";

fn set() -> Migrations {
    reshape_tests::migrations(&[("1_users", USERS), ("2_shout", SHOUT)])
}

/// Databases of tenants at the first version, each with a user.
struct Tenants {
    databases: Vec<TestDatabase>,
    folder: TempDir,
}

impl Tenants {
    fn new(count: usize) -> Self {
        let first = set().up_to("1_users").unwrap();
        let make = || {
            let database = reshape_tests::database();
            database.connect().unwrap().batch_execute(HELD).unwrap();
            Migrator::new(&first, database.url()).start_and_complete().unwrap();
            let mut client = database.connect().unwrap();
            client.batch_execute("INSERT INTO public.users VALUES (1, 'ada')").unwrap();
            database
        };
        let folder = TempDir::new().unwrap();
        let migrations = folder.path().join("migrations");
        std::fs::create_dir(&migrations).unwrap();
        for (stem, text) in [("1_users", USERS), ("2_shout", SHOUT)] {
            std::fs::write(migrations.join(stem).with_extension("toml"), text).unwrap();
        }
        Self { databases: (0..count).map(|_| make()).collect(), folder }
    }

    fn fleet(&self) -> Fleet {
        Fleet::new(set(), self.targets())
    }

    fn targets(&self) -> Vec<Target> {
        self.databases.iter().map(|database| Target::new(database.config())).collect()
    }

    fn sql(&self, n: usize, sql: &str) {
        self.databases[n].connect().unwrap().batch_execute(sql).unwrap();
    }

    fn state(&self, n: usize) -> State {
        Migrator::detached(self.databases[n].url()).status().unwrap().state
    }

    fn states(&self) -> Vec<State> {
        (0..self.databases.len()).map(|n| self.state(n)).collect()
    }

    /// A session that keeps a batch from getting through its backfill there, until it is dropped.
    fn hold(&self, n: usize) -> Client {
        let mut client = self.databases[n].connect().unwrap();
        rows(&mut client, "SELECT pg_advisory_lock(1)");
        client
    }

    /// Waits until a batch is at that place there.
    fn wait_for_held(&self, n: usize) {
        let sql = "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database \
            WHERE locktype = 'advisory' AND datname = current_database() \
              AND (classid, objid, objsubid, granted) = (0, 1, 1, false)";
        let mut client = self.databases[n].connect().unwrap();
        while rows(&mut client, sql) == ["0"] {
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until no migrator is at work there.
    fn wait_for_nobody(&self, n: usize) {
        let mut migrator = Migrator::detached(self.databases[n].url());
        while migrator.status().unwrap().migrator.is_some() {
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// `reshape …`, where the databases are lines of the file `tenants`.
    fn command(&self, arguments: &str) -> Command {
        let urls = self.databases.iter().map(TestDatabase::url);
        let file = format!("# All of them\n\n{}\n", urls.collect::<Vec<_>>().join("\n  "));
        std::fs::write(self.folder.path().join("tenants"), file).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_folder-migrator"));
        for (name, _) in env::vars_os() {
            if ["PG", "DB_"].iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
                command.env_remove(&name);
            }
        }
        command.args(arguments.split_whitespace()).env_remove("DATABASE_URL");
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, arguments: &str) -> (i32, String, String) {
        ended(self.command(arguments).output().unwrap())
    }

    fn assert_completed(&self) {
        for database in &self.databases {
            let mut client = database.connect().unwrap();
            let shouts = rows(&mut client, "SELECT shout FROM migration_2_shout.users");
            assert_eq!(shouts, ["ADA"]);
        }
        assert!(self.states().iter().all(|state| *state == State::Idle));
    }
}

fn ended(output: Output) -> (i32, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// What a database came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Came {
    To(Outcome),
    Failed(ErrorKind),
    /// It was not begun.
    Left,
}

use Came::{Failed, Left};

const STARTED: Came = Came::To(Outcome::Started);
const COMPLETED: Came = Came::To(Outcome::Completed);
const NOTHING: Came = Came::To(Outcome::Nothing);

fn came_to(report: &FleetReport) -> Vec<Came> {
    let of = |target: &reshape_runtime::TargetReport| match &target.result {
        TargetResult::Done(report) => Came::To(report.outcome),
        TargetResult::Failed(error) => Failed(error.kind()),
        TargetResult::Left => Left,
        _ => panic!("{target:?}"),
    };
    report.targets.iter().map(of).collect()
}

#[test]
fn all_are_started_then_all_are_completed() {
    let tenants = Tenants::new(5);
    // One is done already.
    Migrator::new(set(), tenants.databases[3].url()).start_and_complete().unwrap();
    let fleet = tenants.fleet().jobs(2);
    let report = fleet.start();
    assert_eq!(came_to(&report), [STARTED, STARTED, STARTED, NOTHING, STARTED]);
    assert!(report.is_done());
    assert_eq!(report.targets[4].result.done().unwrap().target.as_deref(), Some("2_shout"));
    let states: Vec<State> =
        fleet.status().targets.iter().map(|one| one.result.done().unwrap().state).collect();
    assert_eq!(states, tenants.states());
    let report = fleet.complete();
    assert_eq!(came_to(&report), [COMPLETED, COMPLETED, COMPLETED, NOTHING, COMPLETED]);
    tenants.assert_completed();
    // Once more there is nothing to do, and no version but the one that is live.
    assert_eq!(came_to(&fleet.start_and_complete()), [NOTHING; 5]);
    let report = fleet.complete();
    assert_eq!(came_to(&report), [NOTHING; 5]);
    assert_eq!(report.targets[0].result.done().unwrap().target.as_deref(), Some("2_shout"));
}

/// One has a row that does not fit, one is busy, one is not there: the others are started, nothing is completed, and what is left is done by the same
/// commands once the reasons are gone.
#[test]
fn one_that_fails_stops_no_other() {
    let tenants = Tenants::new(4);
    tenants.sql(0, "INSERT INTO public.users VALUES (2, NULL)");
    let holder = tenants.hold(2);
    let other = {
        let url = tenants.databases[2].url().to_owned();
        thread::spawn(move || Migrator::new(set(), url).start().unwrap().outcome)
    };
    tenants.wait_for_held(2);
    let mut gone = tenants.databases[0].config();
    gone.dbname(&format!("{}_gone", tenants.databases[0].name()));
    let mut targets = tenants.targets();
    targets.insert(1, Target::new(gone.clone()));
    let fleet = |targets: &[Target]| {
        Fleet::new(set(), targets.to_vec())
            .jobs(1)
            .configure(|migrator| Ok(migrator.wait_timeout(Duration::ZERO)))
    };
    let report = fleet(&targets).start();
    let (broken, missing, busy) =
        (Failed(ErrorKind::Failed), Failed(ErrorKind::Connect), Failed(ErrorKind::Locked));
    assert_eq!(came_to(&report), [broken, missing, STARTED, busy, STARTED]);
    assert!(!report.is_done() && !report.may_try_again());
    // The one that failed was rolled back; the others wait for it.
    let states = [State::Idle, State::InProgress, State::Applying, State::InProgress];
    assert_eq!(tenants.states(), states);
    let behind = Failed(ErrorKind::Behind);
    assert_eq!(came_to(&fleet(&targets).complete()), [behind, missing, Left, busy, Left]);
    assert_eq!(tenants.states(), states);

    // Only what passes by itself is left.
    tenants.sql(0, "DELETE FROM public.users WHERE id = 2");
    let mut server = tenants.databases[0].config().dbname("postgres").connect(NoTls).unwrap();
    let made = gone.get_dbname().unwrap().to_owned();
    server.batch_execute(&format!("CREATE DATABASE {made} TEMPLATE template0")).unwrap();
    gone.connect(NoTls).unwrap().batch_execute(HELD).unwrap();
    let report = fleet(&targets).start();
    assert_eq!(came_to(&report), [STARTED, STARTED, NOTHING, busy, NOTHING]);
    assert!(report.may_try_again());
    drop(holder);
    assert_eq!(other.join().unwrap(), Outcome::Started);
    assert!(fleet(&targets).start().is_done());
    let report = fleet(&targets).complete();
    server.batch_execute(&format!("DROP DATABASE {made} WITH (FORCE)")).unwrap();
    assert_eq!(came_to(&report), [COMPLETED; 5]);
    tenants.assert_completed();
}

#[test]
fn nothing_is_completed_before_all_is_started() {
    let tenants = Tenants::new(3);
    tenants.sql(1, "INSERT INTO public.users VALUES (2, NULL)");
    let broken = Failed(ErrorKind::Failed);
    let report = tenants.fleet().start_and_complete();
    assert_eq!(came_to(&report), [STARTED, broken, STARTED]);
    assert_eq!(tenants.states(), [State::InProgress, State::Idle, State::InProgress]);
    // Unless that is wanted.
    let report = tenants.fleet().partial(true).start_and_complete();
    assert_eq!(came_to(&report), [COMPLETED, broken, COMPLETED]);
    tenants.sql(1, "DELETE FROM public.users WHERE id = 2");
    let report = tenants.fleet().start_and_complete();
    assert_eq!(came_to(&report), [NOTHING, COMPLETED, NOTHING]);
    let steps = &report.targets[1].result.done().unwrap().steps;
    assert!(steps.iter().any(|step| step.phase == reshape_runtime::Phase::Backfill));
    assert!(steps.iter().any(|step| step.phase == reshape_runtime::Phase::Contract));
    tenants.assert_completed();
}

#[test]
fn what_is_started_can_be_taken_back() {
    let tenants = Tenants::new(2);
    assert!(tenants.fleet().start().is_done());
    let fleet = Fleet::detached(tenants.targets());
    assert_eq!(came_to(&fleet.abort()), [Came::To(Outcome::Aborted); 2]);
    assert_eq!(came_to(&fleet.abort()), [NOTHING; 2]);
    assert_eq!(tenants.states(), [State::Idle; 2]);
}

/// With three jobs three databases are at work at the same time, and never more.
#[test]
fn as_many_at_once_as_there_are_jobs() {
    let tenants = Tenants::new(5);
    let mut holders: Vec<Client> = (0..5).map(|n| tenants.hold(n)).collect();
    let begun = Arc::new(Mutex::new((0_usize, 0_usize)));
    let fleet = {
        let begun = Arc::clone(&begun);
        tenants.fleet().jobs(3).observer(move |event| {
            let (now, most) = &mut *begun.lock().unwrap();
            match event {
                FleetEvent::Begun { .. } => *now += 1,
                FleetEvent::Ended { .. } => *now -= 1,
                _ => {}
            }
            *most = (*most).max(*now);
        })
    };
    let report = thread::scope(|scope| {
        let started = scope.spawn(|| fleet.start());
        (0..3).for_each(|n| tenants.wait_for_held(n));
        assert_eq!(*begun.lock().unwrap(), (3, 3));
        holders.clear();
        started.join().unwrap()
    });
    assert!(report.is_done());
    assert_eq!(*begun.lock().unwrap(), (0, 3));
}

#[test]
fn one_that_is_named_twice_counts_once() {
    let tenants = Tenants::new(1);
    let database = &tenants.databases[0];
    let mut other = database.config();
    other.password("something else");
    let fleet = Fleet::new(set(), [Target::new(database.config()), Target::named("again", other)]);
    assert_eq!(fleet.targets().len(), 1);
    assert_eq!(came_to(&fleet.start()), [STARTED]);
}

/// As a process: killed in the middle of the second of three, and run again.
#[test]
fn a_fleet_that_is_killed_goes_on() {
    let tenants = Tenants::new(3);
    let holder = tenants.hold(1);
    let mut child = tenants.command("fleet start --file tenants --jobs 1").spawn().unwrap();
    tenants.wait_for_held(1);
    kill_process(Pid::from_child(&child), Signal::KILL).unwrap();
    child.wait().unwrap();
    drop(holder);
    tenants.wait_for_nobody(1);
    assert_eq!(tenants.states(), [State::InProgress, State::Applying, State::Idle]);
    // What is half started is in the way of completing.
    let (code, out, err) = tenants.run("fleet complete --file tenants");
    assert_eq!(code, 1, "{err}");
    assert!(out.contains("only half started"), "{out}");
    assert!(out.contains("`2_shout` has not been started here"), "{out}");
    let (code, out, err) = tenants.run("fleet start --file tenants --jobs 1");
    assert_eq!(code, 0, "{err}");
    assert!(out.starts_with("3 databases: 2 started, 1 nothing to do ("), "{out}");
    assert!(err.contains("resuming: "), "{err}");
    let (code, out, err) = tenants.run("fleet complete --file tenants");
    assert_eq!(code, 0, "{err}");
    assert!(out.starts_with("3 databases: 3 completed ("), "{out}");
    tenants.assert_completed();
}

/// The next line of the child's standard error that contains the text.
fn wait_for_line(child: &mut Child, text: &'static str) -> mpsc::Receiver<String> {
    let (sender, rest) = mpsc::channel();
    let (found, is_found) = mpsc::channel();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            if line.contains(text) {
                let _ = found.send(());
            }
            let _ = sender.send(line);
        }
    });
    is_found.recv().unwrap();
    rest
}

/// An interrupt ends what was begun, and begins nothing else; what is left is said.
#[test]
fn an_interrupt_stops_handing_out() {
    let tenants = Tenants::new(3);
    let holder = tenants.hold(1);
    let mut child = tenants.command("fleet start --file tenants --jobs 1").spawn().unwrap();
    tenants.wait_for_held(1);
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let rest = wait_for_line(&mut child, "interrupted: no other database is begun");
    drop(holder);
    let (code, out, _) = ended(child.wait_with_output().unwrap());
    let err: Vec<String> = rest.iter().collect();
    assert_eq!(code, 3, "{err:?}");
    assert!(out.starts_with("3 databases: 2 started, 1 left ("), "{out}");
    let name = tenants.targets()[2].name().to_owned();
    assert!(
        out.ends_with(&format!(
            "left as they were, `fleet start` once more does them:\n  {name}\n"
        )),
        "{out}"
    );
    assert_eq!(tenants.states(), [State::InProgress, State::InProgress, State::Idle]);
    let (code, _, err) = tenants.run("fleet start --file tenants");
    assert_eq!(code, 0, "{err}");
}

/// A second one ends the process.
#[test]
fn a_second_interrupt_ends_all() {
    use std::os::unix::process::ExitStatusExt as _;

    let tenants = Tenants::new(1);
    let holder = tenants.hold(0);
    let mut child = tenants.command("fleet start --file tenants").spawn().unwrap();
    tenants.wait_for_held(0);
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let _rest = wait_for_line(&mut child, "interrupted: no other database is begun");
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(Signal::TERM.as_raw()));
    drop(holder);
    tenants.wait_for_nobody(0);
    let (code, _, err) = tenants.run("fleet start --file tenants");
    assert_eq!(code, 0, "{err}");
}

/// Arguments, a file and a query together, by address and by name, and nothing that is printed has the password.
#[test]
fn what_is_printed_has_no_password() {
    const PASSWORD: &str = "hunter2";
    let tenants = Tenants::new(3);
    let secret = |n: usize| {
        let config = tenants.databases[n].config();
        let host = match &config.get_hosts()[0] {
            postgres::config::Host::Tcp(host) => host.clone(),
            postgres::config::Host::Unix(folder) => folder.display().to_string(),
        };
        format!(
            "host={host} port={} user={} dbname={} password={PASSWORD}",
            config.get_ports()[0],
            config.get_user().unwrap(),
            config.get_dbname().unwrap()
        )
    };
    // The third is named by a query on the first, and there is one that nobody can reach.
    tenants.sql(
        0,
        &format!(
            "CREATE TABLE public.tenants (name text); INSERT INTO public.tenants VALUES ('{}')",
            tenants.databases[2].name()
        ),
    );
    let folder = tenants.folder.path();
    let gone = format!("{}_gone", tenants.databases[0].name());
    let nobody = format!("postgres://u:{PASSWORD}@127.0.0.1:1/d");
    std::fs::write(folder.join("secrets"), format!("{}\n{gone}\n{nobody}\n", secret(1))).unwrap();
    let run = |words: &[&str]| {
        let mut command = tenants.command("fleet");
        command.args(words).args([&secret(0), "--url", &secret(0), "--file", "secrets"]);
        command.args(["--query", "SELECT name FROM public.tenants"]);
        let (code, out, err) = ended(command.output().unwrap());
        assert!(!out.contains(PASSWORD) && !err.contains(PASSWORD), "{out}{err}");
        (code, out, err)
    };
    let (code, out, err) = run(&["start"]);
    assert_eq!(code, 1, "{err}");
    assert!(out.starts_with("5 databases: 3 started, 2 failed ("), "{out}");
    assert!(out.contains(&gone) && out.contains("has no such database"), "{out}");
    assert!(out.contains("  127.0.0.1:1/d\n    cannot reach `127.0.0.1:1`: "), "{out}");
    assert!(err.contains("error: failed on 2 of 5 databases"), "{err}");
    let (code, out, err) = run(&["status"]);
    assert_eq!(code, 1, "{err}");
    assert!(out.contains("  in progress  1_users, next 2_shout\n"), "{out}");
    assert!(out.contains("5 databases: 3 in progress, 2 failed ("), "{out}");
    let (code, out, _) = run(&["complete", "--partial", "--format", "json"]);
    assert_eq!(code, 1);
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&report["done"], &report["failed"], &report["left"]),
        (&3.into(), &2.into(), &0.into())
    );
    let databases = report["databases"].as_array().unwrap();
    assert_eq!(databases[0]["report"]["outcome"], "completed");
    assert_eq!(databases[2]["result"], "failed");
    assert_eq!(databases[2]["error"]["may_try_again"], false);
    tenants.assert_completed();
}

/// What makes no sense is refused before a database is touched.
#[test]
fn mistakes_are_told_apart() {
    let tenants = Tenants::new(1);
    let (code, _, err) = tenants.run("fleet start");
    assert!(code == 2 && err.contains("which databases?"), "{err}");
    let (code, _, err) = tenants.run("fleet start --file nowhere");
    assert!(code == 2 && err.contains("`nowhere` cannot be read"), "{err}");
    std::fs::write(tenants.folder.path().join("wrong"), "# one\npostgres://u:secret@h:x/d\n")
        .unwrap();
    let (code, _, err) = tenants.run("fleet start --file wrong");
    assert!(code == 2 && err.contains("line 2 of `wrong` is not the address"), "{err}");
    assert!(!err.contains("secret"), "{err}");
    let (code, _, err) = tenants.run("fleet start --migration 3_none --file tenants");
    assert!(code == 2 && err.contains("there is no migration `3_none`"), "{err}");
    let (code, _, err) = ended(
        tenants
            .command("fleet start --file tenants")
            .env("RESHAPE_LOCK_TIMEOUT", "soon")
            .output()
            .unwrap(),
    );
    assert!(code == 2 && err.contains("`RESHAPE_LOCK_TIMEOUT`"), "{err}");
    std::fs::write(tenants.folder.path().join("none"), "# nobody yet\n").unwrap();
    let (code, _, err) = tenants.run("fleet start --file none");
    assert!(code == 0 && err.contains("there are no databases"), "{err}");
    assert_eq!(tenants.states(), [State::Idle]);
    // Another migrator passes by itself.
    let holder = tenants.hold(0);
    let mut child = tenants.command("fleet start --file tenants").spawn().unwrap();
    tenants.wait_for_held(0);
    let (code, out, err) = tenants.run("fleet start --file tenants --wait 0s");
    assert_eq!(code, 3, "{out}{err}");
    drop(holder);
    assert!(child.wait().unwrap().success());
}
