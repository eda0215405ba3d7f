//! `remove_enum`

use serde::{Deserialize, Serialize};

use crate::model::Str;
use crate::plan::{Batch, Refusal};
use crate::schema::{At, Problem, Schema};

/// Removes an enum type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoveEnum {
    /// The type's name; `enum` in the file.
    #[serde(rename = "enum")]
    pub name: Str,
}

// --- check: the simulated schema -------------------------------------------------------------------------------

impl RemoveEnum {
    pub(super) fn check(&self, _schema: &mut Schema, _at: At, _problems: &mut Vec<Problem>) {}
}

// --- plan: the steps -------------------------------------------------------------------------------------------

impl RemoveEnum {
    pub(super) fn plan(&self, batch: &mut Batch<'_>) -> Result<(), Refusal> {
        Err(batch.not_supported("remove_enum"))
    }
}
