//! The server crashes, has no room, or the migrator is frozen while another one takes over.

use std::process::Command;
use std::thread;
use std::time::Duration;

use reshape_runtime::testing::Server;
use reshape_runtime::{ErrorKind, Event, Migrator, Outcome};
use reshape_tests::{Rollout, catalog, leftovers, migrations, rows};
use rustix::process::{Pid, Signal, kill_process};

const USERS: &str = r#"
[[actions]]
type = "create_table"
name = "users"
primary_key = "id"
columns = [{ name = "id", type = "integer" }, { name = "name", type = "text" }]
"#;

const SHOUT: &str = r#"
[[actions]]
type = "add_column"
table = "users"
up = "upper(name)"
column = { name = "shout", type = "text" }
"#;

/// A backend that is killed takes the whole server down, which recovers from its log: the migrator sees a lost connection, then a server that
/// is starting up, and goes on.
#[test]
fn a_server_that_crashes() {
    let server = Server::start().unwrap();
    let database = server.database().unwrap();
    let set = migrations(&[("1_users", USERS), ("2_shout", SHOUT)]);
    let mut migrator = Migrator::new(set.up_to("1_users").unwrap(), database.url());
    migrator.start().unwrap();
    migrator.complete().unwrap();
    let fill = "INSERT INTO public.users SELECT i, 'user ' || i || repeat('x', 100) FROM generate_series(1, 50000) i";
    database.connect().unwrap().batch_execute(fill).unwrap();
    let config = database.config();
    let mut crashes = 0;
    let mut retries = 0;
    let (sender, receiver) = std::sync::mpsc::channel();
    let mut migrator = Migrator::new(set, database.url())
        .batch_duration(Duration::from_millis(1))
        .observer(move |event: &Event| match event {
            // In the middle of the backfill, twice.
            Event::Backfill { blocks, total, .. }
                if crashes < 2 && blocks * 3 > total * (crashes + 1) =>
            {
                crashes += 1;
                let mut client = config.connect(postgres::NoTls).unwrap();
                let backend = rows(&mut client, "SELECT pg_backend_pid()")[0].parse().unwrap();
                kill_process(Pid::from_raw(backend).unwrap(), Signal::KILL).unwrap();
            }
            Event::Retry { .. } => {
                retries += 1;
                sender.send(retries).unwrap();
            }
            _ => {}
        });
    assert_eq!(
        migrator.start().unwrap_or_else(|error| panic!("{}", error.report())).outcome,
        Outcome::Started
    );
    assert!(receiver.try_iter().count() >= 2, "no connection was lost");
    let mut client = database.connect().unwrap();
    let wrong =
        "SELECT count(*) FROM migration_2_shout.users WHERE shout IS DISTINCT FROM upper(name)";
    assert_eq!(rows(&mut client, wrong), ["0"]);
    migrator.complete().unwrap();
    assert_eq!(leftovers(&mut client), Vec::<String>::new());
}

/// Where the machine lets a test mount a small file system.
struct Small(tempfile::TempDir);

impl Small {
    fn new(owner: u32) -> Option<Self> {
        let folder = tempfile::Builder::new().prefix("reshape-small-").tempdir_in("/tmp").unwrap();
        let options = format!("size=12m,uid={owner},mode=700");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "reshape-small"])
            .arg(folder.path())
            .output()
            .is_ok_and(|output| output.status.success());
        mounted.then_some(Self(folder))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).output();
    }
}

#[test]
fn a_disk_that_is_full() {
    let server = Server::start().unwrap();
    let owner =
        std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(server.folder().unwrap()).unwrap());
    let Some(small) = Small::new(owner) else {
        // Not every machine lets a test mount a file system.
        return;
    };
    let database = server.database().unwrap();
    let set = migrations(&[("1_users", USERS), ("2_shout", SHOUT)]);
    let mut migrator = Migrator::new(set.up_to("1_users").unwrap(), database.url());
    migrator.start().unwrap();
    migrator.complete().unwrap();
    let mut client = database.connect().unwrap();
    client
        .batch_execute(&format!("CREATE TABLESPACE small LOCATION '{}'", small.0.path().display()))
        .unwrap();
    client
        .batch_execute(
            "ALTER TABLE public.users SET TABLESPACE small; \
             INSERT INTO public.users SELECT i, repeat('x', 500) FROM generate_series(1, 12000) i",
        )
        .unwrap();
    let before = catalog(&mut client);
    let mut migrator = Migrator::new(set, database.url());
    let error = migrator.start().unwrap_err();
    assert_eq!(error.sqlstate(), Some("53100"), "{}", error.report());
    assert!(error.message().ends_with("the batch was rolled back"), "{}", error.report());
    assert_eq!(catalog(&mut client), before);
    assert_eq!(leftovers(&mut client), Vec::<String>::new());
    // With room it succeeds.
    client.batch_execute("ALTER TABLE public.users SET TABLESPACE pg_default").unwrap();
    assert_eq!(
        migrator.start().unwrap_or_else(|error| panic!("{}", error.report())).outcome,
        Outcome::Started
    );
    drop(client);
    drop(database);
    drop(server);
}

/// A migrator that was stopped and lost its connection meanwhile wakes up in the middle of its successor's run, and changes nothing.
#[test]
fn a_frozen_migrator_is_shut_out() {
    let folder = tempfile::TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("migrations")).unwrap();
    let mut r = Rollout::prepare(
        USERS,
        "INSERT INTO users SELECT i, 'x' FROM generate_series(1, 100) i",
        SHOUT,
    );
    for (stem, text) in [("1_base", USERS), ("2_change", SHOUT)] {
        std::fs::write(folder.path().join(format!("migrations/{stem}.toml")), text).unwrap();
    }
    // The backfill waits for a row.
    r.old.batch_execute("BEGIN; UPDATE users SET name = name WHERE id = 50").unwrap();
    let mut frozen = Command::new(env!("CARGO_BIN_EXE_folder-migrator"))
        .args(["migration", "start", "--retry-budget", "10min", "--lock-timeout", "10min"])
        .env("DATABASE_URL", r.database.url())
        .current_dir(folder.path())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut admin = r.database.connect().unwrap();
    let waiting = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'reshape' \
                   AND wait_event_type = 'Lock'";
    let backend = loop {
        if let Some(pid) = rows(&mut admin, waiting).pop() {
            break pid;
        }
        assert_eq!(frozen.try_wait().unwrap(), None);
        thread::yield_now();
    };
    let pid = Pid::from_child(&frozen);
    kill_process(pid, Signal::STOP).unwrap();
    rows(&mut admin, &format!("SELECT pg_terminate_backend({backend})"));
    r.old.batch_execute("COMMIT").unwrap();
    // Its successor goes on where it was.
    let report = r.start().unwrap_or_else(|error| panic!("{}", error.report()));
    assert_eq!(report.outcome, Outcome::Started);
    let in_progress = catalog(&mut r.old);
    kill_process(pid, Signal::CONT).unwrap();
    let output = frozen.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("another migrator took over"), "{said}");
    assert_eq!(catalog(&mut r.old), in_progress);
    let mut detached = Migrator::detached(r.database.url());
    let status = detached.status().unwrap();
    assert_eq!((status.state.name(), status.last_error), ("in_progress", None));
    assert_eq!(detached.start().unwrap_err().kind(), ErrorKind::State);
    r.complete();
}
