//! The inverse of each action.
//!
//! A table that is created on the way goes as a whole, so what happens to its columns, indexes and constraints needs no inverse; its names do, since
//! other actions say them.

use super::replay::{Replay, Taken, owner};
use super::{Missing, column, custom, hanging};
use crate::action::Action;
use crate::model::{
    AddCheck, AlterColumn, Check, ColumnChanges, CreateEnum, CreateTable, RemoveCheck, RemoveEnum,
    RemoveForeignKey, RemoveIndex, RemoveTable, RenameTable,
};

const IN_A_NEW_MIGRATION: &str = "write a migration that leads to what is wanted, and start that";

/// The actions that take one back, in order.
pub(super) fn inverse(taken: &Taken<'_>, replay: &Replay<'_>) -> Result<Vec<Action>, Missing> {
    if taken.made.is_some_and(|own| replay.gone[own]) {
        return Ok(Vec::new());
    }
    let made = taken.made.is_some();
    Ok(match taken.action {
        Action::CreateTable(a) => vec![create_table(a)?],
        Action::RenameTable(a) => vec![Action::RenameTable(RenameTable {
            table: a.new_name.clone(),
            schema: a.schema.clone(),
            new_name: a.table.clone(),
        })],
        Action::RemoveTable(a) => {
            let message = format!("the rows of table `{}` are gone", a.table);
            return Err(Missing::new(message, IN_A_NEW_MIGRATION));
        }
        Action::AlterColumn(a) if made => only_name(a),
        Action::AddColumn(_)
        | Action::RemoveColumn(_)
        | Action::AddIndex(_)
        | Action::RemoveIndex(_)
        | Action::AddForeignKey(_)
        | Action::RemoveForeignKey(_)
        | Action::AddCheck(_)
        | Action::RemoveCheck(_)
            if made =>
        {
            Vec::new()
        }
        Action::AddColumn(a) => vec![column::added(a)],
        Action::AlterColumn(a) => column::altered(a, taken)?,
        Action::RemoveColumn(a) => column::removed(a, taken)?,
        Action::AddIndex(a) => vec![Action::RemoveIndex(RemoveIndex {
            index: a.index.name.clone(),
            schema: a.schema.clone(),
        })],
        Action::RemoveIndex(a) => {
            let table = owner(&taken.before, a.schema.as_deref(), &a.index);
            let known = table.and_then(|table| {
                Some((table, table.indexes.iter().find(|index| index.name == a.index)?))
            });
            let Some((table, index)) = known else {
                let message = format!("the migrations do not say what the index `{}` was", a.index);
                return Err(Missing::new(message, IN_A_NEW_MIGRATION));
            };
            vec![hanging::index(table, index, taken)?]
        }
        Action::AddForeignKey(a) => {
            let keys = |schema: &crate::schema::Schema| {
                schema.table(&a.table).map(|table| table.foreign_keys.clone()).unwrap_or_default()
            };
            let before = keys(&taken.before);
            let Some(key) = keys(&taken.after).into_iter().find(|key| !before.contains(key)) else {
                let message = format!("the name of the foreign key of `{}` is not known", a.table);
                return Err(Missing::new(message, IN_A_NEW_MIGRATION));
            };
            vec![Action::RemoveForeignKey(RemoveForeignKey {
                table: a.table.clone(),
                schema: a.schema.clone(),
                foreign_key: key.name.into(),
            })]
        }
        Action::RemoveForeignKey(a) => {
            let table = taken.before.table(&a.table);
            let known = table.and_then(|table| {
                Some((table, table.foreign_keys.iter().find(|key| key.name == a.foreign_key)?))
            });
            let Some((table, key)) = known else {
                let message = format!(
                    "the migrations do not say what the foreign key `{}` was",
                    a.foreign_key
                );
                return Err(Missing::new(message, IN_A_NEW_MIGRATION));
            };
            vec![hanging::foreign_key(table, key, taken)?]
        }
        Action::AddCheck(a) => vec![Action::RemoveCheck(RemoveCheck {
            table: a.table.clone(),
            schema: a.schema.clone(),
            check: a.check.name.clone().unwrap_or_default(),
        })],
        Action::RemoveCheck(a) => vec![remove_check(a, taken)?],
        Action::CreateEnum(a) => vec![Action::RemoveEnum(RemoveEnum { name: a.name.clone() })],
        Action::RemoveEnum(a) => {
            let Some(known) = taken.before.enumeration(&a.name) else {
                let message = format!("the migrations do not say what the enum `{}` was", a.name);
                return Err(Missing::new(message, IN_A_NEW_MIGRATION));
            };
            let values = known.values.iter().map(|value| value.clone().into()).collect();
            vec![Action::CreateEnum(CreateEnum { name: a.name.clone(), values })]
        }
        Action::Custom(a) => custom::inverse(a)?,
    })
}

fn create_table(a: &CreateTable) -> Result<Action, Missing> {
    if let Some(up) = &a.up {
        let message = format!(
            "table `{}` is filled from `{}`: while both versions are in use, rows that clients of the older one write to `{1}` would be \
             missing in it",
            a.name, up.table
        );
        return Err(Missing::new(message, IN_A_NEW_MIGRATION));
    }
    Ok(Action::RemoveTable(RemoveTable { table: a.name.clone(), schema: a.schema.clone() }))
}

/// Of a column of a table that goes: other actions may say its name.
fn only_name(a: &AlterColumn) -> Vec<Action> {
    let Some(name) = a.changes.name.as_ref().filter(|name| **name != a.column) else {
        return Vec::new();
    };
    let changes = ColumnChanges { name: Some(a.column.clone()), ..ColumnChanges::default() };
    vec![Action::AlterColumn(AlterColumn {
        table: a.table.clone(),
        schema: a.schema.clone(),
        column: name.clone(),
        up: None,
        down: None,
        changes,
    })]
}

fn remove_check(a: &RemoveCheck, taken: &Taken<'_>) -> Result<Action, Missing> {
    let unknown = || {
        let message = format!("the migrations do not say what the check `{}` was", a.check);
        Missing::new(message, IN_A_NEW_MIGRATION)
    };
    let table = taken.before.table(&a.table).ok_or_else(unknown)?;
    let named = table.checks.iter().find(|check| check.name.as_ref() == Some(&a.check));
    let mut unnamed = table.checks.iter().filter(|check| check.name.is_none());
    // Of several without a name it is not certain which one Postgres called so.
    let known = named.or_else(|| unnamed.next().filter(|_| unnamed.next().is_none()));
    let check = known.ok_or_else(unknown)?;
    let check = hanging::check(table, check, taken)?;
    Ok(Action::AddCheck(AddCheck {
        table: a.table.clone(),
        schema: a.schema.clone(),
        check: Check { name: Some(a.check.clone()), ..check },
    }))
}
