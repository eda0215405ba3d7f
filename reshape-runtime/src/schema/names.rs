//! The names that Postgres chooses where a file gives none.

use crate::sql::names::MAX_IDENTIFIER;

use super::Schema;

/// `<table>_<columns>_<label>`, cut as Postgres's `makeObjectName` cuts it: the longer of the two parts first.
pub(crate) fn object_name(table: &str, columns: &str, label: &str) -> String {
    let room = MAX_IDENTIFIER - label.len() - 2;
    let (mut first, mut second) = (table.len(), columns.len());
    while first + second > room {
        if first > second {
            first -= 1;
        } else {
            second -= 1;
        }
    }
    format!("{}_{}_{label}", clip(table, first), clip(columns, second))
}

/// The name of a foreign key without one: `<table>_<columns>_fkey`, with a number if that is taken by any constraint.
pub(super) fn foreign_key_name(schema: &Schema, table: &str, columns: &[String]) -> String {
    let columns = columns.join("_");
    let owner = schema.table(table).map(|table| &table.schema);
    let taken = |name: &str| {
        schema.tables().filter(|table| Some(&table.schema) == owner).any(|table| {
            table.foreign_keys.iter().any(|key| key.name == name)
                || table.checks.iter().any(|check| check.name.as_deref() == Some(name))
        })
    };
    let mut name = object_name(table, &columns, "fkey");
    let mut number = 0;
    while taken(&name) {
        number += 1;
        name = object_name(table, &columns, &format!("fkey{number}"));
    }
    name
}

/// The longest beginning of `text` of at most `bytes` bytes that does not cut a character.
pub(super) fn clip(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As PostgreSQL 15 names them.
    #[test]
    fn names_are_cut_as_postgres_cuts_them() {
        assert_eq!(object_name("items", "order_id", "fkey"), "items_order_id_fkey");
        let (table, column) = ("t".repeat(40), "c".repeat(40));
        let name = object_name(&table, &column, "fkey");
        assert_eq!(name, format!("{}_{}_fkey", "t".repeat(29), "c".repeat(28)));
    }
}
