//! `add_check`

use serde::{Deserialize, Serialize};

use crate::model::{Check, Str};
use crate::plan::{Batch, Refusal};
use crate::schema::{At, Problem, Schema};

/// Adds a check constraint to a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddCheck {
    /// The table.
    pub table: Str,
    /// The constraint; its name is required here.
    pub check: Check,
}

// --- check: the simulated schema -------------------------------------------------------------------------------

impl AddCheck {
    pub(super) fn check(&self, _schema: &mut Schema, _at: At, _problems: &mut Vec<Problem>) {}
}

// --- plan: the steps -------------------------------------------------------------------------------------------

impl AddCheck {
    pub(super) fn plan(&self, batch: &mut Batch<'_>) -> Result<(), Refusal> {
        Err(batch.not_supported("add_check"))
    }
}
