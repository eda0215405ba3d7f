//! Steps of every kind, and what becomes of a batch when one fails.

use super::{Fixture, add_column, backfill, crash, new_index, plan, publish, sql};
use crate::error::ErrorKind;
use crate::exec::Migrator;
use crate::observer::Event;
use crate::plan::{Phase, Work};
use crate::report::Outcome;

#[test]
fn start_complete_and_abort() {
    let mut fixture = Fixture::new();
    let report = fixture.migrator().start().unwrap();
    assert_eq!(report.outcome, Outcome::Started);
    assert_eq!((report.base.as_deref(), report.target.as_deref()), (Some("1"), Some("2")));
    assert_eq!(report.migrations, ["2"]);
    assert_eq!(report.steps.len(), 6);
    assert_eq!(report.steps[2].rows, Some(900));
    fixture.assert_both();

    assert_eq!(fixture.migrator().start().unwrap().outcome, Outcome::Nothing);
    assert_eq!(fixture.detached().abort().unwrap().outcome, Outcome::Aborted);
    fixture.assert_old();
    assert_eq!(fixture.detached().abort().unwrap().outcome, Outcome::Nothing);
    assert_eq!(fixture.detached().complete().unwrap().outcome, Outcome::Nothing);

    fixture.migrator().start().unwrap();
    let report = fixture.detached().complete().unwrap();
    assert_eq!(report.outcome, Outcome::Completed);
    assert_eq!(report.steps.len(), 2);
    fixture.assert_new();
    assert_eq!(fixture.migrator().start().unwrap().outcome, Outcome::Nothing);
    assert_eq!(
        fixture.text("SELECT checksum || (actions->0->>'start') || (completed_at IS NOT NULL) FROM reshape.migrations"),
        "checksum of 22true"
    );
}

#[test]
fn a_failing_statement_rolls_the_batch_back() {
    let mut fixture = Fixture::new();
    let mut bad = super::batch();
    bad.steps
        .insert(5, sql(Phase::Backfill, "divide", &["SELECT 1 / (count(*) - 1) FROM log"], &[]));
    let error = fixture.migrator_for(bad).start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Failed);
    let text = error.to_string();
    assert!(text.contains("`divide` failed: division by zero"), "{text}");
    assert!(text.ends_with("; the batch was rolled back"), "{text}");
    fixture.assert_old();
    let status = fixture.detached().status().unwrap();
    assert!(status.last_error.unwrap().contains("division by zero"));
    // The next start forgets it.
    fixture.migrator().start().unwrap();
    assert_eq!(fixture.detached().status().unwrap().last_error, None);
}

#[test]
fn a_rollback_that_fails_is_said_and_can_be_finished() {
    let mut fixture = Fixture::new();
    let bad = plan(vec![
        sql(Phase::Expand, "first", &["SELECT 1"], &["DROP TABLE public.in_the_way"]),
        sql(Phase::Expand, "second", &["SELECT 1 / 0"], &[]),
    ]);
    let error = fixture.migrator_for(bad).start().unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("division by zero") && text.contains("\"in_the_way\" does not exist"),
        "{text}"
    );
    assert_eq!(fixture.state(), "aborting");
    assert_eq!(fixture.detached().complete().unwrap_err().kind(), ErrorKind::State);
    // What keeps the rollback from ending is what status has to tell, after each try.
    let last_error = |fixture: &Fixture| fixture.detached().status().unwrap().last_error.unwrap();
    assert!(last_error(&fixture).contains("\"in_the_way\" does not exist"));
    fixture.client.batch_execute("CREATE VIEW public.in_the_way AS SELECT 1").unwrap();
    fixture.detached().abort().unwrap_err();
    assert!(last_error(&fixture).contains("\"in_the_way\" is not a table"));
    fixture.client.batch_execute("DROP VIEW public.in_the_way").unwrap();

    fixture.client.batch_execute("CREATE TABLE public.in_the_way ()").unwrap();
    assert_eq!(fixture.detached().abort().unwrap().outcome, Outcome::Aborted);
    assert_eq!(fixture.state(), "idle");
}

#[test]
fn a_failing_contract_stays_completing_and_goes_on() {
    let mut fixture = Fixture::new();
    let mut late = super::batch();
    late.steps.insert(7, sql(Phase::Contract, "drop it", &["DROP TABLE public.missing"], &[]));
    fixture.migrator_for(late).start().unwrap();
    let error = fixture.detached().complete().unwrap_err();
    assert!(error.to_string().contains("the batch stays `completing`"), "{error}");
    assert_eq!(fixture.state(), "completing");
    let status = fixture.detached().status().unwrap();
    assert_eq!(status.progress, Some((7, 9)));
    assert!(status.last_error.unwrap().contains("\"missing\" does not exist"));

    fixture.client.batch_execute("CREATE TABLE public.missing ()").unwrap();
    let report = fixture.detached().complete().unwrap();
    assert_eq!(report.steps.len(), 2, "{report:?}");
    fixture.assert_new();
}

