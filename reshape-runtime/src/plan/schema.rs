//! Schemas other than `public`.
//!
//! A version has one schema for all of its views, so a table of another schema goes by its own name there, and no two tables of a version
//! may have the same name. Every table of `public` has a view; of another schema's, those that an action has named, from then on.

use crate::action::Action;
use std::collections::BTreeMap;

use crate::plan::Refusal;
use crate::plan::batch::Batch;
use crate::plan::lineage::Table;
use crate::plan::mention::says;
use crate::plan::partition;
use crate::sql::ident::{dollar, ident};

/// The schema that a table is created in: made here if it does not exist.
pub(crate) fn create(batch: &mut Batch<'_>, name: &str) -> Result<(), Refusal> {
    let Some(live) = batch.facts().schema(name) else { return Ok(()) };
    if live.exists && !live.may_create {
        return Err(batch
            .refuse(format!("the role may not create tables in schema `{name}`"))
            .with_help(format!("run `GRANT CREATE ON SCHEMA {} TO …` as its owner", ident(name))));
    }
    if live.exists
        || batch.created_schemas.iter().any(|known| known == name)
        || is_custom(batch, name)
    {
        return Ok(());
    }
    if !live.may_create {
        return Err(batch
            .refuse(format!("schema `{name}` does not exist, and the role may not create it"))
            .with_help(
                "create it, or run `GRANT CREATE ON DATABASE … TO …` as the database's owner",
            ));
    }
    batch.created_schemas.push(name.to_owned());
    batch.push_fresh(
        format!("create schema `{name}`"),
        vec![format!("CREATE SCHEMA {}", ident(name))],
        vec![drop(name)],
    );
    Ok(())
}

/// Before everything else: the schema of what says none, where it does not exist. SQL of the user's, whose names say no schema, must not find another one.
pub(crate) fn create_home(batch: &mut Batch<'_>) -> Result<(), Refusal> {
    let home = batch.home();
    match batch.facts().schema(home) {
        Some(live) if !live.exists => create(batch, home),
        Some(_) | None => Ok(()),
    }
}

/// Rollback: what others have put there meanwhile stays, and the schema with it.
fn drop(name: &str) -> String {
    let body = format!(
        "\nBEGIN\n  DROP SCHEMA IF EXISTS {};\nEXCEPTION WHEN dependent_objects_still_exist THEN\n  NULL;\nEND\n",
        ident(name)
    );
    format!("DO {}", dollar(&body))
}

/// Whether SQL of the user's own that runs before may create the schema.
fn is_custom(batch: &Batch<'_>, name: &str) -> bool {
    let pending = batch.request.pending.iter().take(batch.at.0 + 1).enumerate();
    let mut before = pending.flat_map(|(number, migration)| {
        let end = if number == batch.at.0 { batch.at.1 } else { migration.actions.len() };
        migration.actions.iter().take(end)
    });
    before.any(|action| {
        matches!(action, Action::Custom(custom) if custom.start.as_deref().is_some_and(|sql| says(sql, name)))
    })
}

/// No two tables of the version have the same name.
pub(crate) fn require_apart(batch: &Batch<'_>) -> Result<(), Refusal> {
    let has_view =
        |table: &&Table| table.in_version && !table.removed && !partition::is_one(batch, table);
    let mut named: BTreeMap<&str, &Table> = BTreeMap::new();
    let twice = batch.tables.iter().filter(has_view).find_map(|table| {
        let other = named.insert(&table.name, table)?;
        (other.schema != table.schema).then_some((other, table))
    });
    let Some((one, other)) = twice else { return Ok(()) };
    let message = format!(
        "the version would have two tables called `{}`, of schema `{}` and of schema `{}`",
        one.name, one.schema, other.schema
    );
    let refusal = Refusal { action: None, ..batch.refuse(message) };
    Err(refusal.with_help(
        "a version has one view of each name, whatever the table's schema: rename one of them, with `rename_table`",
    ))
}
