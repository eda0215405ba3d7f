//! `add_index`

use serde::{Deserialize, Serialize};

use crate::model::{Index, Str};
use crate::plan::batch::PendingIndex;
use crate::plan::{Batch, Refusal};
use crate::plan::{Phase, Step, index};
use crate::schema::{At, Problem, Schema};
use crate::sql::ident::{ident, qualified};
use crate::sql::names;

/// Adds an index to a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddIndex {
    /// The table.
    pub table: Str,
    /// The index.
    pub index: Index,
}

// --- check: the simulated schema -------------------------------------------------------------------------------

impl AddIndex {
    pub(super) fn check(&self, _schema: &mut Schema, _at: At, _problems: &mut Vec<Problem>) {}
}

// --- plan: the steps -------------------------------------------------------------------------------------------

impl AddIndex {
    pub(super) fn plan(&self, batch: &mut Batch<'_>) -> Result<(), Refusal> {
        let index = batch.table(&self.table)?;
        let name = self.index.name.as_ref();
        let live = batch.facts();
        let exists = live.indexes.iter().any(|live| live.name == name)
            && !batch.removed_indexes.iter().any(|removed| removed == name);
        let taken = exists
            || live.table(name).is_some()
            || live.other_relations.iter().any(|other| other == name)
            || batch.find(name).is_some()
            || batch.indexes.iter().any(|pending| pending.index.name == name);
        if taken {
            return Err(
                batch.refuse(format!("the name `{name}` is taken in schema `{}`", live.schema))
            );
        }
        let table = &batch.tables[index];
        if table.created {
            let create = index::create(batch, table, &self.index, name, false)?;
            batch.push_fresh(
                format!("build index `{name}` on `{}`", self.table),
                vec![create],
                Vec::new(),
            );
            return Ok(());
        }
        batch.require_plain(table)?;
        let schema = table.schema.clone();
        let (at, order) = (batch.at, batch.order);
        let replaced = live.indexes.iter().any(|live| live.name == name);
        batch.indexes.push(PendingIndex { at, order, table: index, index: self.index.clone() });
        if replaced {
            let built = qualified(&schema, &names::generated(&[name]));
            let rename = vec![format!("ALTER INDEX {built} RENAME TO {}", ident(name))];
            batch.push(
                Step::sql(Phase::Contract, format!("rename index `{name}`"), rename)
                    .locking("SHARE UPDATE EXCLUSIVE on the index: blocks no client"),
            );
        }
        Ok(())
    }
}
