//! How long the statements of a step may wait for a lock.

use std::sync::mpsc;
use std::thread::{self, sleep};
use std::time::Duration;

use postgres::NoTls;

use super::proxy::{self, Fate};
use super::{Fixture, plan, publish, sql};
use crate::exec::Migrator;
use crate::plan::{Phase, Plan, Step};

const NOTE_TIMEOUT: &str = "INSERT INTO public.log SELECT extract(epoch FROM current_setting('lock_timeout')::interval) * 1000";

/// Writes down the timeout that each of two statements has, with half a second between them.
fn noting(change: impl FnOnce(Step) -> Step) -> Plan {
    let between = format!("SELECT pg_sleep(0.5); {NOTE_TIMEOUT}");
    let undo = ["DELETE FROM public.log", NOTE_TIMEOUT];
    plan(vec![change(sql(Phase::Expand, "note", &[NOTE_TIMEOUT, &between, NOTE_TIMEOUT], &undo))])
}

fn noted(plan: Plan) -> Vec<f64> {
    let mut fixture = Fixture::new();
    fixture.migrator_for(plan).lock_timeout(Duration::from_secs(2)).start().unwrap();
    let all = fixture.text("SELECT string_agg(entry, ' ') FROM public.log");
    fixture.detached().abort().unwrap();
    all.split(' ').map(|number| number.parse().unwrap()).collect()
}

#[test]
fn the_locks_of_a_transaction_share_the_timeout() {
    let timeouts = noted(noting(|step| step.locking("ACCESS EXCLUSIVE on all of them")));
    assert!(timeouts[0] <= 2000.0 && timeouts[0] > 1000.0, "{timeouts:?}");
    // However slow the machine, there is something left.
    assert!(timeouts[2] <= 1500.0 && timeouts[2] >= 200.0, "{timeouts:?}");
    // Where nothing is locked for long, each statement has it all.
    assert_eq!(noted(noting(|step| step)), [2000.0; 3]);
}

#[test]
fn what_nobody_waits_behind_waits_until_autovacuum_gives_way() {
    let mut fixture = Fixture::new();
    let deadlock =
        "SELECT extract(epoch FROM current_setting('deadlock_timeout')::interval) * 1000";
    let deadlock: f64 = fixture.text(deadlock).parse().unwrap();
    assert_eq!(noted(noting(Step::patient)), [deadlock + 2000.0; 3]);
}

/// The undo of a step that blocks nobody may well block somebody.
#[test]
fn an_undo_is_not_patient() {
    let mut fixture = Fixture::new();
    let step = sql(Phase::Expand, "publish", &["SELECT 1"], &[NOTE_TIMEOUT]);
    let plan = plan(vec![step.patient().locking("ACCESS SHARE")]);
    fixture.migrator_for(plan).start().unwrap();
    fixture.detached().lock_timeout(Duration::from_secs(1)).abort().unwrap();
    assert_eq!(fixture.text("SELECT string_agg(entry, ' ') FROM public.log")[..4], *"1000");
}

#[test]
fn a_vacuum_of_the_users_is_waited_for_and_then_let_be() {
    let fixture = Fixture::new();
    let mut report = fixture.database.config().application_name("report").connect(NoTls).unwrap();
    // What VACUUM has for hours: nothing that the step needs is in its way.
    report.batch_execute("BEGIN; LOCK TABLE public.users IN SHARE UPDATE EXCLUSIVE MODE").unwrap();
    let insert = "INSERT INTO public.log SELECT 'x' FROM public.users LIMIT 1";
    let step = sql(Phase::Expand, "write", &[insert], &[]).locking("whatever the SQL takes");
    let report = fixture.migrator_for(plan(vec![step])).start().unwrap();
    assert_eq!(report.steps[0].retries, 0);
}

