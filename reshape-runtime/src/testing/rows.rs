//! All rows that a version shows, to be compared with what it shows later.
//!
//! **Invariant:** two states with the same rows are equal, in whatever order the server gives them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use postgres::{Client, SimpleQueryMessage};

use crate::sql::ident::ident;
use crate::sql::names::DEFAULT_SCHEMA;

/// So many rows of a difference are shown.
const SHOWN: usize = 20;

/// A row: its columns' values as text, in the order of the columns.
type Row = Vec<Option<String>>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rows(BTreeMap<String, Table>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Table {
    columns: Vec<String>,
    /// Sorted.
    rows: Vec<Row>,
}

impl Rows {
    /// What there is in `schema`, or in plain tables.
    pub(super) fn read(client: &mut Client, schema: Option<&str>) -> Result<Self, postgres::Error> {
        let schema = schema.unwrap_or(DEFAULT_SCHEMA);
        let sql = "SELECT c.relname::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = $1::text AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition ORDER BY 1";
        let names: Vec<String> = client
            .query(sql, &[&schema])?
            .iter()
            .map(|row| row.try_get(0))
            .collect::<Result<_, _>>()?;
        let mut tables = BTreeMap::new();
        for name in names {
            let mut table = Table::default();
            for message in
                client.simple_query(&format!("TABLE {}.{}", ident(schema), ident(&name)))?
            {
                match message {
                    SimpleQueryMessage::RowDescription(columns) => {
                        table.columns =
                            columns.iter().map(|column| column.name().to_owned()).collect();
                    }
                    SimpleQueryMessage::Row(row) => {
                        table.rows.push(
                            (0..row.len())
                                .map(|column| row.get(column).map(str::to_owned))
                                .collect(),
                        );
                    }
                    _ => {}
                }
            }
            table.rows.sort();
            tables.insert(name, table);
        }
        Ok(Self(tables))
    }

    /// All columns, as table and column.
    pub(super) fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().flat_map(|(name, table)| {
            table.columns.iter().map(move |column| (name.as_str(), column.as_str()))
        })
    }

    /// All columns, as `table.column`.
    pub(super) fn columns(&self) -> impl Iterator<Item = String> {
        self.names().map(|(table, column)| format!("{table}.{column}"))
    }

    /// The same without some columns, as `table.column`.
    pub(super) fn without(mut self, columns: &[&str]) -> Self {
        for (name, table) in &mut self.0 {
            let keep: Vec<bool> = table
                .columns
                .iter()
                .map(|column| !columns.contains(&format!("{name}.{column}").as_str()))
                .collect();
            retain(&mut table.columns, &keep);
            table.rows.iter_mut().for_each(|row| retain(row, &keep));
            table.rows.sort();
        }
        self
    }

    /// What is only in these rows, and what is only in `after`; `None` if they are the same.
    pub(super) fn difference(&self, after: &Self) -> Option<String> {
        let mut lines = Vec::new();
        let none = Table::default();
        let names: std::collections::BTreeSet<&String> =
            self.0.keys().chain(after.0.keys()).collect();
        for name in names {
            let (left, right) =
                (self.0.get(name).unwrap_or(&none), after.0.get(name).unwrap_or(&none));
            if left == right {
                continue;
            }
            let mut changed = Vec::new();
            changed.extend(
                only(&left.rows, &right.rows)
                    .map(|row| format!("  - {}", shown(&left.columns, row))),
            );
            changed.extend(
                only(&right.rows, &left.rows)
                    .map(|row| format!("  + {}", shown(&right.columns, row))),
            );
            lines.push(format!("  `{name}`:"));
            let more = changed.len().saturating_sub(SHOWN);
            lines.extend(changed.into_iter().take(SHOWN));
            if more > 0 {
                lines.push(format!("  … and {more} more"));
            }
        }
        (!lines.is_empty()).then(|| lines.join("\n"))
    }
}

fn retain<T>(items: &mut Vec<T>, keep: &[bool]) {
    let mut keep = keep.iter();
    items.retain(|_| *keep.next().unwrap_or(&true));
}

/// The rows of `left` that are not, or not as often, in `right`; both are sorted.
fn only<'a>(left: &'a [Row], right: &'a [Row]) -> impl Iterator<Item = &'a Row> {
    let mut right = right.iter().peekable();
    left.iter().filter(move |row| {
        while right.peek().is_some_and(|other| other < row) {
            right.next();
        }
        if right.peek() == Some(row) {
            right.next();
            return false;
        }
        true
    })
}

fn shown(columns: &[String], row: &Row) -> String {
    let mut text = String::new();
    for (column, value) in columns.iter().zip(row) {
        let separator = if text.is_empty() { "" } else { ", " };
        // Writing to a String does not fail.
        let _ = match value {
            Some(value) => write!(text, "{separator}{column}: {value:?}"),
            None => write!(text, "{separator}{column}: NULL"),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(values: &[&[&str]]) -> Rows {
        let mut table =
            Table { columns: vec![String::from("id"), String::from("name")], rows: Vec::new() };
        table.rows = values
            .iter()
            .map(|row| row.iter().map(|value| Some((*value).to_owned())).collect())
            .collect();
        table.rows.sort();
        Rows(BTreeMap::from([(String::from("users"), table)]))
    }

    #[test]
    fn the_order_of_rows_does_not_matter_and_their_number_does() {
        let (one, two) = (&["1", "a"][..], &["2", "b"][..]);
        assert_eq!(rows(&[one, two]).difference(&rows(&[two, one])), None);
        let difference = rows(&[one, one, two]).difference(&rows(&[one, two])).unwrap();
        assert_eq!(difference, "  `users`:\n  - id: \"1\", name: \"a\"");
        let difference = rows(&[one]).difference(&rows(&[two])).unwrap();
        assert_eq!(
            difference,
            "  `users`:\n  - id: \"1\", name: \"a\"\n  + id: \"2\", name: \"b\""
        );
    }

    #[test]
    fn columns_may_be_left_out() {
        let (one, two) = (&["1", "a"][..], &["1", "b"][..]);
        let without = |values: &[&[&str]]| rows(values).without(&["users.name"]);
        assert_eq!(without(&[one]).difference(&without(&[two])), None);
        assert_eq!(without(&[one]).columns().collect::<Vec<_>>(), ["users.id"]);
    }
}
