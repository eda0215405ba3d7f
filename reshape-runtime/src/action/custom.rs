//! `custom`

use serde::{Deserialize, Serialize};

use crate::model::Str;
use crate::plan::{Batch, Refusal};
use crate::schema::{At, Problem, Schema};

/// Runs SQL of the user's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Custom {
    /// Runs during expand, at the action's place in the batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Str>,
    /// Runs during contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complete: Option<Str>,
    /// Runs when the batch is rolled back after `start` has run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abort: Option<Str>,
}

// --- check: the simulated schema -------------------------------------------------------------------------------

use crate::schema::Review;

impl Custom {
    pub(super) fn check(&self, schema: &mut Schema, at: At, problems: &mut Vec<Problem>) {
        let mut review = Review::new(schema, at, problems);
        for sql in self.start.iter().chain(&self.complete) {
            review.note_custom(sql);
        }
    }
}

// --- plan: the steps -------------------------------------------------------------------------------------------

impl Custom {
    pub(super) fn plan(&self, batch: &mut Batch<'_>) -> Result<(), Refusal> {
        Err(batch.not_supported("custom"))
    }
}
