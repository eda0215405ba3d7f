//! `remove_column`

use serde::Serialize;

use crate::model::{Str, Transform};
use crate::plan::facts::LiveColumn;
use crate::plan::lineage::{Column, Formula, Stage, Table, ValueId};
use crate::plan::{Batch, Refusal};
use crate::schema::{At, Problem, Schema};
use crate::sql::ident::ident;

/// Removes a column from a table.
///
/// # What it does
///
/// New clients no longer see the column; old clients go on using it until the batch is complete. `down` computes its value
/// for the rows that new clients write: an SQL expression over the row's columns. Without `down` such rows get the column's
/// default, or NULL (of a column that the same batch alters, what that action's `down` makes of it); a column that is NOT NULL and has no default
/// needs `down`. Indexes, checks and foreign keys on the column alone go with
/// it; one on several columns has to be removed first. A column of the primary key, or one that another table's foreign key refers to, cannot be removed.
///
/// Tables that inherit from the table (`INHERITS`) lose the column, too, also where they have declared it themselves.
///
/// The form `down = { table, value, where }` takes the value from a row of another table: `where` says which row belongs to one of this table,
/// `value` is an SQL expression. A name alone means a column of the other table first, then one of this table; both can be qualified. The
/// value is read when a new client writes a row of this table, and written by a trigger when a new client writes one of the other table.
/// If there is no such row, it is the column's default or NULL. What `add_column` says of indexes, rights and limits holds here, too. A DELETE in
/// the other table counts as a new client's if the version is the first in the client's `search_path`: a row says who wrote it, but not who
/// deletes it.
///
/// When the migration is reverted, `down` gives the column its values, and indexes, checks and foreign keys that went with it are made again; without
/// `down` its values are gone for good, so a revert is refused.
///
/// A column that is NOT NULL without a default accepts NULL while both versions are in use, since a new client can only write the two rows one
/// after the other; old clients that write NULL get the error that they would get otherwise.
///
/// # Expand
///
/// With `down`: triggers that fill the column when a new client writes. The rows that exist have their values already. For a value of another table
/// both tables are locked, for a change of the catalog.
///
/// # Contract
///
/// `DROP COLUMN`, which rewrites nothing. The values are gone for good.
///
/// # Rollback
///
/// The triggers are dropped. Nothing has been removed, and rows of new clients have what `down` computed. A column that accepted NULL
/// for the time being is filled from the other table and is NOT NULL again; if rows without a match remain, it stays nullable, and the report
/// says how many there are and what to run.
///
/// # Example
///
/// ```toml
/// [[actions]]
/// type = "remove_column"
/// table = "users"
/// column = "name"
/// down = "coalesce(email, '')"
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct RemoveColumn {
    /// The table.
    pub table: Str,
    /// The table's schema; `public` if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Str>,
    /// The column.
    pub column: Str,
    /// The column's value for a row that a new client wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub down: Option<Transform>,
}

// --- check: the simulated schema -------------------------------------------------------------------------------

use crate::rule::Rule;
use crate::schema::{Review, SnippetRole, fills_itself, place};

impl RemoveColumn {
    pub(super) fn check(&self, schema: &mut Schema, at: At, problems: &mut Vec<Problem>) {
        let mut review = Review::new(schema, at, problems);
        review.transform(self.schema.as_deref(), self.down.as_ref(), &place!["down"]);
        let Some(table) = review.table(self.schema.as_deref(), &self.table, place!["table"]) else {
            return;
        };
        let Some(column) = review.column(table, &self.column, place!["column"]) else { return };
        let owner = review.get(table).name.clone();
        let known = review.get(table).columns[column].clone();
        let name = &known.name;
        if review.get(table).primary_key.iter().any(|key| key == name) {
            if !review.uncertain(&[&owner]) {
                review
                    .report(
                        Rule::ColumnInPrimaryKey,
                        place!["column"],
                        format!("column `{name}` is in the primary key of table `{owner}`"),
                    )
                    .help("a column of a primary key cannot be removed");
                review.relate_column(&owner, name);
            }
        } else if !review.referrers(table, Some(name)).is_empty() {
            let subject = format!("column `{name}` of table `{owner}`");
            review.not_referred_to(table, Some(name), &subject, place!["column"]);
        } else if !known.nullable
            && self.down.is_none()
            && !fills_itself(&known)
            && !review.is_new(table)
            && !review.uncertain(&[&owner, name])
        {
            review
                .report(
                    Rule::RemovedWithoutDown,
                    place!["column"],
                    format!("column `{name}` is NOT NULL and has no default: rows of new clients would lack a value"),
                )
                .help("give `down`, an expression that computes the column for old clients");
            review.relate_column(&owner, name);
        }
        let is_new = review.is_new(table);
        review.drop_column(table, column, &place!["column"]);
        if !is_new {
            let seen = review.seen(table);
            review.note_transform(
                (self.down.as_ref(), SnippetRole::Back),
                place!["down"],
                seen,
                &known.data_type,
            );
        }
    }
}

// --- plan: the steps -------------------------------------------------------------------------------------------

