//! Partitioned tables: by range, list and hash, on two levels, with a default partition, in two schemas, with columns in another order.

use std::panic::{AssertUnwindSafe, catch_unwind};

use reshape_runtime::Event;
use reshape_tests::{Rollout, catalog, rows, table_made_by};

const COLUMNS: [(&str, &str); 5] =
    [("id", "integer"), ("at", "date"), ("city", "text"), ("name", "text"), ("size", "integer")];

/// Every way of partitioning; the partition `readings_b` has its columns in another order.
const SCHEMES: [(&str, &str); 4] = [
    (
        "range",
        "CREATE TABLE readings (id int, at date, city text, name text NOT NULL, size int DEFAULT 1, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
         CREATE TABLE readings_a PARTITION OF readings FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
         CREATE TABLE readings_b (size int, name text NOT NULL, gone int, city text, at date NOT NULL, id int NOT NULL);
         ALTER TABLE readings_b DROP COLUMN gone;
         ALTER TABLE readings ATTACH PARTITION readings_b FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
         CREATE TABLE readings_rest PARTITION OF readings DEFAULT",
    ),
    (
        "list",
        "CREATE TABLE readings (id int, at date, city text, name text NOT NULL, size int DEFAULT 1, PRIMARY KEY (id, city)) PARTITION BY LIST (city);
         CREATE TABLE readings_a PARTITION OF readings FOR VALUES IN ('Rome');
         CREATE TABLE readings_b (size int, name text NOT NULL, city text NOT NULL, at date, id int NOT NULL);
         ALTER TABLE readings ATTACH PARTITION readings_b FOR VALUES IN ('Oslo');
         CREATE TABLE readings_rest PARTITION OF readings DEFAULT",
    ),
    (
        "hash",
        "CREATE TABLE readings (id int, at date, city text, name text NOT NULL, size int DEFAULT 1, PRIMARY KEY (id, at, city)) PARTITION BY HASH (at, city);
         CREATE TABLE readings_a PARTITION OF readings FOR VALUES WITH (MODULUS 3, REMAINDER 0);
         CREATE TABLE readings_b (size int, name text NOT NULL, city text NOT NULL, at date NOT NULL, id int NOT NULL);
         ALTER TABLE readings ATTACH PARTITION readings_b FOR VALUES WITH (MODULUS 3, REMAINDER 1);
         CREATE TABLE readings_c PARTITION OF readings FOR VALUES WITH (MODULUS 3, REMAINDER 2)",
    ),
    (
        "two levels",
        "CREATE SCHEMA \"Old data\";
         CREATE TABLE readings (id int, at date, city text, name text NOT NULL, size int DEFAULT 1, PRIMARY KEY (id, at, city)) PARTITION BY RANGE (at);
         CREATE TABLE readings_2025 PARTITION OF readings FOR VALUES FROM ('2025-01-01') TO ('2026-01-01') PARTITION BY LIST (city);
         CREATE TABLE \"Old data\".\"Rome's\" PARTITION OF readings_2025 FOR VALUES IN ('Rome');
         CREATE TABLE readings_b (size int, name text NOT NULL, city text NOT NULL, at date NOT NULL, id int NOT NULL);
         ALTER TABLE readings_2025 ATTACH PARTITION readings_b FOR VALUES IN ('Oslo');
         CREATE TABLE \"Old data\".readings_rest PARTITION OF readings DEFAULT PARTITION BY LIST (city);
         CREATE TABLE readings_rest_rest PARTITION OF \"Old data\".readings_rest DEFAULT",
    ),
];

const ROWS: &str = "INSERT INTO readings (id, at, city, name, size) VALUES
    (1, '2024-02-02', 'Rome', 'one', 10), (2, '2025-02-02', 'Oslo', 'two', 20), (3, '2025-03-03', 'Rome', 'three', 30),
    (4, '2030-04-04', 'Lima', 'four', NULL)";

fn base(scheme: &str) -> String {
    let (_, sql) =
        SCHEMES.iter().find(|(name, _)| *name == scheme).unwrap_or_else(|| panic!("{scheme}"));
    table_made_by(sql, "readings", &COLUMNS)
}

