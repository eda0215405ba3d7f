//! Backfills by several workers, and what may come in between.

use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use super::{Fixture, add_column, backfill, crash, plan, publish, step};
use crate::error::ErrorKind;
use crate::exec::Migrator;
use crate::observer::Event;
use crate::plan::{Phase, Step, Work};
use crate::report::Report;

const ROWS: u64 = 3000;

/// Enough blocks for several ranges, and an entry in the log, the writer's process, for every row version that an UPDATE makes.
const SETUP: &str = "INSERT INTO public.users SELECT n, repeat('x', 300) FROM generate_series(901, 3000) n; \
    CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS \
      $$ BEGIN INSERT INTO public.log VALUES (pg_backend_pid()); RETURN NEW; END $$; \
    CREATE TRIGGER note BEFORE UPDATE ON public.users FOR EACH ROW EXECUTE FUNCTION public.note()";

const UNFILLED: &str =
    "SELECT count(*) FROM public.users WHERE \"__reshape_twice\" IS DISTINCT FROM id * 2";

const WRITERS: &str = "SELECT count(DISTINCT entry) FROM public.log";

fn fixture() -> Fixture {
    let mut fixture = Fixture::new();
    fixture.client.batch_execute(SETUP).unwrap();
    fixture
}

fn migrator(fixture: &Fixture) -> Migrator {
    migrator_with(fixture, backfill())
}

fn migrator_with(fixture: &Fixture, backfill: Step) -> Migrator {
    fixture.migrator_for(plan(vec![add_column(), backfill, publish()])).workers(3)
}

/// Runs `sql` once, when the pass has done some blocks and has others left; what it returns comes out of the channel.
fn in_between(
    fixture: &Fixture,
    migrator: Migrator,
    sql: &'static str,
) -> (Migrator, Receiver<String>) {
    let mut client = fixture.database.connect().unwrap();
    let (send, receive) = channel();
    let mut is_over = false;
    let migrator =
        migrator.batch_duration(Duration::from_millis(1)).observer(move |event: &Event| {
            if let Event::Backfill { blocks, total, .. } = event
                && (1..*total).contains(blocks)
                && !is_over
            {
                is_over = true;
                let rows = super::super::session::rows(&mut client, sql).unwrap();
                let cell = rows.last().and_then(|row| row.get(0)).unwrap_or_default();
                send.send(cell.to_owned()).unwrap();
            }
        });
    (migrator, receive)
}

fn assert_filled(fixture: &mut Fixture, report: &Report) {
    let fill = report.steps.iter().find(|step| step.title == "fill the column").unwrap();
    assert_eq!(fill.rows, Some(ROWS), "{report:?}");
    assert_eq!(fixture.text(UNFILLED), "0");
    assert_eq!(fixture.text("SELECT count(*) FROM public.log"), ROWS.to_string());
}

#[test]
fn workers_share_a_table() {
    let mut fixture = fixture();
    let report = migrator(&fixture).start().unwrap();
    assert_filled(&mut fixture, &report);
    assert_eq!(fixture.text(WRITERS), "3");
    assert_eq!(report.notes, Vec::<String>::new());
}

#[test]
fn a_plan_may_want_one_worker_alone() {
    let mut fixture = fixture();
    let mut alone = backfill();
    if let Work::Backfill { parallel, .. } = &mut alone.work {
        *parallel = false;
    }
    let report = migrator_with(&fixture, alone).start().unwrap();
    assert_filled(&mut fixture, &report);
    assert_eq!(fixture.text(WRITERS), "1");
}

#[test]
fn of_a_client_that_is_handed_over_there_is_only_one() {
    let mut fixture = fixture();
    let plan = plan(vec![add_column(), backfill(), publish()]);
    let migrations = crate::model::Migrations::owned(plan.migrations.clone());
    let client = fixture.database.connect().unwrap();
    let mut migrator =
        Migrator::new(migrations, client).planner(move |_| Ok(plan.clone())).workers(3);
    let report = migrator.start().unwrap();
    assert_filled(&mut fixture, &report);
    assert!(report.notes[0].contains("has one worker"), "{report:?}");
}

