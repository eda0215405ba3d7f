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

impl AddForeignKey {
    pub(super) fn check(&self, _schema: &mut Schema, _at: At, _problems: &mut Vec<Problem>) {}
}

// --- plan: the steps -------------------------------------------------------------------------------------------

impl AddForeignKey {
    pub(super) fn plan(&self, batch: &mut Batch<'_>) -> Result<(), Refusal> {
        Err(batch.not_supported("add_foreign_key"))
    }
}
