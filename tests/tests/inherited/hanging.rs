//! What hangs on columns of parents and children, and who else writes to them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use reshape_runtime::Event;
use reshape_tests::{Rollout, catalog, rows, table_made_by};

use super::{CHANGE, ROWS, base};

const EVENTS: [(&str, &str); 3] = [("id", "integer"), ("note", "text"), ("size", "integer")];

/// One sequence for all, as `serial` gives it to a parent; a view over both, and objects of either.
const FAMILY: &str = "CREATE TABLE events (id serial PRIMARY KEY, note text, size int);
    CREATE TABLE logins (host text, UNIQUE (note, id)) INHERITS (events);
    CREATE TABLE others (id int PRIMARY KEY DEFAULT 1000, note text, size int); ALTER TABLE others INHERIT events;
    CREATE VIEW all_events AS SELECT id, note, tableoid::regclass AS origin FROM events;
    CREATE VIEW own_logins AS SELECT id, host FROM logins WHERE size > 0;
    CREATE STATISTICS both_of_them ON note, size FROM logins;
    CREATE TABLE refers (login int, note text, FOREIGN KEY (note, login) REFERENCES logins (note, id) ON UPDATE CASCADE);
    COMMENT ON COLUMN logins.size IS 'own';
    ALTER TABLE logins ALTER COLUMN note SET STATISTICS 7;
    CREATE FUNCTION changed() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.note := NEW.note || ''!''; RETURN NEW; END';
    CREATE TRIGGER changed BEFORE UPDATE OF size ON logins FOR EACH ROW EXECUTE FUNCTION changed()";

const DATA: &str = "INSERT INTO events (note, size) VALUES ('a', 1);
    INSERT INTO logins (note, size, host) VALUES ('b', 2, 'h');
    INSERT INTO others VALUES (1000, 'c', 3); INSERT INTO refers VALUES (2, 'b')";

const BIGGER: &str = r#"
    [[actions]]
    type = "alter_column"
    table = "events"
    column = "id"
    changes = { type = "bigint" }

    [[actions]]
    type = "alter_column"
    table = "events"
    column = "note"
    changes = { type = "character varying(100)" }

    [[actions]]
    type = "alter_column"
    table = "events"
    column = "size"
    changes = { type = "bigint" }
"#;

#[test]
fn everything_that_hangs_on_the_columns_comes_along() {
    let base = table_made_by(FAMILY, "events", &EVENTS);
    for complete in [false, true] {
        let mut r = Rollout::begin(&base, DATA, BIGGER);
        // One sequence numbers the rows of all, whoever inserts them.
        for table in ["events", "logins"] {
            rows(&mut r.new, &format!("INSERT INTO {table} (note, size) VALUES ('N', 1)"));
            rows(&mut r.old, &format!("INSERT INTO {table} (note, size) VALUES ('o', 1)"));
        }
        rows(&mut r.new, "UPDATE events SET size = 20 WHERE id = 2");
        rows(&mut r.old, "UPDATE logins SET size = 21 WHERE id = 2");
        let new = "SELECT id, note, size FROM events ORDER BY id";
        assert_eq!(
            rows(&mut r.new, new),
            ["1|a|1", "2|b!!|21", "3|N|1", "4|o|1", "5|N|1", "6|o|1", "1000|c|3"]
        );
        assert_eq!(rows(&mut r.old, "SELECT note FROM refers"), ["b!!"]);
        assert_eq!(rows(&mut r.old, "SELECT count(*) FROM public.own_logins"), ["3"]);
        if !complete {
            r.abort();
            continue;
        }
        r.complete();
        rows(&mut r.new, "SELECT setval('public.events_id_seq', 5000000000)");
        rows(&mut r.new, "INSERT INTO logins (note, size) VALUES ('L', 1)");
        rows(&mut r.new, "INSERT INTO events (note, size) VALUES ('E', 1)");
        assert_eq!(
            rows(
                &mut r.new,
                "SELECT id, origin FROM public.all_events WHERE id > 1000 ORDER BY id"
            ),
            ["5000000001|public.logins", "5000000002|public.events"]
        );
        assert_eq!(rows(&mut r.new, "SELECT count(*) FROM public.own_logins"), ["4"]);
        let orphan = "INSERT INTO refers VALUES (77, 'none')";
        assert!(r.new.simple_query(orphan).is_err());
        let twice = "INSERT INTO logins (id, note) VALUES (2, 'b!!')";
        assert!(r.new.simple_query(twice).is_err());
        let left = "SELECT col_description('public.logins'::regclass, a.attnum) || ' ' || (SELECT attstattarget FROM pg_attribute
              WHERE attrelid = 'public.logins'::regclass AND attname = 'note')
            FROM pg_attribute a WHERE attrelid = 'public.logins'::regclass AND attname = 'size'";
        assert_eq!(rows(&mut r.new, left), ["own 7"]);
        let statistics = "SELECT pg_get_statisticsobjdef(oid) FROM pg_statistic_ext";
        assert!(rows(&mut r.new, statistics)[0].contains("note, size FROM"));
        let trigger = "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname = 'changed'";
        assert!(rows(&mut r.new, trigger)[0].contains("UPDATE OF size ON public.logins"));
        // Children have the default of their own.
        rows(&mut r.new, "DELETE FROM others");
        rows(&mut r.new, "INSERT INTO others (note) VALUES ('D')");
        assert_eq!(rows(&mut r.new, "SELECT id FROM others"), ["1000"]);
    }
}

