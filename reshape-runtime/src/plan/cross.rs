//! Values that go from one table to another: `up` and `down` with a `table`, and tables that are filled from one.
//!
//! Who looks a value up reads it when its own row is written. When the row that it came from is written, an AFTER trigger there, a
//! [`Relay`], writes the value into a column of the reader: its *slot*. The tables of a batch between which values go are its *members*: on them
//! the origin marker stays in the row until the next write, so that AFTER triggers know who wrote: the target's name stands for a new client,
//! NULL for an old one, and a [mark](Direction::marks) for a trigger of ours, which passes on what an old client (`up`) or a new one (`down`) wrote.
//!
//! **Invariant:** what an old client wrote never comes back to the old version, nor what a new one wrote to the new version: `up` and
//! `down` need not be inverse.
//!
//! **Invariant:** all members are expanded in one transaction and finished in one: no trigger writes a column that is not there.

use std::collections::BTreeSet;

use crate::plan::batch::Batch;
use crate::plan::facts::DependentKind;
use crate::plan::flow::Flow;
use crate::plan::lineage::{Formula, Stage, Table, ValueId};
use crate::plan::{Refusal, Step};

mod direct;
mod duplicates;
mod fill;
mod keep;
mod lookup;
mod order;
mod plan;
mod relax;
mod relay;

pub(crate) use direct::fill_directly;
pub(crate) use fill::Fill;
pub(crate) use lookup::{Locking, Lookup};
pub(crate) use relax::Relaxed;

/// Whose writes are passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// What old clients write.
    Up,
    /// What new clients write.
    Down,
}

impl Direction {
    /// The markers of a write that passes one on. Two, because the same marker twice would look like a row that nobody has marked.
    pub(crate) const fn marks(self) -> [&'static str; 2] {
        match self {
            Self::Up => ["^up", "^up^"],
            Self::Down => ["^down", "^down^"],
        }
    }

    /// The marks as an SQL list.
    pub(crate) fn list(self) -> String {
        let [one, other] = self.marks();
        format!("('{one}', '{other}')")
    }
}

/// A trigger on `source` that passes writes on, or looks at its own row again.
#[derive(Debug)]
pub(crate) struct Relay {
    /// Its number in the batch: part of its name.
    pub(crate) number: usize,
    pub(crate) source: usize,
    pub(crate) direction: Direction,
    /// The columns of the source whose change matters.
    pub(crate) reads: BTreeSet<String>,
    /// What else must be true of the row that was written.
    pub(crate) when: Option<String>,
    /// Whether a row that goes matters.
    pub(crate) deletes: bool,
    /// Whether it writes rows of its own into a table that the batch creates.
    pub(crate) fills: bool,
    /// The body of its function.
    pub(crate) body: String,
}

/// Everything that goes from table to table in a batch.
#[derive(Debug, Default)]
pub(crate) struct Cross {
    pub(crate) relays: Vec<Relay>,
    /// The tables that take part.
    pub(crate) members: BTreeSet<usize>,
    /// Columns that can be NULL for a moment while both versions are in use, by table.
    pub(crate) relaxed: Vec<(usize, Relaxed)>,
    /// Steps that fill tables, by table, and what proves their expressions.
    pub(crate) fills: Vec<(usize, Vec<Step>)>,
    pub(crate) proofs: Vec<String>,
    pub(crate) notes: Vec<String>,
    /// Which table has to be filled before which: `(later, earlier)`.
    needs: Vec<(usize, usize)>,
}

/// What a table has to do with others.
#[derive(Debug, Default)]
pub(crate) struct Part<'a> {
    pub(crate) is_member: bool,
    pub(crate) relays: Vec<&'a Relay>,
    pub(crate) relaxed: Vec<&'a Relaxed>,
}

impl Cross {
    /// What the table with that number has to do with others.
    pub(crate) fn part(&self, table: usize) -> Part<'_> {
        Part {
            is_member: self.members.contains(&table),
            relays: self.relays.iter().filter(|relay| relay.source == table).collect(),
            relaxed: self
                .relaxed
                .iter()
                .filter(|(owner, _)| *owner == table)
                .map(|(_, relaxed)| relaxed)
                .collect(),
        }
    }

    /// The tables in an order in which each finds filled what it reads.
    pub(crate) fn order(&self, tables: usize) -> Option<Vec<usize>> {
        order::order(tables, &self.needs)
    }
}