#[test]
fn a_dead_migrator_with_workers_has_lost_no_count() {
    for at in [5, 6, 8] {
        let mut fixture = fixture();
        let short = Duration::from_millis(1);
        assert!(crash(migrator(&fixture).batch_duration(short), at, Migrator::start));
        fixture.wait_until_unlocked();
        let first: u64 = fixture.text("SELECT count(*) FROM public.log").parse().unwrap();
        assert!(first > 0 && first < ROWS, "{first}");
        let journalled = fixture.text("SELECT rows FROM reshape.journal WHERE step = 1");
        assert_eq!(journalled, first.to_string());
        let report = migrator(&fixture).start().unwrap();
        assert_filled(&mut fixture, &report);
    }
}

/// A release that knows nothing of workers writes no more than the first block that is left.
#[test]
fn what_an_older_release_has_noted_is_taken_up() {
    let mut fixture = fixture();
    let short = Duration::from_millis(1);
    assert!(crash(migrator(&fixture).workers(1).batch_duration(short), 7, Migrator::start));
    fixture.wait_until_unlocked();
    let forget = "UPDATE reshape.journal SET position = position - 'done' WHERE step = 1 \
        RETURNING position->>'next'";
    assert_ne!(fixture.text(forget), "0");
    let report = migrator(&fixture).start().unwrap();
    assert_filled(&mut fixture, &report);
}

#[test]
fn a_worker_that_dies_is_replaced() {
    let mut fixture = fixture();
    let kill = "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity a \
        WHERE application_name = 'reshape' AND datname = current_database() AND NOT EXISTS \
          (SELECT FROM pg_locks l WHERE l.pid = a.pid AND locktype = 'advisory')";
    let (mut migrator, killed) = in_between(&fixture, migrator(&fixture), kill);
    let report = migrator.start().unwrap();
    assert_eq!(killed.recv().unwrap(), "3");
    assert_filled(&mut fixture, &report);
    let writers: u64 = fixture.text(WRITERS).parse().unwrap();
    assert!(writers > 3, "nobody was replaced");
}

#[test]
fn a_connection_that_is_lost_beside_its_workers_is_replaced() {
    let mut fixture = fixture();
    let kill = "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity \
        WHERE application_name = 'reshape' AND datname = current_database()";
    let (mut migrator, killed) = in_between(&fixture, migrator(&fixture), kill);
    let report = migrator.start().unwrap();
    assert_eq!(killed.recv().unwrap(), "4");
    assert_filled(&mut fixture, &report);
}

#[test]
fn a_table_that_is_rewritten_between_ranges_is_filled() {
    let mut fixture = fixture();
    fixture.client.batch_execute("CREATE INDEX backwards ON public.users ((-id))").unwrap();
    let cluster = "CLUSTER public.users USING backwards";
    let (mut migrator, done) = in_between(&fixture, migrator(&fixture), cluster);
    migrator.start().unwrap();
    done.recv().unwrap();
    assert_eq!(fixture.text(UNFILLED), "0");
}

#[test]
fn a_table_that_is_dropped_between_ranges_needs_nothing() {
    let mut fixture = fixture();
    fixture
        .client
        .batch_execute(
            "CREATE TABLE public.part WITH (fillfactor = 10) AS SELECT * FROM public.users",
        )
        .unwrap();
    let fill = Work::Backfill {
        table: String::from("\"public\".\"part\""),
        statement: String::from("UPDATE \"public\".\"part\" SET name = 'y'"),
        ctid: String::from("\"part\".ctid"),
        rest: String::new(),
        parallel: true,
        in_turns: false,
        xmin: String::new(),
        walks: String::new(),
    };
    let fill = step(Phase::Backfill, "fill the column", fill, Vec::new());
    let (mut migrator, done) =
        in_between(&fixture, migrator_with(&fixture, fill), "DROP TABLE public.part");
    migrator.start().unwrap();
    done.recv().unwrap();
    assert_eq!(fixture.state(), "in_progress");
}

#[test]
fn workers_of_a_migrator_that_was_cut_off_write_nothing() {
    let mut fixture = fixture();
    // It waits for the ranges that are at work.
    let take = "UPDATE reshape.batch SET token = token + 1; SELECT count(*) FROM public.log";
    let (mut migrator, written) = in_between(&fixture, migrator(&fixture), take);
    let error = migrator.start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Fenced, "{error}");
    let written = written.recv().unwrap();
    assert_eq!(fixture.text("SELECT count(*) FROM public.log"), written);
}

