//! Ranges that are written in turns.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use super::{Fixture, add_column, backfill, plan, publish};
use crate::exec::Migrator;
use crate::observer::Event;
use crate::plan::{Step, Work};
use crate::report::Report;
use crate::testing::Server;

const ROWS: u64 = 15_000;

/// 5 MB without a free place, written in order; and an entry in the log, the transaction, for every version of a row that an UPDATE makes.
const SETUP: &str = "TRUNCATE public.users; \
    ALTER TABLE public.users RESET (fillfactor); \
    INSERT INTO public.users SELECT n, repeat('x', 300) FROM generate_series(1, 15000) n; \
    CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS \
      $$ BEGIN INSERT INTO public.log VALUES (pg_current_xact_id()); RETURN NEW; END $$; \
    CREATE TRIGGER note BEFORE UPDATE ON public.users FOR EACH ROW EXECUTE FUNCTION public.note()";

const UNFILLED: &str =
    "SELECT count(*) FROM public.users WHERE \"__reshape_twice\" IS DISTINCT FROM id * 2";

const BLOCKS: &str = "SELECT pg_relation_size('public.users') / current_setting('block_size')::int";

fn fixture() -> Fixture {
    fixture_on(Server::shared().unwrap())
}

fn fixture_on(server: &Server) -> Fixture {
    let mut fixture = Fixture::on(server);
    fixture.client.batch_execute(SETUP).unwrap();
    fixture
}

/// The backfill in turns, that know by the transaction what has been written, or by the column.
fn in_turns(by_column: bool) -> Step {
    let mut step = backfill();
    if let Work::Backfill { in_turns, xmin, rest, .. } = &mut step.work {
        *in_turns = true;
        if by_column {
            *rest = String::from(" AND \"users\".\"__reshape_twice\" IS NULL");
        } else {
            *xmin = String::from("\"users\".xmin");
        }
    }
    step
}

fn migrator(fixture: &Fixture, fill: Step) -> Migrator {
    fixture.migrator_for(plan(vec![add_column(), fill, publish()]))
}

/// Every row has been written once.
fn assert_filled(fixture: &mut Fixture, report: &Report) {
    let fill = report.steps.iter().find(|step| step.title == "fill the column").unwrap();
    assert_eq!(fill.rows, Some(ROWS), "{report:?}");
    assert_eq!(fixture.text(UNFILLED), "0");
    assert_eq!(fixture.text("SELECT count(*) FROM public.log"), ROWS.to_string());
}

/// On a server of its own: a transaction of another database, too, keeps Postgres from clearing up what a snapshot that is as old might see.
#[test]
fn most_rows_stay_on_their_page() {
    let server = Server::start().unwrap();
    for by_column in [false, true] {
        let mut fixture = fixture_on(&server);
        let blocks: u64 = fixture.text(BLOCKS).parse().unwrap();
        assert!(blocks > 512, "{blocks} blocks are too few");
        let report = migrator(&fixture, in_turns(by_column)).start().unwrap();
        assert_filled(&mut fixture, &report);
        let after: u64 = fixture.text(BLOCKS).parse().unwrap();
        assert!(after * 10 < blocks * 13, "{blocks} blocks, then {after}");
    }
}

#[test]
fn an_old_transaction_keeps_the_room_and_nothing_else() {
    for by_column in [false, true] {
        let mut fixture = fixture();
        let blocks: u64 = fixture.text(BLOCKS).parse().unwrap();
        let mut reader = fixture.database.connect().unwrap();
        let read = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM public.log";
        reader.batch_execute(read).unwrap();
        let report = migrator(&fixture, in_turns(by_column)).start().unwrap();
        assert_filled(&mut fixture, &report);
        let after: u64 = fixture.text(BLOCKS).parse().unwrap();
        assert!(after * 10 > blocks * 17, "{blocks} blocks, then {after}");
    }
}

#[test]
fn workers_take_turns() {
    for by_column in [false, true] {
        let mut fixture = fixture();
        let report = migrator(&fixture, in_turns(by_column))
            .workers(3)
            .batch_duration(Duration::from_millis(5))
            .start()
            .unwrap();
        assert_filled(&mut fixture, &report);
    }
}

/// Starts, and crashes when rows have been written so many times.
fn crash(migrator: Migrator, at: u32) {
    let mut turns = 0;
    let mut migrator = migrator.observer(move |event: &Event| {
        turns += u32::from(matches!(event, Event::Backfill { rows, .. } if *rows > 0));
        if turns == at {
            // Unwinds without the message of a panic.
            resume_unwind(Box::new("crash"));
        }
    });
    assert!(catch_unwind(AssertUnwindSafe(|| migrator.start())).is_err());
}

#[test]
fn a_migrator_that_dies_between_turns_has_lost_nothing() {
    for workers in [1, 3] {
        for at in [1, 3, 6] {
            let mut fixture = fixture();
            let migrator = || migrator(&fixture, in_turns(true)).workers(workers);
            crash(migrator(), at);
            let mut again = migrator();
            fixture.wait_until_unlocked();
            let first: u64 = fixture.text("SELECT count(*) FROM public.log").parse().unwrap();
            assert!(first > 0 && first < ROWS, "{first}");
            let journalled = fixture.text("SELECT rows FROM reshape.journal WHERE step = 1");
            assert_eq!(journalled, first.to_string());
            let report = again.start().unwrap();
            assert_filled(&mut fixture, &report);
        }
    }
}

/// Its range is halved until the others are done; what earlier turns have written is not written again.
#[test]
fn a_row_that_is_locked_between_turns_holds_up_its_range_alone() {
    for (workers, by_column) in [(1, false), (1, true), (3, false)] {
        let mut fixture = fixture();
        let (url, mut holder, mut retries, mut events) = (fixture.database.config(), None, 0, 0);
        let mut migrator = migrator(&fixture, in_turns(by_column))
            .workers(workers)
            .lock_timeout(Duration::from_millis(20))
            .observer(move |event: &Event| match event {
                Event::Backfill { .. } => {
                    events += 1;
                    if events == 4 {
                        let lock = "BEGIN; SELECT FROM public.users \
                            WHERE \"__reshape_twice\" IS NULL FOR UPDATE";
                        let mut client = url.connect(postgres::NoTls).unwrap();
                        client.batch_execute(lock).unwrap();
                        holder = Some(client);
                    }
                }
                Event::Retry { .. } => {
                    retries += 1;
                    if retries == 3 {
                        holder.take();
                    }
                }
                _ => {}
            });
        let report = migrator.start().unwrap();
        assert_filled(&mut fixture, &report);
        assert!(report.steps[1].retries >= 3, "{report:?}");
    }
}

#[test]
fn a_table_that_is_rewritten_between_turns_is_filled() {
    for workers in [1, 3] {
        let mut fixture = fixture();
        fixture.client.batch_execute("CREATE INDEX backwards ON public.users ((-id))").unwrap();
        let mut client = fixture.database.connect().unwrap();
        let mut events = 0;
        let mut migrator =
            migrator(&fixture, in_turns(false)).workers(workers).observer(move |event: &Event| {
                events += u32::from(matches!(event, Event::Backfill { .. }));
                if events == 4 {
                    client.batch_execute("CLUSTER public.users USING backwards").unwrap();
                    events += 1;
                }
            });
        migrator.start().unwrap();
        assert_eq!(fixture.text(UNFILLED), "0");
    }
}
