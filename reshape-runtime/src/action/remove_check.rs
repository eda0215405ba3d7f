//! `remove_check`

use serde::Serialize;

use crate::model::Str;
use crate::plan::facts::DependentKind;
use crate::plan::{Batch, Refusal};
use crate::schema::{At, Problem, Schema};

/// Removes a check constraint from a table.
///
/// # What it does
///
/// The check holds until the batch is complete, for new clients, too. `check` is its name; one that was created without a name has
/// the one that Postgres chose. It goes in tables that inherit it, too, and is removed where it comes from.
///
/// # Expand
///
/// Nothing.
///
/// # Contract
///
/// `DROP CONSTRAINT`: an ACCESS EXCLUSIVE lock for a change of the catalog.
///
/// # Rollback
///
/// Nothing has been removed.
///
/// # Example
///
/// ```toml
/// [[actions]]
/// type = "remove_check"
/// table = "users"
/// check = "users_name_check"
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct RemoveCheck {
    /// The table.
    pub table: Str,
    /// The table's schema; `public` if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Str>,
    /// The constraint's name.
    pub check: Str,
}

// --- check: the simulated schema -------------------------------------------------------------------------------

use crate::schema::{Review, place};

impl RemoveCheck {
    pub(super) fn check(&self, schema: &mut Schema, at: At, problems: &mut Vec<Problem>) {
        let mut review = Review::new(schema, at, problems);
        let Some(table) = review.table(self.schema.as_deref(), &self.table, place!["table"]) else {
            return;
        };
        let checks = &review.get(table).checks;
        let known: Vec<String> =
            checks.iter().filter_map(|check| check.name.as_deref().map(str::to_owned)).collect();
        // Postgres names a check without a name `<table>_<column>_check` or `<table>_check`, by what it finds in the
        // expression: which is which is not certain.
        let unnamed = checks.iter().position(|check| check.name.is_none());
        if let Some(unnamed) = unnamed
            && !known.iter().any(|name| *name == self.check)
            && self.check.contains("_check")
        {
            review.drop_check(table, unnamed, &self.check, place!["check"]);
            return;
        }
        if let Some(name) = review.constraint(table, "check", &known, &self.check, place!["check"])
        {
            let checks = &review.get(table).checks;
            if let Some(found) =
                checks.iter().position(|check| check.name.as_deref() == Some(&name))
            {
                review.drop_check(table, found, &name, place!["check"]);
            }
        }
    }
}

// --- plan: the steps -------------------------------------------------------------------------------------------

impl RemoveCheck {
    pub(super) fn plan(&self, batch: &mut Batch<'_>) -> Result<(), Refusal> {
        let index = batch.table(self.schema.as_deref(), &self.table)?;
        batch.remove_constraint(index, DependentKind::Check, &self.check)
    }
}
