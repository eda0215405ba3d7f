//! Checks: NOT VALID in expand, so that they hold for every write from then on, and VALIDATE once the table is filled.

use crate::model::Check;
use crate::plan::assemble::shown;
use crate::plan::batch::Batch;
use crate::plan::contract::Stage;
use crate::plan::lineage::Table;
use crate::plan::mention::{mentions, mentions_beside_namesake, says, whole_row};
use crate::plan::under::under;
use crate::plan::{Offenders, Phase, Refusal, Step, offenders};
use crate::sql::ident::ident;

/// A check that the batch adds to a table that exists.
#[derive(Clone, Debug)]
pub(crate) struct PendingCheck {
    pub(crate) at: (usize, usize),
    pub(crate) table: usize,
    pub(crate) name: String,
    pub(crate) expression: String,
    /// What the table is called in the expression.
    pub(crate) scope: String,
    /// The columns that the expression may name: as it calls them, and as they are called now.
    pub(crate) columns: Vec<(String, String)>,
}

/// The clause of ALTER TABLE and CREATE TABLE.
pub(crate) fn clause(name: &str, expression: &str) -> String {
    format!("CONSTRAINT {} CHECK (\n{expression}\n)", ident(name))
}

/// Remembers a check of a table that exists.
pub(crate) fn add(batch: &mut Batch<'_>, table: usize, name: &str, check: &Check) {
    let known = &batch.tables[table];
    let columns = mentioned(known, &check.expression);
    let pending = PendingCheck {
        at: batch.at,
        table,
        name: name.to_owned(),
        expression: check.expression.to_string(),
        scope: known.name.clone(),
        columns: columns.into_iter().map(|name| (name.clone(), name)).collect(),
    };
    batch.constraints.checks.push(pending);
}

fn mentioned(table: &Table, expression: &str) -> Vec<String> {
    let names = || table.columns.iter().map(|column| &column.name);
    let mentions =
        if names().any(|name| *name == table.name) { mentions_beside_namesake } else { mentions };
    names().filter(|name| mentions(expression, &table.name, name)).cloned().collect()
}

/// Asks for the statements of every check.
pub(super) fn resolve(batch: &mut Batch<'_>) -> Result<(), Refusal> {
    for check in std::mem::take(&mut batch.constraints.checks) {
        make(batch, &check)?;
        batch.constraints.checks.push(check);
    }
    Ok(())
}

fn make(batch: &mut Batch<'_>, check: &PendingCheck) -> Result<(), Refusal> {
    let number = check.table;
    let (working, rename) = batch.working_name(number, &check.name);
    let table = &batch.tables[number];
    require_plain_row(batch, table, check)?;
    let mut columns: Vec<(&str, &str)> = Vec::new();
    for (name, now) in &check.columns {
        let column = batch.column(table, now)?;
        let physical = table.physical(column).ok_or_else(|| batch.unknown_column(table, now))?;
        columns.push((physical, name));
    }
    let add = format!("ADD {} NOT VALID", clause(&working, &check.expression));
    let undo = format!("DROP CONSTRAINT IF EXISTS {}", ident(&working));
    let renamed = check.scope != table.physical && says(&check.expression, &check.scope);
    let step = Step::sql(
        Phase::Backfill,
        format!("check that all rows of {} satisfy `{}`", shown(table), check.name),
        vec![format!("ALTER TABLE {} VALIDATE CONSTRAINT {}", table.sql(), ident(&working))],
    )
    .patient()
    .violated_by([offenders(batch, check, &working, false)]);
    let hidden = invisible(table, check, &columns);
    if columns.iter().all(|(physical, name)| physical == name) && hidden.is_empty() && !renamed {
        batch.asked.clauses.push((number, add, undo));
    } else {
        let there = if renamed { &check.scope } else { &table.physical };
        if renamed {
            require_name(batch, check)?;
        }
        let statements =
            under(table, there, &columns, &hidden, |on| vec![format!("ALTER TABLE {on} {add}")]);
        batch.asked.expand.extend(statements.into_iter().map(|statement| (number, statement)));
        batch.asked.expand_undo.push((number, undo));
    }
    batch.asked.filled.push((number, step));
    batch.asked.contract.extend(rename.map(|rename| (number, Stage::Finish, rename)));
    Ok(())
}

/// Columns of the table that the expression may mean although they have another name, or none, at its point of the batch: on one that
/// goes in contract the check would go with it, without a word.
fn invisible<'t>(table: &'t Table, check: &PendingCheck, columns: &[(&str, &str)]) -> Vec<&'t str> {
    let there = table.values.iter().filter_map(|value| value.physical.as_deref());
    there
        .filter(|physical| !columns.iter().any(|(_, name)| name == physical))
        .filter(|physical| mentions_beside_namesake(&check.expression, &check.scope, physical))
        .collect()
}

/// How to find rows that the check is false for: by what is stored, or (`computed`) by what the backfill is about to store.
pub(crate) fn offenders(
    batch: &Batch<'_>,
    check: &PendingCheck,
    working: &str,
    computed: bool,
) -> Offenders {
    let table = &batch.tables[check.table];
    let columns = check.columns.iter().filter_map(|(name, now)| {
        let column = table.column(now)?;
        Some((name.as_str(), column, table.physical(column)?))
    });
    let columns: Vec<_> = columns.collect();
    let source = offenders::Source::new(batch, table, computed);
    Offenders {
        constraint: working.to_owned(),
        rule: format!("the check `{}` of {}", check.name, shown(table)),
        query: source.check(&check.expression, &check.scope, &columns),
        help: String::from("correct those rows, or the check, then start again"),
    }
}

/// A row has other columns while the batch is in progress: what an expression over the whole of it says then, nobody means.
fn require_plain_row(
    batch: &Batch<'_>,
    table: &Table,
    check: &PendingCheck,
) -> Result<(), Refusal> {
    let namesake = check.columns.iter().any(|(name, _)| *name == check.scope);
    let changes = table.shadows().next().is_some() || !table.dropped.is_empty();
    if namesake || !changes || !whole_row(&check.expression, &check.scope) {
        return Ok(());
    }
    let message = format!(
        "the check `{}` over whole rows of `{}`, whose columns the same batch changes, is not supported",
        check.name, table.name
    );
    Err(batch
        .refuse_at(check.at, message)
        .with_help("name the columns that are meant, or complete the other changes first"))
}

/// The name that the expression gives the table must be free in the catalog for the moment.
fn require_name(batch: &Batch<'_>, check: &PendingCheck) -> Result<(), Refusal> {
    let key = (batch.tables[check.table].schema.as_str(), check.scope.as_str());
    let taken = batch.facts().table(key).is_some()
        || batch.tables.iter().any(|other| other.created && other.key() == key);
    if !taken {
        return Ok(());
    }
    let message = format!(
        "the check `{}` names the table `{}`, a name that another table has by the end of the batch",
        check.name, check.scope
    );
    Err(batch
        .refuse_at(check.at, message)
        .with_help("leave the table's name out of the expression"))
}
