//! Column definitions.

use crate::model;
use crate::plan::lineage::{Column, ValueId};
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
        comment: column.comment.as_deref().map(str::to_owned),
        generated: column.generated.is_some() || serial,
        ancestor: None,
    }
}
