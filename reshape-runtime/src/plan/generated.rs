//! Generated columns as inputs of `up` and `down`.
//!
//! Postgres computes a generated column after the BEFORE triggers, which see NULL in a stored one, and in a virtual one always
//! (<https://www.postgresql.org/docs/current/ddl-generated-columns.html>). So in a trigger its expression takes its place, and its
//! inputs take it in everything that asks what has changed. The backfill reads the column itself.
//!
//! **Invariant:** the inputs are columns of the base version that the batch neither replaces nor drops: Postgres knows that the
//! generated column depends on them, which refuses such a batch.

use crate::plan::facts::LiveTable;
use crate::plan::lineage::{Table, ValueId};
use crate::plan::mention::mentions;
use crate::sql::ident::ident;

/// How Postgres computes a generated column.
#[derive(Clone, Debug)]
pub(crate) struct Generation {
    /// The expression, over the columns by their names in the table.
    expression: String,
    /// What it reads.
    inputs: Vec<ValueId>,
}

/// Tells the values of `table`, which are those of the catalog still, which of them are generated.
pub(crate) fn describe(table: &mut Table, live: &LiveTable) {
    for column in &live.columns {
        let Some(expression) = &column.generation else { continue };
        let value = |name: &String| table.column(name).map(|column| column.value);
        let inputs = column.generated_from.iter().filter_map(value).collect();
        let Some(own) = value(&column.name) else { continue };
        table.values[own].generation = Some(Generation { expression: expression.clone(), inputs });
    }
}

impl Generation {
    /// The column's value in a BEFORE trigger.
    pub(crate) fn in_trigger(&self, table: &Table, data_type: &str) -> String {
        let mut columns: Vec<String> = self
            .inputs
            .iter()
            .filter_map(|id| table.values[*id].physical.as_deref())
            .map(|column| format!("NEW.{0} AS {0}", ident(column)))
            .collect();
        // The one system column that Postgres allows in such an expression.
        if mentions(&self.expression, &table.physical, "tableoid") {
            columns.push(String::from("TG_RELID AS tableoid"));
        }
        format!(
            "(SELECT CAST(({}) AS {data_type}) FROM (SELECT {}) AS {})",
            self.expression,
            columns.join(", "),
            ident(&table.physical)
        )
    }
}

impl Table {
    /// The columns in which a trigger finds a change of the value.
    pub(crate) fn stored_in(&self, id: ValueId) -> Vec<&str> {
        let column = |id: &ValueId| self.values[*id].physical.as_deref();
        match &self.values[id].generation {
            Some(generation) => generation.inputs.iter().filter_map(column).collect(),
            None => column(&id).into_iter().collect(),
        }
    }
}
