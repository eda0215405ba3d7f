//! Foreign tables.
//!
//! Their rows are elsewhere: others write them there, and no trigger of this database sees it; a constraint is a promise that Postgres does not
//! check. So nothing can be kept in step, and only what changes no value is done: names and defaults, and the removal of the table, which
//! leaves the rows where they are.
//!
//! **Invariant:** a table or a column that gets another name here is still found there. `postgres_fdw` looks for them by the names that they have
//! here, unless an option says otherwise, so that is set; `file_fdw` knows no names; of others nobody knows.

use crate::plan::Refusal;
use crate::plan::batch::Batch;
use crate::plan::contract::Stage;
use crate::plan::facts::{LiveForeign, TableKind};
use crate::plan::lineage::Table;
use crate::sql::ident::{ident, literal};

/// What would need triggers or constraints.
pub(crate) fn refusal(batch: &Batch<'_>, table: &Table) -> Refusal {
    batch
        .refuse(format!(
            "`{}` is a foreign table: its rows are written elsewhere, where no trigger of ours translates them, and Postgres \
             enforces no constraint on them",
            table.name
        ))
        .with_help(
            "change the table where its rows are; columns of the foreign table can be added and changed with `custom` SQL",
        )
}

/// Whether the table is a foreign one.
pub(crate) fn is_foreign(batch: &Batch<'_>, table: &Table) -> bool {
    batch.live(table).is_some_and(|live| live.kind == TableKind::Foreign)
}

/// How rows are found there by names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Names {
    /// By the names here, or by options.
    Options,
    /// By none.
    None,
    /// Nobody knows.
    Unknown,
}

fn names(live: &LiveForeign) -> Names {
    match live.handler.as_deref() {
        Some("postgres_fdw_handler") => Names::Options,
        // Without a handler there are no rows.
        Some("file_fdw_handler") | None => Names::None,
        Some(_) => Names::Unknown,
    }
}

/// The table or a column of it gets another name.
pub(crate) fn require_renamable(batch: &Batch<'_>, table: &Table) -> Result<(), Refusal> {
    let foreign = batch.live(table).and_then(|live| live.foreign.as_ref());
    match foreign {
        Some(foreign) if names(foreign) == Names::Unknown => Err(batch
            .refuse(format!(
                "`{}` is a foreign table of `{}`, which may find its rows by the names that are to change",
                table.name, foreign.wrapper
            ))
            .with_help("rename it with `custom` SQL, together with the options that its wrapper wants")),
        Some(_) | None => Ok(()),
    }
}

/// Contract: before the names change here, the options say what they are there.
pub(crate) fn keep_names(batch: &mut Batch<'_>) {
    let mut sql = Vec::new();
    for (number, table) in batch.tables.iter().enumerate() {
        let live = batch.live(table).filter(|_| table.touched.is_some() && !table.removed);
        let Some(foreign) = live.and_then(|live| live.foreign.as_ref()) else { continue };
        if names(foreign) != Names::Options {
            continue;
        }
        let alter = format!("ALTER FOREIGN TABLE {}", table.sql());
        for column in &table.columns {
            let Some(physical) = table.physical(column) else { continue };
            if physical != column.name && !foreign.named_columns.iter().any(|c| c == physical) {
                sql.push((
                    number,
                    format!(
                        "{alter} ALTER COLUMN {} OPTIONS (ADD column_name {})",
                        ident(physical),
                        literal(physical)
                    ),
                ));
            }
        }
        if table.name != table.physical && !foreign.options.iter().any(|o| o == "table_name") {
            let name = literal(&table.physical);
            sql.push((number, format!("{alter} OPTIONS (ADD table_name {name})")));
        }
    }
    let sql = sql.into_iter().map(|(number, sql)| (number, Stage::Settle, sql));
    batch.asked.contract.extend(sql);
}
