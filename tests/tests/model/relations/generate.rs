//! Random actions: what they do to the model, and their TOML.

use std::collections::{BTreeMap, BTreeSet};

use super::fill::Fill;
use super::lookup::Lookup;
use super::op::{From, Op};
use super::schema::{
    Column, ColumnId, Draw, ForeignKey, Reaction, Schema, Shape, Table, TableId, Unique,
    is_referred_to, joined,
};
use super::toml;
use super::world::World;
use super::write::value;
use crate::function::{Fun, Kind, sql_type};
use crate::random::{Random, q, s};

pub(crate) const TABLES: [&str; 7] = ["users", "t", "Two words", "items", "Order", "first", "new"];
pub(crate) const COLUMNS: [&str; 14] = [
    "a",
    "b",
    "c",
    "r",
    "s",
    "k",
    "new",
    "old",
    "Upper",
    "two words",
    "select",
    "größe",
    "t",
    "id2",
];

/// Numbers for what is new, and the name of everything that needs one.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    next: usize,
}

impl Numbers {
    pub(crate) fn next(&mut self) -> usize {
        self.next += 1;
        self.next
    }
}

/// What an action adds to the migration, and the points that it adds to the model.
pub(crate) type Act = (String, Vec<(Schema, Op)>);

pub(crate) struct Generator<'a> {
    pub(crate) random: &'a mut Random,
    pub(crate) numbers: &'a mut Numbers,
    pub(crate) world: &'a World,
    /// What the foreign keys of the base are called.
    pub(crate) names: &'a Names,
}

/// The names of foreign keys, by table and columns.
pub(crate) type Names = BTreeMap<(TableId, Vec<ColumnId>), String>;