/// Runs a scenario for every way of partitioning, to its rollback and to its completion.
fn every_way(change: &str, during: impl Fn(&mut Rollout), after: impl Fn(&mut Rollout)) {
    for (scheme, _) in SCHEMES {
        let mut rollout = Rollout::begin(&base(scheme), ROWS, change);
        during(&mut rollout);
        rollout.abort();
        rows(
            &mut rollout.old,
            "INSERT INTO readings (id, at, city, name) VALUES (99, '2025-09-09', 'Rome', 'after')",
        );

        rollout.start().unwrap_or_else(|error| panic!("{}", error.report()));
        rollout.abort();
        let mut rollout = Rollout::begin(&base(scheme), ROWS, change);
        during(&mut rollout);
        rollout.complete();
        after(&mut rollout);
    }
}

/// What `start` says no with; nothing has changed then.
fn refusal(base: &str, data: &str, change: &str) -> String {
    let mut rollout = Rollout::prepare(base, data, change);
    let error = rollout.start().expect_err("a refusal");
    assert_eq!(catalog(&mut rollout.old), rollout.before);
    error.report()
}

const CHANGE: &str = r#"
    [[actions]]
    type = "add_column"
    table = "readings"
    up = "upper(name)"
    column = { name = "shout", type = "text", nullable = false, default = "'?'" }

    [[actions]]
    type = "alter_column"
    table = "readings"
    column = "size"
    up = "coalesce(size, 0) * 100"
    down = "size / 100"
    changes = { type = "bigint", nullable = false, name = "area" }

    [[actions]]
    type = "alter_column"
    table = "readings"
    column = "city"
    changes = { name = "place" }

    [[actions]]
    type = "remove_column"
    table = "readings"
    column = "name"
    down = "lower(shout)"
"#;

#[test]
fn every_change_of_columns() {
    every_way(
        CHANGE,
        |r| {
            let new = "SELECT id, shout, area, place FROM readings ORDER BY id";
            let old = "SELECT id, name, size, city FROM readings ORDER BY id";
            assert_eq!(
                rows(&mut r.new, new),
                ["1|ONE|1000|Rome", "2|TWO|2000|Oslo", "3|THREE|3000|Rome", "4|FOUR|0|Lima"]
            );
            rows(&mut r.old, "UPDATE readings SET name = 'old' || id, size = id WHERE id < 3");
            rows(
                &mut r.new,
                "UPDATE readings SET shout = 'NEW' || id, area = 700 + id WHERE id > 2",
            );
            rows(
                &mut r.new,
                "INSERT INTO readings (id, at, place, shout, area) VALUES (5, '2025-05-05', 'Oslo', 'Five', 512)",
            );
            rows(
                &mut r.old,
                "INSERT INTO readings (id, at, city, name) VALUES (6, '2026-06-06', 'Rome', 'six')",
            );
            assert_eq!(
                rows(&mut r.new, new),
                [
                    "1|OLD1|100|Rome",
                    "2|OLD2|200|Oslo",
                    "3|NEW3|703|Rome",
                    "4|NEW4|704|Lima",
                    "5|Five|512|Oslo",
                    "6|SIX|100|Rome"
                ]
            );
            assert_eq!(
                rows(&mut r.old, old),
                [
                    "1|old1|1|Rome",
                    "2|old2|2|Oslo",
                    "3|new3|7|Rome",
                    "4|new4|7|Lima",
                    "5|five|5|Oslo",
                    "6|six|1|Rome"
                ]
            );
            // By the partition's own name a write is one of the old version.
            rows(&mut r.old, "UPDATE public.readings_b SET name = 'direct'");
            let direct = "SELECT bool_and(shout = 'DIRECT') FROM readings WHERE (id, at, place) IN (SELECT id, at, city FROM public.readings_b)";
            assert_eq!(rows(&mut r.new, direct), ["t"]);
            rows(&mut r.old, "UPDATE public.readings SET name = 'new3' WHERE id = 3");
        },
        |r| {
            rows(
                &mut r.new,
                "INSERT INTO readings (id, at, place, area) VALUES (7, '2025-07-07', 'Rome', 1)",
            );
            assert_eq!(
                rows(&mut r.new, "SELECT shout, area FROM readings WHERE id IN (3, 7) ORDER BY id"),
                ["NEW3|703", "?|1"]
            );
            let null = r.new.simple_query(
                "INSERT INTO readings (id, at, place, area) VALUES (8, '2024-07-07', 'Rome', NULL)",
            );
            assert!(null.is_err());
        },
    );
}

