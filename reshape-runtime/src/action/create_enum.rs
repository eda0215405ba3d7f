//! `create_enum`

use serde::{Deserialize, Serialize};

use crate::model::{List, Str};
use crate::plan::{Batch, Refusal};
use crate::schema::{At, Problem, Schema};

/// Creates an enum type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateEnum {
    /// The type's name.
    pub name: Str,
    /// Its values, in order.
    pub values: List<Str>,
}

// --- check: the simulated schema -------------------------------------------------------------------------------

impl CreateEnum {
    pub(super) fn check(&self, _schema: &mut Schema, _at: At, _problems: &mut Vec<Problem>) {}
}

// --- plan: the steps -------------------------------------------------------------------------------------------

impl CreateEnum {
    pub(super) fn plan(&self, batch: &mut Batch<'_>) -> Result<(), Refusal> {
        Err(batch.not_supported("create_enum"))
    }
}
