//! What hangs on columns and has gone: indexes, checks and foreign keys, made again as the history said.

use super::Missing;
use super::replay::Taken;
use crate::action::Action;
use crate::model::{AddCheck, AddForeignKey, AddIndex, Check, ForeignKey, Index, Str};
use crate::plan::mention::mentions;
use crate::schema::{ForeignKey as KnownKey, Table, object_name};
use crate::sql::names::MAX_IDENTIFIER;

/// What went with the column `name`.
pub(super) fn with_column(
    table: &Table,
    name: &str,
    taken: &Taken<'_>,
) -> Result<Vec<Action>, Missing> {
    let mut actions = Vec::new();
    for lost in taken.words.indexes_with(table, name) {
        actions.push(index(table, lost, taken)?);
    }
    for lost in taken.words.checks_with(table, name) {
        let check = check(table, lost, taken)?;
        let chosen = check.name.clone().unwrap_or_else(|| chosen_name(table, &check).into());
        actions.push(Action::AddCheck(AddCheck {
            table: table.name.clone().into(),
            schema: schema(table, taken),
            check: Check { name: Some(chosen), ..check },
        }));
    }
    let keys = table.foreign_keys.iter();
    for lost in keys.filter(|key| key.columns.iter().any(|column| column == name)) {
        actions.push(foreign_key(table, lost, taken)?);
    }
    Ok(actions)
}

/// The action that makes the index again.
pub(super) fn index(table: &Table, index: &Index, taken: &Taken<'_>) -> Result<Action, Missing> {
    if let Some(word) = taken.words.stale_in_index(&table.name, index) {
        return Err(renamed("index", &index.name, word));
    }
    Ok(Action::AddIndex(AddIndex {
        table: table.name.clone().into(),
        schema: schema(table, taken),
        index: index.clone(),
    }))
}

/// The check, if it still means what it says.
pub(super) fn check(table: &Table, check: &Check, taken: &Taken<'_>) -> Result<Check, Missing> {
    match taken.words.stale_in_check(&table.name, check) {
        None => Ok(check.clone()),
        Some(word) => {
            Err(renamed("check", check.name.as_deref().unwrap_or(&check.expression), word))
        }
    }
}

/// The action that makes the foreign key again.
pub(super) fn foreign_key(
    table: &Table,
    key: &KnownKey,
    taken: &Taken<'_>,
) -> Result<Action, Missing> {
    // A key has no name in a migration: it gets the one that Postgres chooses.
    if key.name != object_name(&table.name, &key.columns.join("_"), "fkey") {
        return Err(Missing::new(
            format!("the foreign key `{}` would get another name", key.name),
            "write a migration that adds it, and start that",
        ));
    }
    let other = taken.before.table(&key.referenced_table);
    let elsewhere = other.map(|other| &other.schema).filter(|other| **other != table.schema);
    let list = |names: &[String]| names.iter().map(|name| Str::Owned(name.clone())).collect();
    Ok(Action::AddForeignKey(AddForeignKey {
        table: table.name.clone().into(),
        schema: schema(table, taken),
        foreign_key: ForeignKey {
            columns: list(&key.columns),
            referenced_table: key.referenced_table.clone().into(),
            referenced_schema: elsewhere.map(|schema| schema.clone().into()),
            referenced_columns: list(&key.referenced_columns),
            on_delete: key.on_delete,
            on_update: key.on_update,
        },
    }))
}

/// The table's schema, as an action says it.
fn schema(table: &Table, taken: &Taken<'_>) -> Option<Str> {
    (table.schema != taken.before.home()).then(|| table.schema.clone().into())
}

/// The name that Postgres gives to a check without one: after its column, if it has but one.
fn chosen_name(table: &Table, check: &Check) -> String {
    let names = table.columns.iter().map(|column| &column.name);
    let mut said = names.filter(|name| mentions(&check.expression, &table.name, name));
    if let (Some(column), None) = (said.next(), said.next()) {
        return object_name(&table.name, column, "check");
    }
    let mut end = table.name.len().min(MAX_IDENTIFIER - "_check".len());
    while !table.name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}_check", &table.name[..end])
}

fn renamed(what: &str, name: &str, word: &str) -> Missing {
    Missing::new(
        format!("the {what} `{name}` says `{word}`, which has been renamed since"),
        "write a migration that adds it with the names of today, and start that",
    )
}
