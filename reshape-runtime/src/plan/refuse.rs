//! What stands in the way of a batch as a whole: found before anything is changed.
//!
//! **Invariant:** a completion never fails for a reason that was there at start.

use crate::model::Lint;
use crate::plan::Refusal;
use crate::plan::batch::Batch;
use crate::plan::facts::{LiveTable, TableKind, TableName};
use crate::plan::lineage::Table;
use crate::plan::mention::{mentions, says};
use crate::plan::sync::fires_between;
use crate::sql::names::ORIGIN;

/// Before PostgreSQL 15 a view reads its tables with its owner's rights, which row-level security does not stop.
pub(crate) fn row_security(batch: &Batch<'_>) -> Result<(), Refusal> {
    let facts = batch.facts();
    if facts.server_version >= 150_000 {
        return Ok(());
    }
    let mut seen = batch.tables.iter().filter(|table| table.in_version);
    let secured = seen.find_map(|table| batch.live(table).filter(|live| live.row_security));
    let Some(live) = secured else { return Ok(()) };
    let mut allowed = batch.request.pending.iter().flat_map(|migration| migration.allow.iter());
    if allowed.any(|allow| allow.lint == Lint::RowSecurityBypass) {
        return Ok(());
    }
    let mut refusal = batch.refuse(format!(
        "table `{}` has row-level security, which the views of a version would bypass on PostgreSQL 14",
        live.name
    ));
    refusal.action = None;
    Err(refusal.with_help(
        "upgrade the server to PostgreSQL 15 or newer; or accept it, with `[[allow]]`, `lint = \"row_security_bypass\"` and a `reason` \
         in the migration",
    ))
}

/// The base version's views are dropped in contract, which must not fail then for a reason that is known now.
pub(crate) fn base_dependents(batch: &Batch<'_>) -> Result<(), Refusal> {
    let facts = batch.facts();
    let Some(base) = batch.request.base else { return Ok(()) };
    let (message, help) = match facts.base_dependents.first() {
        Some(dependent) => (
            format!(
                "{dependent} depends on the views of `{base}`, which go when the batch is complete"
            ),
            String::from("drop it, or let it use the tables themselves"),
        ),
        None if !facts.base_owned => (
            format!("the views of `{base}` belong to another role"),
            String::from("migrate as that role or as a member of it"),
        ),
        None => return Ok(()),
    };
    let refusal = Refusal { action: None, ..batch.refuse(message) };
    Err(refusal.with_help(help))
}

/// What would keep the sync triggers or the backfill from seeing, or from writing, what they have to.
pub(crate) fn unsyncable(
    batch: &Batch<'_>,
    table: &Table,
    live: &LiveTable,
) -> Result<(), Refusal> {
    let name = &table.name;
    let refuse = |message: String, help: &str| {
        let refusal = Refusal { action: None, ..batch.refuse(message) };
        Err(refusal.with_help(help))
    };
    if live.column(ORIGIN).is_some() {
        return refuse(
            format!("table `{name}` has a column `{ORIGIN}`, a name that the batch needs"),
            "rename that column",
        );
    }
    if let Some(rule) = live.rules.first() {
        return refuse(
            format!("the rule `{rule}` rewrites what is written to table `{name}`"),
            "make a trigger of the rule: what rules do to a backfill and to views cannot be told",
        );
    }
    if let Some(trigger) = live.before_triggers.iter().find(|name| !fires_between(name)) {
        return refuse(
            format!(
                "the trigger `{trigger}` of table `{name}` fires before the first or after the last of ours"
            ),
            "triggers fire in name order: rename it, with `ALTER TRIGGER … RENAME TO`, so that it begins with a letter",
        );
    }
    Ok(())
}

/// Tables that cannot be filled one after the other.
pub(crate) fn circle(batch: &Batch<'_>) -> Refusal {
    let message = "tables take values from each other in a circle: none can be filled first";
    Refusal { action: None, ..batch.refuse(message) }
        .with_help("split the migration, and complete the first part before the second")
}

/// Rows of a partitioned table move between its partitions, and with them what is noted of who has written them.
pub(crate) fn partitioned_member(
    batch: &Batch<'_>,
    table: &Table,
    live: &LiveTable,
) -> Result<(), Refusal> {
    if live.kind != TableKind::Partitioned {
        return Ok(());
    }
    let what = format!("a value from, or for, another table where `{}` is partitioned", table.name);
    Err(Refusal { action: None, ..batch.not_supported(&what) })
}

/// A type can be dropped in contract only if everything that uses it goes with the batch: proven now, not then.
pub(crate) fn used_enums(batch: &Batch<'_>) -> Result<(), Refusal> {
    for (name, at) in &batch.removed_enums {
        let Some(live) = batch
            .facts()
            .types
            .iter()
            .find(|live| live.schema == batch.home() && live.name == *name)
        else {
            continue;
        };
        let goes = |table: Option<&TableName>, columns: &[String]| {
            batch.tables.iter().any(|t| {
                Some(t.key()) == table.map(TableName::key)
                    && (t.removed || columns.iter().all(|column| t.dropped.contains(column)))
            })
        };
        let in_the_way = live
            .dependents
            .iter()
            .filter(|d| !batch.goes(d))
            .find(|d| !goes(d.table.as_ref(), &d.columns) || d.columns.is_empty());
        if let Some(dependent) = in_the_way {
            let message =
                format!("enum `{name}` cannot be removed: {} depends on it", dependent.description);
            return Err(batch.refuse_at(*at, message).with_help("remove or alter that first"));
        }
        let checks = &batch.constraints.checks;
        if let Some(check) = checks.iter().find(|check| says(&check.expression, name)) {
            let table = &batch.tables[check.table].name;
            let message = format!(
                "enum `{name}` cannot be removed: the check `{}` of `{table}`, which the same batch adds, names it",
                check.name
            );
            return Err(batch.refuse_at(*at, message).with_help("leave the type out of the check"));
        }
        // A shadow takes the default of the column that it replaces along, whatever its own type.
        let stays = batch.tables.iter().filter(|table| !table.removed).find_map(|table| {
            let column = table.columns.iter().find(|column| {
                column.default.as_ref().is_some_and(|default| mentions(default, "", name))
            })?;
            Some((table, column))
        });
        if let Some((table, column)) = stays {
            let message = format!(
                "enum `{name}` cannot be removed: the default of column `{}`.`{}` depends on it",
                table.name, column.name
            );
            let help = "give the column another default, with `changes.default`";
            return Err(batch.refuse_at(*at, message).with_help(help));
        }
    }
    Ok(())
}
