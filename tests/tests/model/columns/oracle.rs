//! What a write makes of the rows of all versions: an old client's runs through the actions forwards, a new client's backwards.

use std::collections::BTreeSet;

use super::action::Op;
use super::table::{Row, Side, Table};

impl Table {
    /// A write of an old client: `levels[0]` has been written, the others follow.
    pub(crate) fn forwards(&self, levels: &mut [Row], mut changed: BTreeSet<String>, insert: bool) {
        for (i, op) in self.ops.iter().enumerate() {
            let before = levels[i].clone();
            let after = &mut levels[i + 1];
            let mut next = BTreeSet::new();
            let plain = |name: &str| match op {
                Op::Rename { from, .. } | Op::Alter { from, .. } => name != from,
                Op::Remove { name: gone, .. } => name != gone,
                Op::RenameTable | Op::Add { .. } | Op::Default => true,
            };
            for (name, cell) in before.iter().filter(|(name, _)| plain(name)) {
                after.insert(name.clone(), cell.clone());
                if changed.contains(name) {
                    next.insert(name.clone());
                }
            }
            match op {
                Op::Rename { from, to } => {
                    after.insert(to.clone(), before[from].clone());
                    if changed.contains(from) {
                        next.insert(to.clone());
                    }
                }
                Op::Alter { from, to, fun } if insert || changed.contains(from) => {
                    after.insert(to.clone(), fun.apply(&before[from]));
                    next.insert(to.clone());
                }
                Op::Add { name, up: Some((input, fun)), .. }
                    if insert || changed.contains(input) =>
                {
                    after.insert(name.clone(), fun.apply(&before[input]));
                    next.insert(name.clone());
                }
                Op::Add { name, up: None, default } if insert => {
                    after.insert(name.clone(), default.clone());
                }
                Op::Alter { .. }
                | Op::Add { .. }
                | Op::Remove { .. }
                | Op::RenameTable
                | Op::Default => {}
            }
            changed = next;
        }
    }

    /// A write of a new client: the last level has been written, the others follow.
    pub(crate) fn backwards(
        &self,
        levels: &mut [Row],
        mut changed: BTreeSet<String>,
        insert: bool,
    ) {
        for (i, op) in self.ops.iter().enumerate().rev() {
            let after = levels[i + 1].clone();
            let before = &mut levels[i];
            let mut next = BTreeSet::new();
            let plain = |name: &str| match op {
                Op::Rename { to, .. } | Op::Alter { to, .. } => name != to,
                Op::Add { name: added, .. } => name != added,
                Op::RenameTable | Op::Remove { .. } | Op::Default => true,
            };
            for (name, cell) in after.iter().filter(|(name, _)| plain(name)) {
                before.insert(name.clone(), cell.clone());
                if changed.contains(name) {
                    next.insert(name.clone());
                }
            }
            match op {
                Op::Rename { from, to } => {
                    before.insert(from.clone(), after[to].clone());
                    if changed.contains(to) {
                        next.insert(from.clone());
                    }
                }
                Op::Alter { from, to, fun } if insert || changed.contains(to) => {
                    before.insert(from.clone(), fun.back(&after[to]));
                    next.insert(from.clone());
                }
                Op::Remove { name, down: Some((input, fun)), .. }
                    if insert || changed.contains(input) =>
                {
                    before.insert(name.clone(), fun.apply(&after[input]));
                    next.insert(name.clone());
                }
                Op::Remove { name, down: None, default } if insert => {
                    before.insert(name.clone(), default.clone());
                }
                Op::Alter { .. }
                | Op::Remove { .. }
                | Op::Add { .. }
                | Op::RenameTable
                | Op::Default => {}
            }
            changed = next;
        }
    }

    /// The base's name of a column that the target has, too, unless its value is another one.
    pub(crate) fn shared(&self, name: &str) -> Option<String> {
        let mut name = name.to_owned();
        for op in self.ops.iter().rev() {
            match op {
                Op::Rename { from, to } if *to == name => name.clone_from(from),
                Op::Alter { to, .. } if *to == name => return None,
                Op::Add { name: added, .. } if *added == name => return None,
                Op::Rename { .. }
                | Op::Alter { .. }
                | Op::Add { .. }
                | Op::Remove { .. }
                | Op::RenameTable
                | Op::Default => {}
            }
        }
        Some(name)
    }

    pub(crate) fn index(&self, side: Side) -> usize {
        if side == Side::Old { 0 } else { self.ops.len() }
    }

    pub(crate) fn insert(&mut self, id: i64, side: Side, row: Row) {
        let mut levels = vec![Row::new(); self.ops.len() + 1];
        levels[self.index(side)] = row;
        match side {
            Side::Old => self.forwards(&mut levels, BTreeSet::new(), true),
            Side::New => self.backwards(&mut levels, BTreeSet::new(), true),
        }
        self.rows.insert(id, levels);
    }

    /// `told` is whether the client can be told from its `search_path`.
    pub(crate) fn update(&mut self, id: i64, side: Side, told: bool, set: &Row) {
        let index = self.index(side);
        let mut levels = self.rows.remove(&id).expect("the row");
        let changed: BTreeSet<String> = set
            .iter()
            .filter(|(name, cell)| levels[index][*name] != **cell)
            .map(|(n, _)| n.clone())
            .collect();
        let shared: Option<Vec<String>> = set.keys().map(|name| self.shared(name)).collect();
        match (side, shared) {
            (Side::New, Some(_)) if !told => {
                // Nothing but shared columns, by nobody in particular: counts as an old client's write.
                let names: BTreeSet<String> =
                    changed.iter().filter_map(|name| self.shared(name)).collect();
                for (name, cell) in set {
                    levels[0].insert(self.shared(name).expect("shared"), cell.clone());
                }
                self.forwards(&mut levels, names, false);
            }
            (Side::New, _) => {
                levels[index].extend(set.clone());
                self.backwards(&mut levels, changed, false);
            }
            (Side::Old, _) => {
                levels[index].extend(set.clone());
                self.forwards(&mut levels, changed, false);
            }
        }
        self.rows.insert(id, levels);
    }

    /// The batch is over: the target is the base.
    pub(crate) fn complete(&mut self) {
        let last = self.ops.len();
        for levels in self.rows.values_mut() {
            levels.drain(..last);
        }
        self.levels.drain(..last);
        self.levels[0].iter_mut().for_each(|c| c.untouched = true);
        self.ops.clear();
        self.old_name.clone_from(&self.name);
    }

    pub(crate) fn abort(&mut self) {
        self.rows.values_mut().for_each(|levels| levels.truncate(1));
        self.levels.truncate(1);
        self.ops.clear();
        self.name.clone_from(&self.old_name);
    }

    /// Only old clients have written so far.
    pub(crate) fn publish(&mut self) {
        let rows = std::mem::take(&mut self.rows);
        for (id, mut levels) in rows {
            self.insert(id, Side::Old, levels.swap_remove(0));
        }
    }
}