impl RemoveColumn {
    pub(super) fn plan(&self, batch: &mut Batch<'_>) -> Result<(), Refusal> {
        let down = self.down.as_ref();
        let index = batch.table(self.schema.as_deref(), &self.table)?;
        let table = &batch.tables[index];
        let column = batch.column(table, &self.column)?.clone();
        batch.leave_constraints(index, &self.column)?;
        let table = &batch.tables[index];
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
            // Postgres goes on computing a generated column for old clients, and lets nobody else write it.
            let down = down.filter(|_| table.values[column.value].generation.is_none());
            let physical = table.physical(&column).map(str::to_owned);
            let builds_on: Vec<usize> = builds_on(table, column.value);
            if down.is_none() {
                self.require_defaults(batch, table, &column, &builds_on)?;
            }
            if let (None, Some(ancestor)) = (&physical, &column.ancestor) {
                batch.require_droppable(table, ancestor)?;
            }
            if let Some(physical) = &physical {
                batch.require_droppable(table, physical)?;
                // A default that this batch sets is not the table's before contract.
                let live = batch.live(table).and_then(|live| live.column(physical));
                if live.is_some_and(LiveColumn::needs_value) && down.is_none() {
                    return Err(batch
                        .refuse(format!(
                            "column `{}`.`{}` is NOT NULL without a default: new clients could not insert \
                             a row until the batch is complete",
                            self.table, self.column
                        ))
                        .with_help("say with `down` what old clients read there"));
                }
            }
            batch.forget_indexes(|pending| {
                pending.table == index
                    && pending.index.columns.iter().any(|key| key.name() == Some(&self.column))
            });
            batch.leave_indexes(index, &self.column)?;
            let table = &mut batch.tables[index];
            table.columns.retain(|c| c.name != column.name);
            table.set_not_null.retain(|name| Some(name) != physical.as_ref());
            table.drop_not_null.retain(|name| Some(name) != physical.as_ref());
            table.new_defaults.retain(|(name, _)| Some(name) != physical.as_ref());
            table.dropped.extend(physical);
            if down.is_none() && !builds_on.is_empty() {
                let own_numbers = column.draws;
                let default = column.default.clone().unwrap_or_else(|| String::from("NULL"));
                let table = &mut batch.tables[index];
                if own_numbers {
                    // The old column draws them, and `down` would draw another one.
                    for stage in builds_on.iter().rev() {
                        table.downs.remove(*stage);
                    }
                } else {
                    let (formula, scope) = (Formula::Default(default), table.scope());
                    table.downs.push(Stage { result: column.value, formula, scope });
                }
            }
            if let Some(down) = down {
                let formula = batch.formula(index, down, column.default.as_deref())?;
                let table = &mut batch.tables[index];
                let scope = table.scope();
                table.downs.push(Stage { result: column.value, formula, scope });
            }
            return Ok(());
        }
        batch.tables[index].columns.retain(|c| c.name != column.name);
        Ok(())
    }

    /// A column that an earlier action of the batch alters goes without `down`: what old clients read there has to follow from its default.
    fn require_defaults(
        &self,
        batch: &Batch<'_>,
        table: &Table,
        column: &Column,
        builds_on: &[usize],
    ) -> Result<(), Refusal> {
        let help = "say with `down` what old clients read there";
        let own = |id: ValueId| {
            id == column.value || builds_on.iter().any(|stage| table.downs[*stage].result == id)
        };
        // When those change, the column would have to be computed from a value that nothing holds.
        let others = builds_on.iter().map(|stage| &table.downs[*stage]).any(|stage| {
            let is_lookup = matches!(stage.formula, Formula::Lookup(_));
            is_lookup || (0..table.values.len()).any(|id| !own(id) && stage.reads(id))
        });
        if others {
            return Err(batch
                .refuse(format!(
                    "column `{}`.`{}` goes without `down`, but an earlier action of the batch computes what old clients read \
                     from it and from other columns",
                    self.table, self.column
                ))
                .with_help(help));
        }
        let live = batch.live(table).zip(column.ancestor.as_deref());
        let live = live.and_then(|(live, ancestor)| live.column(ancestor));
        let has_default = column.draws
            || column
                .default
                .as_deref()
                .is_some_and(|sql| !sql.trim().eq_ignore_ascii_case("null"));
        if !builds_on.is_empty() && !has_default && live.is_some_and(|live| live.not_null) {
            return Err(batch
                .refuse(format!(
                    "column `{}`.`{}` is NOT NULL without a default: new clients could not insert a row until \
                     the batch is complete",
                    self.table, self.column
                ))
                .with_help(help));
        }
        Ok(())
    }
}

/// The computations from new to old that build on the value, by their places, in order.
fn builds_on(table: &Table, value: ValueId) -> Vec<usize> {
    let mut values = vec![value];
    let mut stages = Vec::new();
    for (place, stage) in table.downs.iter().enumerate().rev() {
        if values.iter().any(|id| stage.reads(*id)) {
            values.push(stage.result);
            stages.push(place);
        }
    }
    stages.reverse();
    stages
}
