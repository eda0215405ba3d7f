//! Columns that draw numbers, added to a partitioned table.

use reshape_tests::rows;

use super::every_way;

#[test]
fn an_identity_or_serial_column_numbers_the_rows_of_all_partitions() {
    for column in [
        "name = 'number', type = 'bigint', generated = 'ALWAYS AS IDENTITY'",
        "name = 'number', type = 'integer', generated = 'BY DEFAULT AS IDENTITY (INCREMENT BY 2)'",
        "name = 'number', type = 'serial'",
    ] {
        let change = format!(
            "[[actions]]\ntype = 'add_column'\ntable = 'readings'\ncolumn = {{ {column} }}\n"
        );
        every_way(
            &change,
            |r| {
                let all = "SELECT count(*), count(DISTINCT number) FROM readings";
                assert_eq!(rows(&mut r.new, all), ["4|4"]);
                rows(
                    &mut r.old,
                    "INSERT INTO readings (id, at, city, name) VALUES (5, '2025-05-05', 'Oslo', 'five')",
                );
                rows(
                    &mut r.new,
                    "INSERT INTO readings (id, at, city, name) VALUES (6, '2030-05-05', 'Lima', 'six')",
                );
                rows(
                    &mut r.old,
                    "UPDATE readings SET at = '2025-06-06', city = 'Rome' WHERE id = 1",
                );
                assert_eq!(rows(&mut r.new, all), ["6|6"]);
            },
            |r| {
                rows(
                    &mut r.new,
                    "INSERT INTO readings (id, at, city, name) VALUES (7, '2024-05-05', 'Rome', 'seven')",
                );
                rows(
                    &mut r.new,
                    "UPDATE readings SET at = '2025-07-07', city = 'Oslo' WHERE id = 7",
                );
                let all = "SELECT count(number), count(DISTINCT number), max(number) > 6 FROM public.readings";
                assert_eq!(rows(&mut r.new, all), ["7|7|t"]);
                let sequences = "SELECT count(*) FROM pg_sequences WHERE schemaname = 'public'";
                assert_eq!(rows(&mut r.new, sequences), ["1"]);
            },
        );
    }
}
