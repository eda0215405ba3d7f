//! NOT NULL columns of the old version whose values come, for rows of new clients, from another table.
//!
//! A new client writes the two rows one after the other, so for a moment there is no value. The column accepts NULL while both versions are in use;
//! the sync trigger keeps old clients to it. A rollback fills what is missing and makes it NOT NULL again.

use super::{Direction, Locking, Place, plan};
use crate::plan::batch::Batch;
use crate::plan::facts::LiveColumn;
use crate::plan::flow::Flow;
use crate::plan::lineage::{Formula, Table};
use crate::plan::{Refusal, Work};
use crate::sql::ident::{dollar, ident, literal};
use crate::sql::names;

/// Such a column.
#[derive(Debug)]
pub(crate) struct Relaxed {
    /// The column.
    pub(crate) column: String,
    /// Its value, as an expression over the row [`lookup::ROW`](super::lookup::ROW).
    value: String,
}

/// Whether the lookup's result is such a column.
pub(super) fn is_relaxed(batch: &Batch<'_>, place: Place) -> bool {
    let table = &batch.tables[place.table];
    let value = &table.values[place.stage(&batch.tables).result];
    place.direction == Direction::Down
        && value.in_base
        && value.physical.as_deref().is_some_and(|column| needs_value(batch, table, column))
}

/// NOT NULL, and nothing fills it.
fn needs_value(batch: &Batch<'_>, table: &Table, column: &str) -> bool {
    let live = batch.live(table).and_then(|live| live.column(column));
    live.is_some_and(LiveColumn::needs_value)
}

pub(super) fn relaxed(
    batch: &Batch<'_>,
    places: &[Place],
) -> Result<Vec<(usize, Relaxed)>, Refusal> {
    let mut all = Vec::new();
    for place in places {
        let table = &batch.tables[place.table];
        for computation in &Flow::down(table).stages {
            let Some(column) = computation.column else { continue };
            let builds_on = !computation.slots.is_empty() && !computation.is_lookup();
            if builds_on && needs_value(batch, table, column) {
                return Err(plan::refuse(
                    batch,
                    format!(
                        "`{}`.`{column}` is NOT NULL, and its `down` builds on a value of another table that may not be there yet",
                        table.name
                    ),
                    "let it accept NULL, in a batch before this one",
                ));
            }
        }
        let stage = place.stage(&batch.tables);
        let Formula::Lookup(lookup) = &stage.formula else { continue };
        let Some(column) = &table.values[stage.result].physical else { continue };
        if !is_relaxed(batch, *place) {
            continue;
        }
        batch.require_nullable(table, column)?;
        let row = super::lookup::columns(table, &stage.scope, super::lookup::ROW);
        let value = format!(
            "(SELECT (\n{}\n) FROM (SELECT {row}) AS {})",
            lookup.sql(Locking::Yes),
            ident(&stage.scope.table)
        );
        all.push((place.table, Relaxed { column: column.clone(), value }));
    }
    Ok(all)
}

impl Relaxed {
    /// Before new clients come: a statement that needs no scan.
    pub(crate) fn open(&self, table: &Table) -> String {
        format!("ALTER TABLE {} ALTER COLUMN {} DROP NOT NULL", table.sql(), ident(&self.column))
    }

    /// What the sync trigger does to an old client that leaves the column without a value.
    pub(crate) fn guard(&self, table: &Table) -> String {
        let column = ident(&self.column);
        let message = format!(
            "null value in column \"{}\" of relation \"{}\" violates not-null constraint",
            self.column, table.physical
        );
        format!(
            "  IF NEW.{column} IS NULL AND (TG_OP = 'INSERT' OR OLD.{column} IS NOT NULL) THEN\n    \
             RAISE not_null_violation USING MESSAGE = {}, SCHEMA = {}, TABLE = {}, COLUMN = {};\n  END IF;\n",
            literal(&message),
            literal(&table.schema),
            literal(&table.physical),
            literal(&self.column)
        )
    }

    /// Rollback, when new clients are gone. No statement under an exclusive lock reads the table.
    pub(crate) fn undo(&self, table: &Table) -> Vec<Work> {
        let (on, column) = (table.sql(), ident(&self.column));
        let check = names::generated(&[&self.column, "restored"]);
        let fill = format!(
            "UPDATE {on} AS {row} SET {column} = {}, {} WHERE {row}.{column} IS NULL",
            self.value,
            super::relay::mark(Direction::Down),
            row = super::lookup::ROW
        );
        let hold = [
            format!("ALTER TABLE {on} DROP CONSTRAINT IF EXISTS {}", ident(&check)),
            format!(
                "ALTER TABLE {on} ADD CONSTRAINT {} CHECK ({column} IS NOT NULL) NOT VALID",
                ident(&check)
            ),
        ];
        let base = table.values.iter().filter(|value| value.in_base);
        let base: Vec<String> = base
            .filter_map(|value| Some(format!("t.{}", ident(value.physical.as_deref()?))))
            .collect();
        let look = format!(
            "
DECLARE
  missing bigint;
  example text;
BEGIN
  ALTER TABLE {on} VALIDATE CONSTRAINT {check};
EXCEPTION WHEN check_violation THEN
  SELECT pg_catalog.count(*), pg_catalog.min(ROW({base})::pg_catalog.text) INTO missing, example FROM {on} AS t WHERE t.{column} IS NULL;
  ALTER TABLE {on} DROP CONSTRAINT {check};
  PERFORM pg_catalog.set_config('reshape.note', pg_catalog.concat(pg_catalog.format({message}, missing, example), {hint}), true);
END
",
            check = ident(&check),
            base = base.join(", "),
            message = literal(&format!(
                "column {} of table {} stays nullable: rows of new clients have no value for it (%s), e.g. %s",
                column.replace('%', "%%"),
                on.replace('%', "%%")
            )),
            hint = literal(&format!(
                "; give them one, then run: ALTER TABLE {on} ALTER COLUMN {column} SET NOT NULL"
            )),
        );
        let close = format!(
            "
BEGIN
  IF EXISTS (SELECT FROM pg_catalog.pg_constraint
             WHERE conrelid = {table}::pg_catalog.regclass AND conname = {name} AND convalidated) THEN
    ALTER TABLE {on} ALTER COLUMN {column} SET NOT NULL;
    ALTER TABLE {on} DROP CONSTRAINT {check};
  END IF;
END
",
            table = literal(&on),
            name = literal(&check),
            check = ident(&check),
        );
        let sql = |statements| Work::Sql { statements };
        vec![
            sql(vec![fill]),
            sql(hold.to_vec()),
            sql(vec![format!("DO {}", dollar(&look))]),
            sql(vec![format!("DO {}", dollar(&close))]),
        ]
    }
}