impl Generator<'_> {
    /// A random action and the name of its kind; `None` if what the dice say makes no sense.
    pub(crate) fn act(&mut self) -> Option<(&'static str, Act)> {
        let tables: Vec<TableId> = self.world.last().keys().copied().collect();
        let table = *self.random.pick(&tables)?;
        let (kind, act) = match self.random.next(25) {
            0 => ("rename_table", self.rename_table(table)),
            1 | 2 => ("rename", self.rename(table)),
            3..=6 => ("alter", self.alter(table)),
            7 => ("swap", (0..4).find_map(|_| self.swap(table))),
            8 | 9 => ("add_column", self.add_column(table)),
            10 | 11 => ("remove_column", self.remove_column(table)),
            12..=14 => ("add_index", self.add_index(table)),
            15 | 16 => ("remove_index", self.remove_index(table)),
            17..=19 => ("add_foreign_key", self.add_foreign_key(table)),
            20 | 21 => ("remove_foreign_key", self.remove_foreign_key(table)),
            22 | 23 => ("create_table", self.create_table()),
            _ => ("remove_table", self.remove_table(table)),
        };
        act.map(|act| (kind, act))
    }

    fn schema(&self) -> Schema {
        self.world.last().clone()
    }

    fn table(&self, table: TableId) -> Table {
        self.world.last()[&table].clone()
    }

    fn free_table(&mut self) -> Option<String> {
        let taken: BTreeSet<String> = self
            .world
            .levels
            .iter()
            .flat_map(|schema| schema.values().map(|table| table.name.clone()))
            .collect();
        let gone = self.world.levels[0].values().map(|table| table.name.clone());
        let now: BTreeSet<String> = self.world.last().values().map(|t| t.name.clone()).collect();
        let again: Vec<String> = gone.filter(|name| !now.contains(name)).collect();
        if self.random.chance(10) && !again.is_empty() {
            return self.random.pick(&again).cloned();
        }
        let free: Vec<&&str> = TABLES.iter().filter(|name| !taken.contains(**name)).collect();
        self.random.pick(&free).map(|name| (**name).to_owned())
    }

    fn free_column(&mut self, table: &Table) -> Option<String> {
        let free: Vec<&&str> = COLUMNS
            .iter()
            .filter(|name| table.columns.iter().all(|column| column.name != ***name))
            .collect();
        self.random.pick(&free).map(|name| (**name).to_owned())
    }

    fn rename_table(&mut self, id: TableId) -> Option<Act> {
        let name = self.free_table()?;
        let mut schema = self.schema();
        let table = schema.get_mut(&id)?;
        let text = format!("{}new_name = {}\n", toml::head("rename_table", &table.name), s(&name));
        table.name = name;
        Some((text, vec![(schema, Op::Plain)]))
    }

    fn rename(&mut self, id: TableId) -> Option<Act> {
        let mut schema = self.schema();
        let table = schema.get_mut(&id)?;
        let name = self.free_column(table)?;
        let place = self.random.next(table.columns.len());
        let text = format!(
            "{}column = {}\nchanges = {{ name = {} }}\n",
            toml::head("alter_column", &table.name),
            s(&table.columns[place].name),
            s(&name)
        );
        table.columns[place].name = name;
        Some((text, vec![(schema, Op::Plain)]))
    }

    /// Replaces a column, and those that foreign keys join to it.
    fn alter(&mut self, id: TableId) -> Option<Act> {
        let table = self.table(id);
        let keyed = self.random.chance(60);
        let columns: Vec<&Column> =
            table.columns.iter().filter(|column| !keyed || table.is_in_key(column.id)).collect();
        let column = (*self.random.pick(&columns)?).clone();
        let schema = self.schema();
        let mut all: Vec<(TableId, ColumnId)> =
            joined(&schema, (id, column.id)).into_iter().collect();
        let mut fun = *self.random.pick(Fun::of(column.kind))?;
        if column.kind == Kind::Text && !column.not_null && all.len() == 1 && self.random.chance(40)
        {
            fun = Fun::Fill;
        }
        if column.kind == Kind::Int && self.random.chance(30) {
            fun = Fun::Widen;
        }
        if fun == Fun::Widen && self.random.chance(60) {
            all = vec![(id, column.id)];
        }
        // What a batch creates it changes directly, one column after the other.
        let is_new = |id: &TableId| !self.world.levels[0].contains_key(id);
        let changes_kind = fun.result() != column.kind;
        if all.len() > 4 || all.len() > 1 && changes_kind && all.iter().any(|(id, _)| is_new(id)) {
            return None;
        }
        let mut text = String::new();
        let mut points = Vec::new();
        let mut schema = schema;
        while !all.is_empty() {
            let (id, column) = all.remove(self.random.next(all.len()));
            let table = schema.get_mut(&id)?;
            text.push_str(&self.alter_one(table, column, fun)?);
            points.push((schema.clone(), Op::Alter { table: id, column, fun }));
        }
        Some((text, points))
    }

    fn alter_one(&mut self, table: &mut Table, id: ColumnId, fun: Fun) -> Option<String> {
        let is_over = table.uniques.iter().any(|unique| unique.is_over(id));
        let column = table.columns.iter().find(|column| column.id == id)?.clone();
        if !Fun::of(column.kind).contains(&fun) && fun != Fun::Fill
            || is_over && fun.result() != column.kind
            || column.draw.is_some() && fun != Fun::Widen
        {
            return None;
        }
        let to =
            if self.random.chance(25) { self.free_column(table)? } else { column.name.clone() };
        let mut text =
            format!("{}column = {}\n", toml::head("alter_column", &table.name), s(&column.name));
        if fun != Fun::Widen {
            text.push_str(&format!("up = {}\n", s(&fun.sql(&q(&column.name)))));
            text.push_str(&format!("down = {}\n", s(&fun.back_sql(&q(&to)))));
        }
        let after = table.columns.iter_mut().find(|column| column.id == id)?;
        after.sql_type = sql_type(fun, column.sql_type);
        after.kind = fun.result();
        after.not_null |= fun == Fun::Fill;
        after.name.clone_from(&to);
        let mut changes = format!("type = '{}'", after.sql_type);
        if to != column.name {
            changes.push_str(&format!(", name = {}", s(&to)));
        }
        if fun == Fun::Fill {
            changes.push_str(", nullable = false");
        }
        if column.default.is_some() {
            after.default = fun.apply(&column.default);
            changes
                .push_str(&format!(", default = {}", s(&crate::random::literal(&after.default))));
        }
        text.push_str(&format!("changes = {{ {changes} }}\n"));
        Some(text)
    }

    /// Replaces a column by what another table has, and back.
    fn swap(&mut self, id: TableId) -> Option<Act> {
        let mut schema = self.schema();
        let all = schema.clone();
        let table = schema.get_mut(&id)?;
        let column = self.random.pick(&table.columns)?.clone();
        let (mut up, mut down) = (self.lookup(id)?, self.lookup(id)?);
        let is_free = column.draw.is_none()
            && !column.not_null
            && !table.is_in_key(column.id)
            && !is_referred_to(&all, id, Some(column.id))
            && !table.indexes.iter().any(|(_, columns)| columns.contains(&column.id));
        if !is_free
            || [&up, &down].iter().any(|lookup| lookup.own == column.id)
            || down.fun.result() != column.kind
        {
            return None;
        }
        let input = all[&up.table].column(up.value)?;
        down.default.clone_from(&column.default);
        let mut text =
            format!("{}column = {}\n", toml::head("alter_column", &table.name), s(&column.name));
        text.push_str(&format!("up = {}\n", up.toml(table, &all[&up.table])));
        text.push_str(&format!("down = {}\n", down.toml(table, &all[&down.table])));
        let after = table.columns.iter_mut().find(|c| c.id == column.id)?;
        after.kind = up.fun.result();
        after.sql_type = sql_type(up.fun, input.sql_type);
        text.push_str(&format!("changes = {{ type = '{}'", after.sql_type));
        if column.default.is_some() {
            after.default = Some(value(self.random, after.kind));
            let default = s(&crate::random::literal(&after.default));
            text.push_str(&format!(", default = {default}"));
        }
        text.push_str(" }\n");
        up.default.clone_from(&after.default);
        let (up, down) = (From::Other(up), From::Other(down));
        Some((text, vec![(schema, Op::Swap { table: id, column: column.id, up, down })]))
    }

    fn add_column(&mut self, id: TableId) -> Option<Act> {
        let mut schema = self.schema();
        let table = schema.get_mut(&id)?;
        let mut column = Column {
            id: self.numbers.next(),
            name: self.free_column(table)?,
            kind: Kind::Int,
            sql_type: "integer",
            not_null: false,
            default: None,
            draw: None,
        };
        let (mut from, mut sql) = (From::Default(None), String::new());
        let had = self.world.levels[0].get(&id).is_some_and(|table| table.draws().is_some());
        match self.random.next(12) {
            0..=3 => {
                let plain: Vec<&Column> =
                    table.columns.iter().filter(|c| c.draw.is_none()).collect();
                let input = (*self.random.pick(&plain)?).clone();
                let fun = *self.random.pick(Fun::of(input.kind))?;
                column.kind = fun.result();
                column.sql_type = sql_type(fun, input.sql_type);
                column.not_null = input.not_null;
                sql = format!("up = {}\n", s(&fun.sql(&q(&input.name))));
                from = From::Own(input.id, fun);
            }
            4 | 5 if !had && table.draws().is_none() => {
                let draws = [Draw::Serial, Draw::ByDefault, Draw::Always];
                column.draw = self.random.pick(&draws).copied();
                column.not_null = true;
                from = From::Drawn;
            }
            6 | 7 => {
                column.default = Some(value(self.random, column.kind));
                column.not_null = self.random.chance(50);
                from = From::Default(column.default.clone());
            }
            8..=11 => {
                let mut lookup = (0..4).find_map(|_| self.lookup(id))?;
                let input = self.world.last()[&lookup.table].column(lookup.value)?;
                column.not_null = input.not_null && self.random.chance(30);
                column.kind = lookup.fun.result();
                column.sql_type = sql_type(lookup.fun, input.sql_type);
                if self.random.chance(30) {
                    column.default = Some(value(self.random, column.kind));
                    lookup.default.clone_from(&column.default);
                }
                sql = format!("up = {}\n", lookup.toml(table, &self.world.last()[&lookup.table]));
                from = From::Other(lookup);
            }
            _ => {}
        }
        let text = format!(
            "{}{sql}column = {}\n",
            toml::head("add_column", &table.name),
            toml::column(&column)
        );
        let op = Op::Add { table: id, column: column.id, from };
        table.columns.push(column);
        Some((text, vec![(schema, op)]))
    }

    fn remove_column(&mut self, id: TableId) -> Option<Act> {
        let mut schema = self.schema();
        let all = schema.clone();
        let table = schema.get_mut(&id)?;
        let place = self.random.next(table.columns.len());
        let column = table.columns[place].clone();
        let several = table
            .foreign_keys
            .iter()
            .any(|k| k.columns.contains(&column.id) && k.columns.len() > 1)
            || table.uniques.iter().any(|u| {
                (u.columns.contains(&column.id) || u.is_over(column.id))
                    && (u.columns.len() > 1 || u.shape != Shape::Plain)
            })
            || table
                .indexes
                .iter()
                .any(|(_, columns)| columns.contains(&column.id) && columns.len() > 1);
        if table.key().contains(&column.id) || is_referred_to(&all, id, Some(column.id)) || several
        {
            return None;
        }
        let inputs: Vec<(ColumnId, Fun)> = table
            .columns
            .iter()
            .filter(|c| c.id != column.id && c.draw.is_none() && (c.not_null || !column.not_null))
            .flat_map(|c| Fun::of(c.kind).iter().map(|fun| (c.id, *fun)))
            .filter(|(_, fun)| fun.result() == column.kind)
            .collect();
        let own = self.random.pick(&inputs).copied();
        let down = own.filter(|_| self.random.chance(50));
        let plain = self.world.ops.iter().all(|op| !op.replaces(column.id));
        let fills = !column.not_null || column.default.is_some() || column.draw.is_some();
        let mut text =
            format!("{}column = {}\n", toml::head("remove_column", &table.name), s(&column.name));
        let other = (0..4).find_map(|_| self.lookup(id)).filter(|lookup| {
            lookup.own != column.id && lookup.fun.result() == column.kind && !column.not_null
        });
        let from = match (other, down) {
            (Some(mut lookup), _) if column.draw.is_none() && self.random.chance(70) => {
                lookup.default.clone_from(&column.default);
                let other = &self.world.last()[&lookup.table];
                text.push_str(&format!("down = {}\n", lookup.toml(table, other)));
                From::Other(lookup)
            }
            (_, Some((from, fun))) => {
                text.push_str(&format!("down = {}\n", s(&fun.sql(&q(&table.name_of(from))))));
                From::Own(from, fun)
            }
            (_, None) if !plain || !fills => return None,
            (_, None) if column.draw.is_some() => From::Drawn,
            (_, None) => From::Default(column.default.clone()),
        };
        table.columns.remove(place);
        table.foreign_keys.retain(|key| !key.columns.contains(&column.id));
        table.uniques.retain(|unique| !unique.columns.contains(&column.id));
        table.indexes.retain(|(_, columns)| !columns.contains(&column.id));
        let op = Op::Remove { table: id, column: column.id, from };
        Some((text, vec![(schema, op)]))
    }

    fn add_index(&mut self, id: TableId) -> Option<Act> {
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

    fn remove_index(&mut self, id: TableId) -> Option<Act> {
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

    fn add_foreign_key(&mut self, id: TableId) -> Option<Act> {
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

    fn remove_foreign_key(&mut self, id: TableId) -> Option<Act> {
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

    fn create_table(&mut self) -> Option<Act> {
        if self.world.last().len() > 3 {
            return None;
        }
        let mut schema = self.schema();
        let name = self.free_table()?;
        let id = self.numbers.next();
        let mut table = self.base_table(&name);
        let fill = if self.random.chance(50) { self.fill(id, &mut table) } else { None };
        schema.insert(id, table);
        let key = if self.random.chance(60) { self.foreign_key(&schema, id) } else { None };
        schema.get_mut(&id)?.foreign_keys.extend(key);
        let text = toml::table(&schema, &schema[&id]);
        let (op, up) = fill.map_or((Op::Plain, String::new()), |(f, up)| (Op::Fill(f), up));
        Some((text + &up, vec![(schema, op)]))
    }

    /// Where a value could come from for rows of the table.
    fn lookup(&mut self, id: TableId) -> Option<Lookup> {
        let schema = self.world.last();
        let keys: Vec<&ForeignKey> = schema[&id]
            .foreign_keys
            .iter()
            .filter(|key| key.columns.len() == 1 && key.table != id)
            .collect();
        let joined = self.random.pick(&keys).copied();
        let joined = joined.filter(|_| self.random.chance(50));
        if let Some(joined) = joined {
            let value = self.random.pick(&schema[&joined.table].columns)?;
            let fun = *self.random.pick(Fun::of(value.kind))?;
            let (own, key) = (joined.columns[0], joined.referenced[0]);
            let (table, value) = (joined.table, value.id);
            let drawn = schema[&table].column(value)?.draw.is_some();
            return (!drawn).then_some(Lookup { own, table, key, value, fun, default: None });
        }
        let tables: Vec<TableId> = schema.keys().copied().filter(|other| *other != id).collect();
        let table = *self.random.pick(&tables)?;
        let other = &schema[&table];
        let keys = other.uniques.iter().filter(|u| u.shape == Shape::Plain && u.columns.len() == 1);
        let keys: Vec<ColumnId> = keys.map(|unique| unique.columns[0]).collect();
        let key = *self.random.pick(&keys)?;
        let kind = other.column(key)?.kind;
        let fit = schema[&id].columns.iter().filter(|c| c.kind == kind && c.draw.is_none());
        let fit: Vec<ColumnId> = fit.map(|column| column.id).collect();
        let value = self.random.pick(&other.columns)?;
        let fun = *self.random.pick(Fun::of(value.kind))?;
        let own = *self.random.pick(&fit)?;
        let drawn = value.draw.is_some();
        (!drawn).then_some(Lookup { own, table, key, value: value.id, fun, default: None })
    }

    /// `up` of a table with a new number, from a table whose key is one column.
    fn fill(&mut self, id: TableId, table: &mut Table) -> Option<(Fill, String)> {
        let schema = self.world.last();
        let sources = schema.iter().filter(|(_, t)| t.key().len() == 1);
        let sources: Vec<TableId> = sources.map(|(id, _)| *id).collect();
        let source = *self.random.pick(&sources)?;
        let from = &schema[&source];
        let key = from.column(from.key()[0]).filter(|column| column.draw.is_none())?;
        if table.key().len() > 1 || key.kind != Kind::Int {
            return None;
        }
        table.columns.iter_mut().for_each(|column| column.draw = None);
        table.columns.retain(|column| column.name != "n");
        let own = table.key()[0];
        let mut text = format!("values = {{ id = {}", s(&q(&key.name)));
        let mut values = BTreeMap::new();
        for column in table.columns.iter().filter(|column| column.id != own) {
            let inputs: Vec<(&Column, Fun)> = from
                .columns
                .iter()
                .filter(|c| c.draw.is_none() && (c.not_null || !column.not_null))
                .flat_map(|c| Fun::of(c.kind).iter().map(move |fun| (c, *fun)))
                .filter(|(_, fun)| fun.result() == column.kind)
                .collect();
            let chosen = self.random.pick(&inputs).copied();
            if let Some((input, fun)) = chosen
                && self.random.chance(60)
            {
                let sql = fun.sql(&q(&input.name));
                text.push_str(&format!(", {} = {}", s(&column.name), s(&sql)));
                values.insert(column.id, (input.id, fun));
            }
        }
        text.push_str(" }");
        let filter = self.random.pick(&from.columns);
        let filter = filter.filter(|_| self.random.chance(40));
        if let Some(column) = filter {
            text.push_str(&format!(", where = {}", s(&format!("{} IS NOT NULL", q(&column.name)))));
        }
        let text = format!("up = {{ table = {}, {text} }}\n", s(&from.name));
        let filter = filter.map(|column| column.id);
        Some((Fill { table: id, source, key: (own, key.id), values, filter }, text))
    }

    fn remove_table(&mut self, id: TableId) -> Option<Act> {
        let mut schema = self.schema();
        if schema.len() < 2 || is_referred_to(&schema, id, None) {
            return None;
        }
        let table = schema.remove(&id)?;
        Some((toml::head("remove_table", &table.name), vec![(schema, Op::Plain)]))
    }

    /// A table as histories begin with.
    pub(crate) fn base_table(&mut self, name: &str) -> Table {
        let mut columns = Vec::new();
        let mut add = |numbers: &mut Numbers, name: &str, kind, not_null, default: Option<&str>| {
            let sql_type = if kind == Kind::Int { "integer" } else { "text" };
            let id = numbers.next();
            let default = default.map(str::to_owned);
            let name = name.to_owned();
            columns.push(Column { id, name, kind, sql_type, not_null, default, draw: None });
            id
        };
        let mut key = vec![add(self.numbers, "id", Kind::Int, true, None)];
        if self.random.chance(25) {
            key.push(add(self.numbers, "k", Kind::Int, true, Some("1")));
        }
        add(self.numbers, "a", Kind::Int, true, Some("7"));
        add(self.numbers, "b", Kind::Text, false, None);
        add(self.numbers, "r", Kind::Int, false, None);
        let default = self.random.chance(30).then_some("3");
        add(self.numbers, "s", Kind::Int, false, default);
        match self.random.next(8) {
            0 => columns[0].draw = Some(Draw::Serial),
            1 => columns[0].draw = Some(Draw::ByDefault),
            2 => columns[0].draw = Some(Draw::Always),
            3 => {
                let id = self.numbers.next();
                let draw =
                    Some(if self.random.chance(50) { Draw::Serial } else { Draw::ByDefault });
                columns.push(Column {
                    id,
                    name: String::from("n"),
                    kind: Kind::Int,
                    sql_type: "integer",
                    not_null: true,
                    default: None,
                    draw,
                });
            }
            _ => {}
        }
        let primary = Unique {
            name: format!("{name}_pkey"),
            columns: key,
            primary: true,
            shape: Shape::Plain,
        };
        Table {
            name: name.to_owned(),
            columns,
            uniques: vec![primary],
            foreign_keys: Vec::new(),
            indexes: Vec::new(),
        }
    }
}
