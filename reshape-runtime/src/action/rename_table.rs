//! `rename_table`

use serde::{Deserialize, Serialize};

use crate::model::Str;
use crate::plan::{Batch, Refusal};
use crate::schema::{At, Problem, Schema};

/// Renames a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenameTable {
    /// The table's name so far.
    pub table: Str,
    /// Its name from then on.
    pub new_name: Str,
}

// --- check: the simulated schema -------------------------------------------------------------------------------

impl RenameTable {
    pub(super) fn check(&self, _schema: &mut Schema, _at: At, _problems: &mut Vec<Problem>) {}
}

// --- plan: the steps -------------------------------------------------------------------------------------------

impl RenameTable {
    pub(super) fn plan(&self, batch: &mut Batch<'_>) -> Result<(), Refusal> {
        Err(batch.not_supported("rename_table"))
    }
}
