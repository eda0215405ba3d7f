//! `add_foreign_key`

use serde::{Deserialize, Serialize};

use crate::model::{ForeignKey, Str};
use crate::plan::{Batch, Refusal};
use crate::schema::{At, Problem, Schema};

/// Adds a foreign key to a table.
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
