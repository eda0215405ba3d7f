//! Where an action stands, and what is known there.

use reshape_runtime::Migrations;
use reshape_runtime::history::History;
use reshape_runtime::model::Action;
use reshape_runtime::schema::{At, Schema};

/// One action.
#[derive(Debug)]
pub(super) struct Step<'a> {
    pub(super) at: At,
    pub(super) action: &'a Action,
    /// The schema before its migration.
    pub(super) before: &'a Schema,
    /// The actions before it in the same migration.
    pub(super) earlier: &'a [Action],
}

/// Calls `rule` for every action, in order.
pub(super) fn each(migrations: &Migrations, history: &History, mut rule: impl FnMut(&Step<'_>)) {
    for (number, migration) in migrations.migrations.iter().enumerate() {
        let Some(before) = history.schema_after(number) else { continue };
        for (place, action) in migration.actions.iter().enumerate() {
            let at = At { migration: number, action: place };
            rule(&Step { at, action, before, earlier: &migration.actions[..place] });
        }
    }
}
