//! The completed migrations, replayed action by action.

use std::collections::BTreeMap;

use super::words::Words;
use crate::action::Action;
use crate::model::Migration;
use crate::schema::{At, Schema, Table};

/// An action that is taken back, with the schema around it.
#[derive(Debug)]
pub(super) struct Taken<'a> {
    /// The migration, counted from 0.
    pub(super) migration: usize,
    /// The action's place in it, counted from 0.
    pub(super) place: usize,
    pub(super) action: &'a Action,
    pub(super) before: Schema,
    pub(super) after: Schema,
    /// What was known of indexes and checks before.
    pub(super) words: Words,
    /// The table that it is about, if that was created by an action that is taken back, too.
    pub(super) made: Option<usize>,
}

/// The completed migrations, replayed.
#[derive(Debug)]
pub(super) struct Replay<'a> {
    /// The actions that are taken back, oldest first.
    pub(super) taken: Vec<Taken<'a>>,
    /// Of the tables that these create, whether they remove it again.
    pub(super) gone: Vec<bool>,
}

impl<'a> Replay<'a> {
    /// Replays `completed` of the set, and keeps what there is to know of all but the first `keep`.
    pub(super) fn new(set: &str, completed: &'a [Migration], keep: usize) -> Self {
        let names = completed.iter().map(|migration| migration.name.to_string()).collect();
        let mut schema = Schema::new(names).of_set(set);
        let mut words = Words::default();
        let mut replay = Self { taken: Vec::new(), gone: Vec::new() };
        // By the names that they have now.
        let mut made: BTreeMap<String, usize> = BTreeMap::new();
        // The history was checked when it was applied.
        let mut problems = Vec::new();
        for (number, migration) in completed.iter().enumerate() {
            for (place, action) in migration.actions.iter().enumerate() {
                let before = schema.snapshot();
                action.check(&mut schema, At { migration: number, action: place }, &mut problems);
                let table = about(action, &before).map(str::to_owned);
                let known = words.clone();
                words.follow(action, table.as_deref().and_then(|name| before.table(name)));
                if number < keep {
                    continue;
                }
                let own = replay.follow(action, table.as_deref(), &mut made);
                let after = schema.snapshot();
                replay.taken.push(Taken {
                    migration: number,
                    place,
                    action,
                    before,
                    after,
                    words: known,
                    made: own,
                });
            }
        }
        replay
    }

    /// Keeps track of the tables that are created on the way.
    fn follow(
        &mut self,
        action: &Action,
        table: Option<&str>,
        made: &mut BTreeMap<String, usize>,
    ) -> Option<usize> {
        match action {
            Action::CreateTable(a) => {
                self.gone.push(false);
                made.insert(a.name.to_string(), self.gone.len() - 1);
                made.get(&*a.name).copied()
            }
            Action::RenameTable(a) => {
                let own = made.remove(&*a.table);
                if let Some(own) = own {
                    made.insert(a.new_name.to_string(), own);
                }
                own
            }
            Action::RemoveTable(a) => {
                let own = made.remove(&*a.table);
                if let Some(own) = own {
                    self.gone[own] = true;
                }
                own
            }
            Action::AddColumn(_)
            | Action::AlterColumn(_)
            | Action::RemoveColumn(_)
            | Action::AddIndex(_)
            | Action::RemoveIndex(_)
            | Action::AddForeignKey(_)
            | Action::RemoveForeignKey(_)
            | Action::AddCheck(_)
            | Action::RemoveCheck(_)
            | Action::CreateEnum(_)
            | Action::RemoveEnum(_)
            | Action::Custom(_) => table.and_then(|name| made.get(name)).copied(),
        }
    }
}

/// The table that the action changes, by the name that it has before.
fn about<'s>(action: &'s Action, before: &'s Schema) -> Option<&'s str> {
    match action {
        Action::CreateTable(a) => Some(&a.name),
        Action::RenameTable(a) => Some(&a.table),
        Action::RemoveTable(a) => Some(&a.table),
        Action::AddColumn(a) => Some(&a.table),
        Action::AlterColumn(a) => Some(&a.table),
        Action::RemoveColumn(a) => Some(&a.table),
        Action::AddIndex(a) => Some(&a.table),
        Action::RemoveIndex(a) => {
            owner(before, a.schema.as_deref(), &a.index).map(|table| table.name.as_str())
        }
        Action::AddForeignKey(a) => Some(&a.table),
        Action::RemoveForeignKey(a) => Some(&a.table),
        Action::AddCheck(a) => Some(&a.table),
        Action::RemoveCheck(a) => Some(&a.table),
        Action::CreateEnum(_) | Action::RemoveEnum(_) | Action::Custom(_) => None,
    }
}

/// The table that has the index.
pub(super) fn owner<'s>(
    before: &'s Schema,
    within: Option<&str>,
    index: &str,
) -> Option<&'s Table> {
    let within = within.unwrap_or(before.home());
    before.tables().find(|table| {
        table.schema == within && table.indexes.iter().any(|known| known.name == index)
    })
}