/// The UPDATE becomes a DELETE and an INSERT inside the server.
#[test]
fn rows_that_move_between_partitions_keep_what_the_other_version_wrote() {
    for user_trigger in [false, true] {
        every_way(
            CHANGE,
            |r| {
                if user_trigger {
                    rows(
                        &mut r.old,
                        "CREATE FUNCTION public.arrived() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
                    );
                    rows(
                        &mut r.old,
                        "CREATE TRIGGER t BEFORE INSERT OR UPDATE ON public.readings FOR EACH ROW EXECUTE FUNCTION public.arrived()",
                    );
                }
                let stored =
                    "SELECT count(*) FROM public.readings WHERE \"__reshape_origin\" IS NOT NULL";
                let new = "SELECT shout, area FROM readings WHERE id = 1";
                let old = "SELECT name, size FROM readings WHERE id = 1";
                let there = "at = '2025-01-01', city = 'Oslo'";
                let back = "at = '2024-01-01', city = 'Rome'";
                let default = "at = '2030-01-01', city = 'Lima'";
                let near = "at = at + 1";
                // A new client's row: `up` of what old clients read is something else.
                rows(&mut r.new, "UPDATE readings SET shout = 'Mixed', area = 777 WHERE id = 1");
                for to in [there, back, default, near, there] {
                    rows(&mut r.old, &format!("UPDATE readings SET {to} WHERE id = 1"));
                    assert_eq!(rows(&mut r.new, new), ["Mixed|777"], "{to}");
                    assert_eq!(rows(&mut r.old, old), ["mixed|7"], "{to}");
                    rows(
                        &mut r.new,
                        &format!(
                            "UPDATE readings SET {} WHERE id = 1",
                            to.replace("city", "place")
                        ),
                    );
                    assert_eq!(rows(&mut r.new, new), ["Mixed|777"], "{to}");
                    assert_eq!(rows(&mut r.new, stored), ["0"]);
                }
                for (to, number) in [(back, 1), (near, 2), (there, 3), (default, 4)] {
                    let place = to.replace("city", "place");
                    rows(
                        &mut r.new,
                        &format!(
                            "UPDATE readings SET {place}, shout = 'Both{number}', area = {number}99 WHERE id = 1"
                        ),
                    );
                    assert_eq!(rows(&mut r.new, new), [format!("Both{number}|{number}99")], "{to}");
                    assert_eq!(rows(&mut r.old, old), [format!("both{number}|{number}")], "{to}");
                }
                for (to, number) in [(back, 1), (near, 2), (there, 3), (default, 4)] {
                    rows(
                        &mut r.old,
                        &format!("UPDATE readings SET {to}, size = {number} WHERE id = 1"),
                    );
                    // Only what was computed from the size has changed.
                    assert_eq!(rows(&mut r.new, new), [format!("Both4|{number}00")], "{to}");
                    assert_eq!(rows(&mut r.new, stored), ["0"]);
                }
                if user_trigger {
                    rows(&mut r.old, "DROP FUNCTION public.arrived() CASCADE");
                }
            },
            |r| {
                rows(
                    &mut r.new,
                    "UPDATE readings SET at = '2025-12-31', place = 'Oslo' WHERE id = 1",
                );
                assert_eq!(rows(&mut r.new, "SELECT shout FROM readings WHERE id = 1"), ["Both4"]);
            },
        );
    }
}

