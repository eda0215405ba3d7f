//! Statements that run while a table's columns go by the names of another point of the batch.
//!
//! User SQL names columns as they are called at its own point of the batch; in the table they may be called otherwise until contract.
//! It is not rewritten: inside the transaction of expand, under the lock that is held anyway, the columns are given those names, the
//! statement runs, and they get their own names back. What Postgres keeps of it (a constraint, an index, a default) holds column
//! numbers, so it follows.
//!
//! **Invariant:** whoever else looks at the catalog sees no other names, and nothing of it is left when the transaction ends.

use crate::plan::lineage::Table;
use crate::sql::ident::{ident, qualified};
use crate::sql::names;

/// `statements`, given the table's quoted and qualified name, for the time that each column of `columns` (its name in the table, its name
/// there) is called as its second name says, and the table `name`. Columns that are `hidden` have none of their names then: they are not
/// visible at that point, and a statement that names one fails.
pub(crate) fn under(
    table: &Table,
    name: &str,
    columns: &[(&str, &str)],
    hidden: &[&str],
    statements: impl FnOnce(&str) -> Vec<String>,
) -> Vec<String> {
    let renames = renames(table, columns, hidden);
    let on = table.sql();
    let rename = |from: &str, to: &str| {
        format!("ALTER TABLE {on} RENAME COLUMN {} TO {}", ident(from), ident(to))
    };
    let there = qualified(&table.schema, name);
    let mut sql: Vec<String> = renames.iter().map(|(from, to)| rename(from, to)).collect();
    if name != table.physical {
        sql.push(format!("ALTER TABLE {on} RENAME TO {}", ident(name)));
    }
    sql.extend(statements(&there));
    if name != table.physical {
        sql.push(format!("ALTER TABLE {there} RENAME TO {}", ident(&table.physical)));
    }
    sql.extend(renames.iter().rev().map(|(from, to)| rename(to, from)));
    sql
}

/// What leads to those names, one after the other: columns that have one of them and are not meant go aside first, and where names
/// cross, they are reached by way of generated ones.
fn renames(table: &Table, columns: &[(&str, &str)], hidden: &[&str]) -> Vec<(String, String)> {
    let wanted: Vec<(&str, &str)> =
        columns.iter().copied().filter(|(from, to)| from != to).collect();
    let takes = |name: &str| wanted.iter().any(|(_, to)| *to == name);
    let leaves = |name: &str| wanted.iter().any(|(from, _)| *from == name);
    let there = table.values.iter().filter_map(|value| value.physical.as_deref());
    let mut renames: Vec<(String, String)> = there
        .filter(|physical| (takes(physical) || hidden.contains(physical)) && !leaves(physical))
        .map(|physical| (physical.to_owned(), names::generated(&["aside", physical])))
        .collect();
    if wanted.iter().any(|(from, _)| takes(from)) {
        let between = |name: &str| names::generated(&["under", name]);
        renames.extend(wanted.iter().map(|(from, to)| ((*from).to_owned(), between(to))));
        renames.extend(wanted.iter().map(|(_, to)| (between(to), (*to).to_owned())));
    } else {
        renames.extend(wanted.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())));
    }
    renames
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new("public", "users");
        for (column, in_base) in [("a", true), ("b", true), ("__reshape_a", false)] {
            table.add_value("text", Some(column), in_base);
        }
        table
    }

    fn renamed(columns: &[(&str, &str)]) -> String {
        let names = renames(&table(), columns, &[]);
        names.iter().map(|(from, to)| format!("{from}>{to}")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_column_of_that_name_goes_aside() {
        assert_eq!(renamed(&[("a", "a")]), "");
        assert_eq!(renamed(&[("a", "c"), ("b", "b")]), "a>c");
        assert_eq!(renamed(&[("__reshape_a", "a")]), "a>__reshape_aside_a __reshape_a>a");
    }

    #[test]
    fn a_hidden_column_goes_aside() {
        let hidden = |columns| renames(&table(), columns, &["a"]).len();
        assert_eq!(hidden(&[]), 1);
        assert_eq!(hidden(&[("a", "c")]), 1);
        assert_eq!(hidden(&[("__reshape_a", "a")]), 2);
    }

    #[test]
    fn names_that_cross_go_by_way_of_generated_ones() {
        assert_eq!(
            renamed(&[("a", "b"), ("b", "a")]),
            "a>__reshape_under_b b>__reshape_under_a __reshape_under_b>b __reshape_under_a>a"
        );
    }

    #[test]
    fn everything_gets_its_own_name_back() {
        let sql = under(&table(), "people", &[("__reshape_a", "a")], &[], |on| vec![on.to_owned()]);
        assert_eq!(
            sql,
            [
                "ALTER TABLE \"public\".\"users\" RENAME COLUMN \"a\" TO \"__reshape_aside_a\"",
                "ALTER TABLE \"public\".\"users\" RENAME COLUMN \"__reshape_a\" TO \"a\"",
                "ALTER TABLE \"public\".\"users\" RENAME TO \"people\"",
                "\"public\".\"people\"",
                "ALTER TABLE \"public\".\"people\" RENAME TO \"users\"",
                "ALTER TABLE \"public\".\"users\" RENAME COLUMN \"a\" TO \"__reshape_a\"",
                "ALTER TABLE \"public\".\"users\" RENAME COLUMN \"__reshape_aside_a\" TO \"a\"",
            ]
        );
    }
}
