//! A long history as people write it: tables, each of which gets columns, indexes and defaults.

use std::fs;
use std::path::Path;

/// How many migrations there are for a table.
pub(crate) const PER_TABLE: usize = 25;

/// So many migration files in `folder`.
pub(crate) fn write(folder: &Path, count: usize) {
    fs::create_dir_all(folder).expect("a folder");
    (0..count).for_each(|number| write_one(folder, number));
}

/// The file of one of them.
pub(crate) fn write_one(folder: &Path, number: usize) {
    let (name, text) = file(number);
    fs::write(folder.join(name).with_extension("toml"), text).expect("a file");
}

/// The name of a migration, and what is in it.
pub(crate) fn file(number: usize) -> (String, String) {
    let (table, change) = (number / PER_TABLE, number % PER_TABLE);
    let text = match (change, change % 4) {
        (0, _) => format!(
            r#"
[[actions]]
type = "create_table"
name = "items_{table}"
primary_key = "id"
columns = [
    {{ name = "id", type = "bigint", generated = "ALWAYS AS IDENTITY" }},
    {{ name = "name", type = "text", nullable = false }},
    {{ name = "price", type = "numeric(10,2)", nullable = false, default = "0" }},
]
checks = [{{ name = "items_{table}_price", expression = "price >= 0" }}]
"#
        ),
        (_, 1) => format!(
            r#"
[[actions]]
type = "add_column"
table = "items_{table}"
up = "CASE WHEN price > {change} THEN lower(name) ELSE '' END"
column = {{ name = "value_{change}", type = "text", nullable = false }}
"#
        ),
        (_, 2) => {
            let column = change - 1;
            format!(
                r#"
[[actions]]
type = "add_index"
table = "items_{table}"
index = {{ name = "items_{table}_{change}", columns = [{{ expression = "lower(value_{column})" }}], where = "price > 0" }}
"#
            )
        }
        (_, 3) => format!(
            r#"
[[actions]]
type = "add_column"
table = "items_{table}"
column = {{ name = "seen_{change}", type = "timestamptz" }}
"#
        ),
        _ => {
            let column = change - 1;
            format!(
                r#"
[[actions]]
type = "alter_column"
table = "items_{table}"
column = "seen_{column}"
changes = {{ default = "now()" }}
"#
            )
        }
    };
    (format!("{number:05}_step"), text)
}
