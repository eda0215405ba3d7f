//! Columns that draw numbers from a sequence.

use reshape_tests::rows;

use crate::{both_ways, refusal};

const PEOPLE: &str = r#"
[[actions]]
type = "create_table"
name = "People"
primary_key = "name"
columns = [{ name = "name", type = "text" }, { name = "email", type = "text" }]
"#;

/// A role that may write some columns; it stays, as roles are the server's.
const WRITER: &str = "INSERT INTO \"People\" (name) SELECT 'p' || i FROM generate_series(1, 5) i;
    DO $$ BEGIN CREATE ROLE reshape_shapes_writer; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
    GRANT SELECT, INSERT (name), UPDATE (name) ON public.\"People\" TO reshape_shapes_writer;
    GRANT USAGE ON SCHEMA \"migration_1_base\" TO reshape_shapes_writer; GRANT SELECT, INSERT (name), UPDATE (name) ON \"People\" TO reshape_shapes_writer";

#[test]
fn an_identity_or_serial_column_is_added_without_a_long_lock() {
    for (column, first, always) in [
        ("type = \"integer\", generated = \"ALWAYS AS IDENTITY\"", 1, true),
        ("type = \"bigint\", generated = \"by default as identity (START WITH 100)\"", 100, false),
        ("type = \"serial\"", 1, false),
        ("type = \"BIGSERIAL\"", 1, false),
    ] {
        let change = format!(
            "[[actions]]\ntype = \"add_column\"\ntable = \"People\"\ncolumn = {{ name = \"Number\", {column} }}\n\
             [[actions]]\ntype = \"rename_table\"\ntable = \"People\"\nnew_name = \"Persons\"\n"
        );
        both_ways(
            PEOPLE,
            WRITER,
            &change,
            |r| {
                let numbers =
                    "SELECT count(*), count(DISTINCT \"Number\"), min(\"Number\") FROM \"Persons\"";
                assert_eq!(rows(&mut r.new, numbers), [format!("5|5|{first}")]);
                for client in [&mut r.old, &mut r.new] {
                    rows(client, "SET ROLE reshape_shapes_writer");
                }
                rows(&mut r.old, "INSERT INTO \"People\" (name) VALUES ('old')");
                rows(&mut r.old, "UPDATE \"People\" SET name = 'p one' WHERE name = 'p1'");
                rows(&mut r.new, "INSERT INTO \"Persons\" (name) VALUES ('new')");
                assert_eq!(
                    rows(
                        &mut r.new,
                        "INSERT INTO \"Persons\" (name) VALUES ('more') RETURNING \"Number\""
                    ),
                    [(first + 7).to_string()]
                );
                for client in [&mut r.old, &mut r.new] {
                    rows(client, "RESET ROLE");
                }
                assert_eq!(rows(&mut r.new, numbers), [format!("8|8|{first}")]);
            },
            |r| {
                let insert = "INSERT INTO \"Persons\" (name) VALUES ('after') RETURNING \"Number\"";
                rows(&mut r.new, "SET ROLE reshape_shapes_writer");
                let number = (first + 8).to_string();
                assert_eq!(
                    rows(&mut r.new, insert.replace("'after'", "'role'").as_str()),
                    [number]
                );
                rows(&mut r.new, "RESET ROLE");
                let given =
                    "INSERT INTO public.\"Persons\" (name, \"Number\") VALUES ('given', 7000)";
                assert_eq!(r.new.simple_query(given).is_err(), always, "{column}");
                assert!(
                    r.new.simple_query("UPDATE public.\"Persons\" SET \"Number\" = NULL").is_err()
                );
                let sequence =
                    "SELECT pg_get_serial_sequence('public.\"Persons\"', 'Number') IS NOT NULL";
                assert_eq!(rows(&mut r.new, sequence), ["t"]);
                // It goes with the column.
                rows(&mut r.new, "DROP VIEW \"Persons\", reshape_2_change.\"Persons\"");
                rows(&mut r.new, "ALTER TABLE public.\"Persons\" DROP COLUMN \"Number\"");
                assert_eq!(
                    rows(
                        &mut r.new,
                        "SELECT count(*) FROM pg_sequences WHERE schemaname = 'public'"
                    ),
                    ["0"]
                );
            },
        );
    }
}

#[test]
fn a_column_that_draws_numbers_has_no_up_and_is_not_replaced() {
    let add = "[[actions]]\ntype = 'add_column'\ntable = 'People'\ncolumn = { name = 'number', type = 'serial' }\n";
    let refused = refusal(PEOPLE, "", &format!("{add}up = \"7\"\n"));
    assert!(refused.contains("draws its numbers from a sequence"), "{refused}");
    let replace = "[[actions]]\ntype = 'alter_column'\ntable = 'People'\ncolumn = 'number'\nchanges = { type = 'bigint' }\n";
    let refused = refusal(PEOPLE, "", &format!("{add}{replace}"));
    assert!(refused.contains("not supported yet"), "{refused}");
}
