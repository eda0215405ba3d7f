//! `create_enum`

use serde::Serialize;

use crate::model::{List, Str};
use crate::plan::{Batch, Refusal};
use crate::schema::{At, Problem, Schema};
use crate::sql::ident::{literal, qualified};

/// Creates an enum type.
///
/// # What it does
///
/// The type can be used by the actions that follow, also by those of the same migration. Its values sort in the order in which
/// the file lists them.
///
/// # Expand
///
/// `CREATE TYPE … AS ENUM`, which locks nothing that clients use.
///
/// # Contract
///
/// Nothing.
///
/// # Rollback
///
/// The type is dropped.
///
/// # Example
///
/// ```toml
/// [[actions]]
/// type = "create_enum"
/// name = "weekday"
/// values = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct CreateEnum {
    /// The type's name.
    pub name: Str,
    /// Its values, in order.
    pub values: List<Str>,
}

// --- check: the simulated schema -------------------------------------------------------------------------------

use crate::rule::Rule;
use crate::schema::{Relation, Review, place};
use crate::sql::names::MAX_IDENTIFIER;

impl CreateEnum {
    pub(super) fn check(&self, schema: &mut Schema, at: At, problems: &mut Vec<Problem>) {
        let mut review = Review::new(schema, at, problems);
        for (number, value) in self.values.iter().enumerate() {
            if let Some(first) = self.values[..number].iter().position(|first| first == value) {
                let message = format!("value `{value}` is listed twice");
                review.report(Rule::ListedTwice, place!["values", number], message);
                review.listed_first(place!["values", first]);
            } else if value.len() > MAX_IDENTIFIER {
                let message = format!("value `{value}` is {} bytes long", value.len());
                review
                    .report(Rule::IdentifierTooLong, place!["values", number], message)
                    .help(format!("Postgres accepts {MAX_IDENTIFIER} bytes in a value of an enum"));
            }
        }
        let home = review.schema.home().to_owned();
        if review.free(&home, &self.name, place!["name"], Relation::Enum) {
            review.identifier("enum", &self.name, place!["name"]);
            let values = self.values.iter().map(ToString::to_string).collect();
            review.add_enum(&self.name, values, place!["name"]);
        }
    }
}

// --- plan: the steps -------------------------------------------------------------------------------------------

impl CreateEnum {
    pub(super) fn plan(&self, batch: &mut Batch<'_>) -> Result<(), Refusal> {
        let name = self.name.as_ref();
        if batch.removed_enums.iter().any(|(removed, _)| removed == name) {
            return Err(batch
                .not_supported(&format!("creating enum `{name}` in the batch that removes it"))
                .with_help("complete the batch that removes it first, or use another name"));
        }
        let live = batch.facts();
        if live.types.iter().any(|live| live.schema == batch.home() && live.name == name)
            || batch.created_enums.iter().any(|e| e == name)
        {
            return Err(batch.refuse(format!("type `{name}` exists already in the database")));
        }
        let values: Vec<String> = self.values.iter().map(|value| literal(value)).collect();
        let sql = qualified(batch.home(), name);
        batch.created_enums.push(name.to_owned());
        batch.push_fresh(
            format!("create enum `{name}`"),
            vec![format!("CREATE TYPE {sql} AS ENUM ({})", values.join(", "))],
            vec![format!("DROP TYPE IF EXISTS {sql}")],
        );
        Ok(())
    }
}