/// What old-style partitioning does: the parent's trigger puts every row into a child.
#[test]
fn rows_that_a_trigger_of_the_parent_puts_into_a_child_are_translated() {
    let route = "CREATE FUNCTION public.route() RETURNS trigger LANGUAGE plpgsql AS
          'BEGIN INSERT INTO public.staff (id, name, size) VALUES (NEW.id, NEW.name, NEW.size); RETURN NULL; END';
        CREATE TRIGGER route BEFORE INSERT ON public.people FOR EACH ROW EXECUTE FUNCTION public.route()";
    let mut r =
        Rollout::begin(&base(), &format!("{ROWS}; {route}"), CHANGE.replace("100", "10").as_str());
    rows(&mut r.old, "INSERT INTO people (id, name, size) VALUES (10, 'ten', 10)");
    rows(&mut r.new, "INSERT INTO people (id, shout, area) VALUES (11, 'ELEVEN', 110)");
    let new = "SELECT id, shout, area FROM staff WHERE id > 9 ORDER BY id";
    assert_eq!(rows(&mut r.new, new), ["10|TEN|100", "11|ELEVEN|110"]);
    let old = "SELECT id, name, size FROM staff WHERE id > 9 ORDER BY id";
    assert_eq!(rows(&mut r.old, old), ["10|ten|10", "11|eleven|11"]);
    r.abort();
}

/// The whole row of the parent is what the expression means, also in a child that has more columns.
#[test]
fn an_expression_sees_the_parents_row_in_a_child() {
    let change = r#"
        [[actions]]
        type = "add_column"
        table = "people"
        up = "row_to_json(people)::text"
        column = { name = "json", type = "text" }

        [[actions]]
        type = "add_column"
        table = "people"
        up = "(SELECT count(*) FROM public.staff AS s WHERE s.id = people.id)"
        column = { name = "hits", type = "bigint" }
    "#;
    let mut r = Rollout::begin(&base(), ROWS, change);
    rows(&mut r.old, "INSERT INTO chiefs (id, name, size) VALUES (9, 'nine', 9)");
    assert_eq!(
        rows(&mut r.new, "SELECT json, hits FROM people WHERE id IN (3, 4, 9) ORDER BY id"),
        [
            r#"{"id":3,"name":"three","size":30}|1"#,
            r#"{"id":4,"name":"four","size":40}|0"#,
            r#"{"id":9,"name":"nine","size":9}|0"#
        ]
    );
    r.complete();
}

/// After every event of start the migrator dies; the next one resumes, or takes back, what it finds.
#[test]
fn a_migrator_that_dies_at_any_step_leaves_nothing_undone() {
    let change = CHANGE.replace("100", "10");
    let mut r = Rollout::prepare(&base(), ROWS, &change);
    for at in 0.. {
        let mut seen = 0;
        let mut migrator = r.migrator().observer(move |_: &Event| {
            assert!(seen != at, "killed");
            seen += 1;
        });
        let died = catch_unwind(AssertUnwindSafe(|| migrator.start().map(|_| ()))).is_err();
        if at % 3 == 0 {
            r.start().unwrap_or_else(|error| panic!("{at}: {}", error.report()));
            assert_eq!(rows(&mut r.new, "SELECT count(shout) FROM people"), ["4"], "{at}");
        }
        r.migrator().abort().unwrap_or_else(|error| panic!("{at}: {}", error.report()));
        assert_eq!(catalog(&mut r.old), r.before, "{at}");
        if !died {
            break;
        }
    }
}
