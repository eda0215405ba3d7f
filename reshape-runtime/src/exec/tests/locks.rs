//! Other sessions in the way: migrators, locks on tables, lost connections.

use std::sync::mpsc;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use postgres::NoTls;
use serde_json::json;

use super::proxy::{self, Fate};
use super::{Fixture, batch, plan, publish, sql};
use crate::error::ErrorKind;
use crate::exec::set::Set;
use crate::exec::{Migrator, lock};
use crate::model::{Action, DEFAULT_NAMESPACE, Migration};
use crate::observer::Event;
use crate::plan::Phase;
use crate::report::Outcome;

#[test]
fn of_two_migrators_one_works_and_one_waits() {
    let mut fixture = Fixture::new();
    let barrier = Arc::new(Barrier::new(2));
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let (mut migrator, barrier) = (fixture.migrator(), Arc::clone(&barrier));
            thread::spawn(move || {
                barrier.wait();
                migrator.start().unwrap().outcome
            })
        })
        .collect();
    let mut outcomes: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    outcomes.sort_by_key(|outcome| *outcome == Outcome::Started);
    assert_eq!(outcomes, [Outcome::Nothing, Outcome::Started]);
    fixture.assert_both();
}

#[test]
fn only_a_start_to_the_latest_waits_for_the_lock() {
    let mut fixture = Fixture::new();
    fixture.migrator().start().unwrap();
    let holder = fixture.database.config().application_name("other-app").connect(NoTls);
    let mut holder = holder.unwrap();
    holder.batch_execute("SELECT pg_advisory_lock(4036779288569897133)").unwrap();
    for error in [fixture.detached().complete(), fixture.detached().abort()].map(Result::unwrap_err)
    {
        assert_eq!(error.kind(), ErrorKind::Locked);
        assert!(error.to_string().contains("`other-app`"), "{error}");
    }
    assert!(fixture.detached().status().unwrap().migrator.unwrap().contains("other-app"));

    fixture.reset();
    let error = fixture.migrator().start_to("2").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    let error = fixture.migrator().wait_timeout(Duration::from_millis(10)).start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);

    // The first event of the wait makes the other one let go.
    let mut holder = Some(holder);
    let (send, receive) = mpsc::channel();
    let mut migrator = fixture.migrator().observer(move |event: &Event| {
        if let (Event::Waiting { holder: who, .. }, Some(_)) = (event, holder.take()) {
            send.send(who.clone()).unwrap();
        }
    });
    assert_eq!(migrator.start().unwrap().outcome, Outcome::Started);
    assert!(receive.recv().unwrap().contains("(`other-app`)"));
    fixture.assert_both();
}

#[test]
fn a_lock_timeout_is_tried_again_and_names_who_is_in_the_way() {
    let mut fixture = Fixture::new();
    let mut report = fixture.database.config().application_name("report").connect(NoTls).unwrap();
    report.batch_execute("BEGIN; SELECT count(*) FROM public.users").unwrap();
    let mut report = Some(report);
    let (send, receive) = mpsc::channel();
    let mut migrator = fixture.migrator().lock_timeout(Duration::from_millis(20)).observer(
        move |event: &Event| {
            if let Event::Retry { reason, attempt, .. } = event {
                send.send(reason.clone()).unwrap();
                if *attempt == 2 {
                    drop(report.take());
                }
            }
        },
    );
    let report = migrator.start().unwrap();
    fixture.assert_both();
    assert!(report.steps[0].retries >= 2, "{report:?}");
    let reason = receive.recv().unwrap();
    assert!(reason.contains("(`report`), idle in transaction"), "{reason}");
}

#[test]
fn a_lock_that_is_never_to_be_had_ends_in_a_rollback() {
    let mut fixture = Fixture::new();
    let mut report = fixture.database.config().application_name("report").connect(NoTls).unwrap();
    report.batch_execute("BEGIN; SELECT count(*) FROM public.users").unwrap();
    let mut migrator = fixture
        .migrator()
        .lock_timeout(Duration::from_millis(5))
        .retry_budget(Duration::from_millis(5));
    let error = migrator.start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LockTimeout);
    let text = error.message();
    assert!(text.contains("`add the column`") && text.contains("(`report`)"), "{text}");
    assert!(text.ends_with("the batch was rolled back"), "{text}");
    drop(report);
    fixture.assert_old();
}

