//! What keys and foreign keys make of a write: what else it changes, and whether it fails.

use std::collections::{BTreeMap, BTreeSet};

use super::schema::{ColumnId, ForeignKey, Reaction, Schema, Shape, Table, TableId, Unique};
use super::world::{Data, Row, RowId, Side, World, Writer};
use crate::random::Cell;

/// What becomes of a write.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    Fine,
    /// It breaks a rule.
    Fails(String),
    /// The server may do one thing or the other.
    Open,
}

/// Whose rules are in force.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Rules {
    Base,
    Target,
    Both,
}

impl Rules {
    fn levels(self, world: &World) -> Vec<usize> {
        let last = world.ops.len();
        match self {
            Self::Base => vec![0],
            Self::Target => vec![last],
            Self::Both if last == 0 => vec![0],
            Self::Both => vec![0, last],
        }
    }
}

/// The values of the columns; `None` if one is NULL.
fn values(row: &Row, columns: &[ColumnId]) -> Option<Vec<String>> {
    columns.iter().map(|column| row[column].clone()).collect()
}

pub(crate) fn number(cell: &Cell) -> Option<i64> {
    cell.as_ref().and_then(|text| text.parse().ok())
}

impl Unique {
    /// What may be there once; `None` if the row is none of the index's business.
    pub(crate) fn entry(&self, row: &Row) -> Option<Vec<String>> {
        match self.shape {
            Shape::Plain => {}
            Shape::NotNull(column) if row[&column].is_some() => {}
            Shape::Large(column) if number(&row[&column]).is_some_and(|n| n > 500) => {}
            Shape::NotNull(_) | Shape::Large(_) => return None,
            Shape::Halved => {
                let halved = self.columns.iter().map(|c| Some((number(&row[c])? / 2).to_string()));
                return halved.collect();
            }
        }
        values(row, &self.columns)
    }
}

/// The rows without a target.
fn dangling(data: &Data, table: TableId, key: &ForeignKey) -> Vec<RowId> {
    let empty = BTreeMap::new();
    let targets: BTreeSet<Vec<String>> = data
        .get(&key.table)
        .unwrap_or(&empty)
        .values()
        .filter_map(|row| values(row, &key.referenced))
        .collect();
    let rows = data.get(&table).unwrap_or(&empty).iter();
    rows.filter(|(_, row)| values(row, &key.columns).is_some_and(|v| !targets.contains(&v)))
        .map(|(id, _)| *id)
        .collect()
}

/// The unique index that two rows share an entry of.
pub(crate) fn duplicate(schema: &Schema, data: &Data) -> Option<String> {
    for (id, table) in schema {
        for unique in &table.uniques {
            let rows = data.get(id).into_iter().flat_map(BTreeMap::values);
            let entries: Vec<_> = rows.filter_map(|row| unique.entry(row)).collect();
            if entries.iter().collect::<BTreeSet<_>>().len() < entries.len() {
                return Some(format!("23505 {} of {}", unique.name, table.name));
            }
        }
    }
    None
}

/// The column that is NULL and must not be.
pub(crate) fn missing(schema: &Schema, data: &Data) -> Option<String> {
    for (id, table) in schema {
        let required: Vec<_> = table.columns.iter().filter(|column| column.not_null).collect();
        for row in data.get(id).into_iter().flat_map(BTreeMap::values) {
            if let Some(column) = required.iter().find(|column| row[&column.id].is_none()) {
                return Some(format!("23502 {} of {}", column.name, table.name));
            }
        }
    }
    None
}

/// The first rule that the rows break.
pub(crate) fn broken(schema: &Schema, data: &Data) -> Option<String> {
    let reference = || {
        let keys = schema.iter().flat_map(|(id, t)| t.foreign_keys.iter().map(move |k| (*id, k)));
        let mut broken = keys.filter(|(id, key)| !dangling(data, *id, key).is_empty());
        broken.next().map(|(id, key)| {
            format!("23503 {} ({})", schema[&id].name, schema[&id].names(&key.columns))
        })
    };
    missing(schema, data).or_else(|| duplicate(schema, data)).or_else(reference)
}

/// Where the order in which the server comes to foreign keys decides.
#[derive(Debug, Default)]
struct Doubt {
    /// A foreign key forbids what another one may do away with.
    early_check: bool,
    /// Two foreign keys change the same row.
    two_reactions: bool,
    /// Which foreign key has changed a row.
    touched: BTreeMap<(TableId, RowId), Vec<ColumnId>>,
}

