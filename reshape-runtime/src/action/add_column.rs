//! `add_column`

use serde::{Deserialize, Serialize};

use crate::model::{Column, Str, Transform};
use crate::plan::define::row_by_row;
use crate::plan::lineage::{Formula, Stage};
use crate::plan::{Batch, Refusal};
use crate::plan::{define, domain, numbers};
use crate::schema::{At, Problem, Schema};
use crate::sql::ident::{ident, literal};

/// Adds a column to a table.
///
/// # What it does
///
/// New clients have one more column. `up` computes its value for the rows that exist and for those that old clients write: an
/// SQL expression over the row's other columns, by the names that they have at that point of the batch. Without `up` such rows
/// get the column's default, or NULL. A column that is NOT NULL needs one of `up`, `default` and `generated`.
/// A stored generated column, or one of a domain with constraints, cannot be added to a table that exists: Postgres would rewrite the
/// table under an exclusive lock. An identity or serial column can: the rows that exist are numbered by the backfill, in no particular
/// order, and whoever inserts a row draws the next number. Until the batch is complete, new clients may give an `ALWAYS` identity
/// column a number of their own. A partitioned table cannot get an identity column, but a serial one.
///
/// The form `up = { table, value, where }` takes the value from a row of another table. The planner does not support it yet
/// and says so.
///
/// # Expand
///
/// `ADD COLUMN "__reshape_…"`: a nullable column beside the others, and with `up` the triggers that fill it when an old client
/// writes. NOT NULL is a check that is `NOT VALID` at first. Then the backfill computes the value for the rows that exist, in one
/// pass together with all others of that table, and the check is validated without blocking anyone.
///
/// # Contract
///
/// The column gets its name, its default and NOT NULL; the check that stood in for it spares the scan. The triggers go.
///
/// # Rollback
///
/// The column is dropped, with what new clients have written to it.
///
/// # Example
///
/// ```toml
/// [[actions]]
/// type = "add_column"
/// table = "users"
/// up = "split_part(name, ' ', 1)"
///
///     [actions.column]
///     name = "first_name"
///     type = "text"
///     nullable = false
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddColumn {
    /// The table.
    pub table: Str,
    /// The column.
    pub column: Column,
    /// The column's value for a row that an old client wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up: Option<Transform>,
}

// --- check: the simulated schema -------------------------------------------------------------------------------

use crate::schema::{Review, fills_itself, is_identity, place};

impl AddColumn {
    pub(super) fn check(&self, schema: &mut Schema, at: At, problems: &mut Vec<Problem>) {
        let mut review = Review::new(schema, at, problems);
        review.transform(self.up.as_ref(), &place!["up"]);
        let Some(table) = review.table(&self.table, place!["table"]) else { return };
        let name = &self.column.name;
        if !review.free_column(table, name, place!["column", "name"]) {
            return;
        }
        let owner = review.get(table).name.clone();
        let column = review.new_column(&owner, &self.column, &place!["column"]);
        if !self.column.nullable
            && self.up.is_none()
            && !fills_itself(&column)
            && !review.is_new(table)
        {
            review
                .report(
                    place!["column", "nullable"],
                    format!("column `{name}` is NOT NULL, but nothing gives it a value in the rows that exist"),
                )
                .help("give `up`, an expression over the row's other columns, or a `default`");
        }
        review.add_column(table, column, place!["column", "name"]);
    }
}

// --- plan: the steps -------------------------------------------------------------------------------------------

impl AddColumn {
    pub(super) fn plan(&self, batch: &mut Batch<'_>) -> Result<(), Refusal> {
        let up = match &self.up {
            None => None,
            Some(Transform::Expression(up)) => Some(up.to_string()),
            Some(Transform::Table { .. }) => {
                return Err(batch.not_supported("`up` from another table"));
            }
        };
        let index = batch.table(&self.table)?;
        let name = self.column.name.as_ref();
        if batch.tables[index].column(name).is_some() {
            return Err(batch.refuse(format!(
                "table `{}` has a column `{name}` already in the database",
                self.table
            )));
        }
        if batch.tables[index].created {
            self.plan_directly(batch, index, up.as_deref());
            return Ok(());
        }
        batch.require_plain(&batch.tables[index])?;
        let generated = self.column.generated.as_deref();
        if generated.is_some_and(|sql| !is_identity(sql)) {
            return Err(batch
                .refuse(format!(
                    "generated column `{name}` cannot be added to `{}`, a table that exists: Postgres would rewrite the \
                     table under an exclusive lock",
                    self.table
                ))
                .with_help(
                    "add an ordinary column with the expression as its `up`, and let the application or a trigger \
                     of yours write it from then on",
                ));
        }
        let live = batch.live(&batch.tables[index]);
        let numbers = numbers::of(batch, &batch.tables[index], &self.column);
        let mut column = self.column.clone();
        if let Some(numbers) = &numbers {
            numbers::require_possible(batch, live, numbers, &self.column, up.is_some())?;
            column.data_type = numbers.data_type.clone().into();
            column.default = Some(numbers.default().into());
            column.nullable = false;
        }
        let has_value = up.is_some() || column.default.is_some();
        if !column.nullable && !has_value {
            return Err(batch
                .refuse(format!("column `{name}` is NOT NULL and has no value for rows that exist"))
                .with_help("give it `up` or a `default`"));
        }
        let facts = batch.facts();
        let table = &mut batch.tables[index];
        let value = table.add_value(&column.data_type, None, false);
        let formula = if let Some(up) = up {
            Some(Formula::Expression(up))
        } else {
            let own = column.default.as_deref();
            own.or_else(|| domain::default(facts, &column.data_type)).and_then(row_by_row)
        };
        if let Some(formula) = formula {
            let scope = table.scope();
            table.ups.push(Stage { result: value, formula, scope });
        }
        let mut added = define::lineage_column(&column, value, false);
        // What Postgres computes has no default in a view.
        added.generated |= numbers.is_some();
        added.numbers = numbers;
        table.columns.push(added);
        Ok(())
    }

    fn plan_directly(&self, batch: &mut Batch<'_>, index: usize, up: Option<&str>) {
        let table = &mut batch.tables[index];
        let on = table.sql();
        let name = ident(&self.column.name);
        let mut column = self.column.clone();
        // With `up`, NOT NULL has to wait for the values.
        column.nullable |= up.is_some();
        let mut sql = vec![format!("ALTER TABLE {on} ADD COLUMN {}", define::column(&column))];
        if let Some(up) = up {
            sql.push(format!("UPDATE {on} AS {} SET {name} = (\n{up}\n)", ident(&table.name)));
            if !self.column.nullable {
                sql.push(format!("ALTER TABLE {on} ALTER COLUMN {name} SET NOT NULL"));
            }
        }
        if let Some(comment) = &self.column.comment {
            sql.push(format!("COMMENT ON COLUMN {on}.{name} IS {}", literal(comment)));
        }
        let value = table.add_value(&self.column.data_type, Some(&self.column.name), false);
        table.columns.push(define::lineage_column(&self.column, value, false));
        let title = format!("add `{}` to `{}`", self.column.name, self.table);
        batch.push_fresh(title, sql, Vec::new());
    }
}
