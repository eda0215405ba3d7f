//! Tables that inherit (old style): a parent with children on two levels, from both sides, to completion and to rollback.

mod during;
mod hanging;
mod locks;
mod own;

use reshape_tests::{Rollout, catalog, rows, table_made_by};

/// `people` with the children `staff` and `guests`; `chiefs` inherit from `staff`. `guests` was there before it became a child, so its columns
/// are its own, too, and in another order.
const FAMILY: &str = "CREATE TABLE people (id int PRIMARY KEY, name text NOT NULL, size int DEFAULT 1, CONSTRAINT tall CHECK (size < 1000));
    CREATE TABLE staff (salary int, CONSTRAINT paid CHECK (salary > 0)) INHERITS (people);
    ALTER TABLE staff ADD PRIMARY KEY (id);
    CREATE INDEX staff_size ON staff (size);
    CREATE TABLE chiefs (title text DEFAULT 'Dr') INHERITS (staff);
    ALTER TABLE chiefs ALTER COLUMN size SET DEFAULT 7;
    CREATE TABLE guests (gone int, size int NOT NULL, since date, name text NOT NULL, id int NOT NULL, CONSTRAINT tall CHECK (size < 1000));
    ALTER TABLE guests DROP COLUMN gone;
    ALTER TABLE guests INHERIT people";

const ROWS: &str = "INSERT INTO people VALUES (1, 'one', 10);
    INSERT INTO staff VALUES (2, 'two', 20, 200);
    INSERT INTO chiefs VALUES (3, 'three', 30, 300, 'Prof');
    INSERT INTO guests (id, name, size) VALUES (4, 'four', 40)";

/// The history knows all four. What it has created is dropped together, and made again as a family.
fn base() -> String {
    let people = [("id", "integer"), ("name", "text"), ("size", "integer")];
    let staff = [people[0], people[1], people[2], ("salary", "integer")];
    let chiefs = [staff[0], staff[1], staff[2], staff[3], ("title", "text")];
    let guests = [people[0], people[1], people[2], ("since", "date")];
    [("guests", &guests[..]), ("chiefs", &chiefs), ("staff", &staff)]
        .iter()
        .map(|(name, columns)| table_made_by("", name, columns))
        .collect::<String>()
        .replace("DROP TABLE", "-- DROP TABLE")
        + &table_made_by(&format!("DROP TABLE staff, chiefs, guests;\n{FAMILY}"), "people", &people)
}

fn every_way(change: &str, during: impl Fn(&mut Rollout), after: impl Fn(&mut Rollout)) {
    let mut r = Rollout::begin(&base(), ROWS, change);
    during(&mut r);
    r.abort();
    rows(&mut r.old, "INSERT INTO chiefs (id, name, salary) VALUES (99, 'after', 1)");
    r.start().unwrap_or_else(|error| panic!("{}", error.report()));
    r.abort();
    let mut r = Rollout::begin(&base(), ROWS, change);
    during(&mut r);
    r.complete();
    after(&mut r);
}

fn refusal(data: &str, change: &str) -> String {
    let mut rollout = Rollout::prepare(&base(), data, change);
    let error = rollout.start().expect_err("a refusal");
    assert_eq!(catalog(&mut rollout.old), rollout.before);
    error.report()
}

const CHANGE: &str = r#"
    [[actions]]
    type = "add_column"
    table = "people"
    up = "upper(people.name)"
    column = { name = "shout", type = "text", nullable = false, default = "'?'" }

    [[actions]]
    type = "alter_column"
    table = "people"
    column = "size"
    up = "coalesce(size, 0) * 100"
    down = "size / 100"
    changes = { type = "bigint", nullable = false, name = "area" }

    [[actions]]
    type = "remove_column"
    table = "people"
    column = "name"
    down = "lower(shout)"
"#;