#[test]
fn who_is_in_the_way_is_named_to_an_ordinary_role_too() {
    let mut fixture = Fixture::new();
    // Roles belong to the whole server: this one has the database's name.
    let role = fixture.database.name().to_owned();
    let create = format!("CREATE ROLE {role} LOGIN; GRANT CREATE ON DATABASE {role} TO {role}");
    fixture.client.batch_execute(&create).unwrap();
    let mut report = fixture.database.config().application_name("report").connect(NoTls).unwrap();
    report.batch_execute("BEGIN; LOCK TABLE public.users").unwrap();
    let mut config = fixture.database.config();
    let mut client = config.user(&role).connect(NoTls).unwrap();
    let seen = crate::exec::blockers::describe(&mut client, "UPDATE public.users SET id = 1");
    let other = crate::exec::blockers::describe(&mut client, "UPDATE public.log SET entry = 1");
    drop(client);
    fixture.client.batch_execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).unwrap();
    assert!(seen.contains("(`report`), of the role `"), "{seen}");
    assert!(!other.contains("`report`"), "{other}");
}

#[test]
fn a_lost_connection_is_survived_at_every_event() {
    let mut fixture = Fixture::new();
    for command in ["start", "complete", "abort"] {
        for at in 0.. {
            fixture.reset();
            if command != "start" {
                fixture.migrator().start().unwrap();
            }
            let mut killer = fixture.database.connect().unwrap();
            let (send, receive) = mpsc::channel();
            let mut seen = 0;
            let mut migrator = fixture.migrator().observer(move |event: &Event| {
                if seen == at {
                    let kill = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity \
                        WHERE application_name = 'reshape' AND datname = current_database()";
                    killer.batch_execute(kill).unwrap();
                    send.send(()).unwrap();
                }
                // After the last range of a backfill, the step is done without a further query.
                if seen > at + 1 && matches!(event, Event::StepDone { .. }) {
                    let locks = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND database = \
                        (SELECT oid FROM pg_database WHERE datname = current_database()) \
                        AND ((classid::bigint << 32) | objid::bigint) = 4036779288569897133";
                    assert_eq!(
                        killer.query(locks, &[]).unwrap().len(),
                        1,
                        "works without the lock"
                    );
                }
                seen += 1;
            });
            match command {
                "start" => {
                    assert_eq!(migrator.start().unwrap().outcome, Outcome::Started, "event {at}");
                    fixture.assert_both();
                }
                "complete" => {
                    assert_eq!(migrator.complete().unwrap().outcome, Outcome::Completed);
                    fixture.assert_new();
                }
                _ => {
                    assert_eq!(migrator.abort().unwrap().outcome, Outcome::Aborted);
                    fixture.assert_old();
                }
            }
            if receive.try_recv().is_err() {
                break;
            }
        }
    }
}

/// The migrator cannot know whether a COMMIT without an answer has happened: it looks, and does nothing twice.
#[test]
fn a_commit_that_was_not_answered_is_looked_up() {
    let mut fixture = Fixture::new();
    for fate in [Fate::Unanswered, Fate::Lost] {
        for at in 0.. {
            fixture.reset();
            let (send, receive) = mpsc::channel();
            let mut seen = 0;
            let config = proxy::start(&fixture.database.config(), move |_, text| {
                let is_it = text.contains("COMMIT") && seen == at;
                seen += i32::from(text.contains("COMMIT"));
                if is_it {
                    send.send(()).unwrap();
                }
                if is_it { fate } else { Fate::Passed }
            });
            let Some(config) = config else { return };
            let plan = batch();
            let set = crate::Migrations::owned(plan.migrations.clone());
            let mut migrator = Migrator::new(&set, config).planner(move |_| Ok(plan.clone()));
            let context = format!("{fate:?}, COMMIT number {at}");
            assert_eq!(migrator.start().expect(&context).outcome, Outcome::Started, "{context}");
            fixture.assert_both();
            migrator.complete().expect(&context);
            fixture.assert_new();
            if receive.try_recv().is_err() {
                assert!(at > 15, "only {at} transactions");
                break;
            }
        }
    }
}

#[test]
fn a_migrator_that_was_cut_off_is_fenced() {
    let mut fixture = Fixture::new();
    let mut other = fixture.database.connect().unwrap();
    let mut migrator = fixture.migrator().observer(move |event: &Event| {
        if matches!(event, Event::StepStarted { step: 1, .. }) {
            other.batch_execute("UPDATE reshape.batch SET token = token + 1").unwrap();
        }
    });
    let error = migrator.start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Fenced);
    assert_eq!(fixture.state(), "applying");
    assert_eq!(fixture.text("SELECT string_agg(step::text, ',') FROM reshape.journal"), "0");
    assert_eq!(fixture.text("SELECT count(*) FROM public.log"), "0");
}

