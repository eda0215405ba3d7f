//! `add_foreign_key`

use serde::Serialize;

use crate::model::{ForeignKey, Str};
use crate::plan::constraint::foreign_key::{self, Made};
use crate::plan::{Batch, Phase, Refusal, Step};
use crate::schema::{At, Problem, Schema};
use crate::sql::ident::ident;

/// Adds a foreign key to a table.
///
/// # What it does
///
/// The foreign key holds for old and new clients at once. It refers to the columns of a primary key or of a unique index, whose
/// types can be compared with those of its own. It gets the name that Postgres chooses: `<table>_<columns>_fkey`. Start fails, and rolls
/// itself back, if a row that exists refers to none; the error says how many there are and shows one.
///
/// A foreign key follows its columns: where a later action of the batch renames or replaces one, it is on what the column is at the
/// end. To replace a foreign key, say with another `on_delete`, remove it and add it in one migration.
///
/// On a partitioned table it needs PostgreSQL 18: before, Postgres has no `NOT VALID` there. To a partitioned table it cannot be from
/// columns that the same batch adds or changes. Both are refused.
///
/// # Expand
///
/// After the backfill and the building of indexes `ADD FOREIGN KEY … NOT VALID`: a SHARE ROW EXCLUSIVE lock on both tables for a change
/// of the catalog; what is written from then on is checked. Then `VALIDATE CONSTRAINT` checks the rows that exist without blocking
/// writes. A table that the batch has created gets its foreign keys at once.
///
/// # Contract
///
/// Nothing; but where the foreign key replaces one of the same name, it gets its name then.
///
/// # Rollback
///
/// The foreign key is dropped.
///
/// # Example
///
/// ```toml
/// [[actions]]
/// type = "add_foreign_key"
/// table = "orders"
///
///     [actions.foreign_key]
///     columns = ["user_id"]
///     referenced_table = "users"
///     referenced_columns = ["id"]
///     on_delete = "CASCADE"
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct AddForeignKey {
    /// The referencing table.
    pub table: Str,
    /// The table's schema; `public` if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Str>,
    /// The foreign key.
    pub foreign_key: ForeignKey,
}

// --- check: the simulated schema -------------------------------------------------------------------------------

use crate::schema::{Review, place};

impl AddForeignKey {
    pub(super) fn check(&self, schema: &mut Schema, at: At, problems: &mut Vec<Problem>) {
        let mut review = Review::new(schema, at, problems);
        if let Some(table) = review.table(self.schema.as_deref(), &self.table, place!["table"]) {
            review.foreign_key(table, &self.foreign_key, &place!["foreign_key"]);
        }
    }
}

// --- plan: the steps -------------------------------------------------------------------------------------------

impl AddForeignKey {
    pub(super) fn plan(&self, batch: &mut Batch<'_>) -> Result<(), Refusal> {
        let index = batch.table(self.schema.as_deref(), &self.table)?;
        batch.require_plain(&batch.tables[index])?;
        let title = format!("add a foreign key to `{}`", self.table);
        let on = batch.tables[index].sql();
        match foreign_key::add(batch, index, None, &self.foreign_key)? {
            Made::Clause(clause, name) => {
                // The table that it refers to may be the younger one, and goes first.
                let undo = vec![format!(
                    "ALTER TABLE IF EXISTS {on} DROP CONSTRAINT IF EXISTS {}",
                    ident(&name)
                )];
                batch.push_fresh(title, vec![format!("ALTER TABLE {on} ADD {clause}")], undo);
            }
            Made::Statement(statement, locked) => {
                let lock = format!(
                    "SHARE ROW EXCLUSIVE on {locked}: the new table is empty, nothing is read"
                );
                batch.push(Step::sql(Phase::Expand, title, vec![statement]).locking(lock));
            }
            Made::Later => {}
        }
        Ok(())
    }
}
