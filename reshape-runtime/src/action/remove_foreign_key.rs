//! `remove_foreign_key`

use serde::Serialize;

use crate::model::Str;
use crate::plan::facts::DependentKind;
use crate::plan::{Batch, Refusal};
use crate::schema::{At, Problem, Schema};

/// Removes a foreign key from a table.
///
/// # What it does
///
/// The foreign key holds until the batch is complete, for new clients, too. `foreign_key` is its name; one that was created without a
/// name has the one that Postgres chose: `<table>_<columns>_fkey`.
///
/// # Expand
///
/// Nothing.
///
/// # Contract
///
/// `DROP CONSTRAINT`, before anything else goes that it may need: an ACCESS EXCLUSIVE lock on both tables for a change of the catalog.
///
/// # Rollback
///
/// Nothing has been removed.
///
/// # Example
///
/// ```toml
/// [[actions]]
/// type = "remove_foreign_key"
/// table = "orders"
/// foreign_key = "orders_user_id_fkey"
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct RemoveForeignKey {
    /// The referencing table.
    pub table: Str,
    /// The table's schema; `public` if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Str>,
    /// The constraint's name.
    pub foreign_key: Str,
}

// --- check: the simulated schema -------------------------------------------------------------------------------

use crate::schema::{Review, place};

impl RemoveForeignKey {
    pub(super) fn check(&self, schema: &mut Schema, at: At, problems: &mut Vec<Problem>) {
        let mut review = Review::new(schema, at, problems);
        let Some(table) = review.table(self.schema.as_deref(), &self.table, place!["table"]) else {
            return;
        };
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
        let index = batch.table(self.schema.as_deref(), &self.table)?;
        batch.remove_constraint(index, DependentKind::ForeignKey, &self.foreign_key)
    }
}