#[test]
fn a_new_run_waits_for_the_transactions_of_the_old_one() {
    let mut fixture = Fixture::new();
    // Killed in the middle of its first step, with a transaction that is still running.
    assert!(super::crash(fixture.migrator(), 2, Migrator::start));
    let mut straggler = fixture.database.connect().unwrap();
    straggler.batch_execute("BEGIN; SELECT FROM reshape.batch FOR SHARE").unwrap();
    let mut straggler = Some(straggler);
    let (send, receive) = mpsc::channel();
    let mut migrator = fixture.migrator().lock_timeout(Duration::from_millis(20)).observer(
        move |event: &Event| {
            if matches!(event, Event::Retry { .. }) && straggler.take().is_some() {
                send.send(()).unwrap();
            }
        },
    );
    migrator.start().unwrap();
    receive.recv().unwrap();
    fixture.assert_both();
}

#[test]
fn a_deadlock_is_tried_again() {
    let mut fixture = Fixture::new();
    // Raised once, by the step itself: a sequence is not rolled back.
    fixture.client.batch_execute("CREATE SEQUENCE public.tries").unwrap();
    let raise = "DO $$ BEGIN IF nextval('public.tries') = 1 THEN \
        RAISE EXCEPTION 'deadlock' USING ERRCODE = 'deadlock_detected'; END IF; END $$";
    let steps = vec![sql(Phase::Expand, "collide", &[raise], &[]), publish()];
    let mut steps = plan(steps);
    steps.steps.insert(0, batch().steps[0].clone());
    let report = fixture.migrator_for(steps).start().unwrap();
    assert_eq!(report.steps.iter().map(|step| step.retries).collect::<Vec<_>>(), [0, 1, 0]);
    assert_eq!(fixture.state(), "in_progress");
}

/// Without it, who waits would find out only with the next look, and the looks get rarer.
#[test]
fn who_waits_is_told_when_the_version_is_there() {
    let set = Set::new(DEFAULT_NAMESPACE);
    for completes in [false, true] {
        let fixture = Fixture::new();
        if completes {
            fixture.migrator().start().unwrap();
        }
        let mut waiter = fixture.database.connect().unwrap();
        lock::listen(&mut waiter, &set).unwrap();
        if completes {
            fixture.detached().complete().unwrap();
        } else {
            fixture.migrator().start().unwrap();
        }
        assert!(lock::sleep_until_told(&mut waiter, Duration::from_mins(1)).unwrap());
    }
}

/// Every step has a lock on these tables until it commits, and some take hours.
#[test]
fn a_new_set_begins_while_steps_of_another_are_at_work() {
    let fixture = Fixture::new();
    fixture.migrator().start().unwrap();
    let mut step = fixture.database.connect().unwrap();
    let lock = "BEGIN; LOCK TABLE reshape.batch, reshape.migrations, reshape.journal, reshape.tables, \
        reshape.changing, reshape.leases, reshape.data IN ROW EXCLUSIVE MODE";
    step.batch_execute(lock).unwrap();
    let actions = json!([{"type": "create_table", "name": "bills", "primary_key": ["id"],
        "columns": [{"name": "id", "type": "int"}]}]);
    let actions = serde_json::from_value::<Vec<Action>>(actions).unwrap().into();
    let first = Migration { actions, ..super::migration("1") };
    let set = crate::Migrations::owned(vec![first]).in_namespace("billing");
    let mut migrator = Migrator::new(&set, fixture.database.url())
        .lock_timeout(Duration::from_millis(50))
        .retry_budget(Duration::from_millis(50));
    assert_eq!(migrator.start_and_complete().unwrap().outcome, Outcome::Completed);
    drop(step);
}

#[test]
fn who_has_waited_for_the_lock_listens_no_longer() {
    let set = Set::new(DEFAULT_NAMESPACE);
    let fixture = Fixture::new();
    let mut holder = fixture.database.connect().unwrap();
    assert!(lock::try_lock(&mut holder, &set).unwrap());
    let mut holder = Some(holder);
    let mut client = fixture.database.connect().unwrap();
    let listening = |client: &mut postgres::Client| {
        client.query("SELECT pg_listening_channels()", &[]).unwrap().len()
    };
    let mut looks = 0;
    let needless = |client: &mut postgres::Client| {
        assert_eq!(listening(client), 1);
        looks += 1;
        holder.take();
        Ok(None::<()>)
    };
    let mut nobody = |_: &Event| {};
    let patience = Duration::from_mins(1);
    let waited =
        lock::lock(&mut client, &set, Instant::now(), patience, true, &mut nobody, needless);
    assert!(waited.is_ok_and(|needless| needless.is_none()));
    assert!(looks > 0);
    assert_eq!(listening(&mut client), 0);
}