#[test]
fn a_change_of_a_parent_is_one_of_its_children() {
    every_way(
        &CHANGE
            .replace("coalesce(size, 0) * 100", "coalesce(size, 0) * 10")
            .replace("size / 100", "size / 10"),
        |r| {
            let new = "SELECT id, shout, area FROM people ORDER BY id";
            assert_eq!(
                rows(&mut r.new, new),
                ["1|ONE|100", "2|TWO|200", "3|THREE|300", "4|FOUR|400"]
            );
            // Old clients write to parent and children, by way of either.
            rows(&mut r.old, "UPDATE people SET name = 'old' || id WHERE id IN (1, 3)");
            rows(&mut r.old, "UPDATE staff SET size = 21 WHERE id = 2");
            rows(&mut r.old, "UPDATE public.guests SET size = 41, name = 'direct'");
            rows(&mut r.old, "INSERT INTO chiefs (id, name, salary) VALUES (5, 'five', 500)");
            rows(&mut r.old, "INSERT INTO people (id, name) VALUES (6, 'six')");
            assert_eq!(
                rows(&mut r.new, new),
                ["1|OLD1|100", "2|TWO|210", "3|OLD3|300", "4|DIRECT|410", "5|FIVE|70", "6|SIX|10"]
            );
            assert_eq!(
                rows(&mut r.new, "SELECT id, shout, area, salary, title FROM chiefs ORDER BY id"),
                ["3|OLD3|300|300|Prof", "5|FIVE|70|500|Dr"]
            );
            // So do new ones.
            rows(
                &mut r.new,
                "UPDATE people SET shout = 'New' || id, area = 900 + id WHERE id IN (1, 3, 4)",
            );
            rows(&mut r.new, "UPDATE staff SET area = 777 WHERE id = 2");
            rows(
                &mut r.new,
                "INSERT INTO guests (id, shout, area, since) VALUES (7, 'Seven', 70, '2024-01-01')",
            );
            rows(&mut r.new, "INSERT INTO chiefs (id, shout, salary) VALUES (8, 'Eight', 1)");
            assert_eq!(
                rows(&mut r.old, "SELECT id, name, size FROM people ORDER BY id"),
                [
                    "1|new1|90",
                    "2|two|77",
                    "3|new3|90",
                    "4|new4|90",
                    "5|five|7",
                    "6|six|1",
                    "7|seven|7",
                    "8|eight|0"
                ]
            );
            assert_eq!(
                rows(
                    &mut r.new,
                    "SELECT id, shout, area FROM people WHERE id IN (1, 3, 8) ORDER BY id"
                ),
                ["1|New1|901", "3|New3|903", "8|Eight|7"]
            );
            let null = r.new.simple_query("UPDATE people SET area = NULL WHERE id = 3");
            assert!(null.is_err());
            let marked =
                "SELECT count(*) FROM public.people WHERE \"__reshape_origin\" IS NOT NULL";
            assert_eq!(rows(&mut r.old, marked), ["0"]);
        },
        |r| {
            let columns = "SELECT c.relname, string_agg(a.attname, ' ' ORDER BY a.attname) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
                WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped GROUP BY 1 ORDER BY 1";
            assert_eq!(
                rows(&mut r.new, columns),
                [
                    "chiefs|area id salary shout title",
                    "guests|area id shout since",
                    "people|area id shout",
                    "staff|area id salary shout"
                ]
            );
            rows(&mut r.new, "INSERT INTO chiefs (id, area) VALUES (9, 9)");
            assert_eq!(rows(&mut r.new, "SELECT shout FROM people WHERE id = 9"), ["?"]);
            // What hung on the columns still does, in parent and children.
            for table in ["people", "chiefs", "guests"] {
                let tall = format!("INSERT INTO {table} (id, area) VALUES (10, 1000)");
                assert!(r.new.simple_query(&tall).is_err(), "{table}");
                let null = format!("INSERT INTO {table} (id, area) VALUES (10, NULL)");
                assert!(r.new.simple_query(&null).is_err(), "{table}");
            }
            let index = "SELECT pg_get_indexdef('public.staff_size'::regclass)";
            assert!(rows(&mut r.new, index)[0].ends_with("(area)"));
        },
    );
}

