//! What a set whose tables are in a schema of their own cannot do: found before anything has changed.
//!
//! The same migrations run once for each tenant, so what they say by the name of the default schema they would do again and again to the same tables.
//!
//! **Invariant:** what is refused surely means the tenant's own, because the default schema has nothing of that name; what is not understood is
//! left to the server.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Migrator;
use super::command::refused;
use super::run::{Run, Task};
use super::session::rows;
use crate::error::Error;
use crate::model::{Action, Migration};
use crate::plan::Refusal;
use crate::plan::facts::Facts;
use crate::plan::mention::{relation, says};
use crate::sql::ident::literal;
use crate::sql::names::DEFAULT_SCHEMA;

impl Migrator {
    /// The same migrator for the tables of another schema: one of several tenants in a database, as [`Migrations::in_schema`](crate::Migrations::in_schema).
    #[must_use]
    pub fn in_schema(mut self, schema: &str) -> Self {
        self.set = self.set.in_schema(schema);
        self.migrations = self.migrations.map(|migrations| migrations.in_schema(schema));
        self
    }
}

impl Run<'_> {
    /// Nothing in `pending` names the tenant's tables as if they were in the default schema.
    pub(super) fn check_tenant(
        &mut self,
        pending: &[Migration],
        facts: &Facts,
    ) -> Result<(), Error> {
        if self.set.schema() == DEFAULT_SCHEMA {
            return Ok(());
        }
        let mut own = own_names(pending, facts);
        let mut checked = check(pending, facts, &own);
        // Whether the default schema has one of the same name is asked only where it matters.
        if checked.is_err() {
            for name in self.shared(&own)? {
                own.remove(&name);
            }
            checked = check(pending, facts, &own);
        }
        checked.map_err(refused)
    }

    /// Those of the names that a relation, a type or a function of the default schema has too.
    fn shared(&mut self, names: &BTreeSet<String>) -> Result<Vec<String>, Error> {
        let list = names.iter().map(|name| literal(name)).collect::<Vec<_>>().join(", ");
        let query = format!(
            "SELECT f.name FROM (SELECT relnamespace, relname FROM pg_catalog.pg_class \
               UNION SELECT typnamespace, typname FROM pg_catalog.pg_type \
               UNION SELECT pronamespace, proname FROM pg_catalog.pg_proc) f(space, name) \
             JOIN pg_catalog.pg_namespace n ON n.oid = f.space \
             WHERE n.nspname = '{DEFAULT_SCHEMA}' AND f.name = ANY (ARRAY[{list}]::text[])"
        );
        let (found, _) =
            self.retrying(Task::Own("read the catalog"), |run| Ok(rows(&mut run.client, &query)?))?;
        Ok(found.iter().filter_map(|row| row.get(0)).map(str::to_owned).collect())
    }
}

fn check(pending: &[Migration], facts: &Facts, own: &BTreeSet<String>) -> Result<(), Refusal> {
    let home = facts.home();
    for migration in pending {
        for (place, action) in migration.actions.iter().enumerate() {
            let refuse = |message: String, help: String| Refusal {
                migration: migration.name.to_string(),
                action: Some(place + 1),
                message,
                help: Some(help),
            };
            let value = serde_json::to_value(action).unwrap_or_default();
            let mut texts = Vec::new();
            strings(&value, &mut texts);
            for text in texts.iter().filter(|text| says(text, DEFAULT_SCHEMA)) {
                let named = |name: &&String| relation(text, DEFAULT_SCHEMA, name).with_schema;
                if let Some(name) = own.iter().find(named) {
                    return Err(refuse(
                        format!(
                            "its SQL says `{DEFAULT_SCHEMA}.{name}`, but `{name}` is in schema `{home}` here"
                        ),
                        format!(
                            "say `{name}` alone: that is the table or type of the schema that is migrated"
                        ),
                    ));
                }
            }
            if let Action::Custom(custom) = action
                && let Some(sql) = &custom.start
                && says(sql, "create")
                && says(sql, "extension")
                && !says(sql, "schema")
            {
                return Err(refuse(
                    format!(
                        "an extension is there once for a database, and this one would be put into schema `{home}`"
                    ),
                    format!("say `CREATE EXTENSION IF NOT EXISTS … SCHEMA {DEFAULT_SCHEMA}`"),
                ));
            }
        }
    }
    Ok(())
}

/// The tables and enum types of the tenant's own schema: those that are there, and those that the pending migrations make.
fn own_names(pending: &[Migration], facts: &Facts) -> BTreeSet<String> {
    let home = facts.home();
    let tables = facts.tables.iter().filter(|table| table.schema == home);
    let tables = tables.map(|table| table.name.clone());
    let types = facts.types.iter().filter(|found| found.is_enum && found.schema == home);
    let types = types.map(|found| found.name.clone());
    let actions = pending.iter().flat_map(|migration| migration.actions.iter());
    let made = actions.filter_map(|action| match action {
        Action::CreateTable(a) if a.schema.is_none() => Some(a.name.to_string()),
        Action::RenameTable(a) if a.schema.is_none() => Some(a.new_name.to_string()),
        Action::CreateEnum(a) => Some(a.name.to_string()),
        Action::CreateTable(_)
        | Action::RenameTable(_)
        | Action::RemoveTable(_)
        | Action::AddColumn(_)
        | Action::AlterColumn(_)
        | Action::RemoveColumn(_)
        | Action::AddIndex(_)
        | Action::RemoveIndex(_)
        | Action::AddForeignKey(_)
        | Action::RemoveForeignKey(_)
        | Action::AddCheck(_)
        | Action::RemoveCheck(_)
        | Action::RemoveEnum(_)
        | Action::Custom(_) => None,
    });
    tables.chain(types).chain(made).collect()
}

/// The strings of a value but comments, which name nothing.
fn strings<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(list) => list.iter().for_each(|value| strings(value, found)),
        Value::Object(fields) => {
            let fields = fields.iter().filter(|(key, _)| *key != "comment");
            fields.for_each(|(_, value)| strings(value, found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
