//! Partitions that come and go while a batch is in progress, and a migrator that dies.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reshape_runtime::Event;
use reshape_tests::{Rollout, catalog, rows};

use super::{CHANGE, INDEXES, ROWS, base, every_way, index};

/// A client that means a partition says so with its schema: a view would keep the partition from being dropped.
#[test]
fn partitions_come_and_go() {
    every_way(
        CHANGE,
        |r| {
            let views =
                "SELECT viewname FROM pg_views WHERE schemaname LIKE 'migration%' GROUP BY 1";
            assert_eq!(rows(&mut r.old, views), ["readings"]);
        },
        |_| {},
    );
    let mut r = Rollout::begin(&base("two levels"), ROWS, CHANGE);
    rows(&mut r.old, "DROP TABLE \"Old data\".\"Rome's\"");
    rows(
        &mut r.old,
        "CREATE TABLE public.readings_lima PARTITION OF public.readings_2025 FOR VALUES IN ('Lima')",
    );
    rows(
        &mut r.old,
        "CREATE TABLE public.readings_2029 PARTITION OF public.readings FOR VALUES FROM ('2029-01-01') TO ('2030-01-01')",
    );
    rows(
        &mut r.old,
        "INSERT INTO readings (id, at, city, name) VALUES (5, '2025-05-05', 'Lima', 'five')",
    );
    rows(
        &mut r.new,
        "INSERT INTO readings (id, at, place, shout, area) VALUES (6, '2029-05-05', 'Lima', 'Six', 6)",
    );
    assert_eq!(
        rows(&mut r.new, "SELECT id, shout FROM readings WHERE id > 4 ORDER BY id"),
        ["5|FIVE", "6|Six"]
    );
    assert_eq!(
        rows(&mut r.old, "SELECT id, name FROM readings WHERE id > 4 ORDER BY id"),
        ["5|five", "6|six"]
    );
    // Without the new columns it does not fit.
    rows(
        &mut r.old,
        "CREATE TABLE public.bare (id int NOT NULL, at date NOT NULL, city text NOT NULL, name text NOT NULL, size int)",
    );
    let attach = "ALTER TABLE public.readings ATTACH PARTITION public.bare FOR VALUES FROM ('2028-01-01') TO ('2029-01-01')";
    let error = r.old.simple_query(attach).expect_err("the new columns are missing");
    assert!(format!("{error:?}").contains("missing column"), "{error:?}");
    r.complete();
    rows(&mut r.old, "DROP TABLE public.bare");
    assert_eq!(
        rows(&mut r.new, "SELECT id, shout FROM readings WHERE id > 4 ORDER BY id"),
        ["5|FIVE", "6|Six"]
    );
}

/// Runs `sql` on another connection when the step whose title begins with `title` starts; returns what `start` says.
fn meanwhile(r: &Rollout, title: &'static str, sql: &'static str) -> Result<(), String> {
    let mut other = r.database.connect().expect("a client");
    let observer = move |event: &Event| {
        if let Event::StepStarted { title: now, undo: false, .. } = event
            && now.starts_with(title)
        {
            other.batch_execute(sql).unwrap_or_else(|error| panic!("{error:?}"));
        }
    };
    let done = r.migrator().observer(observer).start();
    done.map(|_| ()).map_err(|error| error.report())
}

