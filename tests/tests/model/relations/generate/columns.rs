//! Columns that are replaced, added and removed.

use crate::function::{Fun, Kind, sql_type};
use crate::random::{literal, q, s};
use crate::relations::generate::{Act, Generator};
use crate::relations::op::{From, Op};
use crate::relations::schema::{
    Column, ColumnId, Draw, Shape, Table, TableId, is_referred_to, joined,
};
use crate::relations::toml;
use crate::relations::write::value;

impl Generator<'_> {
    /// Replaces a column, and those that foreign keys join to it.
    pub(super) fn alter(&mut self, id: TableId) -> Option<Act> {
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
            let before = table.column(column)?.sql_type;
            text.push_str(&self.alter_one(table, column, fun)?);
            // The type that it has already changes nothing.
            let same = fun == Fun::Widen && before == "bigint";
            let op = if same { Op::Plain } else { Op::Alter { table: id, column, fun } };
            points.push((schema.clone(), op));
        }
        Some((text, points))
    }

    pub(super) fn alter_one(
        &mut self,
        table: &mut Table,
        id: ColumnId,
        fun: Fun,
    ) -> Option<String> {
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
            changes.push_str(&format!(", default = {}", s(&literal(&after.default))));
        }
        text.push_str(&format!("changes = {{ {changes} }}\n"));
        Some(text)
    }

    pub(super) fn add_column(&mut self, id: TableId) -> Option<Act> {
        let choice = self.random.next(8);
        self.add_column_by(id, choice)
    }

    pub(super) fn add_column_from_another(&mut self, id: TableId) -> Option<Act> {
        self.add_column_by(id, 8)
    }

    pub(super) fn add_column_by(&mut self, id: TableId, choice: usize) -> Option<Act> {
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
        match choice {
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
            8 => {
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

    pub(super) fn remove_column(&mut self, id: TableId) -> Option<Act> {
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
}
