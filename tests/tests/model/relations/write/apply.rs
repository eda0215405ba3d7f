//! What a write does to the model.

use crate::relations::keys::{Rules, Verdict, duplicate, missing, number};
use crate::relations::schema::Table;
use crate::relations::world::{Row, World, Writer};
use crate::relations::write::{Conflict, SHIFT, Write};

impl Write {
    /// What the statement does, with the rules of these levels in force.
    pub(crate) fn apply(&self, world: &mut World, writer: Writer, rules: Rules) -> Verdict {
        let before = world.clone();
        match self {
            Self::Delete { table, rows } => {
                for row in rows {
                    world.delete(writer, *table, *row);
                }
            }
            Self::Shift { table, rows, column } => {
                for row in rows {
                    let value = number(&world.rows(writer.side, *table)[row][column]);
                    let value = value.map(|n| (n + SHIFT).to_string());
                    world.update(writer, *table, *row, &Row::from([(*column, value)]));
                }
            }
            Self::Update { table, rows, set } => {
                for row in rows {
                    world.update(writer, *table, *row, set);
                }
            }
            Self::Insert { table, given, conflict, .. } => {
                let level = world.level(writer.side);
                let shape: &Table = &world.levels[level][table];
                let mut row: Row = shape
                    .columns
                    .iter()
                    .map(|column| {
                        let drawn = column.draw.and(world.drawn.clone());
                        (column.id, drawn.or_else(|| column.default.clone()))
                    })
                    .collect();
                row.extend(given.clone());
                let found = match conflict {
                    Conflict::Update { key, set } => {
                        let same = |other: &Row| {
                            key.iter().all(|c| row[c].is_some() && other[c] == row[c])
                        };
                        let rows = world.rows(writer.side, *table).iter();
                        let mut found = rows.filter(|(_, other)| same(other)).map(|(id, _)| *id);
                        found.next().map(|id| (id, set))
                    }
                    Conflict::Fail | Conflict::Nothing => None,
                };
                world.insert(writer, *table, row.clone());
                let level_of =
                    |rules: Rules| if rules == Rules::Target { world.ops.len() } else { 0 };
                let ends =
                    [level_of(rules), if rules == Rules::Base { 0 } else { world.ops.len() }];
                // NULL comes before any conflict.
                if let Some(rule) =
                    ends.iter().find_map(|end| missing(&world.levels[*end], &world.data[*end]))
                {
                    *world = before;
                    return Verdict::Fails(rule);
                }
                let is_there = || {
                    ends.iter()
                        .any(|end| duplicate(&world.levels[*end], &world.data[*end]).is_some())
                };
                if matches!(conflict, Conflict::Nothing) && is_there() {
                    *world = before;
                    return Verdict::Fine;
                }
                if let Some((id, set)) = found {
                    *world = before.clone();
                    let set: Row =
                        set.iter().map(|column| (*column, row[column].clone())).collect();
                    world.update(writer, *table, id, &set);
                }
            }
        }
        let verdict = world.settle(&before, writer, rules);
        if verdict != Verdict::Fine {
            *world = before;
        }
        verdict
    }
}
