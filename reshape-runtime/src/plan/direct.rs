//! Changes of tables that the same batch creates: what nobody uses yet is changed at once.
//!
//! **Invariant:** what works on a table that exists works on one that is new: an empty database gets there, too.

use super::batch::Batch;
use super::mention::says;
use crate::action::Action;
use crate::sql::ident::ident;
use crate::sql::names;

impl Batch<'_> {
    /// The statements that take checks off a new table before a column of it gets another type: those that later actions of the batch
    /// remove, and that need not hold for the new type any more.
    pub(crate) fn drop_checks_early(&mut self, table: usize) -> Vec<String> {
        let (migration, action) = self.at;
        let later =
            self.request.pending[migration..].iter().enumerate().flat_map(|(n, pending)| {
                pending.actions.iter().skip(if n == 0 { action + 1 } else { 0 })
            });
        let schema = &self.tables[table].schema;
        let home = self.home();
        let here = |said: Option<&str>| said.unwrap_or(home) == schema;
        let mut name = self.tables[table].name.clone();
        let mut found = Vec::new();
        for action in later {
            if let Action::RenameTable(rename) = action
                && rename.table == name
                && here(rename.schema.as_deref())
            {
                name = rename.new_name.to_string();
            } else if let Action::RemoveCheck(remove) = action
                && remove.table == name
                && here(remove.schema.as_deref())
            {
                found.push((table, remove.check.to_string()));
            }
        }
        found.retain(|check| self.constraints.names.contains(check));
        // One that the batch adds later than CREATE TABLE does is not there yet.
        found.retain(|(_, name)| {
            !self.constraints.checks.iter().any(|check| check.table == table && check.name == *name)
        });
        self.constraints.names.retain(|known| !found.contains(known));
        let on = self.tables[table].sql();
        let drop = |(_, name): &(usize, String)| {
            format!("ALTER TABLE {on} DROP CONSTRAINT {}", ident(name))
        };
        let drops = found.iter().map(drop).collect();
        self.constraints.dropped_early.extend(found);
        drops
    }
}

/// The statements that give a column of the table `on`, in SQL, called `table`, another type. USING takes no sub-select, so the values of an `up` that may
/// have one are computed into a column beside it first.
pub(crate) fn retype(
    (on, table): (&str, &str),
    column: &str,
    data_type: &str,
    up: Option<&str>,
) -> Vec<String> {
    let alter = format!("ALTER TABLE {on} ALTER COLUMN {} TYPE {data_type}", ident(column));
    match up {
        None => vec![alter],
        Some(up) if says(up, "select") => {
            let value = ident(&names::generated(&["value", column]));
            vec![
                format!("ALTER TABLE {on} ADD COLUMN {value} {data_type}"),
                format!("UPDATE {on} AS {} SET {value} = (\n{up}\n)", ident(table)),
                format!("{alter} USING {value}"),
                format!("ALTER TABLE {on} DROP COLUMN {value}"),
            ]
        }
        Some(up) => vec![format!("{alter} USING (\n{up}\n)")],
    }
}
