//! Columns of partitioned tables that have indexes and keys.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use reshape_runtime::Event;
use reshape_tests::{BASE, CHANGE as VERSION, Rollout, client, rows, table_made_by};

use super::{COLUMNS, INDEXES, ROWS, base, index};

/// The key, an index over two columns and a unique one come along.
pub(super) const REPLACE: &str = r#"
    [[actions]]
    type = "alter_column"
    table = "readings"
    column = "id"
    changes = { type = "bigint" }

    [[actions]]
    type = "alter_column"
    table = "readings"
    column = "name"
    up = "upper(name)"
    down = "lower(label)"
    changes = { name = "label" }
"#;

/// Every index of the tables, with its columns, and whether it is of use and makes up a constraint.
fn indexes(r: &mut Rollout) -> Vec<String> {
    rows(
        &mut r.old,
        "SELECT i.indrelid::regclass, i.indexrelid::regclass, i.indisvalid, i.indisprimary, c.conname,
           (SELECT string_agg(a.attname, ' ' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = i.indexrelid)
         FROM pg_index i LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.contype IN ('p', 'u')
         WHERE i.indrelid IN (SELECT relid FROM pg_partition_tree('public.readings')) ORDER BY i.indrelid::regclass::text, i.indexrelid::regclass::text",
    )
}

#[test]
fn a_replaced_column_keeps_its_indexes_and_keys_under_their_names() {
    let sql = "ALTER TABLE readings ADD CONSTRAINT told UNIQUE (name, at, city, id);
        COMMENT ON CONSTRAINT told ON readings IS 'told'; COMMENT ON INDEX readings_pkey IS 'key';
        CREATE INDEX ON readings (lower(name), id DESC) WHERE size > 0";
    for scheme in ["range", "list", "hash", "two levels"] {
        let (_, tables) =
            super::SCHEMES.iter().find(|(name, _)| *name == scheme).expect("a scheme");
        let base = table_made_by(&format!("{tables};\n{sql}"), "readings", &COLUMNS);
        for complete in [false, true] {
            let mut r = Rollout::prepare(&base, ROWS, REPLACE);
            let before: Vec<String> =
                indexes(&mut r).iter().map(|line| line.replace("|name ", "|label ")).collect();
            r.start().unwrap_or_else(|error| panic!("{scheme}: {}", error.report()));
            rows(&mut r.new, "UPDATE readings SET label = 'X' WHERE id = 1");
            rows(
                &mut r.new,
                "INSERT INTO readings (id, at, city, label) VALUES (9, '2025-09-09', 'Oslo', 'NINE')",
            );
            let twice = "INSERT INTO readings (id, at, city, label) VALUES (9, '2025-09-09', 'Oslo', 'TEN')";
            assert!(r.new.simple_query(twice).is_err(), "{scheme}");
            assert!(r.old.simple_query(&twice.replace("label", "name")).is_err(), "{scheme}");
            if !complete {
                r.abort();
                continue;
            }
            r.complete();
            let now: Vec<String> = indexes(&mut r);
            assert_eq!(now, before, "{scheme}");
            let comments = "SELECT obj_description(oid, 'pg_constraint') FROM pg_constraint WHERE conname = 'told' AND conparentid = 0
                UNION ALL SELECT obj_description('public.readings_pkey'::regclass, 'pg_class')";
            assert_eq!(rows(&mut r.new, comments), ["told", "key"]);
            assert!(r.new.simple_query(twice).is_err(), "{scheme}");
            rows(
                &mut r.new,
                "INSERT INTO readings (id, at, city, label) VALUES (5000000000, '2025-09-09', 'Oslo', 'BIG')",
            );
        }
    }
}

/// `ON CONFLICT` wants an index of the whole table.
#[test]
fn new_clients_have_the_keys_that_on_conflict_asks_for() {
    let mut r = Rollout::begin(&base("two levels"), ROWS, REPLACE);
    for round in [1, 2] {
        for (client, column) in [(&mut r.old, "name"), (&mut r.new, "label")] {
            let upsert = format!(
                "INSERT INTO readings (id, at, city, {column}, size) VALUES (2, '2025-02-02', 'Oslo', 'b', {round})
                 ON CONFLICT (id, at, city) DO UPDATE SET size = excluded.size + readings.size RETURNING size"
            );
            assert_eq!(rows(client, &upsert).len(), 1);
        }
    }
    assert_eq!(rows(&mut r.old, "SELECT size FROM readings WHERE id = 2"), ["26"]);
    r.complete();
    let upsert = "INSERT INTO readings (id, at, city, label) VALUES (2, '2025-02-02', 'Oslo', 'b')
        ON CONFLICT (id, at, city) DO UPDATE SET size = 1 RETURNING size";
    assert_eq!(rows(&mut r.new, upsert), ["1"]);
}

#[test]
fn partitions_that_come_and_go_before_contract_have_their_share_in_the_key() {
    let base = base("two levels") + INDEXES;
    let mut r = Rollout::begin(&base, ROWS, REPLACE);
    rows(&mut r.old, "DROP TABLE \"Old data\".\"Rome's\"");
    rows(
        &mut r.old,
        "CREATE TABLE public.lima PARTITION OF public.readings_2025 FOR VALUES IN ('Lima')",
    );
    rows(
        &mut r.old,
        "CREATE TABLE public.late PARTITION OF public.readings FOR VALUES FROM ('2027-01-01') TO ('2028-01-01') PARTITION BY LIST (city)",
    );
    rows(&mut r.old, "CREATE TABLE public.later PARTITION OF public.late DEFAULT");
    rows(
        &mut r.old,
        "INSERT INTO readings (id, at, city, name) SELECT n, date '2027-01-01' + n % 300, 'Lima', n FROM generate_series(100, 999) n",
    );
    rows(
        &mut r.new,
        "INSERT INTO readings (id, at, city, label) VALUES (10, '2025-01-01', 'Lima', 'TEN')",
    );
    r.complete();
    for name in ["readings_pkey", "readings_name", "By place", "partial"] {
        assert_eq!(index(&mut r, name), ["t|4|t"], "{name}");
    }
    let twice =
        "INSERT INTO readings (id, at, city, label) VALUES (10, '2025-01-01', 'Lima', 'TEN')";
    assert!(r.new.simple_query(twice).is_err());
    let id = "SELECT DISTINCT format_type(atttypid, NULL), attnotnull FROM pg_attribute WHERE attname = 'id'
        AND attrelid IN (SELECT relid FROM pg_partition_tree('public.readings'))";
    assert_eq!(rows(&mut r.new, id), ["bigint|t"]);
}

/// A view that groups by the key needs the key; the numbers go on.
#[test]
fn a_serial_key_goes_along_with_the_views_that_need_it() {
    let base = table_made_by(
        "CREATE TABLE events (id serial, created_at date NOT NULL, note text, PRIMARY KEY (id, created_at)) PARTITION BY RANGE (created_at);
         CREATE TABLE events_a PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
         CREATE TABLE events_b PARTITION OF events DEFAULT;
         CREATE VIEW by_key AS SELECT id, created_at, note, count(*) FROM events GROUP BY id, created_at",
        "events",
        &[("id", "integer"), ("created_at", "date"), ("note", "text")],
    );
    let change = r#"
        [[actions]]
        type = "alter_column"
        table = "events"
        column = "id"
        changes = { type = "bigint", name = "number" }
    "#;
    let data =
        "INSERT INTO events (created_at, note) VALUES ('2024-02-02', 'a'), ('2025-02-02', 'b')";
    for complete in [false, true] {
        let mut r = Rollout::begin(&base, data, change);
        let insert = "INSERT INTO events (created_at) VALUES ('2024-03-03') RETURNING ";
        assert_eq!(rows(&mut r.new, &format!("{insert} number")), ["3"]);
        assert_eq!(rows(&mut r.old, &format!("{insert} id")), ["4"]);
        if complete {
            r.complete();
            assert_eq!(rows(&mut r.new, &format!("{insert} number")), ["5"]);
            rows(&mut r.new, "SELECT setval('public.events_id_seq', 3000000000)");
            assert_eq!(rows(&mut r.new, &format!("{insert} number")), ["3000000001"]);
            assert_eq!(rows(&mut r.new, "SELECT count(*) FROM public.by_key"), ["6"]);
        } else {
            r.abort();
            assert_eq!(rows(&mut r.old, "SELECT count(*) FROM public.by_key"), ["4"]);
        }
    }
}

/// int to bigint of the key, while clients of both versions write.
#[test]
fn a_key_becomes_bigint_under_load() {
    let base = table_made_by(
        "CREATE TABLE events (id int GENERATED BY DEFAULT AS IDENTITY, created_at date NOT NULL, note text, PRIMARY KEY (id, created_at)) PARTITION BY RANGE (created_at);
         CREATE TABLE events_a PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
         CREATE TABLE events_b PARTITION OF events DEFAULT",
        "events",
        &[("id", "integer"), ("created_at", "date"), ("note", "text")],
    );
    let change = "[[actions]]\ntype = 'alter_column'\ntable = 'events'\ncolumn = 'id'\nchanges = { type = 'bigint' }\n";
    let data = "INSERT INTO events (created_at) SELECT date '2024-01-01' + n % 700 FROM generate_series(1, 3000) n";
    let mut r = Rollout::prepare(&base, data, change);
    let (started, completed) = (AtomicBool::new(false), AtomicBool::new(false));
    let write = |version: &str, until: &AtomicBool| {
        let mut client = client(&r.database, version);
        let mut written = 0;
        while written < 20 || !until.load(Ordering::Relaxed) {
            let note = format!("{version} {written}");
            let insert = format!(
                "INSERT INTO events (created_at, note) VALUES (date '2024-01-01' + {written} % 700, '{note}')"
            );
            rows(&mut client, &insert);
            let moves =
                format!("UPDATE events SET created_at = created_at + 1 WHERE note = '{note}'");
            rows(&mut client, &moves);
            written += 1;
        }
        written
    };
    let written = thread::scope(|scope| {
        let old = scope.spawn(|| write(BASE, &started));
        r.start().unwrap_or_else(|error| panic!("{}", error.report()));
        let new = scope.spawn(|| write(VERSION, &completed));
        let mut last = client(&r.database, BASE);
        for _ in 0..20 {
            rows(&mut last, "UPDATE events SET note = note WHERE id % 7 = 0 AND id < 300");
        }
        started.store(true, Ordering::Relaxed);
        let before = old.join().expect("an old client");
        r.migrator().complete().unwrap_or_else(|error| panic!("{}", error.report()));
        completed.store(true, Ordering::Relaxed);
        before + new.join().expect("a new client")
    });
    assert_eq!(
        rows(&mut r.new, "SELECT count(*), count(DISTINCT id) FROM events"),
        [format!("{0}|{0}", 3000 + written)]
    );
    rows(&mut r.new, "INSERT INTO events (id, created_at) VALUES (5000000000, '2024-01-01')");
    let key = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'events_pkey'";
    assert_eq!(rows(&mut r.new, key), ["PRIMARY KEY (id, created_at)"]);
}

/// After every event of completion the migrator dies, with one index of two built, say; the next one goes on.
#[test]
fn a_completion_that_dies_again_and_again_ends_as_any_other() {
    let mut r = Rollout::begin(&base("two levels"), ROWS, REPLACE);
    for at in 1.. {
        let mut seen = 0;
        let mut migrator = r.migrator().observer(move |_: &Event| {
            assert!(seen != at, "killed");
            seen += 1;
        });
        let completed = catch_unwind(AssertUnwindSafe(|| migrator.complete().map(|_| ())));
        if let Ok(result) = completed {
            result.unwrap_or_else(|error| panic!("{at}: {}", error.report()));
            break;
        }
        rows(&mut r.new, "UPDATE readings SET label = 'Y' WHERE id = 1");
    }
    r.complete();
    assert_eq!(index(&mut r, "readings_pkey"), ["t|3|t"]);
}