#[test]
fn a_contract_that_fails_before_it_removed_anything_leaves_the_batch_in_progress() {
    let mut fixture = Fixture::new();
    let mut early = super::batch();
    let first = early.steps.iter().position(|step| step.phase == Phase::Contract).unwrap();
    early.steps.insert(first, sql(Phase::Contract, "drop it", &["DROP TABLE public.missing"], &[]));
    fixture.migrator_for(early).start().unwrap();
    let error = fixture.detached().complete().unwrap_err();
    assert!(error.to_string().ends_with("the batch is in progress, as before"), "{error}");
    assert_eq!(fixture.state(), "in_progress");
    let status = fixture.detached().status().unwrap();
    assert!(status.last_error.unwrap().contains("\"missing\" does not exist"));
    fixture.detached().abort().unwrap();
    fixture.assert_old();
}

#[test]
fn an_empty_plan_is_in_progress_until_it_is_completed() {
    let mut fixture = Fixture::new();
    let report = fixture.migrator_for(plan(Vec::new())).start().unwrap();
    assert_eq!((report.outcome, report.steps.len()), (Outcome::Started, 0));
    assert_eq!(fixture.state(), "in_progress");
    fixture.detached().complete().unwrap();
    assert_eq!(fixture.text("SELECT name FROM reshape.migrations"), "2");
}

#[test]
fn an_invalid_index_is_rebuilt() {
    let mut fixture = Fixture::new();
    // A build that fails on duplicates leaves an invalid index behind.
    fixture
        .client
        .batch_execute(
            "ALTER TABLE public.users ADD COLUMN \"__reshape_twice\" int; \
             UPDATE public.users SET \"__reshape_twice\" = 0",
        )
        .unwrap();
    let build = "CREATE UNIQUE INDEX CONCURRENTLY users_new ON public.users (\"__reshape_twice\")";
    fixture.client.batch_execute(build).unwrap_err();
    fixture.client.batch_execute("UPDATE public.users SET \"__reshape_twice\" = id").unwrap();
    let valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'public.users_new'::regclass";
    assert_eq!(fixture.text(valid), "f");
    let oid = fixture.text("SELECT 'public.users_new'::regclass::oid");

    fixture.migrator_for(plan(vec![new_index(), publish()])).start().unwrap();
    assert_eq!(fixture.text(valid), "t");
    assert_ne!(fixture.text("SELECT 'public.users_new'::regclass::oid"), oid);
}

#[test]
fn an_index_that_cannot_be_built_is_removed() {
    let mut fixture = Fixture::new();
    let zero = ["UPDATE public.users SET \"__reshape_twice\" = 0"];
    let steps = vec![add_column(), sql(Phase::Expand, "make duplicates", &zero, &[]), new_index()];
    let error = fixture.migrator_for(plan(steps)).start().unwrap_err();
    assert!(error.to_string().contains("could not create unique index \"users_new\""), "{error}");
    fixture.assert_old();
}

