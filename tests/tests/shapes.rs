//! Tables and columns of every shape: what they are made of must not matter to what clients of both versions read and write.

// Test input: how it is built does not matter.
#![allow(clippy::format_collect)]

use reshape_tests::{Rollout, rows, table_made_by};

/// Runs a scenario twice: to its completion, and to its rollback.
fn both_ways(
    base: &str,
    data: &str,
    change: &str,
    during: impl Fn(&mut Rollout),
    after: impl Fn(&mut Rollout),
) {
    let mut rollout = Rollout::begin(base, data, change);
    during(&mut rollout);
    rollout.abort();

    let mut rollout = Rollout::begin(base, data, change);
    during(&mut rollout);
    rollout.complete();
    after(&mut rollout);
}

/// What `start` says no with; nothing has changed then.
fn refusal(base: &str, data: &str, change: &str) -> String {
    let mut rollout = Rollout::prepare(base, data, change);
    let error = rollout.start().expect_err("a refusal");
    assert_eq!(reshape_tests::catalog(&mut rollout.old), rollout.before);
    error.report()
}

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

/// Types and a value of each. What they have in common: some have no equality, some a modifier, some live in other schemas.
const TYPES: [(&str, &str); 32] = [
    ("integer[]", "{1,NULL,3}"),
    ("text[]", "{\"a b\",NULL}"),
    ("numeric(6,2)[]", "{1.50}"),
    ("mood", "calm"),
    ("mood[]", "{calm,\"it's ok\"}"),
    ("\"Other\".\"Mood\"", "Wild thing"),
    ("\"Other\".\"Mood\"[]", "{\"Wild thing\"}"),
    ("tag", "free"),
    ("tag[]", "{free}"),
    ("address", "(\"Main St\",7)"),
    ("address[]", "{\"(\\\"Main St\\\",7)\"}"),
    ("int4range", "[1,5)"),
    ("int4multirange", "{[1,5)}"),
    ("\"Other\".span", "[1.5,2.5)"),
    ("json", "{\"a\":  1}"),
    ("jsonb", "{\"a\": 1}"),
    ("point", "(1,2)"),
    ("citext", "MiXed"),
    ("hstore", "\"a\"=>\"1\""),
    ("bit(3)", "101"),
    ("bit varying(5)", "1"),
    ("character(5)", "ab   "),
    ("character varying(4)", "abcd"),
    ("numeric(6,2)", "1.50"),
    ("timestamp(0) with time zone", "2024-01-01 00:00:00+00"),
    ("time(3) without time zone", "01:02:03.456"),
    ("interval(0)", "1 day"),
    ("bytea", "\\x00ff"),
    ("uuid", "00000000-0000-0000-0000-000000000001"),
    ("\"char\"", "x"),
    ("tsvector", "'a' 'b'"),
    ("inet", "10.0.0.1"),
];

