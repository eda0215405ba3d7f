//! Generated columns.

use reshape_tests::{rows, table_made_by};

use crate::{both_ways, refusal};

const BOXES: &str = r#"
[[actions]]
type = "create_table"
name = "boxes"
primary_key = "id"
columns = [
  { name = "id", type = "integer", generated = "ALWAYS AS IDENTITY" },
  { name = "Width", type = "integer", nullable = false, default = "1" },
  { name = "height", type = "integer", nullable = false, default = "1" },
  { name = "area", type = "integer", generated = "ALWAYS AS (\"Width\" * height) STORED" },
  { name = "label", type = "text", nullable = false, default = "'box'" },
]
"#;

#[test]
fn up_reads_a_generated_column() {
    let change = r#"
        [[actions]]
        type = "add_column"
        table = "boxes"
        up = "boxes.area * 2"
        column = { name = "twice", type = "bigint", nullable = false }

        [[actions]]
        type = "alter_column"
        table = "boxes"
        column = "label"
        up = "label || ' of ' || area"
        down = "split_part(label, ' ', 1)"
        changes = { name = "title" }
    "#;
    both_ways(
        BOXES,
        "INSERT INTO boxes (\"Width\", height) VALUES (2, 3)",
        change,
        |r| {
            rows(&mut r.old, "INSERT INTO boxes (\"Width\", height) VALUES (4, 5)");
            rows(
                &mut r.new,
                "INSERT INTO boxes (\"Width\", height, twice, title) VALUES (6, 7, 0, 'my box')",
            );
            let all = "SELECT id, area, twice, title FROM boxes ORDER BY id";
            assert_eq!(
                rows(&mut r.new, all),
                ["1|6|12|box of 6", "2|20|40|box of 20", "3|42|0|my box"]
            );
            assert_eq!(
                rows(&mut r.old, "SELECT label FROM boxes ORDER BY id"),
                ["box", "box", "my"]
            );
            // What the generated column is computed from changes what is computed from it …
            rows(&mut r.old, "UPDATE boxes SET height = 10");
            assert_eq!(
                rows(&mut r.new, all),
                ["1|20|40|box of 20", "2|40|80|box of 40", "3|60|120|my of 60"]
            );
            // … and nothing else does.
            rows(&mut r.new, "UPDATE boxes SET twice = -1, title = 'ours'");
            rows(&mut r.old, "UPDATE boxes SET label = label");
            rows(&mut r.old, "UPDATE boxes SET \"Width\" = \"Width\"");
            assert_eq!(rows(&mut r.new, "SELECT DISTINCT twice, title FROM boxes"), ["-1|ours"]);
        },
        |r| {
            rows(&mut r.new, "INSERT INTO boxes (\"Width\", twice, title) VALUES (3, 4, 'last')");
            assert_eq!(
                rows(&mut r.new, "SELECT area, twice, title FROM boxes WHERE twice = 4"),
                ["3|4|last"]
            );
        },
    );
}

#[test]
fn down_reads_a_generated_column() {
    let change = r#"
        [[actions]]
        type = "remove_column"
        table = "boxes"
        column = "label"
        down = "'area ' || boxes.area"
    "#;
    both_ways(
        BOXES,
        "",
        change,
        |r| {
            rows(&mut r.new, "INSERT INTO boxes (\"Width\", height) VALUES (2, 2), (3, 3)");
            rows(&mut r.old, "INSERT INTO boxes (label) VALUES ('mine')");
            rows(
                &mut r.new,
                "SET reshape.version = '2_change'; UPDATE boxes SET height = 5 WHERE id = 2",
            );
            assert_eq!(
                rows(&mut r.old, "SELECT label FROM boxes ORDER BY id"),
                ["area 4", "area 15", "mine"]
            );
        },
        |_| {},
    );
}

#[test]
fn a_whole_row_has_its_generated_columns() {
    let change = r#"
        [[actions]]
        type = "add_column"
        table = "boxes"
        up = "to_jsonb(boxes) - 'label'"
        column = { name = "doc", type = "jsonb" }
    "#;
    both_ways(
        BOXES,
        "INSERT INTO boxes (\"Width\", height) VALUES (2, 3)",
        change,
        |r| {
            rows(&mut r.old, "INSERT INTO boxes (\"Width\", height) VALUES (4, 5)");
            let doc = "SELECT doc FROM boxes ORDER BY id";
            assert_eq!(
                rows(&mut r.new, doc),
                [
                    r#"{"id": 1, "area": 6, "Width": 2, "height": 3}"#,
                    r#"{"id": 2, "area": 20, "Width": 4, "height": 5}"#
                ]
            );
            rows(&mut r.old, "UPDATE boxes SET height = 1");
            assert_eq!(
                rows(&mut r.new, "SELECT doc ->> 'area' FROM boxes ORDER BY id"),
                ["2", "4"]
            );
        },
        |_| {},
    );
}

