//! Tables that inherit (old style): a parent with children on two levels, from both sides, to completion and to rollback.

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

/// The history knows all four.
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
        },
    );
}

/// A child's own columns are its own business, also in the batch that changes its parent.
#[test]
fn own_columns_of_a_child_change_with_and_without_its_parent() {
    let own = r#"
        [[actions]]
        type = "alter_column"
        table = "staff"
        column = "salary"
        up = "salary * 12"
        down = "salary / 12"
        changes = { type = "bigint", name = "pay" }

        [[actions]]
        type = "add_column"
        table = "staff"
        up = "coalesce(staff.pay, 0) > 3000"
        column = { name = "rich", type = "boolean", nullable = false, default = "false" }

        [[actions]]
        type = "remove_column"
        table = "chiefs"
        column = "title"
    "#;
    for with_parent in [false, true] {
        let parent = CHANGE.replace("* 100", "* 10").replace("/ 100", "/ 10");
        let change = if with_parent { parent + own } else { own.to_owned() };
        every_way(
            &change,
            |r| {
                let new = "SELECT id, pay, rich FROM staff ORDER BY id";
                assert_eq!(rows(&mut r.new, new), ["2|2400|f", "3|3600|t"]);
                rows(&mut r.old, "UPDATE staff SET salary = 1000 + id");
                assert_eq!(rows(&mut r.new, new), ["2|12024|t", "3|12036|t"]);
                rows(&mut r.new, "UPDATE chiefs SET pay = 24, rich = NULL IS NULL");
                assert_eq!(
                    rows(&mut r.old, "SELECT id, salary FROM staff ORDER BY id"),
                    ["2|1002", "3|2"]
                );
                rows(&mut r.old, "UPDATE people SET name = name || '!'");
                assert_eq!(rows(&mut r.new, new), ["2|12024|t", "3|24|t"]);
                if with_parent {
                    rows(
                        &mut r.new,
                        "INSERT INTO chiefs (id, shout, area, pay, rich) VALUES (9, 'N', 900, 120, true)",
                    );
                    let old = "SELECT name, size, salary, title FROM chiefs WHERE id = 9";
                    assert_eq!(rows(&mut r.old, old), ["n|90|10|Dr"]);
                    rows(&mut r.new, "DELETE FROM people WHERE id = 9");
                }
            },
            |r| {
                let paid = "UPDATE chiefs SET pay = 0";
                assert!(r.new.simple_query(paid).is_err());
                let columns = "SELECT string_agg(attname, ' ' ORDER BY attname) FROM pg_attribute
                    WHERE attrelid = 'public.chiefs'::regclass AND attnum > 0 AND NOT attisdropped";
                let wanted =
                    if with_parent { "area id pay rich shout" } else { "id name pay rich size" };
                assert_eq!(rows(&mut r.new, columns), [wanted]);
            },
        );
    }
}

#[test]
fn an_inherited_column_is_changed_where_it_comes_from() {
    for change in [
        "type = 'alter_column'\ntable = 'staff'\ncolumn = 'size'\nchanges = { type = 'bigint' }",
        "type = 'alter_column'\ntable = 'chiefs'\ncolumn = 'name'\nchanges = { name = 'x' }",
        "type = 'remove_column'\ntable = 'guests'\ncolumn = 'size'\ndown = '1'",
        "type = 'alter_column'\ntable = 'chiefs'\ncolumn = 'salary'\nchanges = { default = '2' }",
    ] {
        let refused = refusal("", &format!("[[actions]]\n{change}\n"));
        assert!(refused.contains("is inherited from `"), "{refused}");
        assert!(refused.contains("change it there"), "{refused}");
    }
    // What the same batch gives the parent, too.
    let added = "[[actions]]\ntype = 'add_column'\ntable = 'people'\ncolumn = { name = 'x', type = 'text' }\n
        [[actions]]\ntype = 'rename_table'\ntable = 'staff'\nnew_name = 'crew'\n";
    let mut r = Rollout::begin(&base(), ROWS, added);
    assert_eq!(rows(&mut r.new, "SELECT count(x) FROM crew"), ["0"]);
    r.complete();
}

#[test]
fn a_column_that_a_child_has_already_is_refused() {
    let change = "[[actions]]\ntype = 'add_column'\ntable = 'people'\nup = \"'x'\"\ncolumn = { name = 'title', type = 'text' }\n";
    let refused = refusal(ROWS, change);
    assert!(refused.contains("table `chiefs` has a column `title` already"), "{refused}");
}