#[test]
fn a_partition_that_comes_with_rows_during_the_start_is_not_overlooked() {
    let new = "CREATE TABLE public.late PARTITION OF public.readings FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');";
    let row =
        "INSERT INTO public.readings (id, at, city, name) VALUES (9, '2027-01-01', 'Oslo', 'nine')";
    // Before the triggers are there.
    let r = Rollout::prepare(&base("range"), ROWS, CHANGE);
    let sql: &'static str = format!("{new}{row}").leak();
    let error = meanwhile(&r, "add columns", sql).expect_err("a row that nobody fills");
    assert!(
        error.contains("public.late was created after the batch was planned")
            || error.contains("partition late was created"),
        "{error}"
    );
    // Empty, it needs nothing.
    let mut r = Rollout::prepare(&base("range"), ROWS, CHANGE);
    meanwhile(&r, "add columns", new).expect("a start");
    rows(&mut r.old, row);
    assert_eq!(rows(&mut r.new, "SELECT shout FROM readings WHERE id = 9"), ["NINE"]);
    r.complete();
    // Afterwards the triggers are its own.
    let mut r = Rollout::prepare(&base("range"), ROWS, CHANGE);
    meanwhile(&r, "fill partitions that came", sql).expect("a start");
    assert_eq!(rows(&mut r.new, "SELECT shout FROM readings WHERE id = 9"), ["NINE"]);
    // A table that has been filled elsewhere: no trigger has seen the row.
    let mut r = Rollout::prepare(&base("range"), ROWS, CHANGE);
    meanwhile(
        &r,
        "fill partitions that came",
        "CREATE TABLE public.late (LIKE public.readings INCLUDING ALL);
         INSERT INTO public.late (id, at, city, name, \"__reshape_shout\") VALUES (9, '2027-01-01', 'Oslo', 'nine', '?');
         ALTER TABLE public.readings ATTACH PARTITION public.late FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');",
    )
    .expect("a start");
    assert_eq!(rows(&mut r.new, "SELECT shout, area FROM readings WHERE id = 9"), ["NINE|100"]);
    r.complete();
}

/// Between the ranges a client writes to rows of that partition without waiting, some of which have been filled and some of which have not.
#[test]
fn rows_of_a_partition_that_is_attached_during_the_start_are_filled_in_ranges() {
    let mut r = Rollout::prepare(&base("range"), ROWS, CHANGE);
    let mut other = r.database.connect().expect("a client");
    let writes = Arc::new(Mutex::new(0));
    let written = Arc::clone(&writes);
    let observer = move |event: &Event| match event {
        Event::StepStarted { title, .. } if title.starts_with("fill partitions that came") => {
            rows(
                &mut other,
                "CREATE TABLE public.late (LIKE public.readings INCLUDING ALL) WITH (fillfactor = 10);
                 INSERT INTO public.late (id, at, city, name, \"__reshape_shout\")
                   SELECT n, '2027-01-01', 'Oslo', 'row ' || n, '?' FROM generate_series(101, 4100) AS n;
                 ALTER TABLE public.readings ATTACH PARTITION public.late FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');
                 SET lock_timeout = '10ms'",
            );
        }
        Event::Backfill { table, .. } if table.contains("\"readings\"") => {
            let filled = "SELECT bool_or(\"__reshape_shout\" = '?') AND bool_or(\"__reshape_shout\" <> '?') FROM public.late";
            if rows(&mut other, filled) == ["t"] {
                rows(&mut other, "UPDATE public.late SET name = 'changed' WHERE id IN (101, 4100)");
                *written.lock().expect("no panic") += 1;
            }
        }
        _ => {}
    };
    let migrator = r.migrator().batch_duration(Duration::from_millis(1));
    migrator.observer(observer).start().unwrap_or_else(|error| panic!("{}", error.report()));
    assert!(*writes.lock().expect("no panic") > 0, "it was one range");
    let wrong = "SELECT r.id FROM readings r JOIN public.readings p USING (id) WHERE r.shout <> upper(p.name) LIMIT 3";
    assert_eq!(rows(&mut r.new, wrong), Vec::<String>::new());
    assert_eq!(
        rows(&mut r.new, "SELECT shout FROM readings WHERE id IN (101, 4100)"),
        ["CHANGED", "CHANGED"]
    );
    assert_eq!(rows(&mut r.new, "SELECT count(*) FROM readings"), ["4004"]);
    r.complete();
}

#[test]
fn a_partition_that_comes_during_the_start_has_its_share_in_a_new_index() {
    let new = "CREATE TABLE public.late PARTITION OF public.readings FOR VALUES FROM ('2027-01-01') TO ('2028-01-01')";
    let mut r = Rollout::prepare(&base("range"), ROWS, INDEXES);
    meanwhile(&r, "build index `readings_name` on partition `readings_b`", new).expect("a start");
    assert_eq!(index(&mut r, "readings_name"), ["t|4|t"]);
    let r = Rollout::prepare(&base("range"), ROWS, INDEXES);
    let error = meanwhile(&r, "begin index `readings_name`", new).expect_err("an invalid index");
    assert!(error.contains("was created after the batch was planned"), "{error}");
}

#[test]
fn a_partition_may_be_dropped_during_the_start() {
    let mut r = Rollout::prepare(&base("range"), ROWS, CHANGE);
    let drop = "DROP TABLE public.readings_b";
    meanwhile(&r, "fill new columns of partition `readings_a`", drop).expect("a start");
    let left = "SELECT id, shout FROM readings ORDER BY id";
    assert_eq!(rows(&mut r.new, left), ["1|ONE", "4|FOUR"]);
    r.complete();
    // Detached, it is a table of its own, with columns that nobody needs.
    let mut r = Rollout::prepare(&base("range"), ROWS, CHANGE);
    let detach = "ALTER TABLE public.readings DETACH PARTITION public.readings_b";
    meanwhile(&r, "fill new columns of partition `readings_a`", detach).expect("a start");
    assert_eq!(rows(&mut r.new, left), ["1|ONE", "4|FOUR"]);
}

/// After every event of start the migrator dies; the next one resumes, or takes back, what it finds.
#[test]
fn a_migrator_that_dies_at_any_step_leaves_nothing_undone() {
    let change = format!("{INDEXES}{CHANGE}");
    let mut r = Rollout::prepare(&base("two levels"), ROWS, &change);
    for at in 0.. {
        let mut seen = 0;
        let mut migrator = r.migrator().observer(move |_: &Event| {
            assert!(seen != at, "killed");
            seen += 1;
        });
        let died = catch_unwind(AssertUnwindSafe(|| migrator.start().map(|_| ()))).is_err();
        if at % 2 == 0 {
            r.start().unwrap_or_else(|error| panic!("{at}: {}", error.report()));
            assert_eq!(index(&mut r, "partial"), ["t|3|t"], "{at}");
            assert_eq!(rows(&mut r.new, "SELECT count(shout) FROM readings"), ["4"], "{at}");
        }
        r.migrator().abort().unwrap_or_else(|error| panic!("{at}: {}", error.report()));
        assert_eq!(catalog(&mut r.old), r.before, "{at}");
        if !died {
            break;
        }
    }
}
