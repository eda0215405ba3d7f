//! Names that are words of SQL, of PL/pgSQL or of ours, that need quotes, or that are as long as a name can be.

// Test input: how it is built does not matter.
#![allow(clippy::format_collect)]

use reshape_runtime::Migrator;
use reshape_tests::{catalog, client, database, leftovers, migrations, rows};

fn q(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// As long as Postgres allows, and the same but for the last byte.
const LONG: &str = "a_name_of_63_bytes_which_is_as_long_as_a_name_can_be_in_postgr";

/// Every table has columns of all these names; each is a table, too.
const NAMES: [&str; 17] = [
    "new",
    "old",
    "found",
    "user",
    "origin",
    "insert",
    "row",
    "Upper",
    "two words",
    "hy-phen",
    "quo\"te",
    "it's",
    "größe",
    "tg_op",
    "$reshape$",
    "back\\slash",
    "not_null",
];

fn names() -> Vec<String> {
    let mut names: Vec<String> = NAMES.iter().map(ToString::to_string).collect();
    names.extend(["1", "2"].map(|last| format!("{LONG}{last}")));
    names
}

#[test]
fn every_table_with_every_column() {
    let names = names();
    let columns: String = names
        .iter()
        .map(|name| {
            format!(", {{ name = {name:?}, type = 'text', nullable = false, default = \"'d'\" }}")
        })
        .collect();
    let base: String = names
        .iter()
        .map(|name| format!("[[actions]]\ntype = 'create_table'\nname = {name:?}\nprimary_key = 'id'\ncolumns = [{{ name = 'id', type = 'integer' }}{columns}]\n"))
        .collect();
    // Each table has the column of its own name and the next one replaced, and a new one added.
    let change: String = names
        .iter()
        .enumerate()
        .map(|(i, table)| {
            let other = &names[(i + 1) % names.len()];
            let alter = |column: &str| {
                let x = format!("{}.{}", q(table), q(column));
                format!(
                    "[[actions]]\ntype = 'alter_column'\ntable = {table:?}\ncolumn = {column:?}\nup = {:?}\ndown = {:?}\nchanges = {{ nullable = false }}\n",
                    format!("'<' || {x} || '>'"),
                    format!("trim({} , '<>')", q(column)),
                )
            };
            let add = format!(
                "[[actions]]\ntype = 'add_column'\ntable = {table:?}\nup = {:?}\ncolumn = {{ name = '__reshape_{i}', type = 'text' }}\n",
                format!("{} || {}", q(&names[(i + 2) % names.len()]), q(table)),
            );
            format!("{}{}{add}", alter(table), alter(other))
        })
        .collect();
    let version = "it's a \"migration\" with – a name of bytes, too x";
    let database = database();
    let files = [("1_base", base.as_str()), (version, change.as_str())];
    let history = migrations(&files);
    let first = history.up_to("1_base").expect("the first");
    Migrator::new(&first, database.url()).start().expect("a start");
    Migrator::new(&first, database.url()).complete().expect("a completion");
    let (mut old, mut new) = (client(&database, "1_base"), database.connect().expect("a client"));
    new.batch_execute(&format!("SET search_path TO {}", q(&format!("migration_{version}"))))
        .expect("a path");
    for table in &names {
        rows(&mut old, &format!("INSERT INTO {} (id) VALUES (1)", q(table)));
    }
    let before = catalog(&mut old);
    let start = || {
        Migrator::new(&history, database.url())
            .start()
            .unwrap_or_else(|error| panic!("{}", error.report()))
    };
    start();
    Migrator::new(&history, database.url())
        .abort()
        .unwrap_or_else(|error| panic!("{}", error.report()));
    assert_eq!(catalog(&mut old), before);
    start();
    for (i, table) in names.iter().enumerate() {
        let (on, own, other) = (q(table), q(table), q(&names[(i + 1) % names.len()]));
        rows(&mut old, &format!("INSERT INTO {on} (id, {own}) VALUES (2, 'old')"));
        rows(
            &mut new,
            &format!("INSERT INTO {on} (id, {own}, {other}) VALUES (3, '<new>', '<n>')"),
        );
        rows(&mut new, &format!("UPDATE {on} SET {other} = '<changed>' WHERE id = 1"));
        rows(&mut old, &format!("UPDATE {on} SET {own} = 'changed' WHERE id = 2"));
        let list = format!("SELECT id, {own}, {other} FROM {on} ORDER BY id");
        assert_eq!(rows(&mut old, &list), ["1|d|changed", "2|changed|d", "3|new|n"], "{table}");
        assert_eq!(
            rows(&mut new, &list),
            ["1|<d>|<changed>", "2|<changed>|<d>", "3|<new>|<n>"],
            "{table}"
        );
        let added = format!("SELECT __reshape_{i} FROM {on} ORDER BY id");
        assert_eq!(rows(&mut new, &added), ["d<d>", "d<changed>", "-"], "{table}");
    }
    Migrator::new(&history, database.url())
        .complete()
        .unwrap_or_else(|error| panic!("{}", error.report()));
    let left = leftovers(&mut new);
    // The user's own columns are called so, too.
    let ours = |line: &&String| {
        let mut rests = line.split("__reshape_").skip(1);
        rests.any(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    assert_eq!(left.iter().filter(ours).collect::<Vec<_>>(), Vec::<&String>::new());
    for (i, table) in names.iter().enumerate() {
        let other = q(&names[(i + 1) % names.len()]);
        assert_eq!(
            rows(&mut new, &format!("SELECT id, {0}, {other} FROM {0} ORDER BY id", q(table))),
            ["1|<d>|<changed>", "2|<changed>|<d>", "3|<new>|<n>"],
            "{table}"
        );
    }
}