#[test]
fn every_type_is_translated_as_it_is() {
    let columns: Vec<String> = (0..TYPES.len()).map(|i| format!("c{i}")).collect();
    let pairs = || columns.iter().map(String::as_str).zip(TYPES);
    let definitions: Vec<String> =
        pairs().map(|(column, (data_type, _))| format!("{column} {data_type}")).collect();
    let sql = format!(
        "CREATE EXTENSION citext; CREATE EXTENSION hstore; CREATE SCHEMA \"Other\";
         CREATE TYPE \"Other\".\"Mood\" AS ENUM ('Wild thing'); CREATE TYPE \"Other\".span AS RANGE (subtype = float8);
         CREATE TYPE mood AS ENUM ('calm', 'it''s ok'); CREATE DOMAIN tag AS text;
         CREATE TYPE address AS (street text, number int); CREATE TABLE things (id int, {})",
        definitions.join(", ")
    );
    let known: Vec<(&str, &str)> = std::iter::once(("id", "integer"))
        .chain(pairs().map(|(column, _)| (column, "text")))
        .collect();
    let base = table_made_by(&sql, "things", &known);
    // Each column is replaced by one of its type under another name, and a copy of it is added.
    let change: String = pairs()
        .map(|(column, (data_type, _))| {
            format!(
                "[[actions]]\ntype = \"alter_column\"\ntable = \"things\"\ncolumn = \"{column}\"\nup = \"({column})\"\n\
                 down = \"(new_{column})\"\nchanges = {{ name = \"new_{column}\" }}\n\
                 [[actions]]\ntype = \"add_column\"\ntable = \"things\"\nup = \"new_{column}\"\n\
                 column = {{ name = \"copy_{column}\", type = {data_type:?} }}\n"
            )
        })
        .collect();
    let list = |prefixes: &[&str]| {
        let names = prefixes.iter().flat_map(|p| columns.iter().map(move |c| format!("{p}{c}")));
        names.collect::<Vec<_>>().join(", ")
    };
    let values: Vec<String> =
        TYPES.iter().map(|(_, value)| format!("'{}'", value.replace('\'', "''"))).collect();
    let values = values.join(", ");
    let expected = |copies: usize| {
        let row: Vec<&str> = TYPES.iter().map(|(_, value)| *value).collect();
        vec![row; copies].concat().join("|")
    };
    both_ways(
        &base,
        &format!("INSERT INTO things (id, {}) VALUES (1, {values})", list(&[""])),
        &change,
        |r| {
            rows(
                &mut r.old,
                &format!("INSERT INTO things (id, {}) VALUES (2, {values})", list(&[""])),
            );
            rows(&mut r.old, "INSERT INTO things (id) VALUES (3)");
            rows(
                &mut r.old,
                &format!("UPDATE things SET ({}) = ROW({values}) WHERE id = 3", list(&[""])),
            );
            rows(
                &mut r.new,
                &format!(
                    "INSERT INTO things (id, {}) VALUES (4, {values}, {values})",
                    list(&["new_", "copy_"])
                ),
            );
            rows(&mut r.new, "INSERT INTO things (id) VALUES (5)");
            rows(
                &mut r.new,
                &format!(
                    "UPDATE things SET ({}) = ROW({values}, {values}) WHERE id = 5",
                    list(&["new_", "copy_"])
                ),
            );
            let new = format!("SELECT {} FROM things ORDER BY id", list(&["new_", "copy_"]));
            assert_eq!(rows(&mut r.new, &new), vec![expected(2); 5]);
            let old = format!("SELECT {} FROM things ORDER BY id", list(&[""]));
            assert_eq!(rows(&mut r.old, &old), vec![expected(1); 5]);
        },
        |r| {
            let types = "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'public.things'::regclass
                AND attname LIKE 'new%' ORDER BY substr(attname, 6)::int";
            rows(&mut r.old, "SET search_path TO public");
            assert_eq!(rows(&mut r.old, types), TYPES.map(|(data_type, _)| data_type.to_owned()));
        },
    );
}

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

const DOMAINS: &str = "CREATE SCHEMA \"Other\"; CREATE DOMAIN positive AS int CHECK (VALUE > 0);
    CREATE DOMAIN \"Other\".\"Small\" AS positive; CREATE DOMAIN filled AS text NOT NULL;
    CREATE DOMAIN plain AS text; CREATE DOMAIN shared AS text DEFAULT 'shared';
    CREATE SEQUENCE numbers; CREATE DOMAIN number AS bigint DEFAULT nextval('numbers');
    CREATE TABLE things (id int PRIMARY KEY, p positive, s shared)";

#[test]
fn a_domain_with_constraints_would_rewrite_the_table() {
    let base = table_made_by(DOMAINS, "things", &[("id", "int"), ("p", "int"), ("s", "text")]);
    let add = |data_type: &str| {
        format!(
            "[[actions]]\ntype = 'add_column'\ntable = 'things'\nup = \"id\"\ncolumn = {{ name = 'x', type = {data_type:?} }}\n"
        )
    };
    let replace = "[[actions]]\ntype = 'alter_column'\ntable = 'things'\ncolumn = 'p'\nup = \"p + 1\"\ndown = \"p - 1\"\nchanges = { name = 'q' }\n";
    for change in [
        add("positive"),
        add("public.POSITIVE"),
        add("\"Other\".\"Small\""),
        add("filled"),
        replace.to_owned(),
    ] {
        let refused = refusal(&base, "", &change);
        assert!(refused.contains("a domain with constraints"), "{change}: {refused}");
    }
    // A domain over a domain: the help names what is below both.
    let refused = refusal(&base, "", &add("\"Other\".\"Small\""));
    assert!(refused.contains("give the column the type `integer`"), "{refused}");
}