/// What a trigger of the user's makes of a row on its way into another partition is a write of the old version.
#[test]
fn a_users_trigger_may_change_a_row_that_moves() {
    let trigger = "CREATE FUNCTION public.arrived() RETURNS trigger LANGUAGE plpgsql AS
          'BEGIN NEW.size := coalesce(NEW.size, 0) + 1; RETURN NEW; END';
        CREATE TRIGGER arrived BEFORE INSERT ON public.readings FOR EACH ROW EXECUTE FUNCTION public.arrived()";
    let sql = format!("{ROWS}; {trigger}");
    let mut r = Rollout::begin(&base("range"), &sql, CHANGE);
    rows(&mut r.new, "UPDATE readings SET shout = 'Mixed', area = 777 WHERE id = 1");
    rows(&mut r.old, "UPDATE readings SET at = '2025-01-01' WHERE id = 1");
    assert_eq!(rows(&mut r.old, "SELECT name, size FROM readings WHERE id = 1"), ["mixed|8"]);
    assert_eq!(rows(&mut r.new, "SELECT shout, area FROM readings WHERE id = 1"), ["Mixed|800"]);
    rows(&mut r.new, "UPDATE readings SET at = '2024-01-01', shout = 'Other' WHERE id = 1");
    assert_eq!(rows(&mut r.new, "SELECT shout, area FROM readings WHERE id = 1"), ["Other|900"]);
    r.complete();
}

/// A key that feeds `up`, and a client that says who it is: nothing but shared columns are written.
#[test]
fn a_partition_key_may_feed_up() {
    let change = r#"
        [[actions]]
        type = "add_column"
        table = "readings"
        up = "extract(year FROM at)::int"
        column = { name = "year", type = "integer", nullable = false, default = "0" }
    "#;
    every_way(
        change,
        |r| {
            rows(&mut r.new, "UPDATE readings SET year = -1");
            rows(&mut r.new, "UPDATE readings SET at = '2025-08-08', city = 'Rome' WHERE id = 1");
            rows(&mut r.new, "UPDATE readings SET at = at + 1");
            assert_eq!(rows(&mut r.new, "SELECT DISTINCT year FROM readings"), ["-1"]);
            rows(&mut r.old, "UPDATE readings SET at = '2024-08-08', city = 'Rome' WHERE id = 1");
            assert_eq!(
                rows(&mut r.new, "SELECT id, year FROM readings ORDER BY id"),
                ["1|2024", "2|-1", "3|-1", "4|-1"]
            );
        },
        |_| {},
    );
}

const INDEXES: &str = r#"
    [[actions]]
    type = "add_index"
    table = "readings"
    index = { name = "readings_name", columns = ["name", { column = "size", direction = "DESC" }] }

    [[actions]]
    type = "add_index"
    table = "readings"
    index = { name = "By place", columns = ["at", "city", "name"], unique = true }

    [[actions]]
    type = "add_index"
    table = "readings"
    index = { name = "partial", columns = [{ expression = "lower(city)" }], where = "id > 0" }
"#;

/// An index by its name: whether it is valid, and how many partitions have a share in it that is used.
fn index(r: &mut Rollout, name: &str) -> Vec<String> {
    rows(
        &mut r.old,
        &format!(
            "SELECT i.indisvalid, count(*), bool_and(s.indisvalid)
             FROM pg_index i, pg_partition_tree(i.indexrelid) t JOIN pg_index s ON s.indexrelid = t.relid
             WHERE i.indexrelid = to_regclass('public.\"{name}\"') AND t.isleaf GROUP BY 1"
        ),
    )
}

#[test]
fn indexes_are_built_partition_by_partition() {
    every_way(
        INDEXES,
        |r| {
            for name in ["readings_name", "By place", "partial"] {
                let [found] = &index(r, name)[..] else { panic!("{name}") };
                assert!(["t|3|t", "t|4|t"].contains(&found.as_str()), "{found}");
            }
            let twice = "INSERT INTO readings (id, at, city, name) VALUES (50, '2025-02-02', 'Oslo', 'two')";
            assert!(r.old.simple_query(twice).is_err());
        },
        |r| {
            let [found] = &index(r, "readings_name")[..] else { panic!("no index") };
            assert!(found.starts_with("t|"), "{found}");
        },
    );
}

