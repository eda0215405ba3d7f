//! `remove_column`

use serde::{Deserialize, Serialize};

use crate::model::{Str, Transform};
use crate::plan::lineage::{Formula, Stage};
use crate::plan::{Batch, Refusal};
use crate::schema::{At, Problem, Schema};
use crate::sql::ident::ident;

/// Removes a column from a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoveColumn {
    /// The table.
    pub table: Str,
    /// The column.
    pub column: Str,
    /// The column's value for a row that a new client wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub down: Option<Transform>,
}

// --- check: the simulated schema -------------------------------------------------------------------------------

impl RemoveColumn {
    pub(super) fn check(&self, _schema: &mut Schema, _at: At, _problems: &mut Vec<Problem>) {}
}

// --- plan: the steps -------------------------------------------------------------------------------------------

impl RemoveColumn {
    pub(super) fn plan(&self, batch: &mut Batch<'_>) -> Result<(), Refusal> {
        let down = match &self.down {
            None => None,
            Some(Transform::Expression(down)) => Some(down.to_string()),
            Some(Transform::Table { .. }) => {
                return Err(batch.not_supported("`down` into another table"));
            }
        };
        let index = batch.table(&self.table)?;
        let table = &batch.tables[index];
        let column = batch.column(table, &self.column)?.clone();
        if table.created {
            let name = ident(&self.column);
            let drop = vec![format!("ALTER TABLE {} DROP COLUMN {name}", table.sql())];
            batch.push_fresh(
                format!("drop `{}` of `{}`", self.column, self.table),
                drop,
                Vec::new(),
            );
        } else {
            batch.require_plain(table)?;
            let physical = table.physical(&column).map(str::to_owned);
            if let Some(physical) = &physical {
                batch.require_droppable(table, physical)?;
                let needed = column.not_null && column.default.is_none() && !column.generated;
                if needed && down.is_none() {
                    return Err(batch
                        .refuse(format!(
                            "column `{}`.`{}` is NOT NULL without a default: new clients could not insert \
                             a row until the batch is complete",
                            self.table, self.column
                        ))
                        .with_help("say with `down` what old clients read there"));
                }
            }
            let table = &mut batch.tables[index];
            table.columns.retain(|c| c.name != column.name);
            table.dropped.extend(physical);
            if let Some(down) = down {
                let stage = Stage {
                    result: column.value,
                    formula: Formula::Expression(down),
                    scope: table.scope(),
                };
                table.downs.push(stage);
            }
            return Ok(());
        }
        batch.tables[index].columns.retain(|c| c.name != column.name);
        Ok(())
    }
}
