//! The actions a migration is made of: one file each, named as in the migration file.
//!
//! **Invariant:** an action knows two things, how it changes the simulated schema (`check`) and what it asks of
//! the planner (`plan`). It writes no rollback and builds no SQL of its own where another action needs the same.

use serde::Serialize;

use crate::model::Transform;
use crate::plan::{Batch, Refusal};
use crate::schema::{At, Problem, Schema};

mod add_check;
mod add_column;
mod add_foreign_key;
mod add_index;
mod alter_column;
mod create_enum;
mod create_table;
mod custom;
mod remove_check;
mod remove_column;
mod remove_enum;
mod remove_foreign_key;
mod remove_index;
mod remove_table;
mod rename_table;

pub use add_check::AddCheck;
pub use add_column::AddColumn;
pub use add_foreign_key::AddForeignKey;
pub use add_index::AddIndex;
pub use alter_column::{AlterColumn, ColumnChanges};
pub use create_enum::CreateEnum;
pub use create_table::{CreateTable, TableUp};
pub use custom::{Custom, Reverts};
pub use remove_check::RemoveCheck;
pub use remove_column::RemoveColumn;
pub use remove_enum::RemoveEnum;
pub use remove_foreign_key::RemoveForeignKey;
pub use remove_index::RemoveIndex;
pub use remove_table::RemoveTable;
pub use rename_table::RenameTable;

/// One step of a migration, as written in its file: `type` names the variant in snake case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Action {
    /// Creates a table.
    CreateTable(CreateTable),
    /// Renames a table.
    RenameTable(RenameTable),
    /// Removes a table.
    RemoveTable(RemoveTable),
    /// Adds a column to a table.
    AddColumn(AddColumn),
    /// Changes a column's name, type, nullability or default.
    AlterColumn(AlterColumn),
    /// Removes a column from a table.
    RemoveColumn(RemoveColumn),
    /// Adds an index.
    AddIndex(AddIndex),
    /// Removes an index.
    RemoveIndex(RemoveIndex),
    /// Adds a foreign key.
    AddForeignKey(AddForeignKey),
    /// Removes a foreign key.
    RemoveForeignKey(RemoveForeignKey),
    /// Adds a check constraint.
    AddCheck(AddCheck),
    /// Removes a check constraint.
    RemoveCheck(RemoveCheck),
    /// Creates an enum type.
    CreateEnum(CreateEnum),
    /// Removes an enum type.
    RemoveEnum(RemoveEnum),
    /// Runs SQL of the user's own.
    Custom(Custom),
}