/// The other way round: what only the new version has, and plain changes without any translation.
#[test]
fn plain_changes_of_a_parent_reach_the_views_of_its_children() {
    let change = r#"
        [[actions]]
        type = "alter_column"
        table = "people"
        column = "name"
        changes = { name = "label" }

        [[actions]]
        type = "add_column"
        table = "people"
        column = { name = "since_when", type = "date", nullable = false, default = "'2020-01-01'" }

        [[actions]]
        type = "alter_column"
        table = "people"
        column = "size"
        changes = { default = "5", nullable = false }

        [[actions]]
        type = "rename_table"
        table = "staff"
        new_name = "Crew"

        [[actions]]
        type = "rename_table"
        table = "people"
        new_name = "humans"

        [[actions]]
        type = "add_index"
        table = "Crew"
        index = { name = "crew_label", columns = ["label", "since_when"] }
    "#;
    every_way(
        change,
        |r| {
            for table in ["humans", "\"Crew\"", "chiefs", "guests"] {
                let sql =
                    format!("SELECT DISTINCT since_when FROM {table} WHERE label IS NOT NULL");
                assert_eq!(rows(&mut r.new, &sql), ["2020-01-01"], "{table}");
            }
            rows(&mut r.new, "INSERT INTO \"Crew\" (id, label) VALUES (5, 'five')");
            assert_eq!(rows(&mut r.old, "SELECT name, size FROM staff WHERE id = 5"), ["five|5"]);
            let null = "INSERT INTO chiefs (id, name, size) VALUES (6, 'six', NULL)";
            assert!(r.old.simple_query(null).is_err());
        },
        |r| {
            rows(&mut r.new, "INSERT INTO chiefs (id, label) VALUES (7, 'seven')");
            let sql = "SELECT label, size FROM public.humans WHERE id = 7";
            assert_eq!(rows(&mut r.new, sql), ["seven|5"]);
            assert!(r.new.simple_query("UPDATE \"Crew\" SET size = NULL").is_err());
            let index = "SELECT pg_get_indexdef('public.crew_label'::regclass)";
            assert!(rows(&mut r.new, index)[0].ends_with("(label, since_when)"));
        },
    );
}

/// Of a check that is inherited, a child that was there before has a copy of its own.
#[test]
fn checks_of_a_parent_hold_for_its_children() {
    let change = r#"
        [[actions]]
        type = "remove_check"
        table = "people"
        check = "tall"

        [[actions]]
        type = "add_check"
        table = "people"
        check = { name = "tall", expression = "size < 50" }

        [[actions]]
        type = "remove_check"
        table = "staff"
        check = "paid"
    "#;
    every_way(
        change,
        |r| {
            for table in ["people", "staff", "chiefs", "guests"] {
                assert!(r.old.simple_query(&format!("UPDATE {table} SET size = 50")).is_err());
            }
            assert!(r.old.simple_query("UPDATE chiefs SET salary = 0").is_err());
        },
        |r| {
            for table in ["people", "staff", "chiefs", "guests"] {
                assert!(r.new.simple_query(&format!("UPDATE {table} SET size = 50")).is_err());
            }
            rows(&mut r.new, "UPDATE chiefs SET salary = 0");
            let checks = "SELECT conname, count(*) FROM pg_constraint WHERE contype = 'c'
                AND connamespace = 'public'::regnamespace GROUP BY 1";
            assert_eq!(rows(&mut r.new, checks), ["tall|4"]);
        },
    );
    let inherited = "[[actions]]\ntype = 'remove_check'\ntable = 'chiefs'\ncheck = 'paid'\n";
    let base = base()
        + "[[actions]]\ntype = 'add_check'\ntable = 'chiefs'\ncheck = { name = 'x', expression = 'true' }\n";
    let rename = "ALTER TABLE public.chiefs DROP CONSTRAINT x; ALTER TABLE public.staff RENAME CONSTRAINT paid TO x";
    let mut r = Rollout::prepare(&base, rename, &inherited.replace("paid", "x"));
    let refused = r.start().expect_err("a refusal").report();
    assert_eq!(catalog(&mut r.old), r.before);
    assert!(refused.contains("check `x` of table `chiefs` is inherited from `staff`"), "{refused}");
    // A row of a child breaks it.
    let mut r = Rollout::prepare(
        &self::base(),
        "INSERT INTO chiefs (id, name, size) VALUES (1, 'x', 77)",
        change,
    );
    let refused = r.start().expect_err("a row that breaks it").report();
    assert_eq!(catalog(&mut r.old), r.before);
    assert!(
        refused.contains("the check `tall` of `people` is violated by 1 row: id = 1, size = 77"),
        "{refused}"
    );
}
