//! `add_column`

use serde::{Deserialize, Serialize};

use crate::model::{Column, Str, Transform};
use crate::plan::{Batch, Refusal};
use crate::schema::{At, Problem, Schema};

/// Adds a column to a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddColumn {
    /// The table.
    pub table: Str,
    /// The column.
    pub column: Column,
    /// The column's value for a row that an old client wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up: Option<Transform>,
}

// --- check: the simulated schema -------------------------------------------------------------------------------

impl AddColumn {
    pub(super) fn check(&self, _schema: &mut Schema, _at: At, _problems: &mut Vec<Problem>) {}
}

// --- plan: the steps -------------------------------------------------------------------------------------------

impl AddColumn {
    pub(super) fn plan(&self, batch: &mut Batch<'_>) -> Result<(), Refusal> {
        Err(batch.not_supported("add_column"))
    }
}