#[test]
fn an_index_over_new_columns_has_their_names_in_every_partition() {
    let change = format!(
        "{CHANGE}\n[[actions]]\ntype = \"add_index\"\ntable = \"readings\"\nindex = {{ name = \"loud\", columns = [\"shout\", \"area\"] }}\n"
    );
    let check = |r: &mut Rollout| {
        let columns = "SELECT DISTINCT string_agg(a.attname, ',' ORDER BY a.attnum)
            FROM pg_partition_tree('public.loud') t JOIN pg_attribute a ON a.attrelid = t.relid GROUP BY t.relid";
        assert_eq!(rows(&mut r.old, columns), ["shout,area"]);
    };
    every_way(&change, |_| {}, check);
    // Also in one that has come since.
    let mut r = Rollout::begin(&base("range"), ROWS, &change);
    rows(
        &mut r.old,
        "CREATE TABLE public.late PARTITION OF public.readings FOR VALUES FROM ('2027-01-01') TO ('2028-01-01')",
    );
    r.complete();
    assert_eq!(index(&mut r, "loud"), ["t|4|t"]);
    check(&mut r);
}

#[test]
fn indexes_are_removed_and_replaced() {
    let base = base("two levels") + INDEXES;
    let change = r#"
        [[actions]]
        type = "remove_index"
        index = "By place"

        [[actions]]
        type = "remove_index"
        index = "readings_name"

        [[actions]]
        type = "add_index"
        table = "readings"
        index = { name = "readings_name", columns = ["name", "city"] }
    "#;
    for complete in [false, true] {
        // The first batch builds the indexes on tables that exist: not the one that creates them.
        let mut r = Rollout::begin(&base, ROWS, change);
        assert!(!index(&mut r, "By place").is_empty());
        assert_eq!(index(&mut r, "readings_name"), ["t|3|t"]);
        if complete {
            r.complete();
            assert!(index(&mut r, "By place").is_empty());
            assert_eq!(index(&mut r, "readings_name"), ["t|3|t"]);
            let definition = "SELECT pg_get_indexdef('public.readings_name'::regclass)";
            assert!(rows(&mut r.old, definition)[0].ends_with("(name, city)"));
        } else {
            r.abort();
        }
    }
}

#[test]
fn tables_are_renamed_and_removed() {
    let rename = "[[actions]]\ntype = 'rename_table'\ntable = 'readings'\nnew_name = 'Measures'\n";
    every_way(
        &format!("{rename}{}", CHANGE.replace("\"readings\"", "\"Measures\"")),
        |r| {
            rows(&mut r.old, "UPDATE readings SET name = 'x' WHERE id = 1");
            assert_eq!(rows(&mut r.new, "SELECT shout FROM \"Measures\" WHERE id = 1"), ["X"]);
        },
        |r| assert_eq!(rows(&mut r.new, "SELECT count(*) FROM public.\"Measures\""), ["4"]),
    );
    every_way(
        "[[actions]]\ntype = 'remove_table'\ntable = 'readings'\n",
        |r| assert_eq!(rows(&mut r.old, "SELECT count(*) FROM readings"), ["4"]),
        |r| assert_eq!(rows(&mut r.new, "SELECT to_regclass('public.readings_b')"), ["-"]),
    );
}

