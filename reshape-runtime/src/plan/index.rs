//! Index definitions.

use crate::model::{Direction, Index, IndexColumn, Nulls};
use crate::plan::Refusal;
use crate::plan::batch::Batch;
use crate::plan::lineage::{Scope, Table};
use crate::plan::mention::mentions;
use crate::sql::ident::ident;

/// `CREATE INDEX` for `index` under the name `name`. Columns go by the names that they have in the table now, in expressions by those of the scope.
pub(crate) fn create(
    batch: &Batch<'_>,
    table: &Table,
    index: (&Index, &Scope),
    name: &str,
    concurrently: bool,
) -> Result<String, Refusal> {
    create_on(batch, table, index, name, concurrently, &table.sql())
}

/// The same on `target`: a partition of the table, or the table without its partitions.
pub(crate) fn create_on(
    batch: &Batch<'_>,
    table: &Table,
    (index, scope): (&Index, &Scope),
    name: &str,
    concurrently: bool,
    target: &str,
) -> Result<String, Refusal> {
    let mut keys = Vec::new();
    for column in index.columns.iter() {
        let (key, direction, nulls) = match column {
            IndexColumn::Name(column) => (plain(batch, table, column)?, None, None),
            IndexColumn::Column { column, direction, nulls } => {
                (plain(batch, table, column)?, *direction, *nulls)
            }
            IndexColumn::Expression { expression, direction, nulls } => {
                (format!("({})", snippet(batch, table, scope, expression)?), *direction, *nulls)
            }
        };
        let direction = match direction {
            Some(Direction::Asc) => " ASC",
            Some(Direction::Desc) => " DESC",
            None => "",
        };
        let nulls = match nulls {
            Some(Nulls::First) => " NULLS FIRST",
            Some(Nulls::Last) => " NULLS LAST",
            None => "",
        };
        keys.push(format!("{key}{direction}{nulls}"));
    }
    let predicate = match &index.predicate {
        Some(predicate) => format!(" WHERE ({})", snippet(batch, table, scope, predicate)?),
        None => String::new(),
    };
    Ok(format!(
        "CREATE {}INDEX {}{} ON {}{} ({}){predicate}",
        if index.unique { "UNIQUE " } else { "" },
        if concurrently { "CONCURRENTLY " } else { "" },
        ident(name),
        target,
        index.method.map(|method| format!(" USING {}", method.sql())).unwrap_or_default(),
        keys.join(", ")
    ))
}

fn plain(batch: &Batch<'_>, table: &Table, name: &str) -> Result<String, Refusal> {
    let column = batch.column(table, name)?;
    // A shadow gets its name when the batch is known as a whole; the planner builds indexes after that.
    table.physical(column).map(ident).ok_or_else(|| batch.unknown_column(table, name))
}

/// An expression is used as it is, so each name in it must be the column's name in the table, too, and the column one that stays. It is never
/// rewritten as text.
fn snippet(batch: &Batch<'_>, table: &Table, scope: &Scope, sql: &str) -> Result<String, Refusal> {
    for (name, value) in &scope.names {
        let stays = table.columns.iter().any(|column| column.value == *value);
        let has_name = table.values[*value].physical.as_deref() == Some(name);
        if !(stays && has_name) && mentions(sql, &scope.table, name) {
            return Err(batch
                .not_supported(&format!(
                    "an index expression over `{}`.`{name}`, which the same batch changes,",
                    table.name
                ))
                .with_help(
                    "start and complete the change of the column first, then add the index",
                ));
        }
    }
    Ok(format!("\n{sql}\n"))
}