#[test]
fn a_generated_column_that_names_its_table() {
    let base = table_made_by(
        "CREATE TABLE boxes (id int PRIMARY KEY, price numeric(6,2),
           gross numeric(6,2) GENERATED ALWAYS AS (price * 1.19) STORED,
           named boolean GENERATED ALWAYS AS (tableoid <> 0) STORED)",
        "boxes",
        &[
            ("id", "int"),
            ("price", "numeric(6,2)"),
            ("gross", "numeric(6,2)"),
            ("named", "boolean"),
        ],
    );
    let change = r#"
        [[actions]]
        type = "add_column"
        table = "boxes"
        up = "gross::text || named"
        column = { name = "shown", type = "text" }
    "#;
    both_ways(
        &base,
        "INSERT INTO boxes (id, price) VALUES (1, 10.01)",
        change,
        |r| {
            rows(&mut r.old, "INSERT INTO boxes (id, price) VALUES (2, 10.01)");
            assert_eq!(rows(&mut r.new, "SELECT DISTINCT shown FROM boxes"), ["11.91true"]);
        },
        |_| {},
    );
}

/// PostgreSQL 18 has them.
#[test]
fn a_virtual_column_is_no_different() {
    let database = reshape_tests::database();
    let version = rows(&mut database.connect().expect("a client"), "SHOW server_version_num");
    let kind = if version[0].as_str() >= "180000" { "VIRTUAL" } else { "STORED" };
    let base = table_made_by(
        &format!(
            "CREATE TABLE boxes (id int PRIMARY KEY, side int, area int GENERATED ALWAYS AS (side * side) {kind})"
        ),
        "boxes",
        &[("id", "int"), ("side", "int"), ("area", "int")],
    );
    let change = r#"
        [[actions]]
        type = "add_column"
        table = "boxes"
        up = "area + 1"
        column = { name = "more", type = "integer", nullable = false }

        [[actions]]
        type = "add_column"
        table = "boxes"
        up = "boxes::text"
        column = { name = "shown", type = "text" }

        [[actions]]
        type = "alter_column"
        table = "boxes"
        column = "area"
        changes = { name = "surface" }
    "#;
    both_ways(
        &base,
        "INSERT INTO boxes (id, side) VALUES (1, 2)",
        change,
        |r| {
            rows(&mut r.old, "INSERT INTO boxes (id, side) VALUES (2, 3)");
            rows(&mut r.new, "INSERT INTO boxes (id, side, more) VALUES (3, 4, 0)");
            let all = "SELECT surface, more, shown FROM boxes ORDER BY id";
            assert_eq!(rows(&mut r.new, all), ["4|5|(1,2,4,5)", "9|10|(2,3,9,10)", "16|0|-"]);
            rows(&mut r.old, "UPDATE boxes SET side = 1");
            assert_eq!(rows(&mut r.new, "SELECT DISTINCT surface, more FROM boxes"), ["1|2"]);
        },
        |r| assert_eq!(rows(&mut r.new, "SELECT DISTINCT surface FROM boxes"), ["1"]),
    );
}

#[test]
fn a_generated_column_goes_with_what_it_is_computed_from() {
    let change = r#"
        [[actions]]
        type = "remove_column"
        table = "boxes"
        column = "area"
        down = "0"

        [[actions]]
        type = "remove_column"
        table = "boxes"
        column = "height"
        down = "7"
    "#;
    both_ways(
        BOXES,
        "INSERT INTO boxes (\"Width\", height) VALUES (2, 3)",
        change,
        |r| {
            rows(&mut r.new, "INSERT INTO boxes (\"Width\") VALUES (2)");
            assert_eq!(
                rows(&mut r.old, "SELECT height, area FROM boxes ORDER BY id"),
                ["3|6", "7|14"]
            );
        },
        |r| assert!(r.new.simple_query("SELECT height FROM public.boxes").is_err()),
    );
}

#[test]
fn what_a_generated_column_is_computed_from_stays() {
    let remove = "[[actions]]\ntype = 'remove_column'\ntable = 'boxes'\ncolumn = 'height'\n";
    let refused = refusal(BOXES, "", remove);
    assert!(refused.contains("`boxes`.`height` cannot be removed"), "{refused}");
    assert!(refused.contains("area"), "{refused}");
    let replace = "[[actions]]\ntype = 'alter_column'\ntable = 'boxes'\ncolumn = 'height'\nchanges = { type = 'bigint' }\n";
    let refused = refusal(BOXES, "", replace);
    assert!(refused.contains("area"), "{refused}");
}

#[test]
fn a_stored_generated_column_cannot_be_added_later() {
    let change = r#"
        [[actions]]
        type = "add_column"
        table = "boxes"
        column = { name = "volume", type = "integer", generated = "ALWAYS AS (height * height) STORED" }
    "#;
    let refused = refusal(BOXES, "", change);
    assert!(refused.contains("rewrite the table"), "{refused}");
    assert!(refused.contains("`up`"), "{refused}");
}