#[test]
fn not_null_and_a_default_alone() {
    let change = r#"
        [[actions]]
        type = "alter_column"
        table = "readings"
        column = "size"
        changes = { default = "5" }

        [[actions]]
        type = "alter_column"
        table = "readings"
        column = "city"
        changes = { nullable = false }

        [[actions]]
        type = "alter_column"
        table = "readings"
        column = "name"
        changes = { nullable = true }

        [[actions]]
        type = "add_column"
        table = "readings"
        column = { name = "since", type = "date", nullable = false, default = "'2020-01-01'" }
    "#;
    every_way(
        change,
        |r| {
            rows(
                &mut r.new,
                "INSERT INTO readings (id, at, city, name) VALUES (5, '2025-05-05', 'Oslo', 'five')",
            );
            let null = "INSERT INTO readings (id, at, name) VALUES (6, '2024-05-05', 'x')";
            assert!(r.old.simple_query(null).is_err());
            assert_eq!(
                rows(
                    &mut r.new,
                    "SELECT DISTINCT size, since FROM readings WHERE id IN (1, 5) ORDER BY 1"
                ),
                ["5|2020-01-01", "10|2020-01-01"]
            );
        },
        |r| {
            rows(
                &mut r.new,
                "INSERT INTO readings (id, at, city) VALUES (6, '2025-05-05', 'Oslo')",
            );
            let null = "INSERT INTO readings (id, at, name) VALUES (7, '2024-05-05', 'x')";
            assert!(r.new.simple_query(null).is_err());
        },
    );
}

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

#[test]
fn a_partition_is_changed_with_its_table() {
    // The history has to know it by name.
    let base = base("range")
        + &table_made_by(
            "CREATE TABLE readings_x PARTITION OF readings FOR VALUES FROM ('2027-01-01') TO ('2028-01-01')",
            "readings_x",
            &COLUMNS,
        );
    for change in [
        "type = 'add_column'\ntable = 'readings_x'\ncolumn = { name = 'x', type = 'text' }",
        "type = 'rename_table'\ntable = 'readings_x'\nnew_name = 'y'",
        "type = 'remove_table'\ntable = 'readings_x'",
        "type = 'remove_column'\ntable = 'readings_x'\ncolumn = 'size'",
        "type = 'alter_column'\ntable = 'readings_x'\ncolumn = 'size'\nchanges = { name = 'x' }",
        "type = 'add_index'\ntable = 'readings_x'\nindex = { name = 'i', columns = ['size'] }",
    ] {
        let refused = refusal(&base, "", &format!("[[actions]]\n{change}\n"));
        assert!(refused.contains("is a partition of `public.readings`"), "{refused}");
        assert!(refused.contains("help: change `public.readings`"), "{refused}");
    }
}

#[test]
fn the_partition_key_stays() {
    for (scheme, column) in [
        ("range", "at"),
        ("list", "city"),
        ("hash", "city"),
        ("two levels", "at"),
        ("two levels", "city"),
    ] {
        let remove = format!(
            "[[actions]]\ntype = 'remove_column'\ntable = 'readings'\ncolumn = '{column}'\ndown = \"NULL\"\n"
        );
        let replace = format!(
            "[[actions]]\ntype = 'alter_column'\ntable = 'readings'\ncolumn = '{column}'\nup = \"NULL\"\ndown = \"NULL\"\nchanges = {{ nullable = true }}\n"
        );
        for change in [remove, replace] {
            let refused = refusal(&base(scheme), "", &change);
            assert!(refused.contains("part of a partition key"), "{scheme}: {refused}");
        }
    }
    let unique = "[[actions]]\ntype = 'add_index'\ntable = 'readings'\nindex = { name = 'u', columns = ['id', 'at'], unique = true }\n";
    let refused = refusal(&base("two levels"), "", unique);
    assert!(refused.contains("lacks `city`"), "{refused}");
    let expression = table_made_by(
        "CREATE TABLE readings (id int, at date, city text, name text, size int) PARTITION BY RANGE ((id + size))",
        "readings",
        &COLUMNS,
    );
    let remove = "[[actions]]\ntype = 'remove_column'\ntable = 'readings'\ncolumn = 'size'\n";
    let refused = refusal(&expression, "", remove);
    assert!(refused.contains("part of a partition key"), "{refused}");
}