#[test]
fn the_statements_of_a_step_are_one_message_unless_they_are_the_users() {
    let fixture = Fixture::new();
    let many: Vec<String> =
        (0..40).map(|n| format!("CREATE TABLE public.many_{n} () -- a comment")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let custom = sql(Phase::Expand, "own", &["SELECT 'first'", "SELECT 'second'"], &[]).custom();
    let steps = vec![sql(Phase::Expand, "make", &many, &[]), custom, publish_log()];
    let (send, messages) = mpsc::channel();
    let config = proxy::start(&fixture.database.config(), move |_, text| {
        send.send(text.to_owned()).unwrap();
        Fate::Passed
    });
    let Some(config) = config else { return };
    let plan = plan(steps);
    let set = crate::Migrations::owned(plan.migrations.clone());
    let mut migrator = Migrator::new(&set, config).planner(move |_| Ok(plan.clone()));
    migrator.start().unwrap();
    drop(migrator);
    let with = |name: &str, all: &[String]| -> Vec<usize> {
        let is_run = |text: &&String| text.contains(name) && !text.contains("reshape.batch");
        all.iter().filter(is_run).map(|text| text.matches("CREATE TABLE").count()).collect()
    };
    let all: Vec<String> = messages.try_iter().collect();
    assert_eq!(with("public.many_", &all), [40]);
    assert_eq!((with("'first'", &all).len(), with("'second'", &all).len()), (1, 1));
    assert!(!all.iter().any(|text| text.contains("'first'")
        && text.contains("'second'")
        && !text.contains("reshape.batch")));
}

fn publish_log() -> Step {
    let mut step = publish();
    let statements =
        ["CREATE SCHEMA migration_2", "CREATE VIEW migration_2.log AS TABLE public.log"];
    step.work = sql(Phase::Publish, "", &statements, &[]).work;
    step
}

/// What the SQL does not name may still have to be locked for it.
#[test]
fn autovacuum_is_sent_away_from_what_hangs_together_with_the_tables() {
    let cases = [
        ("public.users", "ALTER TABLE public.users ADD COLUMN more int"),
        ("public.users", "ALTER INDEX public.users_old RENAME TO users_older"),
        ("public.users", "DROP STATISTICS public.both"),
        ("public.leaf", "ALTER TABLE public.\"the root\" ADD COLUMN more int"),
        ("public.child", "ALTER TABLE public.parent ADD COLUMN more int"),
        ("public.users", "ALTER TABLE public.log DROP CONSTRAINT key"),
    ];
    for (held, statement) in cases {
        let mut fixture = Fixture::new();
        fixture
            .client
            .batch_execute(
                "CREATE STATISTICS public.both ON id, name FROM public.users;
                 CREATE TABLE public.\"the root\" (id int) PARTITION BY RANGE (id);
                 CREATE TABLE public.branch PARTITION OF public.\"the root\" DEFAULT PARTITION BY RANGE (id);
                 CREATE TABLE public.leaf PARTITION OF public.branch DEFAULT;
                 CREATE TABLE public.parent (id int);
                 CREATE TABLE public.child () INHERITS (public.parent);
                 ALTER TABLE public.log ADD COLUMN user_id int CONSTRAINT key REFERENCES public.users",
            )
            .unwrap();
        let mut holder = fixture.database.connect().unwrap();
        let hold = format!("BEGIN; LOCK TABLE ONLY {held} IN SHARE UPDATE EXCLUSIVE MODE");
        holder.batch_execute(&hold).unwrap();
        // Lets go once somebody waits as a VACUUM would: no query waits for that.
        let waits = format!(
            "SELECT FROM pg_locks WHERE relation = '{held}'::regclass AND NOT granted AND mode = 'ShareUpdateExclusiveLock'"
        );
        let watcher = thread::spawn(move || {
            while holder.query(&waits, &[]).unwrap().is_empty() {
                sleep(Duration::from_millis(2));
            }
            holder.batch_execute("COMMIT").unwrap();
        });
        let step = sql(Phase::Expand, "lock", &[statement], &[]).locking("ACCESS EXCLUSIVE");
        let migrator = fixture.migrator_for(plan(vec![step]));
        let mut migrator = migrator.retry_budget(Duration::from_millis(1));
        migrator.start().unwrap_or_else(|error| panic!("{statement}: {}", error.report()));
        watcher.join().unwrap();
    }
}
