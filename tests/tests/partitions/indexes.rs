//! Indexes that are added and removed.

use reshape_tests::{Rollout, rows};

use super::{CHANGE, INDEXES, ROWS, base, every_way, index};

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
