//! The table that is measured where one is enough, and the usual change of it. Other tools that read the format want a list as the primary key.

/// A table with a column of each kind that a change is about.
pub(crate) const USERS: &str = r#"
[[actions]]
type = "create_table"
name = "users"
primary_key = ["id"]
columns = [
    { name = "id", type = "bigint" },
    { name = "name", type = "text", nullable = false },
    { name = "visits", type = "integer", nullable = false },
    { name = "note", type = "text", nullable = false },
]
"#;

/// A column that is computed from another one.
pub(crate) const UPPER_NAME: &str = r#"
[[actions]]
type = "add_column"
table = "users"
up = "upper(name)"
column = { name = "upper_name", type = "text", nullable = false }
"#;
