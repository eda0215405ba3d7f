//! Indexes and keys that cannot come along with a replaced column, and some that need not.

use reshape_tests::{Rollout, rows, table_made_by};

use super::keys::REPLACE;
use super::{INDEXES, ROWS, base, every_way, index, refusal};

#[test]
fn keys_that_cannot_come_along_are_refused() {
    let refers = "CREATE TABLE public.notes (id int, at date, FOREIGN KEY (id, at) REFERENCES public.readings)";
    let refused = refusal(&base("range"), refers, REPLACE);
    assert!(
        refused.contains("constraint notes_id_at_fkey on table public.notes depends"),
        "{refused}"
    );
    assert!(
        refused.contains("drop it, and create it again when the batch is complete"),
        "{refused}"
    );
    let own = "CREATE TABLE public.notes (id int PRIMARY KEY);
        ALTER TABLE public.readings ADD FOREIGN KEY (size) REFERENCES public.notes";
    let resized = "[[actions]]\ntype = 'alter_column'\ntable = 'readings'\ncolumn = 'size'\nchanges = { type = 'bigint' }\n";
    let refused = refusal(&base("range"), own, resized);
    assert!(refused.contains("readings_size_fkey"), "{refused}");
    let share = "COMMENT ON INDEX public.readings_a_pkey IS 'own'";
    let refused = refusal(&base("range"), share, REPLACE);
    assert!(
        refused.contains("its share in partition `readings_a` has a comment of its own"),
        "{refused}"
    );
    // From the other side.
    let notes = table_made_by(
        "CREATE TABLE notes (id int PRIMARY KEY, text text)",
        "notes",
        &[("id", "integer"), ("text", "text")],
    );
    let bigger = "[[actions]]\ntype = 'alter_column'\ntable = 'notes'\ncolumn = 'id'\nchanges = { type = 'bigint' }\n";
    let data = "ALTER TABLE public.readings ADD FOREIGN KEY (size) REFERENCES public.notes";
    let refused = refusal(&(base("range") + &notes), data, bigger);
    assert!(refused.contains("which is partitioned or a partition"), "{refused}");
}

#[test]
fn an_index_that_the_batch_removes_is_no_obstacle() {
    let change = "[[actions]]\ntype = 'remove_index'\nindex = 'readings_name'\n
        [[actions]]\ntype = 'alter_column'\ntable = 'readings'\ncolumn = 'size'\nchanges = { type = 'bigint' }\n";
    every_way_of(&(base("range") + INDEXES), change);
    // The same with a primary key alone.
    every_way(
        REPLACE,
        |r| assert_eq!(rows(&mut r.new, "SELECT count(label) FROM readings"), ["4"]),
        |_| {},
    );
}

fn every_way_of(base: &str, change: &str) {
    for complete in [false, true] {
        let mut r = Rollout::begin(base, ROWS, change);
        if complete {
            r.complete();
            assert!(index(&mut r, "readings_name").is_empty());
        } else {
            r.abort();
            assert!(!index(&mut r, "readings_name").is_empty());
        }
    }
}
