//! Tables that inherit (old style, `INHERITS`).
//!
//! A column of a table is also one of its children: Postgres adds, renames and drops it there, too. Triggers, indexes, defaults that differ, and
//! the rows are each table's own. So an action on a column of a table is planned again for each of its children, which then have views,
//! triggers, a backfill and objects to carry of their own; only the statements that reach the children by themselves are left out there.
//!
//! **Invariant:** a column is changed in the table that it comes from, and nowhere else: Postgres allows nothing else.
//!
//! **Invariant:** all tables of a family that are changed get their columns and triggers in one transaction, and are finished in one; a parent
//! always stands before its children.
//!
//! **Invariant:** no row is in a child that has no triggers. One that comes while a batch is in progress has none, so a check that it inherits
//! keeps rows out of it until the batch is over. One that leaves takes its columns along, and finishes them itself.

use crate::action::Action;
use crate::model::{AddColumn, AlterColumn, RemoveCheck, RemoveColumn, Str, Transform};
use crate::plan::Refusal;
use crate::plan::batch::Batch;
use crate::plan::contract::Stage;
use crate::plan::facts::{Dependent, DependentKind, Key, TableName};
use crate::plan::flow::Flow;
use crate::plan::lineage::Table;
use crate::sql::ident::qualified;

mod adopt;
mod detached;
mod refuse;
mod stranger;

pub(crate) use adopt::{link, settle, take_names};
pub(crate) use detached::{finish_not_null, left_in_children, rename_columns, rename_constraint};
pub(crate) use refuse::{require_alone, require_possible, require_untyped};
pub(crate) use stranger::{admit, drop_admission, guard};

/// What a table has to do with the tables that it inherits from, or that inherit from it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Family {
    /// Whether tables inherit from it.
    pub(crate) has_children: bool,
    /// Whether the origin marker comes from its parent.
    pub(crate) marker: bool,
    /// The columns, by their names in the table, whose NOT NULL check comes from its parent.
    pub(crate) checks: Vec<String>,
    /// Whether it is kept from having rows in tables that the batch does not know: it or its parent has the check.
    pub(crate) guarded: bool,
    /// The check itself is here: the tables that may have rows, quoted and qualified.
    pub(crate) known: Vec<String>,
}

/// Plans the action, and its consequences for the children of its table.
pub(crate) fn plan(action: &Action, batch: &mut Batch<'_>) -> Result<(), Refusal> {
    match action {
        Action::AddColumn(a) => {
            let on = (a.schema.as_deref(), a.table.as_ref());
            follow(action, batch, on, (None, [&a.up, &None]), |schema, table| {
                Action::AddColumn(AddColumn { table, schema, ..a.clone() })
            })
        }
        Action::AlterColumn(a) => {
            let on = (a.schema.as_deref(), a.table.as_ref());
            follow(action, batch, on, (Some(&a.column), [&a.up, &a.down]), |schema, table| {
                Action::AlterColumn(AlterColumn { table, schema, ..a.clone() })
            })
        }
        Action::RemoveColumn(a) => {
            let on = (a.schema.as_deref(), a.table.as_ref());
            follow(action, batch, on, (Some(&a.column), [&a.down, &None]), |schema, table| {
                Action::RemoveColumn(RemoveColumn { table, schema, ..a.clone() })
            })
        }
        Action::RemoveCheck(a) => remove_check(action, batch, a),
        Action::CreateTable(_)
        | Action::RenameTable(_)
        | Action::RemoveTable(_)
        | Action::AddIndex(_)
        | Action::RemoveIndex(_)
        | Action::AddForeignKey(_)
        | Action::RemoveForeignKey(_)
        | Action::AddCheck(_)
        | Action::CreateEnum(_)
        | Action::RemoveEnum(_)
        | Action::Custom(_) => action.plan(batch),
    }
}

/// The action on a column, and then the same for every table below.
fn follow(
    action: &Action,
    batch: &mut Batch<'_>,
    (schema, table): (Option<&str>, &str),
    (column, transforms): (Option<&str>, [&Option<Transform>; 2]),
    again: impl Fn(Option<Str>, Str) -> Action,
) -> Result<(), Refusal> {
    let schema = schema.unwrap_or(batch.home());
    let Some(number) = batch.find(schema, table) else { return action.plan(batch) };
    if let Some(column) = column {
        refuse::require_own(batch, number, column)?;
    }
    let below = below(batch, number)?;
    if below.is_empty() {
        return action.plan(batch);
    }
    if transforms.iter().any(|transform| matches!(transform, Some(Transform::Table { .. }))) {
        return Err(refuse::alone(batch, &batch.tables[number]));
    }
    let known: Vec<usize> = batch.tables.iter().map(|table| table.values.len()).collect();
    action.plan(batch)?;
    for (child, parent) in below {
        let (schema, name) = (batch.tables[child].schema.clone(), batch.tables[child].name.clone());
        again(Some(schema.into()), name.into()).plan(batch)?;
        adopt::adopt(batch, (parent, known[parent]), (child, known[child]));
    }
    Ok(())
}

