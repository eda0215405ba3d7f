//! `remove_table`

use serde::{Deserialize, Serialize};

use crate::model::Str;
use crate::plan::{Batch, Refusal};
use crate::schema::{At, Problem, Schema};

/// Removes a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoveTable {
    /// The table.
    pub table: Str,
}

// --- check: the simulated schema -------------------------------------------------------------------------------

impl RemoveTable {
    pub(super) fn check(&self, _schema: &mut Schema, _at: At, _problems: &mut Vec<Problem>) {}
}

// --- plan: the steps -------------------------------------------------------------------------------------------

impl RemoveTable {
    pub(super) fn plan(&self, batch: &mut Batch<'_>) -> Result<(), Refusal> {
        Err(batch.not_supported("remove_table"))
    }
}
