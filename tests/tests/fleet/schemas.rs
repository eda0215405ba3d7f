//! A fleet of schemas of one database, as a program uses it.

use std::time::Duration;

use postgres::Client;
use reshape_runtime::testing::TestDatabase;
use reshape_runtime::{ErrorKind, Event, Fleet, FleetEvent, Migrator, Outcome, State, Target};
use reshape_tests::{catalog, leftovers, rows};

use crate::Came::{Failed, Left};
use crate::{Came, HELD, came_to, set};

const STARTED: Came = Came::To(Outcome::Started);
const COMPLETED: Came = Came::To(Outcome::Completed);
const ABORTED: Came = Came::To(Outcome::Aborted);
const NOTHING: Came = Came::To(Outcome::Nothing);

/// Schemas `t1`, `t2` and so on, at the first version, each with a user.
pub(crate) struct Schemas {
    pub(crate) database: TestDatabase,
    pub(crate) client: Client,
    names: Vec<String>,
}

impl Schemas {
    pub(crate) fn new(count: usize) -> Self {
        let database = reshape_tests::database();
        let mut client = database.connect().unwrap();
        client.batch_execute(HELD).unwrap();
        let names: Vec<String> = (1..=count).map(|n| format!("t{n}")).collect();
        let mut schemas = Self { database, client, names };
        let first = set().up_to("1_users").unwrap();
        let fleet = Fleet::schemas(&first, &schemas.target(), &schemas.names);
        let report = fleet.start_and_complete();
        if let Some((target, error)) = report.failed().next() {
            panic!("{target}: {}", error.report());
        }
        for n in 1..=count {
            schemas.sql(&format!("INSERT INTO t{n}.users VALUES (1, 'ada{n}')"));
        }
        schemas
    }

    pub(crate) fn target(&self) -> Target {
        Target::named("db", self.database.config())
    }

    pub(crate) fn fleet(&self) -> Fleet {
        Fleet::schemas(set(), &self.target(), &self.names)
    }

