//! `add_foreign_key`

use serde::{Deserialize, Serialize};

use crate::model::{ForeignKey, Str};
use crate::plan::{Batch, Refusal};
use crate::schema::{At, Problem, Schema};

/// Adds a foreign key to a table.
///
/// # What it does
///
/// The foreign key holds for old and new clients at once. It refers to the columns of a primary key or of a unique index, whose
/// types can be compared with those of its own. It gets the name that Postgres chooses: `<table>_<columns>_fkey`.
///
/// The planner does not support it yet and says so.
///
/// # Expand
///
/// `ADD FOREIGN KEY … NOT VALID`: a SHARE ROW EXCLUSIVE lock on both tables for a change of the catalog; new rows are checked from
/// then on. After the backfill `VALIDATE CONSTRAINT` checks the rows that exist without blocking writes.
///
/// # Contract
///
/// Nothing.
///
/// # Rollback
///
/// The foreign key is dropped.
///
/// # Example
///
/// ```toml
/// [[actions]]
/// type = "add_foreign_key"
/// table = "orders"
///
///     [actions.foreign_key]
///     columns = ["user_id"]
///     referenced_table = "users"
///     referenced_columns = ["id"]
///     on_delete = "CASCADE"
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddForeignKey {
    /// The referencing table.
    pub table: Str,
    /// The foreign key.
    pub foreign_key: ForeignKey,
}

// --- check: the simulated schema -------------------------------------------------------------------------------

use crate::schema::{Review, place};

impl AddForeignKey {
    pub(super) fn check(&self, schema: &mut Schema, at: At, problems: &mut Vec<Problem>) {
        let mut review = Review::new(schema, at, problems);
        if let Some(table) = review.table(&self.table, place!["table"]) {
            review.foreign_key(table, &self.foreign_key, &place!["foreign_key"]);
        }
    }
}

// --- plan: the steps -------------------------------------------------------------------------------------------

impl AddForeignKey {
    pub(super) fn plan(&self, batch: &mut Batch<'_>) -> Result<(), Refusal> {
        Err(batch.not_supported(&format!("adding a foreign key to `{}`", self.table)))
    }
}