/// What the refusal of such a domain advises.
#[test]
fn the_type_below_a_domain_and_a_check_do_instead() {
    let base = table_made_by(DOMAINS, "things", &[("id", "int"), ("p", "int"), ("s", "text")]);
    let change = "[[actions]]\ntype = 'alter_column'\ntable = 'things'\ncolumn = 'p'\nup = 'p + 1'\ndown = 'p - 1'\nchanges = { type = 'integer' }\n\
                  [[actions]]\ntype = 'add_check'\ntable = 'things'\ncheck = { name = 'positive', expression = 'p > 0' }\n";
    let mut r = Rollout::begin(&base, "INSERT INTO things (id, p) VALUES (1, 5)", change);
    rows(&mut r.new, "INSERT INTO things (id, p) VALUES (2, 4)");
    assert_eq!(rows(&mut r.old, "SELECT p FROM things ORDER BY id"), ["5", "3"]);
    assert!(r.new.batch_execute("UPDATE things SET p = -1").is_err());
    r.abort();
    r.start().expect("a second start");
    r.complete();
    assert_eq!(
        rows(&mut r.new, "SELECT p, pg_typeof(p) FROM things ORDER BY id"),
        ["6|integer", "4|integer"]
    );
}

#[test]
fn a_domains_default_is_for_rows_to_come() {
    let base = table_made_by(DOMAINS, "things", &[("id", "int"), ("p", "int"), ("s", "text")]);
    let add = |name: &str, data_type: &str, up: &str| {
        format!(
            "[[actions]]\ntype = 'add_column'\ntable = 'things'\n{up}column = {{ name = '{name}', type = '{data_type}' }}\n"
        )
    };
    let change = [
        add("a", "plain", "up = \"'p' || p\"\n"),
        add("b", "shared", "up = \"'p' || p\"\n"),
        add("c", "shared", ""),
        add("d", "number", ""),
        add("e", "positive[]", "up = \"ARRAY[p]\"\n"),
    ]
    .concat()
        + "[[actions]]\ntype = 'alter_column'\ntable = 'things'\ncolumn = 's'\nup = \"nullif(s, 'none')\"\ndown = \"coalesce(s, 'none')\"\nchanges = { nullable = true }\n";
    both_ways(
        &base,
        "INSERT INTO things (id, p, s) VALUES (1, 1, 'none'), (2, NULL, 'x')",
        &change,
        |r| {
            let all = "SELECT a, b, c, d, e, s FROM things ORDER BY id";
            assert_eq!(rows(&mut r.new, all), ["p1|p1|shared|1|{1}|-", "-|-|shared|2|{NULL}|x"]);
            rows(&mut r.old, "INSERT INTO things (id, p) VALUES (3, 3)");
            rows(&mut r.new, "INSERT INTO things (id) VALUES (4)");
            assert_eq!(
                rows(
                    &mut r.new,
                    "SELECT a, b, c, d > 2, e, s FROM things WHERE id > 2 ORDER BY id"
                ),
                ["p3|p3|shared|t|{3}|shared", "-|shared|shared|t|-|shared"]
            );
        },
        |r| {
            rows(&mut r.new, "INSERT INTO things (id) VALUES (5)");
            let last = "SELECT a, b, c, d > 4, e, s FROM things WHERE id = 5";
            assert_eq!(rows(&mut r.new, last), ["-|shared|shared|t|-|shared"]);
        },
    );
}

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

/// A rewritten table has another file.
#[test]
fn no_new_column_rewrites_the_table() {
    let base = table_made_by(DOMAINS, "things", &[("id", "int"), ("p", "int"), ("s", "text")]);
    let add = |name: &str, column: &str| {
        format!(
            "[[actions]]\ntype = 'add_column'\ntable = 'things'\ncolumn = {{ name = '{name}', {column} }}\n"
        )
    };
    let change = [
        add("a", "type = 'shared'"),
        add("b", "type = 'number'"),
        add("c", "type = 'shared', default = \"'own'\""),
        add("d", "type = 'serial'"),
        add("e", "type = 'bigint', generated = 'ALWAYS AS IDENTITY'"),
        add("f", "type = 'timestamptz', default = 'clock_timestamp()', nullable = false"),
        add("g", "type = 'number', default = '7'"),
    ]
    .concat();
    let data = "INSERT INTO things (id) SELECT generate_series(1, 3)";
    let mut r = Rollout::prepare(&base, data, &change);
    let file = "SELECT pg_relation_filenode('public.things')";
    let before = rows(&mut r.old, file);
    r.start().unwrap_or_else(|error| panic!("{}", error.report()));
    assert_eq!(rows(&mut r.old, file), before);
    let all = "SELECT a, c, count(DISTINCT b), count(DISTINCT d), count(DISTINCT e), count(f), g FROM things GROUP BY 1, 2, 7";
    assert_eq!(rows(&mut r.new, all), ["shared|own|3|3|3|3|7"]);
    r.complete();
    assert_eq!(rows(&mut r.old, file), before);
    assert_eq!(rows(&mut r.new, all), ["shared|own|3|3|3|3|7"]);
}
