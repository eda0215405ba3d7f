//! Tables.

use crate::function::Kind;
use crate::random::s;
use crate::relations::generate::{Act, Generator, Numbers};
use crate::relations::op::Op;
use crate::relations::schema::{Column, Draw, Shape, Table, TableId, Unique, is_referred_to};
use crate::relations::toml;

impl Generator<'_> {
    pub(super) fn create_table(&mut self) -> Option<Act> {
        if self.world.last().len() > 3 {
            return None;
        }
        let mut schema = self.schema();
        let name = self.free_table()?;
        let id = self.numbers.next();
        let mut table = self.base_table(&name);
        let fills = self.random.chance(60);
        let fill = if fills { (0..4).find_map(|_| self.fill(id, &mut table)) } else { None };
        schema.insert(id, table);
        let key = if self.random.chance(60) { self.foreign_key(&schema, id) } else { None };
        schema.get_mut(&id)?.foreign_keys.extend(key);
        let text = toml::table(&schema, &schema[&id]);
        let (op, up) = fill.map_or((Op::Plain, String::new()), |(f, up)| (Op::Fill(f), up));
        Some((text + &up, vec![(schema, op)]))
    }

    pub(super) fn remove_table(&mut self, id: TableId) -> Option<Act> {
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

    pub(super) fn rename_table(&mut self, id: TableId) -> Option<Act> {
        let name = self.free_table()?;
        let mut schema = self.schema();
        let table = schema.get_mut(&id)?;
        let text = format!("{}new_name = {}\n", toml::head("rename_table", &table.name), s(&name));
        table.name = name;
        Some((text, vec![(schema, Op::Plain)]))
    }
}
