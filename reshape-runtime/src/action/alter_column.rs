//! `alter_column`

use serde::{Deserialize, Serialize};

use crate::model::{Str, Transform};
use crate::plan::{Batch, Refusal};
use crate::schema::{At, Problem, Schema};

/// Changes a column's name, type, nullability or default.
///
/// # What it does
///
/// New clients see the column as it will be, old clients as it was. `up` computes the new value from a row that an old client wrote,
/// `down` the old value from a row that a new client wrote; without them the value is cast. Both are SQL expressions in which a
/// column goes by the name it has at that point of the batch. A column that becomes NOT NULL needs an `up` that replaces NULL.
///
/// A change of the name alone, or of the default alone, moves no data.
///
/// The form `{ table, value, where }` of `up` and `down` takes the value from a row of another table. The planner does not
/// support it yet and says so.
///
/// # Expand
///
/// Where values change: a shadow column `"__reshape_…"` with the new type, triggers that keep the old and the new column in step
/// in both directions, and for NOT NULL a check that is `NOT VALID` at first. The backfill computes the shadow for the rows that
/// exist, then the check is validated. What hangs on the column, like its indexes, is built on the shadow, too.
///
/// # Contract
///
/// The old column is dropped and the shadow takes its name and place; NOT NULL is set while the valid check spares the scan. A
/// new name or default alone is one change of the catalog.
///
/// # Rollback
///
/// Triggers and shadow are dropped. The old column has all that old and new clients have written, as `down` translates it.
///
/// # Example
///
/// ```toml
/// [[actions]]
/// type = "alter_column"
/// table = "users"
/// column = "email"
/// up = "coalesce(email, 'N/A')"
/// down = "nullif(email, 'N/A')"
///
///     [actions.changes]
///     nullable = false
/// ```
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

use crate::schema::{Review, fills_itself, place};

impl AlterColumn {
    pub(super) fn check(&self, schema: &mut Schema, at: At, problems: &mut Vec<Problem>) {
        let mut review = Review::new(schema, at, problems);
        if self.changes == ColumnChanges::default() {
            review
                .report(place!["changes"], "`changes` changes nothing")
                .help("give at least one of `name`, `type`, `nullable` and `default`");
        }
        review.transform(self.up.as_ref(), &place!["up"]);
        review.transform(self.down.as_ref(), &place!["down"]);
        let Some(table) = review.table(&self.table, place!["table"]) else { return };
        let Some(column) = review.column(table, &self.column, place!["column"]) else {
            if let Some(name) = &self.changes.name {
                review.assume_column(table, name);
            }
            return;
        };
        if let Some(data_type) = &self.changes.data_type {
            review.known_type(data_type, place!["changes", "type"]);
        }
        self.check_nullable(&mut review, table, column);
        self.check_default(&mut review, table, column);
        review.change_column(table, column, |column| {
            if let Some(data_type) = &self.changes.data_type {
                column.data_type.clone_from(data_type);
            }
            column.nullable = self.changes.nullable.unwrap_or(column.nullable);
            if let Some(default) = &self.changes.default {
                column.default = Some(default.clone());
            }
        });
        self.check_name(&mut review, table, column);
    }

    fn check_nullable(&self, review: &mut Review<'_>, table: usize, column: usize) {
        let owner = review.get(table).name.clone();
        let known = review.get(table).columns[column].clone();
        let name = &known.name;
        let in_key = review.get(table).primary_key.iter().any(|key| key == name);
        let path = place!["changes", "nullable"];
        match self.changes.nullable {
            Some(true) if in_key && !review.uncertain(&[&owner]) => {
                review
                    .report(
                        path,
                        format!("column `{name}` is in the primary key of table `{owner}`"),
                    )
                    .help("a primary key's columns are always NOT NULL");
            }
            Some(false)
                if known.nullable
                    && self.up.is_none()
                    && self.changes.default.is_none()
                    && !fills_itself(&known)
                    && !review.is_new(table)
                    && !review.uncertain(&[&owner, name]) =>
            {
                review
                    .report(path, format!("column `{name}` becomes NOT NULL, but nothing replaces its NULLs"))
                    .help(format!(
                        "give `up`, e.g. `up = \"coalesce({name}, …)\"`; where there are no NULLs, `up = \"{name}\"` says so"
                    ));
            }
            Some(_) | None => {}
        }
    }

    fn check_default(&self, review: &mut Review<'_>, table: usize, column: usize) {
        let known = &review.get(table).columns[column];
        if self.changes.default.is_some() && known.generated.is_some() {
            let (owner, name) = (review.get(table).name.clone(), known.name.clone());
            if !review.uncertain(&[&owner, &name]) {
                let message = format!("column `{name}` is generated and cannot have a default");
                review.report(place!["changes", "default"], message);
            }
        }
    }

    fn check_name(&self, review: &mut Review<'_>, table: usize, column: usize) {
        let Some(name) = &self.changes.name else { return };
        if review.get(table).columns[column].name == *name {
            let only =
                ColumnChanges { name: self.changes.name.clone(), ..ColumnChanges::default() };
            if self.changes == only && self.up.is_none() {
                review.report(
                    place!["changes", "name"],
                    format!("column `{name}` is called so already"),
                );
            }
        } else if review.free_column(table, name, place!["changes", "name"]) {
            review.column_name(name, place!["changes", "name"]);
            review.rename_column(table, column, name, place!["changes", "name"]);
        }
    }
}

// --- plan: the steps -------------------------------------------------------------------------------------------

impl AlterColumn {
    pub(super) fn plan(&self, batch: &mut Batch<'_>) -> Result<(), Refusal> {
        Err(batch.not_supported("alter_column"))
    }
}
