//! Children that come and go while a batch is in progress.

use reshape_tests::{Rollout, catalog, rows};

use super::{CHANGE, ROWS, base};

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
                rows(&mut r.new, "SELECT shout, area FROM people WHERE id > 8 ORDER BY id"),
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