#[test]
fn more_than_one_parent_is_refused() {
    let two = "CREATE TABLE public.other (x int); ALTER TABLE public.chiefs ADD COLUMN x int;
        ALTER TABLE public.chiefs INHERIT public.other";
    let refused = refusal(two, CHANGE);
    assert!(
        refused.contains("whose child `chiefs` inherits from `staff` and `other`"),
        "{refused}"
    );
    // Its own columns have one origin.
    let own = "[[actions]]\ntype = 'alter_column'\ntable = 'chiefs'\ncolumn = 'title'\nup = \"upper(title)\"\ndown = \"title\"\nchanges = { nullable = true }\n";
    let mut r = Rollout::begin(&base(), &format!("{ROWS}; {two}"), own);
    assert_eq!(rows(&mut r.new, "SELECT title FROM chiefs"), ["PROF"]);
    r.complete();
}

#[test]
fn children_that_cannot_follow_are_refused() {
    let far = "CREATE SCHEMA \"Old data\"; CREATE TABLE \"Old data\".t () INHERITS (public.staff)";
    let refused = refusal(far, CHANGE);
    assert!(refused.contains("a child that is out of reach, `Old data`.`t`"), "{refused}");
    let foreign = "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w;
        CREATE FOREIGN TABLE public.far () INHERITS (public.people) SERVER s";
    let refused = refusal(foreign, CHANGE);
    assert!(
        refused.contains("`far`, which inherits from `people`, is a foreign table"),
        "{refused}"
    );
    let serial = "[[actions]]\ntype = 'add_column'\ntable = 'people'\ncolumn = { name = 'n', type = 'serial' }\n";
    let refused = refusal(ROWS, serial);
    assert!(refused.contains("to a table that is inherited from"), "{refused}");
    let typed = base()
        + &table_made_by(
            "CREATE TYPE thing AS (id int); CREATE TABLE things OF thing",
            "things",
            &[("id", "integer")],
        );
    let change = "[[actions]]\ntype = 'add_column'\ntable = 'things'\ncolumn = { name = 'x', type = 'text' }\n";
    let refused = Rollout::prepare(&typed, "", change).start().expect_err("a refusal").report();
    assert!(refused.contains("a table of a composite type"), "{refused}");
}

#[test]
fn values_from_other_tables_are_refused() {
    let base = base()
        + "[[actions]]\ntype = 'create_table'\nname = 'notes'\nprimary_key = 'id'\ncolumns = [{ name = 'id', type = 'integer' }, { name = 'text', type = 'text' }]\n";
    for (table, from) in [("people", "notes"), ("notes", "staff")] {
        let change = format!(
            "[[actions]]\ntype = 'add_column'\ntable = '{table}'\ncolumn = {{ name = 'x', type = 'integer' }}\n\
             up = {{ table = '{from}', value = '{from}.id', where = '{from}.id = {table}.id' }}\n"
        );
        let mut r = Rollout::prepare(&base, ROWS, &change);
        let refused = r.start().expect_err("a refusal").report();
        assert_eq!(catalog(&mut r.old), r.before);
        assert!(refused.contains("a value from, or for, another table where"), "{refused}");
    }
}

