//! The views of the version, in one step.

use crate::plan::batch::Batch;
use crate::plan::cross::Cross;
use crate::plan::lineage::Table;
use crate::plan::sync::Sync;
use crate::plan::view::Views;
use crate::plan::{Phase, Step, found, partition};
use crate::sql::names;

/// The step that makes the version visible.
pub(crate) fn publish_views(
    batch: &Batch<'_>,
    views: &Views<'_>,
    search_path: &str,
    cross: &Cross,
) -> Step {
    let tables: Vec<(&Table, bool)> = batch
        .tables
        .iter()
        .enumerate()
        .filter(|(_, table)| table.in_version && !table.removed)
        .filter(|(_, table)| !partition::is_one(batch, table))
        .map(|(number, table)| {
            let part = cross.part(number);
            let sync = Sync::new(table, batch.request.base, views.target, search_path, part);
            (table, !table.created && sync.is_needed())
        })
        .collect();
    let mut statements = views.schema(&tables);
    for (table, synced) in &tables {
        statements.extend(views.create(table, *synced));
    }
    let mut undo = Vec::new();
    // What the SQL has created is known to the server alone.
    if batch.runs_custom_sql() {
        let facts = batch.facts();
        let known = &batch.tables;
        statements.push(found::create(views.target, known, facts));
        statements.extend(found::rights(views.target, &tables));
        undo.push(found::drop(views.target));
    }
    undo.extend(views.drop(&tables));
    Step::sql(
        Phase::Publish,
        format!("publish `{}`", names::version_schema(views.target)),
        statements,
    )
    .patient()
    .locking("ACCESS SHARE on the tables: what a SELECT takes")
    .undone_by(undo)
}
