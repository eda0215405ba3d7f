//! `add_index`

use serde::{Deserialize, Serialize};

use crate::model::{Index, Str};
use crate::plan::{Batch, Refusal};
use crate::schema::{At, Problem, Schema};

/// Adds an index to a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddIndex {
    /// The table.
    pub table: Str,
    /// The index.
    pub index: Index,
}

// --- check: the simulated schema -------------------------------------------------------------------------------

impl AddIndex {
    pub(super) fn check(&self, _schema: &mut Schema, _at: At, _problems: &mut Vec<Problem>) {}
}

// --- plan: the steps -------------------------------------------------------------------------------------------

impl AddIndex {
    pub(super) fn plan(&self, batch: &mut Batch<'_>) -> Result<(), Refusal> {
        Err(batch.not_supported("add_index"))
    }
}