#[test]
fn a_range_that_cannot_be_done_ends_the_batch_when_no_worker_is_left() {
    let mut fixture = fixture();
    let mut wrong = backfill();
    if let Work::Backfill { statement, .. } = &mut wrong.work {
        statement.push_str(" / (id - 2000) * (id - 2000)");
    }
    let error = migrator_with(&fixture, wrong).start().unwrap_err();
    assert!(error.to_string().contains("division by zero"), "{error}");
    fixture.client.batch_execute("DELETE FROM public.log").unwrap();
    fixture.assert_old();
}

/// A client's transaction has a row for longer than any range waits: the others are done meanwhile, and it in the end.
#[test]
fn a_row_that_is_locked_holds_up_its_range_alone() {
    let mut fixture = fixture();
    let (url, mut holder, mut retries) = (fixture.database.config(), None, 0);
    let mut migrator = migrator(&fixture).lock_timeout(Duration::from_millis(20)).observer(
        move |event: &Event| match event {
            Event::StepStarted { step: 1, .. } => {
                let lock = "BEGIN; SELECT FROM public.users WHERE id = 2900 FOR UPDATE";
                let mut client = url.connect(postgres::NoTls).unwrap();
                client.batch_execute(lock).unwrap();
                holder = Some(client);
            }
            Event::Retry { .. } => {
                retries += 1;
                if retries == 3 {
                    holder.take();
                }
            }
            _ => {}
        },
    );
    let report = migrator.start().unwrap();
    assert_filled(&mut fixture, &report);
    assert!(report.steps[1].retries >= 3, "{report:?}");
}

/// 70 MB, so that VACUUM is worth it, and not a block of room in it.
const LARGE: &str = "DROP TABLE public.users CASCADE; \
    CREATE TABLE public.users (id int PRIMARY KEY, name text NOT NULL); \
    ALTER TABLE public.users ALTER COLUMN name SET STORAGE PLAIN; \
    INSERT INTO public.users SELECT n, repeat('x', 1900) FROM generate_series(1, 36000) n; \
    CREATE VIEW migration_1.users AS SELECT id, name FROM public.users";

const BLOCKS: &str = "SELECT pg_relation_size('public.users') / current_setting('block_size')::int";

#[test]
fn the_room_of_old_rows_is_used_again() {
    let mut fixture = Fixture::new();
    fixture.client.batch_execute(LARGE).unwrap();
    let before: u64 = fixture.text(BLOCKS).parse().unwrap();
    assert!(before > 8192, "{before} blocks are too few");
    // Ranges that are small beside the table, so that its size does not depend on how fast they are.
    let short = Duration::from_millis(1);
    let report = migrator(&fixture).workers(1).batch_duration(short).start().unwrap();
    let after: u64 = fixture.text(BLOCKS).parse().unwrap();
    assert!(after * 10 < before * 13, "{before} blocks, then {after}");
    assert_eq!(report.notes, Vec::<String>::new());
    assert_eq!(fixture.text(UNFILLED), "0");
}

#[test]
fn a_worker_frees_the_room_of_old_rows() {
    let mut fixture = Fixture::new();
    fixture.client.batch_execute(LARGE).unwrap();
    let short = Duration::from_millis(1);
    migrator(&fixture).batch_duration(short).start().unwrap();
    assert_eq!(fixture.text(UNFILLED), "0");
    // What a session has counted may be told when it has ended.
    let count =
        "SELECT vacuum_count FROM pg_stat_user_tables WHERE relid = 'public.users'::regclass";
    while fixture.text(count) == "0" {
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn that_an_old_transaction_keeps_the_room_is_noted() {
    let mut fixture = Fixture::new();
    fixture.client.batch_execute(LARGE).unwrap();
    let mut reader = fixture.database.connect().unwrap();
    let read = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM public.log";
    reader.batch_execute(read).unwrap();
    let report = migrator(&fixture).workers(1).start().unwrap();
    assert_eq!(report.notes.len(), 1, "{report:?}");
    assert!(report.notes[0].contains("a long transaction may still see old rows"), "{report:?}");
    assert_eq!(fixture.text(UNFILLED), "0");
}
