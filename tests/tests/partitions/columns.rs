//! Changes of columns, and rows that move from one partition to another.

use reshape_tests::{Rollout, rows};

use super::{CHANGE, ROWS, base, every_way};

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
