//! `remove_foreign_key`

use serde::{Deserialize, Serialize};

use crate::model::Str;
use crate::plan::{Batch, Refusal};
use crate::schema::{At, Problem, Schema};

/// Removes a foreign key from a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoveForeignKey {
    /// The referencing table.
    pub table: Str,
    /// The constraint's name.
    pub foreign_key: Str,
}

// --- check: the simulated schema -------------------------------------------------------------------------------

impl RemoveForeignKey {
    pub(super) fn check(&self, _schema: &mut Schema, _at: At, _problems: &mut Vec<Problem>) {}
}

// --- plan: the steps -------------------------------------------------------------------------------------------

impl RemoveForeignKey {
    pub(super) fn plan(&self, batch: &mut Batch<'_>) -> Result<(), Refusal> {
        Err(batch.not_supported("remove_foreign_key"))
    }
}