    pub(crate) fn sql(&mut self, sql: &str) {
        self.client.batch_execute(sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    pub(crate) fn migrator(&self, schema: &str) -> Migrator {
        Migrator::new(set(), self.database.url()).in_schema(schema)
    }

    pub(crate) fn state(&self, schema: &str) -> State {
        self.migrator(schema).status().unwrap().state
    }

    pub(crate) fn states(&self) -> Vec<State> {
        self.names.iter().map(|name| self.state(name)).collect()
    }

    pub(crate) fn assert_completed(&mut self) {
        for n in 1..=self.names.len() {
            let sql = format!("SELECT shout FROM \"migration_@t{n}/2_shout\".users");
            assert_eq!(rows(&mut self.client, &sql), [format!("ADA{n}")]);
        }
        assert!(self.states().iter().all(|state| *state == State::Idle));
        assert_eq!(leftovers(&mut self.client), Vec::<String>::new());
    }
}

#[test]
fn all_schemas_are_started_then_all_are_completed() {
    let mut schemas = Schemas::new(5);
    schemas.migrator("t4").start_and_complete().unwrap();
    let fleet = schemas.fleet().jobs(3);
    let names: Vec<&str> = fleet.targets().iter().map(Target::name).collect();
    assert_eq!(names, ["db@t1", "db@t2", "db@t3", "db@t4", "db@t5"]);
    let report = fleet.start();
    assert_eq!(came_to(&report), [STARTED, STARTED, STARTED, NOTHING, STARTED]);
    assert_eq!(report.targets[0].schema.as_deref(), Some("t1"));
    // Of each tenant both versions are there, and nothing of it is in `public`.
    let versions = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'migration%'";
    assert_eq!(rows(&mut schemas.client, versions), ["9"]);
    let public = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace";
    assert_eq!(rows(&mut schemas.client, public), Vec::<String>::new());
    assert_eq!(came_to(&fleet.complete()), [COMPLETED, COMPLETED, COMPLETED, NOTHING, COMPLETED]);
    schemas.assert_completed();
    assert_eq!(came_to(&fleet.start_and_complete()), [NOTHING; 5]);
    assert_eq!(came_to(&fleet.complete()), [NOTHING; 5]);
}

/// A row of one does not fit; another is busy. The others are started, none is completed, and what is left is done by the same commands.
#[test]
fn a_schema_that_fails_stops_no_other() {
    let mut schemas = Schemas::new(4);
    schemas.sql("INSERT INTO t2.users VALUES (2, NULL)");
    let broken = Failed(ErrorKind::Failed);
    let report = schemas.fleet().start_and_complete();
    assert_eq!(came_to(&report), [STARTED, broken, STARTED, STARTED]);
    let (name, error) = report.failed().next().unwrap();
    assert!(name == "db@t2" && error.report().contains("`users`"), "{}", error.report());
    let at = [State::InProgress, State::Idle, State::InProgress, State::InProgress];
    assert_eq!(schemas.states(), at);
    let behind = Failed(ErrorKind::Behind);
    assert_eq!(came_to(&schemas.fleet().complete()), [Left, behind, Left, Left]);
    assert_eq!(schemas.states(), at);
    schemas.sql("DELETE FROM t2.users WHERE id = 2");
    assert_eq!(came_to(&schemas.fleet().start()), [NOTHING, STARTED, NOTHING, NOTHING]);
    assert_eq!(came_to(&schemas.fleet().complete()), [COMPLETED; 4]);
    schemas.assert_completed();
}

/// One tenant's batch is taken back by itself, then those of the others, and nothing is left of them.
#[test]
fn one_schema_can_be_taken_back_alone() {
    let mut schemas = Schemas::new(3);
    let before = catalog(&mut schemas.client);
    assert!(schemas.fleet().start().is_done());
    assert_eq!(schemas.migrator("t2").abort().unwrap().outcome, Outcome::Aborted);
    assert_eq!(schemas.states(), [State::InProgress, State::Idle, State::InProgress]);
    let fleet = Fleet::detached(schemas.fleet().targets().to_vec());
    assert_eq!(came_to(&fleet.abort()), [ABORTED, NOTHING, ABORTED]);
    assert_eq!(catalog(&mut schemas.client), before);
}

/// Back to the first version on all of them, with clients of both versions; one cannot, and is named.
#[test]
fn a_fleet_goes_back() {
    let mut schemas = Schemas::new(3);
    // The views of a version that comes back have others between them and the tables.
    let tables = |client: &mut Client| -> Vec<String> {
        let all = catalog(client).into_iter();
        all.filter(|line| !line.contains(" migration_") && !line.contains(" reshape_")).collect()
    };
    let before = tables(&mut schemas.client);
    let fleet = schemas.fleet();
    assert!(fleet.start_and_complete().is_done());
    let detached = Fleet::detached(fleet.targets().to_vec());
    let unknown = Failed(ErrorKind::History);
    assert_eq!(came_to(&detached.revert_to("0_none")), [unknown; 3]);
    schemas.migrator("t3").revert_to("1_users").unwrap();
    assert_eq!(came_to(&detached.revert_to("1_users")), [STARTED, STARTED, NOTHING]);
    for n in 1..=3 {
        schemas.sql(&format!("INSERT INTO \"migration_@t{n}/1_users\".users VALUES (2, 'bob')"));
        let shouts = format!("SELECT shout FROM \"migration_@t{n}/2_shout\".users ORDER BY id");
        assert_eq!(rows(&mut schemas.client, &shouts), [format!("ADA{n}"), String::from("BOB")]);
    }
    // One is not taken back after all: the others wait for it.
    schemas.migrator("t2").abort().unwrap();
    let behind = Failed(ErrorKind::Behind);
    assert_eq!(came_to(&detached.complete()), [Left, behind, Left]);
    assert_eq!(came_to(&detached.revert_to("1_users")), [NOTHING, STARTED, NOTHING]);
    assert_eq!(came_to(&detached.complete()), [COMPLETED; 3]);
    assert_eq!(tables(&mut schemas.client), before);
}

/// While one is being started it is paused, with the command that works on all; the others have nothing to pause.
#[test]
fn a_fleet_is_paused_and_goes_on() {
    let mut schemas = Schemas::new(3);
    let mut holder = schemas.database.connect().unwrap();
    rows(&mut holder, "SELECT pg_advisory_lock(1)");
    let (say, said) = std::sync::mpsc::channel();
    let fleet = schemas.fleet().jobs(1).observer(move |event| {
        if let FleetEvent::Event { target, event: Event::Paused { .. } } = event {
            let _ = say.send((*target).to_owned());
        }
    });
    let other = Fleet::detached(fleet.targets().to_vec());
    let of = |report: reshape_runtime::FleetReport<bool>| {
        assert!(report.is_done());
        report.targets.iter().map(|one| *one.result.done().unwrap()).collect::<Vec<bool>>()
    };
    std::thread::scope(|scope| {
        let started = scope.spawn(|| fleet.start());
        let waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 1 AND NOT granted \
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        while rows(&mut schemas.client, waits) == ["0"] {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(of(other.pause()), [true, false, false]);
        assert_eq!(of(other.pause()), [true, false, false]);
        drop(holder);
        assert_eq!(said.recv().unwrap(), "db@t1");
        assert_eq!(schemas.states(), [State::Applying, State::Idle, State::Idle]);
        assert_eq!(of(other.resume()), [true, false, false]);
        assert_eq!(came_to(&started.join().unwrap()), [STARTED; 3]);
        assert_eq!(of(other.resume()), [false; 3]);
        assert_eq!(of(other.pause()), [false; 3]);
    });
    assert!(fleet.complete().is_done());
    schemas.assert_completed();
}