/// What only one partition has would go without a word when the column of the whole table goes.
#[test]
fn what_a_partition_has_of_its_own_is_not_lost() {
    let remove = "[[actions]]\ntype = 'remove_column'\ntable = 'readings'\ncolumn = 'size'\n";
    let replace = "[[actions]]\ntype = 'alter_column'\ntable = 'readings'\ncolumn = 'size'\nchanges = { type = 'bigint' }\n";
    let remove_table = "[[actions]]\ntype = 'remove_table'\ntable = 'readings'\n";
    let function =
        "CREATE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'";
    for (scheme, partition) in
        [("range", "public.readings_b"), ("two levels", "\"Old data\".\"Rome''s\"")]
    {
        let p = partition.replace("''", "'");
        for (object, change, message) in [
            (format!("CREATE INDEX own ON {p} (size, name)"), remove, "own depends on it"),
            (format!("CREATE INDEX own ON {p} (size)"), replace, "own depends"),
            (
                format!("ALTER TABLE {p} ADD CONSTRAINT own CHECK (size < 1000)"),
                replace,
                "constraint own on table",
            ),
            (
                format!("ALTER TABLE {p} ADD CONSTRAINT own CHECK (size < 1000 + id)"),
                remove,
                "constraint own on table",
            ),
            (
                format!("CREATE VIEW public.own AS SELECT size FROM {p}"),
                remove,
                "view public.own depends",
            ),
            (
                format!("CREATE VIEW public.own AS SELECT size FROM {p}"),
                replace,
                "view public.own depends",
            ),
            (
                format!("CREATE VIEW public.own AS SELECT size FROM {p}"),
                remove_table,
                "view public.own depends",
            ),
            (
                format!(
                    "{function}; CREATE TRIGGER own BEFORE UPDATE OF size ON {p} FOR EACH ROW EXECUTE FUNCTION public.f()"
                ),
                remove,
                "trigger own on table",
            ),
            (format!("CREATE POLICY own ON {p} USING (size > 0)"), remove, "policy own on table"),
            (
                format!("CREATE STATISTICS public.own ON size, name FROM {p}"),
                replace,
                "statistics object public.own",
            ),
            (
                format!("ALTER TABLE {p} ALTER COLUMN size SET DEFAULT 7"),
                replace,
                "default on partition",
            ),
            (
                format!("ALTER TABLE {p} ALTER COLUMN size SET NOT NULL"),
                replace,
                "NOT NULL on partition",
            ),
            (
                format!("ALTER TABLE {p} ALTER COLUMN size SET STATISTICS 7"),
                replace,
                "statistics target on partition",
            ),
            (format!("COMMENT ON COLUMN {p}.size IS 'own'"), replace, "comment on partition"),
            (
                format!("GRANT SELECT (size) ON {p} TO PUBLIC"),
                replace,
                "column rights on partition",
            ),
            (
                format!("CREATE RULE own AS ON UPDATE TO {p} DO INSTEAD NOTHING"),
                CHANGE,
                "the rule `own`",
            ),
            (
                format!(
                    "{function}; CREATE TRIGGER aaa BEFORE UPDATE ON {p} FOR EACH ROW EXECUTE FUNCTION public.f(); ALTER TRIGGER aaa ON {p} RENAME TO \"!\""
                ),
                CHANGE,
                "the trigger `!`",
            ),
        ] {
            // A view of a partition next to the table comes along as one of the table does.
            if scheme == "range" && change == replace && object.starts_with("CREATE VIEW") {
                let mut r = Rollout::begin(&base(scheme), &format!("{ROWS}; {object}"), change);
                r.complete();
                assert_eq!(
                    rows(&mut r.new, "SELECT DISTINCT pg_typeof(size)::text FROM public.own"),
                    ["bigint"]
                );
                continue;
            }
            let refused = refusal(&base(scheme), &object, change);
            assert!(refused.contains(message), "{object}: {refused}");
        }
        // The table's own go, and come, along.
        let table = "CREATE INDEX own ON public.readings (size); CREATE TABLE public.other (id int, at date, city text)";
        let mut r = Rollout::begin(&base(scheme), table, remove);
        r.complete();
        let mut r = Rollout::begin(&base(scheme), table, remove_table);
        r.complete();
    }
}

