//! `remove_index`

use serde::{Deserialize, Serialize};

use crate::model::Str;
use crate::plan::{Batch, Refusal};
use crate::schema::{At, Problem, Schema};

/// Removes an index.
///
/// # What it does
///
/// The index stays, for old and new clients, until the batch is complete. An index that a foreign key needs, because it refers to
/// the columns that the index keeps unique, cannot be removed before the foreign key is.
///
/// # Expand
///
/// Nothing.
///
/// # Contract
///
/// `DROP INDEX CONCURRENTLY`, which blocks no reads or writes.
///
/// # Rollback
///
/// Nothing has been removed.
///
/// # Example
///
/// ```toml
/// [[actions]]
/// type = "remove_index"
/// index = "users_email"
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoveIndex {
    /// The index.
    pub index: Str,
}

// --- check: the simulated schema -------------------------------------------------------------------------------

use crate::schema::{Review, place};

impl RemoveIndex {
    pub(super) fn check(&self, schema: &mut Schema, at: At, problems: &mut Vec<Problem>) {
        let mut review = Review::new(schema, at, problems);
        let Some((table, index)) = review.index(&self.index, place!["index"]) else { return };
        let name = review.get(table).indexes[index].name.clone();
        if let Some((other, key)) = review.index_referrer(table, index) {
            review
                .report(
                    place!["index"],
                    format!(
                        "index `{name}` is what foreign key `{key}` of table `{other}` refers to"
                    ),
                )
                .help("remove the foreign key first, with `remove_foreign_key`");
        }
        review.drop_index(table, index, place!["index"]);
    }
}

// --- plan: the steps -------------------------------------------------------------------------------------------

impl RemoveIndex {
    pub(super) fn plan(&self, batch: &mut Batch<'_>) -> Result<(), Refusal> {
        Err(batch.not_supported("remove_index"))
    }
}
