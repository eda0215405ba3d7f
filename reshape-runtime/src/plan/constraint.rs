//! Checks and foreign keys that the batch adds to tables that exist, or removes from them.
//!
//! What is added is remembered by the names that its columns have, and follows them through the later actions of the batch: it is made, once
//! all actions are known, on what each column is at the end. What is removed holds for both versions until contract.
//!
//! **Invariant:** after contract a constraint has the name that the simulated schema gives it. Where a constraint that goes in contract still has
//! that name, the new one is made under a generated name.

use crate::plan::batch::Draft;
use crate::plan::contract::Stage;
use crate::plan::facts::{Dependent, DependentKind, Key, LiveConstraint, TableName};
use crate::plan::{Batch, Phase, Refusal, Step, Work};
use crate::schema::{list, nearest};
use crate::sql::ident::ident;
use crate::sql::names;

pub(crate) mod check;
pub(crate) mod foreign_key;

pub(crate) use check::PendingCheck;
pub(crate) use foreign_key::PendingKey;

/// What the batch adds.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    pub(crate) checks: Vec<PendingCheck>,
    pub(crate) keys: Vec<PendingKey>,
    /// The names of constraints that the batch adds, by table, also of those on tables that it creates.
    pub(crate) names: Vec<(usize, String)>,
    /// Checks of tables that the batch creates which went before the action that removes them, by table.
    pub(crate) dropped_early: Vec<(usize, String)>,
}

/// Makes what is left when all actions are known and all columns have their names.
pub(crate) fn resolve(batch: &mut Batch<'_>) -> Result<(), Refusal> {
    check::resolve(batch)?;
    foreign_key::resolve(batch)
}

