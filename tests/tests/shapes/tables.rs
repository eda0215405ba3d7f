//! Tables with and without keys, and those that inherit.

use reshape_tests::{rows, table_made_by};

use crate::both_ways;

#[test]
fn tables_without_a_key_with_a_composite_one_and_with_identity() {
    for (shape, insert) in [
        ("CREATE TABLE things (a int, b text, name text)", "(a, b, name) VALUES (1, 'x', 'one')"),
        (
            "CREATE TABLE things (a int, b text, name text, PRIMARY KEY (b, a))",
            "(a, b, name) VALUES (1, 'x', 'one')",
        ),
        (
            "CREATE TABLE things (a int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, b text, name text)",
            "(b, name) VALUES ('x', 'one')",
        ),
        (
            "CREATE UNLOGGED TABLE things (a serial, b text UNIQUE, name text)",
            "(b, name) VALUES ('x', 'one')",
        ),
    ] {
        let base =
            table_made_by(shape, "things", &[("a", "integer"), ("b", "text"), ("name", "text")]);
        let change = r#"
            [[actions]]
            type = "alter_column"
            table = "things"
            column = "name"
            up = "upper(name)"
            down = "lower(name)"
            changes = { nullable = false }

            [[actions]]
            type = "alter_column"
            table = "things"
            column = "b"
            changes = { name = "bee" }

            [[actions]]
            type = "add_column"
            table = "things"
            up = "bee || a"
            column = { name = "label", type = "text" }
        "#;
        both_ways(
            &base,
            &format!("INSERT INTO things {insert}"),
            change,
            |r| {
                rows(
                    &mut r.old,
                    &format!(
                        "INSERT INTO things {}",
                        insert.replace('1', "2").replace("'x'", "'y'")
                    ),
                );
                rows(
                    &mut r.new,
                    &format!(
                        "INSERT INTO things {}",
                        insert
                            .replace("b,", "bee,")
                            .replace('1', "3")
                            .replace("'x'", "'z'")
                            .replace("one", "Three")
                    ),
                );
                assert_eq!(
                    rows(&mut r.new, "SELECT bee, a, name, label FROM things ORDER BY bee"),
                    ["x|1|ONE|x1", "y|2|ONE|y2", "z|3|Three|-"]
                );
                assert_eq!(rows(&mut r.old, "SELECT b, name FROM things WHERE a = 3"), ["z|three"]);
                rows(&mut r.new, "UPDATE things SET name = 'Two' WHERE a = 2");
                rows(&mut r.old, "UPDATE things SET b = 'w' WHERE a = 1");
                rows(&mut r.old, "DELETE FROM things WHERE a = 3");
                assert_eq!(
                    rows(&mut r.new, "SELECT bee, name, label FROM things ORDER BY bee"),
                    ["w|ONE|w1", "y|Two|y2"]
                );
            },
            |r| {
                rows(
                    &mut r.new,
                    &format!(
                        "INSERT INTO things {}",
                        insert.replace("b,", "bee,").replace('1', "9")
                    ),
                );
            },
        );
    }
}
