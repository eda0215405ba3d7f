//! `Fleet` as a program uses it.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use postgres::{Client, NoTls};
use reshape_runtime::{ErrorKind, Fleet, FleetEvent, Migrator, Outcome, State, Target};

use crate::Came::{Failed, Left};
use crate::{Came, HELD, Tenants, came_to, set};

const STARTED: Came = Came::To(Outcome::Started);
const COMPLETED: Came = Came::To(Outcome::Completed);
const NOTHING: Came = Came::To(Outcome::Nothing);

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
