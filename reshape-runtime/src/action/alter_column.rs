//! `alter_column`

use serde::{Deserialize, Serialize};

use crate::model::{Str, Transform};
use crate::plan::{Batch, Refusal};
use crate::schema::{At, Problem, Schema};

/// Changes a column's name, type, nullability or default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlterColumn {
    /// The table.
    pub table: Str,
    /// The column, by its name before the change.
    pub column: Str,
    /// The new value, computed from a row that an old client wrote; the old value, cast, if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up: Option<Transform>,
    /// The old value, computed from a row that a new client wrote; the new value, cast, if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub down: Option<Transform>,
    /// What changes.
    pub changes: ColumnChanges,
}

/// What `alter_column` changes; at least one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnChanges {
    /// The column's new name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Str>,
    /// Its new type, as SQL.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub data_type: Option<Str>,
    /// Whether it accepts NULL from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nullable: Option<bool>,
    /// Its new default, an SQL expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Str>,
}

// --- check: the simulated schema -------------------------------------------------------------------------------

impl AlterColumn {
    pub(super) fn check(&self, _schema: &mut Schema, _at: At, _problems: &mut Vec<Problem>) {}
}

// --- plan: the steps -------------------------------------------------------------------------------------------

impl AlterColumn {
    pub(super) fn plan(&self, batch: &mut Batch<'_>) -> Result<(), Refusal> {
        Err(batch.not_supported("alter_column"))
    }
}
