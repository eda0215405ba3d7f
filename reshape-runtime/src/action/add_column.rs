//! `add_column`

use serde::Serialize;

use crate::model::{Column, Str, Transform};
use crate::plan::define::row_by_row;
use crate::plan::lineage::Stage;
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
/// column a number of their own. A table that others inherit from cannot get one.
///
/// A sub-select in `up` sees every table as the actions before have left it, by the names and columns of that point of the batch; a name with
/// a schema before it, `public.users`, means the table as the database has it, and is refused where that differs. Values that the same batch
/// computes are not there yet when `up` needs them, so reading them is refused as well: complete the migration that brings them first, or use the
/// form below. The sub-select is evaluated when the row is written, and does not follow what is written to the other table later.
///
/// Tables that inherit from the table (`INHERITS`) get the column, too, with triggers, values and a place in their views.
///
/// The form `up = { table, value, where }` takes the value from a row of another table: `where` says which row belongs to one of this table,
/// `value` is an SQL expression. A name alone means a column of the other table first, then one of this table; both can be qualified
/// (`users.email`, `profiles.user_id`). The value is read when an old client writes a row of this table, and written by a trigger when an
/// old client writes one of the other table. If several rows belong to one, it is the value of any of them, or of the one written last; if there is
/// none, the column's default or NULL. NOT NULL holds for old clients: a write that leaves a row without a match fails, so the other
/// table's row has to be there first.
///
/// What that form needs to know: the trigger on the other table looks for rows of this one by `where`, so there should be an index for it. Rights
/// on the other table are not asked of the client, whose expressions run as the migrator (`current_user`). `TRUNCATE` of the other table,
/// and clients that run at REPEATABLE READ and write both tables at once, are not followed; two clients that write to the same pair of rows in
/// different order can deadlock, as with foreign keys.
///
/// # Expand
///
/// `ADD COLUMN "__reshape_…"`: a nullable column beside the others, and with `up` the triggers that fill it when an old client
/// writes; with a value of another table both tables are locked, for a change of the catalog. NOT NULL is a check that is `NOT VALID` at first. Then the backfill computes the value for the rows that exist, in one
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct AddColumn {
    /// The table.
    pub table: Str,
    /// The table's schema; `public` if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Str>,
    /// The column.
    pub column: Column,
    /// The column's value for a row that an old client wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up: Option<Transform>,
}

// --- check: the simulated schema -------------------------------------------------------------------------------

use crate::rule::Rule;
use crate::schema::{Review, SnippetRole, fills_itself, is_identity, place};

impl AddColumn {
    pub(super) fn check(&self, schema: &mut Schema, at: At, problems: &mut Vec<Problem>) {
        let mut review = Review::new(schema, at, problems);
        review.transform(self.schema.as_deref(), self.up.as_ref(), &place!["up"]);
        let Some(table) = review.table(self.schema.as_deref(), &self.table, place!["table"]) else {
            return;
        };
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
                    Rule::NotNullWithoutValue,
                    place!["column", "nullable"],
                    format!("column `{name}` is NOT NULL, but nothing gives it a value in the rows that exist"),
                )
                .help("give `up`, an expression over the row's other columns, or a `default`");
        }
        let seen = review.seen(table);
        review.note_transform(
            (self.up.as_ref(), SnippetRole::Value),
            place!["up"],
            seen,
            &column.data_type,
        );
        review.add_column(table, column, place!["column", "name"]);
        review.note_generated(table, &self.column, &place!["column"]);
    }
}

// --- plan: the steps -------------------------------------------------------------------------------------------

impl AddColumn {
    pub(super) fn plan(&self, batch: &mut Batch<'_>) -> Result<(), Refusal> {
        let index = batch.table(self.schema.as_deref(), &self.table)?;
        let name = self.column.name.as_ref();
        if batch.tables[index].column(name).is_some() {
            return Err(batch.refuse(format!(
                "table `{}` has a column `{name}` already in the database",
                self.table
            )));
        }
        if batch.tables[index].created {
            batch.require_not_filled(index, self.up.is_some())?;
            // Rows of another table's cannot belong to any: the table is empty, and old clients do not know it.
            let up = match &self.up {
                Some(Transform::Expression(up)) => Some(up.as_ref()),
                Some(Transform::Table { .. }) | None => None,
            };
            let up = up.map(|up| batch.evaluated_now(up)).transpose()?;
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
            numbers::require_possible(batch, live, &self.column, self.up.is_some())?;
            column.data_type = numbers.data_type.clone().into();
            column.default = Some(numbers.default().into());
            column.nullable = false;
        }
        let has_value = self.up.is_some() || column.default.is_some();
        if !column.nullable && !has_value {
            return Err(batch
                .refuse(format!("column `{name}` is NOT NULL and has no value for rows that exist"))
                .with_help("give it `up` or a `default`"));
        }
        let facts = batch.facts();
        let formula = if let Some(up) = &self.up {
            Some(batch.formula(index, up, column.default.as_deref())?)
        } else {
            let own = column.default.as_deref();
            own.or_else(|| domain::default(facts, &column.data_type)).and_then(row_by_row)
        };
        let table = &mut batch.tables[index];
        let value = table.add_value(&column.data_type, None, false);
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
        table.made_as.push((table.name.clone(), self.column.name.to_string()));
        let title = format!("add `{}` to `{}`", self.column.name, self.table);
        batch.push_fresh(title, sql, Vec::new());
    }
}
