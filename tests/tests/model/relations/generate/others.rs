//! Values that come from other tables, and tables that are filled from one.

use std::collections::BTreeMap;

use crate::function::{Fun, Kind, sql_type};
use crate::random::{literal, q, s};
use crate::relations::fill::Fill;
use crate::relations::generate::{Act, Generator};
use crate::relations::lookup::Lookup;
use crate::relations::op::{From, Op};
use crate::relations::schema::{
    Column, ColumnId, ForeignKey, Shape, Table, TableId, is_referred_to,
};
use crate::relations::toml;
use crate::relations::write::value;

impl Generator<'_> {
    /// Replaces a column by what another table has, and back.
    pub(super) fn swap(&mut self, id: TableId) -> Option<Act> {
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
            let default = s(&literal(&after.default));
            text.push_str(&format!(", default = {default}"));
        }
        text.push_str(" }\n");
        up.default.clone_from(&after.default);
        let (up, down) = (From::Other(up), From::Other(down));
        Some((text, vec![(schema, Op::Swap { table: id, column: column.id, up, down })]))
    }

    /// Where a value could come from for rows of the table.
    pub(super) fn lookup(&mut self, id: TableId) -> Option<Lookup> {
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
    pub(super) fn fill(&mut self, id: TableId, table: &mut Table) -> Option<(Fill, String)> {
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
}