/// The tables that inherit from the one with that number, directly or not, each after its parent and with it.
fn below(batch: &Batch<'_>, number: usize) -> Result<Vec<(usize, usize)>, Refusal> {
    let mut found = Vec::new();
    let mut next = 0;
    let mut parent = number;
    loop {
        if let Some(live) = batch.live(&batch.tables[parent]) {
            for known in &live.children {
                let Some(child) = find(&batch.tables, known.key()) else {
                    return Err(batch
                        .refuse(format!(
                            "table `{}` has a child that is out of reach, `{}`.`{}`",
                            batch.tables[parent].name, known.schema, known.name
                        ))
                        .with_help("end the inheritance, with `ALTER TABLE … NO INHERIT`"));
                };
                if !batch.tables[child].removed {
                    refuse::require_child(batch, parent, child)?;
                    found.push((child, parent));
                }
            }
        }
        let Some((child, _)) = found.get(next) else { return Ok(found) };
        parent = *child;
        next += 1;
    }
}

fn find(tables: &[Table], key: Key<'_>) -> Option<usize> {
    tables.iter().position(|table| !table.created && table.key() == key)
}

/// The tables above the one with that number, the nearest first.
fn above(tables: &[Table], number: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(tables[number].parent, |above| tables[*above].parent)
}

/// How many tables are above.
pub(crate) fn depth(batch: &Batch<'_>, number: usize) -> usize {
    above(&batch.tables, number).count()
}

/// The topmost table of those that the batch changes together with this one; `None` for a table that stands alone.
pub(crate) fn root(batch: &Batch<'_>, number: usize) -> Option<usize> {
    let tables = &batch.tables;
    batch.live(&tables[number]).filter(|live| live.has_family())?;
    let touched = |above: &usize| tables[*above].touched.is_some() && !tables[*above].removed;
    Some(above(tables, number).filter(touched).last().unwrap_or(number))
}

/// All tables, in their order but for children, which come after their parents.
pub(crate) fn parents_first(tables: &[Table]) -> Vec<usize> {
    let mut all: Vec<usize> = (0..tables.len()).collect();
    all.sort_by_key(|number| above(tables, *number).count());
    all
}

/// The order of the backfills, with children before their parents: what is checked of a parent is checked of them, too.
pub(crate) fn children_first(batch: &Batch<'_>, order: &[usize]) -> Vec<usize> {
    let mut sorted: Vec<usize> = Vec::new();
    for number in order {
        let belongs = |other: &&usize| above(&batch.tables, **other).any(|above| above == *number);
        let mut below: Vec<usize> = order.iter().filter(belongs).copied().collect();
        below.sort_by_key(|number| std::cmp::Reverse(depth(batch, *number)));
        for next in below.into_iter().chain([*number]) {
            if !sorted.contains(&next) {
                sorted.push(next);
            }
        }
    }
    sorted
}

impl Batch<'_> {
    /// Whether what depends on a table is a child of it that the batch has removed, and that goes before it.
    pub(crate) fn removes_child(&self, table: &Table, dependent: &Dependent) -> bool {
        let Some(live) = self.live(table) else { return false };
        let is_meant = |child: &&TableName| Some(&child.name) == dependent.name.as_ref();
        let mut meant = live.children.iter().filter(is_meant).peekable();
        let removed = |child: &TableName| {
            find(&self.tables, child.key()).is_some_and(|number| self.tables[number].removed)
        };
        dependent.kind == DependentKind::Other
            && dependent.table.is_none()
            && meant.peek().is_some()
            && meant.all(removed)
    }
}

/// Whether writes to the table are translated.
fn is_synced(table: &Table) -> bool {
    table.touched.is_some() && (!Flow::up(table).is_empty() || !Flow::down(table).is_empty())
}

/// The check goes with all copies of it: a child that was there before its parent has one of its own.
fn remove_check(
    action: &Action,
    batch: &mut Batch<'_>,
    remove: &RemoveCheck,
) -> Result<(), Refusal> {
    let name = remove.check.as_ref();
    let schema = remove.schema.as_deref().unwrap_or(batch.home());
    let Some(number) = batch.find(schema, &remove.table) else { return action.plan(batch) };
    let facts = batch.facts();
    let is_meant = |table: &Table| {
        let mut live = facts.constraints_of(table.key()).filter(|_| !table.created);
        live.find(|live| live.kind == DependentKind::Check && live.name == name)
    };
    let there = is_meant(&batch.tables[number]);
    let live = batch.live(&batch.tables[number]);
    if let (Some(_), Some(live)) = (there.filter(|check| check.inherited), live)
        && let Some(parent) = live.parents.first()
    {
        return Err(batch
            .refuse(format!(
                "check `{name}` of table `{}` is inherited from `{}`",
                remove.table, parent.name
            ))
            .with_help("remove it there: the tables that inherit from it follow"));
    }
    action.plan(batch)?;
    if there.is_none() || !batch.removes(batch.tables[number].key(), name) {
        return Ok(());
    }
    for (child, _) in below(batch, number)? {
        let table = &batch.tables[child];
        if is_meant(table).is_some_and(|check| check.inherited) {
            let drop = format!(
                "ALTER TABLE {} DROP CONSTRAINT IF EXISTS {}",
                qualified(&table.schema, &table.physical),
                crate::sql::ident::ident(name)
            );
            batch.asked.contract.push((number, Stage::Detach, drop));
        }
    }
    Ok(())
}
