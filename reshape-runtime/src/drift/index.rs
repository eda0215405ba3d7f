//! Indexes: by what the format can say of them.

use crate::model::{Direction, Index, IndexColumn, Nulls};
use crate::plan::facts::LiveIndex;
use crate::sql::ident::idents;

/// Whether an index is the one that the history says, as far as the format can say it. `readable`: whether predicates are known.
pub(super) fn same(index: &Index, live: &LiveIndex, readable: bool) -> bool {
    let method = index.method.map_or("btree", |method| method.sql());
    let partial = index.predicate.is_some() == live.predicate.is_some() || !readable;
    method == live.method
        && index.unique == live.unique
        && partial
        && index.columns.len() == live.keys.len()
        && index.columns.iter().zip(&live.keys).all(|(key, live)| {
            let (descending, nulls_first) = order(key);
            let sorted = method != "btree"
                || (descending, nulls_first) == (live.descending, live.nulls_first);
            is_column(key, live.column.as_deref()) && sorted
        })
}

/// Whether the key is the column, or none where there is none. An expression that is nothing but a column's name is kept as the column.
fn is_column(key: &IndexColumn, column: Option<&str>) -> bool {
    match (key, column) {
        (IndexColumn::Expression { expression, .. }, Some(column)) => {
            let bare = expression.trim_matches(|c: char| c.is_whitespace() || "()".contains(c));
            bare == idents([column]) || bare.to_lowercase() == column
        }
        (_, column) => key.name() == column,
    }
}

/// Whether a key sorts downwards, and whether NULLs come first.
fn order(key: &IndexColumn) -> (bool, bool) {
    let (direction, nulls) = match key {
        IndexColumn::Name(_) => (None, None),
        IndexColumn::Column { direction, nulls, .. }
        | IndexColumn::Expression { direction, nulls, .. } => (*direction, *nulls),
    };
    let descending = direction == Some(Direction::Desc);
    (descending, nulls.map_or(descending, |nulls| nulls == Nulls::First))
}

pub(super) fn expected(index: &Index) -> String {
    let keys = index.columns.iter().map(|key| {
        let text = match key {
            IndexColumn::Name(name) | IndexColumn::Column { column: name, .. } => idents([&**name]),
            IndexColumn::Expression { expression, .. } => format!("({expression})"),
        };
        text + sorted(order(key))
    });
    let predicate = index.predicate.as_ref().map(|sql| format!(" WHERE {sql}"));
    let method = index.method.map_or("btree", |method| method.sql());
    told(index.unique, method, &keys.collect::<Vec<_>>(), &predicate.unwrap_or_default())
}

pub(super) fn found(live: &LiveIndex) -> String {
    let keys = live.keys.iter().map(|key| {
        let text = match (&key.column, &key.expression) {
            (Some(name), _) => idents([name.as_str()]),
            (None, sql) => sql.clone().unwrap_or_default(),
        };
        text + sorted((key.descending, key.nulls_first))
    });
    let predicate = if live.predicate.is_some() { " WHERE …" } else { "" };
    told(live.unique, &live.method, &keys.collect::<Vec<_>>(), predicate)
}

fn told(unique: bool, method: &str, keys: &[String], predicate: &str) -> String {
    let unique = if unique { "UNIQUE " } else { "" };
    format!("{unique}{method} ({}){predicate}", keys.join(", "))
}

fn sorted(order: (bool, bool)) -> &'static str {
    match order {
        (false, false) => "",
        (false, true) => " NULLS FIRST",
        (true, true) => " DESC",
        (true, false) => " DESC NULLS LAST",
    }
}