impl Batch<'_> {
    /// Whether the batch removes the constraint: nothing has to be done for it any more.
    pub(crate) fn is_removed(&self, constraint: &LiveConstraint) -> bool {
        self.removes(constraint.table_key(), &constraint.name)
    }

    /// Whether the batch has removed the check or foreign key `name` of a table.
    pub(crate) fn removes(&self, table: Key<'_>, name: &str) -> bool {
        self.removed_constraints.iter().any(|(of, known)| of.key() == table && known == name)
    }

    /// Whether what depends on something is a check or a foreign key that the batch removes.
    pub(crate) fn goes(&self, dependent: &Dependent) -> bool {
        let constraint = matches!(dependent.kind, DependentKind::Check | DependentKind::ForeignKey);
        match (&dependent.table, &dependent.name) {
            (Some(table), Some(name)) if constraint => self.removes(table.key(), name),
            _ => false,
        }
    }

    /// Takes the name for a constraint of the table.
    pub(crate) fn name_constraint(&mut self, table: usize, name: &str) -> Result<(), Refusal> {
        let known = &self.tables[table];
        let live = !known.created
            && self
                .facts()
                .constraints_of(known.key())
                .any(|live| live.name == name && !self.is_removed(live));
        if live || self.constraints.names.iter().any(|(of, other)| *of == table && other == name) {
            return Err(self
                .refuse(format!("table `{}` has a constraint `{name}` already", known.name))
                .with_help("choose another name, or remove that constraint first"));
        }
        self.constraints.names.push((table, name.to_owned()));
        Ok(())
    }

    /// The name under which a constraint is made, and the statement that gives it its own name in contract, where the one that has it now
    /// is gone by then.
    pub(super) fn working_name(&self, table: usize, name: &str) -> (String, Option<String>) {
        let known = &self.tables[table];
        let taken = !known.created
            && self.facts().constraints_of(known.key()).any(|live| live.name == name);
        if !taken {
            return (name.to_owned(), None);
        }
        let working = names::generated(&["new", name]);
        let rename = format!(
            "ALTER TABLE {} RENAME CONSTRAINT {} TO {}",
            known.last_sql(),
            ident(&working),
            ident(name)
        );
        (working, Some(rename))
    }

    /// A check or a foreign key goes: one that the batch has added is not made, one that exists goes in contract.
    pub(crate) fn remove_constraint(
        &mut self,
        table: usize,
        kind: DependentKind,
        name: &str,
    ) -> Result<(), Refusal> {
        if self.forget_constraint(table, kind, name) {
            return Ok(());
        }
        let what = if kind == DependentKind::ForeignKey { "foreign key" } else { "check" };
        let known = &self.tables[table];
        let (shown, on) = (known.name.clone(), known.sql());
        let drop = format!("ALTER TABLE {on} DROP CONSTRAINT {}", ident(name));
        if known.created {
            let early = &mut self.constraints.dropped_early;
            if let Some(place) = early.iter().position(|(of, other)| *of == table && other == name)
            {
                early.remove(place);
                return Ok(());
            }
            self.constraints.names.retain(|(of, other)| *of != table || other != name);
            let title = format!("drop {what} `{name}` of `{shown}`");
            self.push_fresh(title, vec![drop], Vec::new());
            return Ok(());
        }
        self.require_plain(known)?;
        let of_kind = |live: &&LiveConstraint| live.kind == kind && !self.is_removed(live);
        let live: Vec<_> = self.facts().constraints_of(known.key()).filter(of_kind).collect();
        let Some(found) = live.iter().find(|live| live.name == name) else {
            let names = || live.iter().map(|live| live.name.as_str());
            let refusal =
                self.refuse(format!("table `{shown}` has no {what} `{name}` in the database"));
            return Err(match nearest(name, names()) {
                Some(near) => refusal.with_help(format!("did you mean `{near}`?")),
                None if live.is_empty() => refusal.with_help(format!("it has no {what} at all")),
                None => refusal.with_help(format!("it has {}", list(names()))),
            });
        };
        let of = TableName { schema: known.schema.clone(), name: known.physical.clone() };
        let referenced = found.references.as_ref().map(|to| names::shown(&to.schema, &to.table));
        self.removed_constraints.push((of, name.to_owned()));
        match referenced {
            None => self.asked.contract.push((table, Stage::Detach, drop)),
            Some(referenced) => self.drop_key(name, &shown, &referenced, drop),
        }
        Ok(())
    }

    /// Before any table is finished or dropped: the columns on either side can go then, whatever the order.
    fn drop_key(&mut self, name: &str, shown: &str, referenced: &str, drop: String) {
        let title = format!("drop foreign key `{name}` of `{shown}`");
        let step = Step::sql(Phase::Contract, title, vec![drop]).locking(format!(
            "ACCESS EXCLUSIVE on `{shown}` and `{referenced}`: no row is read or written, catalog only"
        ));
        self.drafts.push(Draft { order: 0, step, fresh: false });
    }

    /// Forgets a constraint that the batch has added and that is not part of a table's creation. Whether there was one.
    fn forget_constraint(&mut self, table: usize, kind: DependentKind, name: &str) -> bool {
        let pending = &mut self.constraints;
        let before = pending.checks.len() + pending.keys.len();
        if kind == DependentKind::ForeignKey {
            let is_meant = |key: &PendingKey| key.table == table && key.name == name;
            let direct: Vec<String> = pending
                .keys
                .iter()
                .filter(|key| is_meant(key))
                .filter_map(|key| key.direct.clone())
                .collect();
            pending.keys.retain(|key| !is_meant(key));
            for statement in direct {
                self.retract(&statement);
            }
        } else {
            pending.checks.retain(|check| check.table != table || check.name != name);
        }
        let pending = &mut self.constraints;
        let found = pending.checks.len() + pending.keys.len() < before;
        if found {
            pending.names.retain(|(of, other)| *of != table || other != name);
        }
        found
    }

    /// Takes a statement out of the steps that the actions have asked for.
    pub(super) fn retract(&mut self, statement: &str) {
        for draft in &mut self.drafts {
            if let Work::Sql { statements } = &mut draft.step.work {
                statements.retain(|known| known != statement);
            }
        }
        let is_empty =
            |step: &Step| matches!(&step.work, Work::Sql { statements } if statements.is_empty());
        self.drafts.retain(|draft| !is_empty(&draft.step));
    }

    /// A column of the table gets another name.
    pub(crate) fn rename_in_constraints(&mut self, table: usize, from: &str, to: &str) {
        let rename = |name: &mut String| {
            if name == from {
                to.clone_into(name);
            }
        };
        let pending = &mut self.constraints;
        for check in pending.checks.iter_mut().filter(|check| check.table == table) {
            check.columns.iter_mut().for_each(|(_, now)| rename(now));
        }
        for key in &mut pending.keys {
            if key.table == table {
                key.columns.iter_mut().for_each(rename);
            }
            if key.referenced == table {
                key.referenced_columns.iter_mut().for_each(rename);
            }
        }
    }

    /// A column of the table goes, and with it what has been added on it alone.
    pub(crate) fn leave_constraints(&mut self, table: usize, column: &str) -> Result<(), Refusal> {
        let says = |columns: &[String]| columns.iter().any(|name| name == column);
        let pending = &self.constraints;
        let refers = pending.keys.iter().find(|key| {
            key.referenced == table && key.table != table && says(&key.referenced_columns)
        });
        if let Some(key) = refers {
            return Err(self.in_the_way(table, column, &format!("the foreign key `{}`", key.name)));
        }
        let check = pending.checks.iter().find(|check| {
            let names = || check.columns.iter().map(|(_, now)| now.as_str());
            check.table == table
                && names().any(|name| name == column)
                && names().any(|n| n != column)
        });
        if let Some(check) = check {
            return Err(self.in_the_way(table, column, &format!("the check `{}`", check.name)));
        }
        let keys = pending.keys.iter().filter(|key| {
            let own = key.table == table && says(&key.columns);
            own || key.referenced == table && says(&key.referenced_columns)
        });
        let checks = pending.checks.iter().filter(|check| {
            check.table == table && check.columns.iter().any(|(_, now)| now == column)
        });
        let keys: Vec<_> = keys.map(|key| (key.table, key.name.clone())).collect();
        let checks: Vec<_> = checks.map(|check| check.name.clone()).collect();
        for (table, name) in keys {
            self.forget_constraint(table, DependentKind::ForeignKey, &name);
        }
        for name in checks {
            self.forget_constraint(table, DependentKind::Check, &name);
        }
        Ok(())
    }

    pub(crate) fn in_the_way(&self, table: usize, column: &str, what: &str) -> Refusal {
        let table = &self.tables[table].name;
        self.refuse(format!(
            "column `{table}`.`{column}` cannot be removed: {what}, which the same batch adds, needs it"
        ))
        .with_help("remove that first")
    }

    /// The table goes, and with it what has been added to it.
    pub(crate) fn drop_constraints(&mut self, table: usize) -> Result<(), Refusal> {
        let refers = |key: &&PendingKey| key.referenced == table && key.table != table;
        if let Some(key) = self.constraints.keys.iter().find(refers) {
            let name = &self.tables[table].name;
            return Err(self
                .refuse(format!(
                    "table `{name}` cannot be removed: the foreign key `{}`, which the same batch adds, refers to it",
                    key.name
                ))
                .with_help("remove that first"));
        }
        let pending = &mut self.constraints;
        pending.checks.retain(|check| check.table != table);
        pending.keys.retain(|key| key.table != table);
        pending.names.retain(|(of, _)| *of != table);
        Ok(())
    }
}
