//! `rename_table`

use serde::Serialize;

use crate::model::Str;
use crate::plan::{Batch, Refusal, foreign};
use crate::schema::{At, Problem, Schema};
use crate::sql::ident::{ident, qualified};

/// Renames a table.
///
/// # What it does
///
/// New clients know the table by its new name, old clients by the old one; both read and write the same rows. Foreign keys,
/// indexes and constraints keep their names. Later actions, also those of the same migration, use the new name. It may be one that the same
/// batch takes from another table; tables may also exchange their names. A foreign table of `postgres_fdw` gets options, so that its rows
/// are still found; one of another wrapper, except `file_fdw`, is refused.
///
/// # Expand
///
/// Nothing: a name is a matter of the new version's view.
///
/// # Contract
///
/// `ALTER TABLE … RENAME`: an ACCESS EXCLUSIVE lock for a change of the catalog. Tables that exchange names are finished in one transaction.
///
/// # Rollback
///
/// Nothing is left to be undone but the new version's view.
///
/// # Example
///
/// ```toml
/// [[actions]]
/// type = "rename_table"
/// table = "users"
/// new_name = "accounts"
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct RenameTable {
    /// The table's name so far.
    pub table: Str,
    /// The table's schema; `public` if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Str>,
    /// Its name from then on.
    pub new_name: Str,
}

// --- check: the simulated schema -------------------------------------------------------------------------------

use crate::rule::Rule;
use crate::schema::{Relation, Review, place};

impl RenameTable {
    pub(super) fn check(&self, schema: &mut Schema, at: At, problems: &mut Vec<Problem>) {
        let mut review = Review::new(schema, at, problems);
        let Some(table) = review.table(self.schema.as_deref(), &self.table, place!["table"]) else {
            review.assume_table(&self.new_name);
            return;
        };
        let (within, name) = (review.get(table).schema.clone(), review.get(table).name.clone());
        if self.table == self.new_name {
            let message = format!("table `{}` is called so already", self.table);
            review.report(Rule::ChangesNothing, place!["new_name"], message);
        } else if review.free(&within, &self.new_name, place!["new_name"], Relation::Table) {
            review.identifier("table", &self.new_name, place!["new_name"]);
            // `free` may have taken a table away: positions have moved.
            if let Some(table) = review.find(&name) {
                review.rename_table(table, &self.new_name, place!["new_name"]);
            }
        }
    }
}

// --- plan: the steps -------------------------------------------------------------------------------------------

impl RenameTable {
    pub(super) fn plan(&self, batch: &mut Batch<'_>) -> Result<(), Refusal> {
        let index = batch.table(self.schema.as_deref(), &self.table)?;
        let within = batch.tables[index].schema.clone();
        batch.require_free(&within, &self.new_name)?;
        foreign::require_renamable(batch, &batch.tables[index])?;
        if batch.facts().schema(&within).is_some_and(|schema| !schema.may_create) {
            return Err(batch
                .refuse(format!(
                    "the role may not create tables in schema `{within}`, and so not rename one"
                ))
                .with_help(format!(
                    "run `GRANT CREATE ON SCHEMA {} TO …` as its owner",
                    ident(&within)
                )));
        }
        let physical = batch.name_to_rename(&batch.tables[index], &self.new_name);
        let table = &mut batch.tables[index];
        if table.created && table.physical != physical {
            let (from, schema) = (table.sql(), table.schema.clone());
            table.name = self.new_name.to_string();
            table.physical = physical;
            batch.push_fresh(
                format!("rename `{}` to `{}`", self.table, self.new_name),
                vec![format!("ALTER TABLE {from} RENAME TO {}", ident(&self.new_name))],
                vec![format!(
                    "ALTER TABLE IF EXISTS {} RENAME TO {}",
                    qualified(&schema, &self.new_name),
                    ident(&self.table)
                )],
            );
        } else {
            table.name = self.new_name.to_string();
        }
        Ok(())
    }
}
