//! `remove_table`

use serde::Serialize;

use crate::model::Str;
use crate::plan::facts::Dependent;
use crate::plan::lineage::Table;
use crate::plan::{Batch, Refusal};
use crate::schema::{At, Problem, Schema};

/// Removes a table.
///
/// # What it does
///
/// New clients no longer see the table; old clients go on using it until the batch is complete. A table that another table's
/// foreign key refers to cannot be removed before that foreign key is, and one that others inherit from not before those are.
/// A completed migration that removes a table cannot be reverted, unless the revert takes its creation back as well.
///
/// # Expand
///
/// Nothing: the new version has no view of the table.
///
/// # Contract
///
/// `DROP TABLE`. The rows are gone for good; those of a foreign table stay where they are.
///
/// # Rollback
///
/// Nothing has been removed: the table is as old clients know it.
///
/// # Example
///
/// ```toml
/// [[actions]]
/// type = "remove_table"
/// table = "sessions"
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct RemoveTable {
    /// The table.
    pub table: Str,
    /// The table's schema; `public` if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Str>,
}

// --- check: the simulated schema -------------------------------------------------------------------------------

use crate::schema::{Review, place};

impl RemoveTable {
    pub(super) fn check(&self, schema: &mut Schema, at: At, problems: &mut Vec<Problem>) {
        let mut review = Review::new(schema, at, problems);
        let Some(table) = review.table(self.schema.as_deref(), &self.table, place!["table"]) else {
            return;
        };
        let subject = format!("table `{}`", review.get(table).name);
        review.not_referred_to(table, None, &subject, place!["table"]);
        review.drop_table(table, place!["table"]);
    }
}

// --- plan: the steps -------------------------------------------------------------------------------------------

impl RemoveTable {
    pub(super) fn plan(&self, batch: &mut Batch<'_>) -> Result<(), Refusal> {
        let index = batch.table(self.schema.as_deref(), &self.table)?;
        let table = &batch.tables[index];
        if table.created {
            let drop = vec![format!("DROP TABLE {}", table.sql())];
            batch.push_fresh(format!("drop `{}`", self.table), drop, Vec::new());
        } else if let Some(dependent) = batch.live(table).and_then(|live| {
            live.dependents.iter().find(|dependent| !goes_too(batch, table, dependent))
        }) {
            return Err(batch
                .refuse(format!(
                    "table `{}` cannot be removed: {} depends on it",
                    self.table, dependent.description
                ))
                .with_help("remove that first, in this migration or an earlier one"));
        }
        batch.drop_constraints(index)?;
        batch.forget_indexes(|pending| pending.table == index);
        batch.renamed_indexes.retain(|renamed| renamed.table != index);
        batch.tables[index].removed = true;
        Ok(())
    }
}

/// Whether what depends on the table is part of a table that the batch has removed already.
fn goes_too(batch: &Batch<'_>, table: &Table, dependent: &Dependent) -> bool {
    batch.goes(dependent)
        || batch.removes_child(table, dependent)
        || dependent.table.as_ref().is_some_and(|name| {
            let mut removed = batch.tables.iter().filter(|table| table.removed && !table.created);
            removed.any(|table| table.key() == name.key())
        })
}
