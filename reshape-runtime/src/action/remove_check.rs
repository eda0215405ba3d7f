//! `remove_check`

use serde::{Deserialize, Serialize};

use crate::model::Str;
use crate::plan::{Batch, Refusal};
use crate::schema::{At, Problem, Schema};

/// Removes a check constraint from a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoveCheck {
    /// The table.
    pub table: Str,
    /// The constraint's name.
    pub check: Str,
}

// --- check: the simulated schema -------------------------------------------------------------------------------

impl RemoveCheck {
    pub(super) fn check(&self, _schema: &mut Schema, _at: At, _problems: &mut Vec<Problem>) {}
}

// --- plan: the steps -------------------------------------------------------------------------------------------

impl RemoveCheck {
    pub(super) fn plan(&self, batch: &mut Batch<'_>) -> Result<(), Refusal> {
        Err(batch.not_supported("remove_check"))
    }
}