/// A lookup that is in effect: the table, whether its stage is among the `ups` or the `downs`, and which.
#[derive(Clone, Copy, Debug)]
struct Place {
    table: usize,
    direction: Direction,
    stage: usize,
}

impl Place {
    fn stage<'t>(&self, tables: &'t [Table]) -> &'t Stage {
        match self.direction {
            Direction::Up => &tables[self.table].ups[self.stage],
            Direction::Down => &tables[self.table].downs[self.stage],
        }
    }

    fn stage_mut<'t>(&self, tables: &'t mut [Table]) -> &'t mut Stage {
        match self.direction {
            Direction::Up => &mut tables[self.table].ups[self.stage],
            Direction::Down => &mut tables[self.table].downs[self.stage],
        }
    }
}

/// Works out what goes from table to table. Called once, when all actions are known and the shadow columns have their names.
pub(crate) fn resolve(batch: &mut Batch<'_>) -> Result<Cross, Refusal> {
    let mut cross = Cross::default();
    let mut places = in_effect(&batch.tables);
    while keep::values(batch, &places) {
        places = in_effect(&batch.tables);
    }
    for place in &places {
        let result = place.stage(&batch.tables).result;
        let table = &mut batch.tables[place.table];
        if table.values[result].physical.is_none() {
            table.hide(result);
        }
    }
    for place in &places {
        let Formula::Lookup(lookup) = &place.stage(&batch.tables).formula else { continue };
        let source = &batch.tables[lookup.table];
        let text = lookup::rows(source, &lookup.scope);
        let lock =
            if key(batch, lookup.table).is_empty() { " FOR SHARE" } else { " FOR KEY SHARE" };
        if let Formula::Lookup(lookup) = &mut place.stage_mut(&mut batch.tables).formula {
            lookup.source = text;
            lookup.lock = lock;
        }
    }
    let sources = places.iter().filter_map(|place| match &place.stage(&batch.tables).formula {
        Formula::Lookup(lookup) => Some(lookup.table),
        _ => None,
    });
    let sources: BTreeSet<usize> = sources.collect();
    for place in &places {
        plan::lookup(batch, &mut cross, &sources, *place)?;
    }
    for fill in &batch.fills {
        fill::plan(batch, &mut cross, fill)?;
    }
    cross.relaxed = relax::relaxed(batch, &places)?;
    let members: Vec<usize> = cross.members.iter().copied().collect();
    let together = members.windows(2).map(|pair| (pair[0], pair[1]));
    batch.asked.links.extend(together);
    // A table that goes, goes after the triggers that read it.
    let last = members.iter().filter_map(|member| batch.tables[*member].touched).max();
    for member in &members {
        if batch.tables[*member].removed {
            batch.tables[*member].touched = last;
        }
    }
    Ok(cross)
}

/// The lookups whose results anything needs.
fn in_effect(tables: &[Table]) -> Vec<Place> {
    let mut places = Vec::new();
    let existing = tables.iter().enumerate().filter(|(_, table)| !table.created && !table.removed);
    for (number, table) in existing {
        for (direction, flow, stages) in [
            (Direction::Up, Flow::up(table), &table.ups),
            (Direction::Down, Flow::down(table), &table.downs),
        ] {
            for (place, stage) in stages.iter().enumerate() {
                let wanted = flow.stages.iter().any(|c| std::ptr::eq(c.stage, stage));
                if wanted && matches!(stage.formula, Formula::Lookup(_)) {
                    places.push(Place { table: number, direction, stage: place });
                }
            }
        }
    }
    places
}

/// The columns of a table's primary key.
fn key<'b>(batch: &'b Batch<'_>, table: usize) -> Vec<&'b str> {
    let table = &batch.tables[table];
    if table.created {
        let physical = |id: &ValueId| {
            table.columns.iter().find(|column| column.value == *id).and_then(|c| table.physical(c))
        };
        let key: Option<Vec<&str>> = table.key.iter().map(physical).collect();
        return key.unwrap_or_default();
    }
    unique(batch, table, &[DependentKind::PrimaryKey]).into_iter().next().unwrap_or_default()
}

/// The keys of a table that exists, by the columns of each.
fn unique<'b>(batch: &Batch<'b>, table: &Table, kinds: &[DependentKind]) -> Vec<Vec<&'b str>> {
    let facts = batch.facts();
    let constraints = facts.constraints_of(table.key()).filter(|c| kinds.contains(&c.kind));
    constraints.map(|c| c.columns.iter().map(String::as_str).collect()).collect()
}
