//! A random batch.

use super::generate::{Generator, Numbers};
use super::keys::broken;
use super::op::Op;
use super::player::{Moment, Player};
use super::world::{Row, Side, World, Writer};
use super::write::Write;

impl Player {
    /// A random batch: the model gets its points, and `files` the migrations. Returns the kinds of its actions.
    pub(crate) fn batch(
        &mut self,
        numbers: &mut Numbers,
        base: &str,
        files: &mut Vec<(String, String)>,
    ) -> Vec<&'static str> {
        let names = self.names();
        let mut kinds = Vec::new();
        for _ in 0..=self.random.next(3) {
            let mut text = String::new();
            for _ in 0..=self.random.next(4) {
                let mut generator = Generator {
                    random: &mut self.random,
                    numbers,
                    world: &self.world,
                    names: &names,
                };
                let Some((kind, (toml, points))) = generator.act() else { continue };
                self.world.drawn = Some(String::from("?"));
                let mut world = self.world.clone();
                for (schema, op) in points {
                    world.push(schema, op);
                }
                let breaks = broken(world.last(), &world.data[world.ops.len()]).is_some();
                if breaks && !(kind == "add_foreign_key" && self.clear(&mut world, base)) {
                    continue;
                }
                kinds.push(kind);
                kinds.extend(world.ops[self.world.ops.len()..].iter().filter_map(Op::name));
                self.world = world;
                text.push_str(&toml);
            }
            if !text.is_empty() {
                files.push((format!("{}_part", files.len() + 1), text));
            }
        }
        kinds
    }

    /// Takes out what the last foreign key of a table does not allow, as an old client.
    fn clear(&mut self, world: &mut World, base: &str) -> bool {
        let last = world.ops.len();
        let (before, now) = (&world.levels[last - 1], &world.levels[last]);
        let found = now.iter().find(|(id, t)| {
            before.get(id).is_some_and(|b| b.foreign_keys.len() < t.foreign_keys.len())
        });
        let Some((id, table)) = found else { return false };
        let (id, Some(key)) = (*id, table.foreign_keys.last()) else { return false };
        let Some(old) = world.levels[0].get(&id) else { return false };
        let nullable = |c| old.column(c).is_some_and(|column| !column.not_null);
        if !key.columns.iter().all(|c| nullable(*c)) {
            return false;
        }
        let set: Row = key.columns.iter().map(|column| (*column, None)).collect();
        let rows = world.rows(Side::Old, id).keys().copied().collect();
        let write = Write::Update { table: id, rows, set };
        let writer = Writer { side: Side::Old, told: true };
        let mut after = world.clone();
        std::mem::swap(&mut self.world, &mut after);
        // Without rules of the target: the new one is broken as yet.
        let count = self.writes;
        self.perform(&write, writer, base, Moment::Start);
        let done = self.writes > count;
        std::mem::swap(&mut self.world, &mut after);
        if done {
            *world = after;
        }
        done && broken(world.last(), &world.data[last]).is_none()
    }
}
