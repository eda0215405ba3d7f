//! Column definitions and their defaults.

use crate::model;
use crate::plan::lineage::{Column, Formula, ValueId};
use crate::sql::ident::ident;

/// A column as `CREATE TABLE` and `ADD COLUMN` want it.
pub(crate) fn column(column: &model::Column) -> String {
    let mut sql = format!("{} {}", ident(&column.name), column.data_type);
    if let Some(default) = &column.default {
        sql.push_str(&format!(" DEFAULT {default}"));
    }
    if let Some(generated) = &column.generated {
        sql.push_str(&format!(" GENERATED {generated}"));
    }
    if !column.nullable {
        sql.push_str(" NOT NULL");
    }
    sql
}

/// A column of a migration as later actions of the batch see it.
pub(crate) fn lineage_column(column: &model::Column, value: ValueId, key: bool) -> Column {
    let serial = column.data_type.to_ascii_lowercase().contains("serial");
    Column {
        name: column.name.to_string(),
        value,
        not_null: !column.nullable || key,
        default: column.default.as_deref().map(str::to_owned),
        added_default: None,
        comment: column.comment.as_deref().map(str::to_owned),
        generated: column.generated.is_some() || serial,
        draws: false,
        ancestor: None,
    }
}

/// Whether rows that exist can take the default from the catalog: Postgres does that for every expression that is not volatile;
/// known here are literals and the clock.
pub(crate) fn is_stable_default(sql: &str) -> bool {
    let sql = sql.trim();
    let value = sql.split_once("::").map_or(sql, |(value, _)| value.trim());
    let lower = value.to_ascii_lowercase();
    let quoted = value.len() >= 2
        && value.starts_with('\'')
        && value.ends_with('\'')
        && !value[1..value.len() - 1].replace("''", "").contains('\'');
    let known = [
        "true",
        "false",
        "null",
        "now()",
        "current_timestamp",
        "current_date",
        "localtimestamp",
        "statement_timestamp()",
        "transaction_timestamp()",
    ];
    quoted || value.parse::<f64>().is_ok() || known.contains(&lower.as_str())
}

/// Formula for a default that has to be computed row by row; `None` if the catalog does it.
pub(crate) fn row_by_row(default: &str) -> Option<Formula> {
    (!is_stable_default(default)).then(|| Formula::Default(default.to_owned()))
}
