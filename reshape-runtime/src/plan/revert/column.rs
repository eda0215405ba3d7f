//! The inverse of the actions on columns.
//!
//! `up` and `down` change places: clients of the version that is being left are the old clients of the inverse.

use super::replay::Taken;
use super::{Missing, hanging};
use crate::action::Action;
use crate::model::{AddColumn, AlterColumn, ColumnChanges, RemoveColumn, Str, Transform};
use crate::sql::ident::ident;

pub(super) fn added(a: &AddColumn) -> Action {
    Action::RemoveColumn(RemoveColumn {
        table: a.table.clone(),
        schema: a.schema.clone(),
        column: a.column.name.clone(),
        down: a.up.clone(),
    })
}

pub(super) fn altered(a: &AlterColumn, taken: &Taken<'_>) -> Result<Vec<Action>, Missing> {
    let ColumnChanges { name, data_type, nullable, default } = &a.changes;
    let new_name = name.as_ref().unwrap_or(&a.column);
    let known = taken.before.table(&a.table).and_then(|table| table.column(&a.column));
    let definition = known.ok_or_else(|| unknown(&a.table, &a.column));
    let name_again = (*new_name != a.column).then(|| a.column.clone());
    let mut changes = ColumnChanges { name: name_again, ..ColumnChanges::default() };
    if data_type.is_some() || nullable.is_some() || default.is_some() {
        let before = definition?;
        if let Some(new) = data_type
            && *new != before.data_type
        {
            changes.data_type = Some(before.data_type.clone());
        }
        changes.nullable = nullable.filter(|new| *new != before.nullable).map(|new| !new);
        if default.is_some() && *default != before.default {
            let none = Str::Borrowed("NULL");
            changes.default = Some(before.default.clone().unwrap_or(none));
        }
    }
    let up = a.down.clone().filter(|down| !is_itself(down, new_name));
    let down = a.up.clone().filter(|up| !is_itself(up, &a.column));
    if changes == ColumnChanges::default() && up.is_none() && down.is_none() {
        return Ok(Vec::new());
    }
    Ok(vec![Action::AlterColumn(AlterColumn {
        table: a.table.clone(),
        schema: a.schema.clone(),
        column: new_name.clone(),
        up,
        down,
        changes,
    })])
}

/// Whether the value is the column's own, which needs no saying.
fn is_itself(transform: &Transform, column: &str) -> bool {
    matches!(transform, Transform::Expression(sql) if *sql == column || *sql == ident(column))
}

pub(super) fn removed(a: &RemoveColumn, taken: &Taken<'_>) -> Result<Vec<Action>, Missing> {
    let table = taken.before.table(&a.table).ok_or_else(|| unknown(&a.table, &a.column))?;
    let column = table.column(&a.column).ok_or_else(|| unknown(&a.table, &a.column))?;
    let Some(down) = &a.down else {
        return Err(Missing::new(
            format!("the values of column `{}`.`{}` are gone", a.table, a.column),
            "a removed column comes back only where the migration says with `down` what is in it",
        ));
    };
    if column.default.as_deref().is_some_and(|sql| sql.trim_start().starts_with("nextval(")) {
        return Err(Missing::new(
            format!("the sequence of column `{}`.`{}` is gone", a.table, a.column),
            "write a migration that adds the column as it is wanted, and start that",
        ));
    }
    let mut actions = vec![Action::AddColumn(AddColumn {
        table: a.table.clone(),
        schema: a.schema.clone(),
        column: column.clone(),
        up: Some(down.clone()),
    })];
    actions.extend(hanging::with_column(table, &a.column, taken)?);
    Ok(actions)
}

fn unknown(table: &str, column: &str) -> Missing {
    Missing::new(
        format!("the migrations do not say what the column `{table}`.`{column}` was"),
        "write a migration that leads to what is wanted, and start that",
    )
}
