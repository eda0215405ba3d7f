//! `remove_foreign_key`

use serde::{Deserialize, Serialize};

use crate::model::Str;
use crate::plan::{Batch, Refusal};
use crate::schema::{At, Problem, Schema};

/// Removes a foreign key from a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoveForeignKey {
    /// The referencing table.
    pub table: Str,
    /// The constraint's name.
    pub foreign_key: Str,
}

// --- check: the simulated schema -------------------------------------------------------------------------------

use crate::schema::{Review, place};

impl RemoveForeignKey {
    pub(super) fn check(&self, schema: &mut Schema, at: At, problems: &mut Vec<Problem>) {
        let mut review = Review::new(schema, at, problems);
        let Some(table) = review.table(&self.table, place!["table"]) else { return };
        let known: Vec<String> =
            review.get(table).foreign_keys.iter().map(|key| key.name.clone()).collect();
        let path = place!["foreign_key"];
        if let Some(name) =
            review.constraint(table, "foreign key", &known, &self.foreign_key, path.clone())
        {
            review.drop_foreign_key(table, &name, path);
        }
    }
}

// --- plan: the steps -------------------------------------------------------------------------------------------

impl RemoveForeignKey {
    pub(super) fn plan(&self, batch: &mut Batch<'_>) -> Result<(), Refusal> {
        Err(batch.not_supported(&format!("removing a foreign key of `{}`", self.table)))
    }
}
