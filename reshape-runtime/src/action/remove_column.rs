//! `remove_column`

use serde::{Deserialize, Serialize};

use crate::model::{Str, Transform};
use crate::plan::{Batch, Refusal};
use crate::schema::{At, Problem, Schema};

/// Removes a column from a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoveColumn {
    /// The table.
    pub table: Str,
    /// The column.
    pub column: Str,
    /// The column's value for a row that a new client wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub down: Option<Transform>,
}

// --- check: the simulated schema -------------------------------------------------------------------------------

impl RemoveColumn {
    pub(super) fn check(&self, _schema: &mut Schema, _at: At, _problems: &mut Vec<Problem>) {}
}

// --- plan: the steps -------------------------------------------------------------------------------------------

impl RemoveColumn {
    pub(super) fn plan(&self, batch: &mut Batch<'_>) -> Result<(), Refusal> {
        Err(batch.not_supported("remove_column"))
    }
}