#[test]
fn an_index_is_built_while_an_old_transaction_is_open() {
    let mut fixture = Fixture::new();
    fixture
        .client
        .batch_execute("ALTER TABLE public.users ADD COLUMN \"__reshape_twice\" int")
        .unwrap();
    // It holds a lock on the table that the build has to wait for: longer than lock_timeout, if that counted.
    let mut writer = fixture.database.connect().unwrap();
    writer.batch_execute("BEGIN; UPDATE public.users SET id = id WHERE id = 1").unwrap();
    let release = std::thread::spawn({
        let mut observer = fixture.database.connect().unwrap();
        move || {
            let waiting =
                "SELECT count(*) FROM pg_locks WHERE locktype = 'virtualxid' AND NOT granted";
            let is_waiting = |observer: &mut postgres::Client| {
                observer.query_one(waiting, &[]).unwrap().get::<_, i64>(0) > 0
            };
            while !is_waiting(&mut observer) {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
            writer.batch_execute("COMMIT").unwrap();
        }
    });
    let report = fixture
        .migrator_for(plan(vec![new_index(), publish()]))
        .lock_timeout(std::time::Duration::from_millis(10))
        .start()
        .unwrap();
    release.join().unwrap();
    assert_eq!(report.steps[0].retries, 0);
}

/// Counts every row version that an UPDATE of `users` makes.
const COUNT_UPDATES: &str = "CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS \
      $$ BEGIN INSERT INTO public.log VALUES (current_setting('reshape.backfill', true)); RETURN NEW; END $$; \
    CREATE TRIGGER note BEFORE UPDATE ON public.users FOR EACH ROW EXECUTE FUNCTION public.note()";

#[test]
fn a_backfill_goes_on_where_it_was() {
    let mut fixture = Fixture::new();
    fixture.client.batch_execute(COUNT_UPDATES).unwrap();
    let blocks = "SELECT pg_relation_size('public.users') / current_setting('block_size')::int";
    let blocks: u64 = fixture.text(blocks).parse().unwrap();
    assert!(blocks > 200, "the table is too small for two ranges: {blocks} blocks");
    let migrator = || fixture.migrator_for(plan(vec![add_column(), backfill(), publish()]));
    // Locked, two events of the first step, the start of the backfill, its measuring, its first range: the sixth.
    assert!(crash(migrator(), 5, Migrator::start));
    let mut migrator = migrator();
    fixture.wait_until_unlocked();
    let first: u64 = fixture.text("SELECT count(*) FROM public.log").parse().unwrap();
    assert!(first > 0 && first < 900, "{first}");
    assert_eq!(fixture.text("SELECT rows FROM reshape.journal WHERE step = 1"), first.to_string());
    let report = migrator.start().unwrap();
    assert_eq!(report.steps[0].rows, Some(900), "{report:?}");
    assert_eq!(fixture.text("SELECT count(*) FROM public.log WHERE entry = 'on'"), "900");
    assert_eq!(fixture.text("SELECT count(*) FROM migration_2.users WHERE twice = id * 2"), "900");
}

#[test]
fn a_rewritten_table_is_filled_from_its_start() {
    let mut fixture = Fixture::new();
    let migrator = || fixture.migrator_for(plan(vec![add_column(), backfill(), publish()]));
    assert!(crash(migrator(), 5, Migrator::start));
    let mut migrator = migrator();
    fixture.wait_until_unlocked();
    // New file, and the rows in another order: the ones done are at the end now.
    fixture
        .client
        .batch_execute(
            "CREATE INDEX backwards ON public.users ((-id)); CLUSTER public.users USING backwards",
        )
        .unwrap();
    migrator.start().unwrap();
    assert_eq!(fixture.text("SELECT count(*) FROM migration_2.users WHERE twice = id * 2"), "900");
}

#[test]
fn an_empty_table_needs_no_range() {
    let mut fixture = Fixture::new();
    fixture.client.batch_execute("TRUNCATE public.users").unwrap();
    let (send, receive) = std::sync::mpsc::channel();
    let mut migrator = fixture
        .migrator_for(plan(vec![add_column(), backfill(), publish()]))
        .observer(move |event: &Event| {
            if let Event::Backfill { blocks, total, rows, .. } = event {
                send.send((*blocks, *total, *rows)).unwrap();
            }
        });
    let report = migrator.start().unwrap();
    assert_eq!(report.steps[1].rows, Some(0));
    drop(migrator);
    assert_eq!(receive.iter().collect::<Vec<_>>(), [(0, 0, 0)]);
}

#[test]
fn sql_that_commits_is_found_out() {
    for statement in [
        "COMMIT",
        "INSERT INTO public.log VALUES ('x'); COMMIT; SELECT 1",
        "COMMIT; BEGIN",
        "ROLLBACK",
    ] {
        let mut fixture = Fixture::new();
        let undo = ["DELETE FROM public.log"];
        let steps =
            vec![add_column(), sql(Phase::Expand, "be rude", &[statement], &undo), publish()];
        let error = fixture.migrator_for(plan(steps)).start().unwrap_err();
        assert!(
            error.to_string().contains("`be rude` ended its transaction"),
            "{statement}: {error}"
        );
        fixture.assert_old();
    }
}

#[test]
fn sql_that_commits_and_then_fails_is_found_out() {
    let mut fixture = Fixture::new();
    let rude = ["INSERT INTO public.log VALUES ('x'); COMMIT; SELECT 1 / 0"];
    let steps = vec![sql(Phase::Expand, "be rude", &rude, &["DELETE FROM public.log"]), publish()];
    let error = fixture.migrator_for(plan(steps)).start().unwrap_err();
    assert!(error.to_string().contains("then failed: division by zero"), "{error}");
    fixture.assert_old();
}

#[test]
fn every_work_of_an_undo_runs() {
    let mut fixture = Fixture::new();
    let mut first = new_index();
    first.undo.push(Work::Sql { statements: vec![String::from("CREATE TABLE public.undone ()")] });
    let steps = vec![add_column(), first, publish()];
    fixture.migrator_for(plan(steps)).start().unwrap();
    fixture.detached().abort().unwrap();
    assert_eq!(fixture.text("SELECT to_regclass('public.undone')"), "undone");
    fixture.client.batch_execute("DROP TABLE public.undone").unwrap();
    fixture.assert_old();
}
