//! `remove_enum`

use serde::Serialize;

use crate::model::Str;
use crate::plan::batch::Draft;
use crate::plan::{Batch, Phase, Refusal, Step};
use crate::schema::{At, Problem, Schema};
use crate::sql::ident::qualified;

/// Removes an enum type.
///
/// # What it does
///
/// The type goes when the batch is complete. No column may be of that type any more: remove those columns, or alter their type, in an
/// earlier action.
///
/// # Expand
///
/// Nothing.
///
/// # Contract
///
/// `DROP TYPE`, after the columns of that type are gone.
///
/// # Rollback
///
/// Nothing has been removed.
///
/// # Example
///
/// ```toml
/// [[actions]]
/// type = "remove_enum"
/// enum = "mood"
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct RemoveEnum {
    /// The type's name; `enum` in the file.
    #[serde(rename = "enum")]
    pub name: Str,
}

// --- check: the simulated schema -------------------------------------------------------------------------------

use crate::rule::Rule;
use crate::schema::{Review, place};

impl RemoveEnum {
    pub(super) fn check(&self, schema: &mut Schema, at: At, problems: &mut Vec<Problem>) {
        let mut review = Review::new(schema, at, problems);
        let Some(found) = review.enumeration(&self.name, place!["enum"]) else { return };
        if let Some((name, table, column)) = review.enum_user(found) {
            review
                .report(
                    Rule::TypeInUse,
                    place!["enum"],
                    format!("enum `{name}` is still the type of `{table}.{column}`"),
                )
                .help("remove that column, or give it another type, first");
            review.relate_column(&table, &column);
        }
        review.drop_enum(found, place!["enum"]);
    }
}

// --- plan: the steps -------------------------------------------------------------------------------------------

impl RemoveEnum {
    pub(super) fn plan(&self, batch: &mut Batch<'_>) -> Result<(), Refusal> {
        let name = self.name.as_ref();
        let home = batch.home();
        let sql = qualified(home, name);
        let drop = vec![format!("DROP TYPE {sql}")];
        let title = format!("drop enum `{name}`");
        if batch.created_enums.iter().any(|created| created == name) {
            batch.created_enums.retain(|created| created != name);
            batch.push_fresh(title, drop, Vec::new());
            return Ok(());
        }
        match batch.facts().types.iter().find(|live| live.schema == home && live.name == name) {
            Some(live) if live.is_enum => {}
            Some(_) => return Err(batch.refuse(format!("type `{name}` is not an enum"))),
            None => {
                return Err(batch.refuse(format!("enum `{name}` does not exist in the database")));
            }
        }
        batch.removed_enums.push((name.to_owned(), batch.at));
        // After all tables are finished: their old columns may be of the type.
        let step = Step::sql(Phase::Contract, title, drop)
            .locking("ACCESS EXCLUSIVE on the type: nothing uses it any more");
        batch.drafts.push(Draft { order: usize::MAX, step, fresh: false });
        Ok(())
    }
}