#[test]
fn a_foreign_partition_is_refused() {
    let foreign = "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w;
        CREATE FOREIGN TABLE public.far PARTITION OF public.readings FOR VALUES FROM ('2027-01-01') TO ('2028-01-01') SERVER s";
    let bare = table_made_by(
        "CREATE TABLE readings (id int, at date, city text, name text NOT NULL, size int) PARTITION BY RANGE (at)",
        "readings",
        &COLUMNS,
    );
    let refused = refusal(&bare, foreign, CHANGE);
    assert!(refused.contains("whose partition `far` is a foreign table"), "{refused}");
}

#[test]
fn a_trigger_of_one_partition_changes_rows_as_any_other() {
    let trigger = "CREATE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.name := NEW.name || ''!''; RETURN NEW; END';
        CREATE TRIGGER t BEFORE INSERT OR UPDATE ON public.readings_b FOR EACH ROW EXECUTE FUNCTION public.f()";
    let mut r = Rollout::begin(&base("range"), &format!("{ROWS}; {trigger}"), CHANGE);
    // The backfill changes nothing that clients can see.
    assert_eq!(rows(&mut r.old, "SELECT name FROM readings WHERE id = 2"), ["two"]);
    rows(&mut r.new, "UPDATE readings SET shout = 'Loud' WHERE id IN (1, 2)");
    assert_eq!(
        rows(&mut r.old, "SELECT name FROM readings WHERE id < 3 ORDER BY id"),
        ["loud", "loud!"]
    );
    assert_eq!(
        rows(&mut r.new, "SELECT shout FROM readings WHERE id < 3 ORDER BY id"),
        ["Loud", "LOUD!"]
    );
    r.complete();
}

const KEYED: &str = r#"
    [[actions]]
    type = "create_table"
    name = "owners"
    primary_key = "id"
    columns = [{ name = "id", type = "integer" }]
"#;

/// Postgres has no `NOT VALID` for it before 18: without, it would read all rows while nobody can write.
#[test]
fn a_foreign_key_of_a_partitioned_table_is_refused_where_postgres_cannot_add_it_without_a_scan() {
    let base = format!("{KEYED}{}", base("range"));
    let change = r#"
        [[actions]]
        type = "add_foreign_key"
        table = "readings"
        foreign_key = { columns = ["size"], referenced_table = "owners", referenced_columns = ["id"] }
    "#;
    let data = format!("INSERT INTO owners VALUES (10), (20), (30); {ROWS}");
    let mut r = Rollout::prepare(&base, &data, change);
    let version = rows(&mut r.old, "SHOW server_version_num").remove(0);
    if version.parse::<u32>().is_ok_and(|version| version >= 180_000) {
        r.start().unwrap_or_else(|error| panic!("{}", error.report()));
        assert!(r.old.batch_execute("UPDATE readings SET size = 77").is_err());
        r.abort();
        r.start().unwrap_or_else(|error| panic!("{}", error.report()));
        r.complete();
        return;
    }
    let refused = refusal(&base, &data, change);
    assert!(
        refused.contains("on the partitioned table `readings`, before PostgreSQL 18"),
        "{refused}"
    );
}

/// Postgres makes a key to each partition as well, and names it after the columns as they are called until contract.
#[test]
fn a_foreign_key_of_new_columns_to_a_partitioned_table_is_refused() {
    let base = format!("{KEYED}{}", base("range"));
    let change = r#"
        [[actions]]
        type = "add_column"
        table = "owners"
        column = { name = "reading", type = "integer" }

        [[actions]]
        type = "add_column"
        table = "owners"
        column = { name = "at", type = "date" }

        [[actions]]
        type = "add_foreign_key"
        table = "owners"
        foreign_key = { columns = ["reading", "at"], referenced_table = "readings", referenced_columns = ["id", "at"] }
    "#;
    let refused = refusal(&base, ROWS, change);
    assert!(
        refused.contains("to the partitioned table `readings`, is not supported yet"),
        "{refused}"
    );
}