impl World {
    /// What a statement has done since `before` goes on through the foreign keys; then the rules are checked.
    pub(crate) fn settle(&mut self, before: &Self, writer: Writer, rules: Rules) -> Verdict {
        let mut doubt = Doubt::default();
        let mut before = before.clone();
        let twice = |world: &Self| {
            let mut levels = rules.levels(world).into_iter();
            levels.find_map(|level| duplicate(&world.levels[level], &world.data[level]))
        };
        // A unique index is asked at once, whatever foreign keys do later.
        if let Some(rule) = twice(self) {
            return Verdict::Fails(rule);
        }
        for _ in 0..20 {
            doubt.early_check |= twice(self).is_some();
            let was = self.clone();
            let mut acted = false;
            for level in rules.levels(self) {
                for (child, key) in keys_at(&was, level) {
                    acted |= self.react(&before, &was, level, child, &key, writer, &mut doubt);
                }
            }
            before = was;
            if !acted {
                break;
            }
        }
        let broken = rules
            .levels(self)
            .into_iter()
            .find_map(|level| broken(&self.levels[level], &self.data[level]));
        match broken {
            _ if doubt.two_reactions => Verdict::Open,
            Some(rule) => Verdict::Fails(rule),
            None if doubt.early_check => Verdict::Open,
            None => Verdict::Fine,
        }
    }

    /// What the foreign key does because of what has changed from `before` to `was`.
    #[expect(clippy::too_many_arguments, reason = "two points in time and a foreign key")]
    fn react(
        &mut self,
        before: &Self,
        was: &Self,
        level: usize,
        child: TableId,
        key: &ForeignKey,
        writer: Writer,
        doubt: &mut Doubt,
    ) -> bool {
        let Some(parents) = before.data[level].get(&key.table) else { return false };
        let mut acted = false;
        for (parent, old) in parents {
            let Some(target) = values(old, &key.referenced) else { continue };
            let now = was.data[level].get(&key.table).and_then(|rows| rows.get(parent));
            let reaction = match now {
                None => key.on_delete,
                Some(row) if values(row, &key.referenced).as_ref() != Some(&target) => {
                    key.on_update
                }
                Some(_) => continue,
            };
            let refers = |row: &Row| values(row, &key.columns).as_ref() == Some(&target);
            let of = |world: &Self| -> Vec<RowId> {
                let rows = world.data[level].get(&child).into_iter().flatten();
                rows.filter(|(_, row)| refers(row)).map(|(id, _)| *id).collect()
            };
            if matches!(reaction, Reaction::Nothing | Reaction::Restrict) {
                // Another reaction may come to the row before this check, or after it.
                doubt.early_check |= !of(was).is_empty();
                continue;
            }
            for row in of(was) {
                let by = doubt.touched.entry((child, row)).or_insert_with(|| key.columns.clone());
                doubt.two_reactions |= *by != key.columns;
            }
            for row in of(self) {
                acted = true;
                self.follow(level, child, key, row, reaction, now, writer);
            }
        }
        acted
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "a foreign key, a row of each of its tables, and who writes"
    )]
    fn follow(
        &mut self,
        level: usize,
        child: TableId,
        key: &ForeignKey,
        row: RowId,
        reaction: Reaction,
        parent: Option<&Row>,
        writer: Writer,
    ) {
        let shared = key.columns.iter().all(|column| self.is_shared(child, *column));
        let deleter = if self.table(writer.side, child).is_some() {
            writer
        } else {
            Writer { side: if level == 0 { Side::Old } else { Side::New }, ..writer }
        };
        // What the server writes is told like any write: by the columns, or else by the client's search_path.
        let writer = match (shared, level) {
            (true, _) => writer,
            (false, 0) => Writer { side: Side::Old, told: true },
            (false, _) => Writer { side: Side::New, told: true },
        };
        let table: &Table = &self.levels[level][&child];
        let set: Row = match reaction {
            Reaction::Nothing | Reaction::Restrict => return,
            Reaction::Cascade => match parent {
                None => {
                    self.delete(deleter, child, row);
                    return;
                }
                Some(parent) => key
                    .columns
                    .iter()
                    .zip(&key.referenced)
                    .map(|(own, other)| (*own, parent[other].clone()))
                    .collect(),
            },
            Reaction::SetNull => key.columns.iter().map(|column| (*column, None)).collect(),
            Reaction::SetDefault => key
                .columns
                .iter()
                .map(|c| (*c, table.column(*c).and_then(|column| column.default.clone())))
                .collect(),
        };
        self.update(writer, child, row, &set);
    }
}

fn keys_at(world: &World, level: usize) -> Vec<(TableId, ForeignKey)> {
    let tables = world.levels[level].iter();
    tables.flat_map(|(id, t)| t.foreign_keys.iter().map(|key| (*id, key.clone()))).collect()
}