#[test]
fn a_parent_is_removed_after_its_children() {
    let remove = |table: &str| format!("[[actions]]\ntype = 'remove_table'\ntable = '{table}'\n");
    let refused = refusal("", &remove("people"));
    assert!(refused.contains("table `people` cannot be removed: table "), "{refused}");
    let refused = refusal("", &format!("{}{}", remove("staff"), remove("chiefs")));
    assert!(refused.contains("table public.chiefs depends on it"), "{refused}");
    let all: String = ["chiefs", "guests", "staff", "people"].map(remove).concat();
    let mut r = Rollout::begin(&base(), ROWS, &all);
    assert_eq!(rows(&mut r.old, "SELECT count(*) FROM people"), ["4"]);
    r.abort();
    r.start().unwrap_or_else(|error| panic!("{}", error.report()));
    r.complete();
    let refused = refusal(ROWS, &format!("{}{CHANGE}", remove("guests")));
    assert!(
        refused.contains("`guests` is removed in the batch that changes `people`"),
        "{refused}"
    );
    let refused = refusal(ROWS, &format!("{CHANGE}{}", remove("guests")));
    assert!(
        refused.contains("`guests` is removed in the batch that changes `people`"),
        "{refused}"
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

/// A new child has the columns, but no triggers: it stays empty until the batch is over.
#[test]
fn a_child_that_comes_during_a_batch_takes_no_rows_until_it_is_over() {
    for abort in [false, true] {
        let mut r = Rollout::begin(&base(), ROWS, CHANGE.replace("* 100", "* 10").as_str());
        rows(&mut r.old, "CREATE TABLE public.late (extra int) INHERITS (public.staff)");
        rows(&mut r.old, "CREATE TABLE public.like_them (LIKE public.people INCLUDING ALL)");
        for table in ["late", "like_them"] {
            let insert = format!("INSERT INTO public.{table} (id, name) VALUES (9, 'nine')");
            let error = r.old.simple_query(&insert).expect_err("nobody would translate it");
            assert!(format!("{error:?}").contains("__reshape"), "{error:?}");
        }
        let strange = "CREATE TABLE public.strange (LIKE public.guests)";
        rows(&mut r.old, strange);
        let bare = r.old.simple_query("ALTER TABLE public.strange INHERIT public.people");
        assert!(bare.is_err(), "without the check it does not fit");
        rows(&mut r.old, "DROP TABLE public.strange");
        rows(&mut r.old, "ALTER TABLE public.like_them INHERIT public.people");
        rows(&mut r.old, "UPDATE people SET name = 'x' WHERE id = 1");
        if abort {
            r.migrator().abort().unwrap_or_else(|error| panic!("{}", error.report()));
            rows(&mut r.old, "INSERT INTO public.late (id, name) VALUES (9, 'nine')");
            rows(&mut r.old, "INSERT INTO public.like_them (id, name) VALUES (10, 'ten')");
            assert_eq!(
                rows(&mut r.old, "SELECT name FROM people WHERE id > 8 ORDER BY 1"),
                ["nine", "ten"]
            );
            rows(&mut r.old, "DROP TABLE public.late, public.like_them");
            assert_eq!(catalog(&mut r.old), r.before);
        } else {
            r.complete();
            rows(&mut r.new, "INSERT INTO public.late (id, area) VALUES (9, 90)");
            rows(&mut r.new, "INSERT INTO public.like_them (id, area) VALUES (10, 100)");
            assert_eq!(
                rows(&mut r.new, "SELECT shout, area FROM people WHERE id > 8"),
                ["?|90", "?|100"]
            );
        }
    }
}

/// It takes its columns and triggers along, and is finished by itself.
#[test]
fn a_child_that_leaves_during_a_batch_is_finished_as_the_others() {
    let change = CHANGE.replace("* 100", "* 10").replace("/ 100", "/ 10");
    for (child, parent) in [("staff", "people"), ("chiefs", "staff"), ("guests", "people")] {
        for abort in [false, true] {
            let mut r = Rollout::begin(&base(), ROWS, &change);
            rows(&mut r.old, &format!("ALTER TABLE public.{child} NO INHERIT public.{parent}"));
            rows(&mut r.old, &format!("UPDATE {child} SET name = 'left', size = 5"));
            assert_eq!(
                rows(&mut r.new, &format!("SELECT DISTINCT shout, area FROM {child}")),
                ["LEFT|50"]
            );
            rows(&mut r.new, &format!("UPDATE {child} SET shout = 'Gone', area = 60"));
            let left = "SELECT attrelid::regclass || ' ' || attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
                WHERE relkind = 'r' AND attname LIKE '%__reshape%' AND attnum > 0 AND relnamespace = 'public'::regnamespace";
            if abort {
                r.migrator().abort().unwrap_or_else(|error| panic!("{}", error.report()));
                assert_eq!(rows(&mut r.old, left), Vec::<String>::new());
                assert_eq!(
                    rows(&mut r.old, &format!("SELECT DISTINCT name, size FROM {child}")),
                    ["gone|6"]
                );
                rows(&mut r.old, &format!("ALTER TABLE public.{child} INHERIT public.{parent}"));
                rows(
                    &mut r.old,
                    &format!("INSERT INTO {child} (id, name, size) VALUES (9, 'x', 1)"),
                );
            } else {
                r.complete();
                assert_eq!(
                    rows(&mut r.new, &format!("SELECT DISTINCT shout, area FROM {child}")),
                    ["Gone|60"]
                );
                rows(&mut r.new, &format!("ALTER TABLE public.{child} INHERIT public.{parent}"));
                for columns in ["area", "shout"] {
                    let null = format!("UPDATE {child} SET {columns} = NULL");
                    assert!(r.new.simple_query(&null).is_err(), "{child} {columns}");
                }
                assert!(r.new.simple_query(&format!("UPDATE {child} SET area = 1000")).is_err());
            }
        }
    }
}
