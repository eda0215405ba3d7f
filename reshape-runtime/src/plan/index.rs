//! Index definitions.

use crate::model::{Direction, Index, IndexColumn, Nulls};
use crate::plan::assemble::shown;
use crate::plan::batch::Batch;
use crate::plan::facts::TableKind;
use crate::plan::lineage::Table;
use crate::plan::mention::mentions;
use crate::plan::{Phase, Refusal, Step, Work, offenders, partition, trial};
use crate::sql::ident::ident;
use crate::sql::names;

/// The steps that build what `add_index` has asked for on a table that exists.
pub(crate) fn build(batch: &Batch<'_>, table: usize) -> Result<Vec<Step>, Refusal> {
    let facts = batch.facts();
    let mut steps = Vec::new();
    for pending in batch.indexes.iter().filter(|pending| pending.table == table) {
        let table = &batch.tables[table];
        let wanted = pending.index.name.as_ref();
        // Until contract an index of that name may still be there.
        let taken = facts.index((&table.schema, wanted)).is_some();
        let name = if taken { names::generated(&[wanted]) } else { wanted.to_owned() };
        let placed = |refusal: Refusal| Refusal {
            help: refusal.help,
            ..batch.refuse_at(pending.at, refusal.message)
        };
        if let Some(live) = batch.live(table).filter(|live| live.kind == TableKind::Partitioned) {
            if trial::is_needed(table, pending) {
                let what = format!(
                    "an expression of index `{wanted}` over columns that the same batch changes, on a partitioned table,"
                );
                return Err(placed(batch.not_supported(&what).with_help(
                    "start and complete the change of the columns first, then add the index",
                )));
            }
            steps.extend(
                partition::build_index(batch, table, live, pending, &name).map_err(placed)?,
            );
            continue;
        }
        let schema = table.schema.clone();
        let (work, duplicates) = if trial::is_needed(table, pending) {
            let define = trial::define(batch, table, pending, &name).map_err(placed)?;
            (Work::DefineIndex { schema, name: name.clone(), define }, None)
        } else {
            let create = create(batch, table, &pending.index, &name, true);
            let statement = create.map_err(placed)?;
            let duplicates = offenders::unique(batch, table, &pending.index, &name);
            (Work::CreateIndex { schema, name: name.clone(), statement }, duplicates)
        };
        let undo = vec![Work::DropIndex { schema: table.schema.clone(), name }];
        let title = format!("build index `{wanted}` on {}", shown(table));
        let step = Step { work, undo, ..Step::sql(Phase::Backfill, title, Vec::new()) };
        steps.push(step.violated_by(duplicates));
    }
    Ok(steps)
}

/// `CREATE INDEX` for `index` under the name `name`. Columns go by the names that they have in the table now.
pub(crate) fn create(
    batch: &Batch<'_>,
    table: &Table,
    index: &Index,
    name: &str,
    concurrently: bool,
) -> Result<String, Refusal> {
    create_on(batch, table, index, name, concurrently, &table.sql())
}

/// The same on `target`: a partition of the table, or the table without its partitions.
pub(crate) fn create_on(
    batch: &Batch<'_>,
    table: &Table,
    index: &Index,
    name: &str,
    concurrently: bool,
    target: &str,
) -> Result<String, Refusal> {
    let mut keys = Vec::new();
    for column in index.columns.iter() {
        let (key, direction, nulls) = match column {
            IndexColumn::Name(column) => (plain(batch, table, column)?, None, None),
            IndexColumn::Column { column, direction, nulls } => {
                (plain(batch, table, column)?, *direction, *nulls)
            }
            IndexColumn::Expression { expression, direction, nulls } => {
                (format!("({})", snippet(batch, table, expression)?), *direction, *nulls)
            }
        };
        keys.push(key + &order(direction, nulls));
    }
    let predicate = match &index.predicate {
        Some(predicate) => format!(" WHERE ({})", snippet(batch, table, predicate)?),
        None => String::new(),
    };
    let head = head(index, name, concurrently, target);
    Ok(format!("{head} ({}){predicate}", keys.join(", ")))
}

/// What stands before the keys.
pub(crate) fn head(index: &Index, name: &str, concurrently: bool, target: &str) -> String {
    format!(
        "CREATE {}INDEX {}{} ON {target}{}",
        if index.unique { "UNIQUE " } else { "" },
        if concurrently { "CONCURRENTLY " } else { "" },
        ident(name),
        using(index),
    )
}

/// The access method, if the file names one.
pub(crate) fn using(index: &Index) -> String {
    index.method.map(|method| format!(" USING {}", method.sql())).unwrap_or_default()
}

/// What stands after a key.
pub(crate) fn order(direction: Option<Direction>, nulls: Option<Nulls>) -> String {
    let direction = match direction {
        Some(Direction::Asc) => " ASC",
        Some(Direction::Desc) => " DESC",
        None => "",
    };
    let nulls = match nulls {
        Some(Nulls::First) => " NULLS FIRST",
        Some(Nulls::Last) => " NULLS LAST",
        None => "",
    };
    format!("{direction}{nulls}")
}

/// A column's name in the table.
pub(crate) fn plain(batch: &Batch<'_>, table: &Table, name: &str) -> Result<String, Refusal> {
    let column = batch.column(table, name)?;
    // A shadow gets its name when the batch is known as a whole; the planner builds indexes after that.
    table.physical(column).map(ident).ok_or_else(|| batch.unknown_column(table, name))
}

/// An expression is used as it is, so each name in it must be the column's name in the table, too; see `trial` for where it is not. It is
/// never rewritten as text.
fn snippet(batch: &Batch<'_>, table: &Table, sql: &str) -> Result<String, Refusal> {
    for column in &table.columns {
        let differs = table.physical(column) != Some(column.name.as_str());
        if differs && mentions(sql, &table.name, &column.name) {
            return Err(batch
                .not_supported(&format!(
                    "an index expression over `{}`.`{}`, which the same batch changes,",
                    table.name, column.name
                ))
                .with_help(
                    "start and complete the change of the column first, then add the index",
                ));
        }
    }
    Ok(format!("\n{sql}\n"))
}
