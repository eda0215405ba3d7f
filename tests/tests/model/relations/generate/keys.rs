//! Indexes and foreign keys.

use std::collections::BTreeSet;

use crate::function::Kind;
use crate::random::s;
use crate::relations::generate::{Act, Generator};
use crate::relations::op::Op;
use crate::relations::schema::{
    Column, ColumnId, ForeignKey, Reaction, Schema, Shape, TableId, Unique,
};
use crate::relations::toml;

impl Generator<'_> {
    pub(super) fn add_index(&mut self, id: TableId) -> Option<Act> {
        let mut schema = self.schema();
        let table = schema.get_mut(&id)?;
        let name = format!("Index {}", self.numbers.next());
        let mut columns = if self.random.chance(40) { table.key().to_vec() } else { Vec::new() };
        for _ in 0..=self.random.next(2) {
            let column = self.random.pick(&table.columns)?.id;
            if !columns.contains(&column) {
                columns.push(column);
            }
        }
        let ints: Vec<ColumnId> =
            table.columns.iter().filter(|c| c.kind == Kind::Int).map(|c| c.id).collect();
        let shape = match self.random.next(8) {
            0 => Shape::NotNull(self.random.pick(&table.columns)?.id),
            1 => Shape::Large(*self.random.pick(&ints)?),
            2 => {
                columns = vec![*self.random.pick(&ints)?];
                Shape::Halved
            }
            _ => Shape::Plain,
        };
        let unique = self.random.chance(70);
        let text = toml::index(table, &name, &columns, shape, unique);
        if unique {
            table.uniques.push(Unique { name, columns, primary: false, shape });
        } else {
            let over = match shape {
                Shape::NotNull(c) | Shape::Large(c) => Some(c),
                Shape::Plain | Shape::Halved => None,
            };
            // What an expression is over is as good as a column here: none of them changes its type.
            if shape != Shape::Plain {
                return None;
            }
            columns.extend(over);
            table.indexes.push((name, columns));
        }
        Some((text, vec![(schema, Op::Plain)]))
    }

    pub(super) fn remove_index(&mut self, id: TableId) -> Option<Act> {
        let mut schema = self.schema();
        let all = schema.clone();
        let table = schema.get_mut(&id)?;
        let needed = |unique: &Unique| {
            unique.primary
                || all.values().flat_map(|t| &t.foreign_keys).any(|key| {
                    key.table == id
                        && key.referenced.iter().collect::<BTreeSet<_>>()
                            == unique.columns.iter().collect()
                })
        };
        let free: Vec<String> = table
            .uniques
            .iter()
            .filter(|unique| !needed(unique))
            .map(|unique| unique.name.clone())
            .chain(table.indexes.iter().map(|(name, _)| name.clone()))
            .collect();
        let name = self.random.pick(&free)?.clone();
        table.uniques.retain(|unique| unique.name != name);
        table.indexes.retain(|(index, _)| *index != name);
        let text = format!("{}index = {}\n", toml::head("remove_index", &table.name), s(&name));
        Some((text, vec![(schema, Op::Plain)]))
    }

    pub(super) fn add_foreign_key(&mut self, id: TableId) -> Option<Act> {
        let mut schema = self.schema();
        let key = self.foreign_key(&schema, id)?;
        let text = format!(
            "{}foreign_key = {}\n",
            toml::head("add_foreign_key", &schema[&id].name),
            toml::foreign_key(&schema, &schema[&id], &key)
        );
        schema.get_mut(&id)?.foreign_keys.push(key);
        Some((text, vec![(schema, Op::Plain)]))
    }

    /// A foreign key that could be added to the table.
    pub(crate) fn foreign_key(&mut self, schema: &Schema, id: TableId) -> Option<ForeignKey> {
        let tables: Vec<TableId> = schema.keys().copied().collect();
        let parent = *self.random.pick(&tables)?;
        let plain: Vec<&Unique> =
            schema[&parent].uniques.iter().filter(|unique| unique.shape == Shape::Plain).collect();
        let target = &self.random.pick(&plain)?.columns;
        let table = &schema[&id];
        let taken = |column: &Column| {
            table.foreign_keys.iter().any(|key| key.columns.contains(&column.id))
                || id == parent && target.contains(&column.id)
                || column.draw.is_some()
        };
        let mut columns = Vec::new();
        for other in target {
            let kind = schema[&parent].column(*other)?.kind;
            let fit: Vec<ColumnId> = table
                .columns
                .iter()
                .filter(|c| c.kind == kind && !taken(c) && !columns.contains(&c.id))
                .map(|c| c.id)
                .collect();
            columns.push(*self.random.pick(&fit)?);
        }
        let mut reaction = || *self.random.pick(&Reaction::ALL).expect("some");
        Some(ForeignKey {
            columns,
            table: parent,
            referenced: target.clone(),
            on_delete: reaction(),
            on_update: reaction(),
        })
    }

    pub(super) fn remove_foreign_key(&mut self, id: TableId) -> Option<Act> {
        let mut schema = self.schema();
        let old = self.world.levels[0].get(&id)?;
        let table = schema.get_mut(&id)?;
        let place = self.random.next(table.foreign_keys.len());
        let key = table.foreign_keys.get(place)?.clone();
        // Its name is known if it was there before.
        let base = old.foreign_keys.iter().find(|k| k.columns == key.columns)?;
        let text = format!(
            "{}foreign_key = {}\n",
            toml::head("remove_foreign_key", &table.name),
            s(self.names.get(&(id, base.columns.clone()))?)
        );
        table.foreign_keys.remove(place);
        Some((text, vec![(schema, Op::Plain)]))
    }
}
