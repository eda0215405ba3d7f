//! Foreign tables.
//!
//! Their rows are elsewhere: others write them there, and no trigger of this database sees it; a constraint is a promise that Postgres does not
//! check. So nothing can be kept in step, and only what changes no value is done.

use crate::plan::Refusal;
use crate::plan::batch::Batch;
use crate::plan::facts::TableKind;
use crate::plan::lineage::Table;

/// Whether the table is a foreign one.
pub(crate) fn is_foreign(batch: &Batch<'_>, table: &Table) -> bool {
    batch.live(table).is_some_and(|live| live.kind == TableKind::Foreign)
}

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