impl Action {
    /// The action's name in a migration file, e.g. `add_column`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::CreateTable(_) => "create_table",
            Self::RenameTable(_) => "rename_table",
            Self::RemoveTable(_) => "remove_table",
            Self::AddColumn(_) => "add_column",
            Self::AlterColumn(_) => "alter_column",
            Self::RemoveColumn(_) => "remove_column",
            Self::AddIndex(_) => "add_index",
            Self::RemoveIndex(_) => "remove_index",
            Self::AddForeignKey(_) => "add_foreign_key",
            Self::RemoveForeignKey(_) => "remove_foreign_key",
            Self::AddCheck(_) => "add_check",
            Self::RemoveCheck(_) => "remove_check",
            Self::CreateEnum(_) => "create_enum",
            Self::RemoveEnum(_) => "remove_enum",
            Self::Custom(_) => "custom",
        }
    }

    /// How it computes the values of a column, each way.
    pub(crate) fn transforms(&self) -> [Option<&Transform>; 2] {
        match self {
            Self::AddColumn(a) => [a.up.as_ref(), None],
            Self::AlterColumn(a) => [a.up.as_ref(), a.down.as_ref()],
            Self::RemoveColumn(a) => [a.down.as_ref(), None],
            Self::CreateTable(_)
            | Self::RenameTable(_)
            | Self::RemoveTable(_)
            | Self::AddIndex(_)
            | Self::RemoveIndex(_)
            | Self::AddForeignKey(_)
            | Self::RemoveForeignKey(_)
            | Self::AddCheck(_)
            | Self::RemoveCheck(_)
            | Self::CreateEnum(_)
            | Self::RemoveEnum(_)
            | Self::Custom(_) => [None, None],
        }
    }

    /// The schemas that it names, other than the default one or that one.
    #[cfg(feature = "client")]
    pub(crate) fn schemas(&self) -> Vec<&str> {
        let (own, key, up) = match self {
            Self::CreateTable(a) => (&a.schema, &a.foreign_keys[..], a.up.as_ref()),
            Self::RenameTable(a) => (&a.schema, &[][..], None),
            Self::RemoveTable(a) => (&a.schema, &[][..], None),
            Self::AddColumn(a) => (&a.schema, &[][..], None),
            Self::AlterColumn(a) => (&a.schema, &[][..], None),
            Self::RemoveColumn(a) => (&a.schema, &[][..], None),
            Self::AddIndex(a) => (&a.schema, &[][..], None),
            Self::RemoveIndex(a) => (&a.schema, &[][..], None),
            Self::AddForeignKey(a) => (&a.schema, std::slice::from_ref(&a.foreign_key), None),
            Self::RemoveForeignKey(a) => (&a.schema, &[][..], None),
            Self::AddCheck(a) => (&a.schema, &[][..], None),
            Self::RemoveCheck(a) => (&a.schema, &[][..], None),
            Self::CreateEnum(_) | Self::RemoveEnum(_) | Self::Custom(_) => return Vec::new(),
        };
        let lookups =
            self.transforms().into_iter().flatten().filter_map(|transform| match transform {
                Transform::Table { schema, .. } => schema.as_deref(),
                Transform::Expression(_) => None,
            });
        let keys = key.iter().filter_map(|key| key.referenced_schema.as_deref());
        let source = up.and_then(|up| up.schema.as_deref());
        own.as_deref().into_iter().chain(lookups).chain(keys).chain(source).collect()
    }

    /// Applies the action to the simulated schema; what does not fit goes to `problems`.
    pub(crate) fn check(&self, schema: &mut Schema, at: At, problems: &mut Vec<Problem>) {
        match self {
            Self::CreateTable(a) => a.check(schema, at, problems),
            Self::RenameTable(a) => a.check(schema, at, problems),
            Self::RemoveTable(a) => a.check(schema, at, problems),
            Self::AddColumn(a) => a.check(schema, at, problems),
            Self::AlterColumn(a) => a.check(schema, at, problems),
            Self::RemoveColumn(a) => a.check(schema, at, problems),
            Self::AddIndex(a) => a.check(schema, at, problems),
            Self::RemoveIndex(a) => a.check(schema, at, problems),
            Self::AddForeignKey(a) => a.check(schema, at, problems),
            Self::RemoveForeignKey(a) => a.check(schema, at, problems),
            Self::AddCheck(a) => a.check(schema, at, problems),
            Self::RemoveCheck(a) => a.check(schema, at, problems),
            Self::CreateEnum(a) => a.check(schema, at, problems),
            Self::RemoveEnum(a) => a.check(schema, at, problems),
            Self::Custom(a) => a.check(schema, at, problems),
        }
    }

    /// Asks the planner for what the action needs.
    pub(crate) fn plan(&self, batch: &mut Batch<'_>) -> Result<(), Refusal> {
        match self {
            Self::CreateTable(a) => a.plan(batch),
            Self::RenameTable(a) => a.plan(batch),
            Self::RemoveTable(a) => a.plan(batch),
            Self::AddColumn(a) => a.plan(batch),
            Self::AlterColumn(a) => a.plan(batch),
            Self::RemoveColumn(a) => a.plan(batch),
            Self::AddIndex(a) => a.plan(batch),
            Self::RemoveIndex(a) => a.plan(batch),
            Self::AddForeignKey(a) => a.plan(batch),
            Self::RemoveForeignKey(a) => a.plan(batch),
            Self::AddCheck(a) => a.plan(batch),
            Self::RemoveCheck(a) => a.plan(batch),
            Self::CreateEnum(a) => a.plan(batch),
            Self::RemoveEnum(a) => a.plan(batch),
            Self::Custom(a) => a.plan(batch),
        }
    }
}
