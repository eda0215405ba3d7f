//! Types of every kind, and what a column of a domain may be.

use reshape_tests::{Rollout, rows, table_made_by};

use crate::{both_ways, refusal};

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
