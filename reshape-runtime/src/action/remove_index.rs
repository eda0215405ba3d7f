//! `remove_index`

use serde::Serialize;

use crate::model::Str;
use crate::plan::facts::TableName;
use crate::plan::takeover::Renamed;
use crate::plan::{Batch, Phase, Refusal, Step, Work, partition};
use crate::schema::{At, Problem, Schema};
use crate::sql::ident::qualified;

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
/// The index of a partitioned table goes under a short ACCESS EXCLUSIVE lock of the table and its partitions: Postgres cannot drop
/// it concurrently.
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct RemoveIndex {
    /// The index.
    pub index: Str,
    /// The schema of the index and its table; `public` if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Str>,
}

// --- check: the simulated schema -------------------------------------------------------------------------------

use crate::rule::Rule;
use crate::schema::{Review, place};

impl RemoveIndex {
    pub(super) fn check(&self, schema: &mut Schema, at: At, problems: &mut Vec<Problem>) {
        let mut review = Review::new(schema, at, problems);
        let Some((table, index)) =
            review.index(self.schema.as_deref(), &self.index, place!["index"])
        else {
            return;
        };
        let name = review.get(table).indexes[index].name.clone();
        if let Some((other, key)) = review.index_referrer(table, index) {
            review
                .report(
                    Rule::StillReferenced,
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
        let name = self.index.as_ref();
        let schema = self.schema.as_deref().unwrap_or(batch.home()).to_owned();
        let tables: Vec<bool> = batch.tables.iter().map(|table| table.schema == schema).collect();
        if batch.forget_indexes(|pending| pending.index.name == name && tables[pending.table]) {
            return Ok(());
        }
        for table in batch.tables.iter_mut().filter(|table| table.schema == schema) {
            table.unique.retain(|(index, _)| index != name);
        }
        let is_meant = |index: &Renamed| index.name == name && tables[index.table];
        if let Some(place) = batch.renamed_indexes.iter().position(is_meant) {
            let built = batch.renamed_indexes.remove(place).built;
            let drop = vec![format!("DROP INDEX {}", qualified(&schema, &built))];
            batch.push_fresh(format!("drop index `{name}`"), drop, Vec::new());
            return Ok(());
        }
        let Some(live) = batch.facts().index((&schema, name)) else {
            // Not in the catalog: only a table that this batch creates can have it.
            let drop = vec![format!("DROP INDEX {}", qualified(&schema, name))];
            batch.push_fresh(format!("drop index `{name}`"), drop, Vec::new());
            return Ok(());
        };
        if let Some(constraint) = &live.constraint {
            return Err(batch
                .refuse(format!("index `{name}` belongs to the constraint `{constraint}`"))
                .with_help("it goes with the constraint"));
        }
        if let Some(table) = batch.tables.iter().find(|table| table.key() == live.table_key()) {
            batch.require_owned(table)?;
            batch.require_plain(table)?;
        }
        if let Some(dependent) = live.dependents.iter().find(|d| !removed_key(batch, d)) {
            return Err(batch
                .refuse(format!("index `{name}` cannot be removed: {dependent} depends on it"))
                .with_help("remove that first, in an earlier migration"));
        }
        if live.replica_identity {
            return Err(batch
                .refuse(format!("index `{name}` is the replica identity of `{}`", live.table))
                .with_help(
                    "give the table another one first, with `ALTER TABLE … REPLICA IDENTITY`",
                ));
        }
        batch.removed_indexes.push(TableName { schema: schema.clone(), name: name.to_owned() });
        if live.partitioned {
            batch.push(partition::drop_index(&schema, live));
            return Ok(());
        }
        batch.push(Step {
            work: Work::DropIndex { schema, name: name.to_owned() },
            ..Step::sql(Phase::Contract, format!("drop index `{name}`"), Vec::new())
        });
        Ok(())
    }
}

/// Whether what depends on the index, as Postgres describes it, is a foreign key that the batch removes.
fn removed_key(batch: &Batch<'_>, description: &str) -> bool {
    let plain = |text: &str| text.replace('"', "");
    batch.removed_constraints.iter().any(|(table, name)| {
        let rest = description.strip_prefix(&format!("constraint {name} on table "));
        rest.is_some_and(|rest| {
            let (rest, table) = (plain(rest), plain(&table.name));
            rest == table || rest.ends_with(&format!(".{table}"))
        })
    })
}
