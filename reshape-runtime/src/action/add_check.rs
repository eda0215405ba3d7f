//! `add_check`

use serde::Serialize;

use crate::model::{Check, Str};
use crate::plan::constraint::check;
use crate::plan::{Batch, Refusal};
use crate::schema::{At, Problem, Schema};

/// Adds a check constraint to a table.
///
/// # What it does
///
/// The check holds for old and new clients at once: start fails, and rolls itself back, if a row that exists violates it; the error says
/// how many there are and shows one. To replace a check, remove it and add it under the same name in one migration.
///
/// The expression calls columns as they are called at that point of the batch. A check follows its columns: where a later action of
/// the batch renames or replaces one, the check is on what the column is at the end.
///
/// # Expand
///
/// `ADD CONSTRAINT … CHECK … NOT VALID`: an ACCESS EXCLUSIVE lock for a change of the catalog; new rows are checked from then on. After
/// the backfill `VALIDATE CONSTRAINT` checks the rows that exist without blocking writes.
///
/// # Contract
///
/// Nothing; but where the check replaces one of the same name, it gets its name then.
///
/// # Rollback
///
/// The check is dropped.
///
/// # Example
///
/// ```toml
/// [[actions]]
/// type = "add_check"
/// table = "users"
///
///     [actions.check]
///     name = "users_email_has_an_at"
///     expression = "email LIKE '%@%'"
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct AddCheck {
    /// The table.
    pub table: Str,
    /// The table's schema; `public` if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Str>,
    /// The constraint; its name is required here.
    pub check: Check,
}

// --- check: the simulated schema -------------------------------------------------------------------------------

use crate::rule::Rule;
use crate::schema::{Review, place};

impl AddCheck {
    pub(super) fn check(&self, schema: &mut Schema, at: At, problems: &mut Vec<Problem>) {
        let mut review = Review::new(schema, at, problems);
        if self.check.name.is_none() {
            review
                .report(Rule::MissingKey, place!["check"], "the check has no name")
                .help("give it a `name`, by which `remove_check` can find it");
        }
        if let Some(table) = review.table(self.schema.as_deref(), &self.table, place!["table"]) {
            review.check(table, &self.check, &place!["check"]);
        }
    }
}

// --- plan: the steps -------------------------------------------------------------------------------------------

impl AddCheck {
    pub(super) fn plan(&self, batch: &mut Batch<'_>) -> Result<(), Refusal> {
        let index = batch.table(self.schema.as_deref(), &self.table)?;
        let Some(name) = self.check.name.as_deref() else {
            return Err(batch.refuse("the check has no name"));
        };
        batch.name_constraint(index, name)?;
        let table = &batch.tables[index];
        if table.created {
            let clause = check::clause(name, &self.check.expression);
            let add = vec![format!("ALTER TABLE {} ADD {clause}", table.sql())];
            batch.push_fresh(format!("add check `{name}` to `{}`", self.table), add, Vec::new());
            return Ok(());
        }
        batch.require_plain(table)?;
        check::add(batch, index, name, &self.check);
        Ok(())
    }
}
