//! What has to be computed in which direction, and when: a table's [`Stage`]s, reduced to those that matter.

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::lineage::{Formula, Stage, Table, ValueId};
use crate::plan::mention::{mentions, mentions_beside_namesake};

/// The computations of one direction, in the order in which they run.
#[derive(Debug)]
pub(crate) struct Flow<'a> {
    pub(crate) stages: Vec<Computation<'a>>,
}

/// One computation of a [`Flow`].
#[derive(Debug)]
pub(crate) struct Computation<'a> {
    pub(crate) stage: &'a Stage,
    /// The column that the result is stored in; `None` for a value in between.
    pub(crate) column: Option<&'a str>,
    /// The names of the scope that the formula may refer to.
    pub(crate) used: Vec<(&'a str, ValueId)>,
    /// The columns of the table whose change makes the computation necessary.
    pub(crate) feeds: BTreeSet<&'a str>,
    /// Of the columns that values of other tables are put into, those that the computation builds on.
    pub(crate) slots: BTreeSet<&'a str>,
}

impl Computation<'_> {
    /// Whether the value comes from another table.
    pub(crate) fn is_lookup(&self) -> bool {
        matches!(self.stage.formula, Formula::Lookup(_))
    }
}

impl<'a> Flow<'a> {
    /// From old to new: the values of the target's shadow columns.
    pub(crate) fn up(table: &'a Table) -> Self {
        let shadows = table.shadows().map(|column| column.value);
        let finals: BTreeSet<ValueId> = shadows.chain(table.kept.iter().copied()).collect();
        Self::new(table, table.ups.iter().collect(), &finals)
    }

    /// From new to old: the values of the base's columns that the target has no more.
    pub(crate) fn down(table: &'a Table) -> Self {
        let base = (0..table.values.len()).filter(|id| table.values[*id].in_base);
        let finals: BTreeSet<ValueId> = base.chain(table.kept.iter().copied()).collect();
        Self::new(table, table.downs.iter().rev().collect(), &finals)
    }

    fn new(table: &'a Table, stages: Vec<&'a Stage>, finals: &BTreeSet<ValueId>) -> Self {
        let used = |stage: &'a Stage| -> Vec<(&'a str, ValueId)> {
            let scope = stage.scope.names.iter().map(|(name, id)| (name.as_str(), *id));
            match &stage.formula {
                Formula::Expression(sql) => {
                    let table = &stage.scope.table;
                    let mentions = if scope.clone().any(|(name, _)| name == table) {
                        mentions_beside_namesake
                    } else {
                        mentions
                    };
                    scope.filter(|(name, _)| mentions(sql, table, name)).collect()
                }
                Formula::Copy(id) => scope.filter(|(_, value)| value == id).take(1).collect(),
                Formula::Default(_) => Vec::new(),
                Formula::Lookup(lookup) => {
                    scope.filter(|(name, _)| lookup.uses(&stage.scope, name)).collect()
                }
            }
        };
        // Backwards: which results does anything that is kept depend on?
        let mut wanted = finals.clone();
        let mut kept: Vec<(&Stage, Vec<(&str, ValueId)>)> = Vec::new();
        for stage in stages.into_iter().rev() {
            if wanted.contains(&stage.result) {
                let used = used(stage);
                wanted.extend(used.iter().map(|(_, id)| *id));
                kept.push((stage, used));
            }
        }
        kept.reverse();
        // Forwards: what does each result depend on in the end?
        let mut feeds: BTreeMap<ValueId, BTreeSet<&str>> = BTreeMap::new();
        for (stage, used) in &kept {
            let mut own = BTreeSet::new();
            for (_, id) in used {
                match feeds.get(id) {
                    Some(indirect) => own.extend(indirect.iter().copied()),
                    None => own.extend(table.stored_in(*id)),
                }
            }
            feeds.insert(stage.result, own);
        }
        // A value in between is needed whenever one that builds on it is.
        for (stage, used) in kept.iter().rev() {
            let own = feeds.get(&stage.result).cloned().unwrap_or_default();
            for (_, id) in used {
                if !finals.contains(id)
                    && let Some(input) = feeds.get_mut(id)
                {
                    input.extend(own.iter().copied());
                }
            }
        }
        let mut slots = slots(table, &kept);
        let stages = kept
            .into_iter()
            .map(|(stage, used)| Computation {
                stage,
                column: table.values[stage.result].physical.as_deref(),
                used,
                feeds: feeds.get(&stage.result).cloned().unwrap_or_default(),
                slots: slots.remove(&stage.result).unwrap_or_default(),
            })
            .collect();
        Self { stages }
    }

    /// Whether there is anything to compute.
    pub(crate) fn is_empty(&self) -> bool {
        self.stages.is_empty()
    }

    /// All feeds of all computations.
    pub(crate) fn feeds(&self) -> BTreeSet<&'a str> {
        self.stages.iter().flat_map(|stage| stage.feeds.iter().copied()).collect()
    }
}

/// For each result, the columns with values of other tables that it builds on. A value in between that no column holds is computed
/// along with whatever builds on it.
fn slots<'a>(
    table: &'a Table,
    kept: &[(&'a Stage, Vec<(&'a str, ValueId)>)],
) -> BTreeMap<ValueId, BTreeSet<&'a str>> {
    let mut slots: BTreeMap<ValueId, BTreeSet<&str>> = BTreeMap::new();
    let column = |id: ValueId| table.values[id].physical.as_deref();
    for (stage, used) in kept {
        let mut own = BTreeSet::new();
        for (_, id) in used {
            own.extend(slots.get(id).into_iter().flatten().copied());
            let is_lookup = |(stage, _): &(&Stage, Vec<(&str, ValueId)>)| {
                stage.result == *id && matches!(stage.formula, Formula::Lookup(_))
            };
            if kept.iter().any(is_lookup) {
                own.extend(column(*id));
            }
        }
        slots.insert(stage.result, own);
    }
    for (stage, used) in kept.iter().rev() {
        let own = slots.get(&stage.result).cloned().unwrap_or_default();
        for (_, id) in used {
            if column(*id).is_none()
                && let Some(input) = slots.get_mut(id)
            {
                input.extend(own.iter().copied());
            }
        }
    }
    slots
}
