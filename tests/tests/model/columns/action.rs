//! Random actions: what they do to the model, and their TOML.

use super::table::{Column, Table};
use crate::function::{Fun, Kind, sql_type, value};
use crate::random::{Cell, Random, literal, q, s};

#[derive(Clone, Debug)]
pub(crate) enum Op {
    RenameTable,
    Rename { from: String, to: String },
    Alter { from: String, to: String, fun: Fun },
    Add { name: String, up: Option<(String, Fun)>, default: Cell },
    Remove { name: String, down: Option<(String, Fun)>, default: Cell },
    Default,
}

/// What columns are called: among them what PL/pgSQL, triggers, the generated names and SQL use themselves.
pub(crate) const NAMES: [&str; 16] = [
    "a",
    "b",
    "c",
    "new",
    "old",
    "found",
    "user",
    "origin",
    "Upper",
    "two words",
    "t",
    "select",
    "hy-phen",
    "qu\"ote",
    "größe",
    "a_very_long_name_that_takes_all_of_the_63_bytes_that_there_are_",
];
pub(crate) const TABLES: [&str; 6] = ["t", "users", "Two words", "first", "t_last", "new"];

impl Table {
    /// A random action: what it does to the model, and its TOML.
    pub(crate) fn act(&mut self, random: &mut Random, tables: &[String]) -> Option<String> {
        let mut columns = self.last().to_vec();
        let free: Vec<&str> =
            NAMES.into_iter().filter(|name| columns.iter().all(|c| c.name != *name)).collect();
        let place = random.next(columns.len());
        let column = columns.get(place)?.clone();
        let (on, from) = (self.name.clone(), column.name.clone());
        let quote = |random: &mut Random, name: &str| {
            if random.chance(30) { format!("{}.{}", q(&on), q(name)) } else { q(name) }
        };
        let head = |kind: &str| format!("[[actions]]\ntype = '{kind}'\ntable = {}\n", s(&on));
        let (op, toml) = match random.next(7) {
            0 => {
                let free: Vec<&&str> =
                    TABLES.iter().filter(|n| !tables.iter().any(|t| t == **n)).collect();
                let name = **random.pick(&free)?;
                name.clone_into(&mut self.name);
                (Op::RenameTable, format!("{}new_name = {}\n", head("rename_table"), s(name)))
            }
            1 => {
                let to = (*random.pick(&free)?).to_owned();
                columns[place].name.clone_from(&to);
                let toml = format!(
                    "{}column = {}\nchanges = {{ name = {} }}\n",
                    head("alter_column"),
                    s(&from),
                    s(&to)
                );
                (Op::Rename { from, to }, toml)
            }
            2 => {
                let default = Some(value(random, column.kind));
                columns[place].default.clone_from(&default);
                columns[place].untouched = false;
                let toml = format!(
                    "{}column = {}\nchanges = {{ default = {} }}\n",
                    head("alter_column"),
                    s(&from),
                    s(&literal(&default))
                );
                (Op::Default, toml)
            }
            3 => {
                let name = (*random.pick(&free)?).to_owned();
                let up = random
                    .chance(60)
                    .then(|| *random.pick(Fun::of(column.kind)).expect("a function"));
                let (kind, sql_type) = match up {
                    Some(fun) => (fun.result(), sql_type(fun, column.sql_type)),
                    None => (Kind::Int, "integer"),
                };
                let default = random.chance(40).then(|| value(random, kind));
                let not_null = if up.is_some() {
                    column.not_null
                } else {
                    default.is_some() && random.chance(50)
                };
                columns.push(Column {
                    name: name.clone(),
                    kind,
                    sql_type,
                    not_null,
                    default: default.clone(),
                    untouched: false,
                });
                let mut toml = head("add_column");
                if let Some(fun) = up {
                    toml.push_str(&format!("up = {}\n", s(&fun.sql(&quote(random, &from)))));
                }
                let given =
                    default.as_ref().map(|_| format!(", default = {}", s(&literal(&default))));
                toml.push_str(&format!(
                    "column = {{ name = {}, type = '{sql_type}', nullable = {}{} }}\n",
                    s(&name),
                    !not_null,
                    given.unwrap_or_default()
                ));
                (Op::Add { name, up: up.map(|fun| (from, fun)), default }, toml)
            }
            4 => {
                let inputs: Vec<(String, Fun)> = columns
                    .iter()
                    .filter(|c| c.name != from && (c.not_null || !column.not_null))
                    .flat_map(|c| Fun::of(c.kind).iter().map(|fun| (c.name.clone(), *fun)))
                    .filter(|(_, fun)| fun.result() == column.kind)
                    .collect();
                let down = random.pick(&inputs).cloned().filter(|_| random.chance(70));
                let without = column.untouched && (!column.not_null || column.default.is_some());
                if columns.len() < 3 || down.is_none() && !without {
                    return None;
                }
                columns.remove(place);
                let mut toml = format!("{}column = {}\n", head("remove_column"), s(&from));
                if let Some((input, fun)) = &down {
                    toml.push_str(&format!("down = {}\n", s(&fun.sql(&quote(random, input)))));
                }
                (Op::Remove { name: from, down, default: column.default }, toml)
            }
            _ => {
                let to = if random.chance(40) {
                    (*random.pick(&free)?).to_owned()
                } else {
                    from.clone()
                };
                let mut fun = *random.pick(Fun::of(column.kind))?;
                if column.kind == Kind::Text && !column.not_null && random.chance(60) {
                    fun = Fun::Fill;
                }
                let mut toml = format!("{}column = {}\n", head("alter_column"), s(&from));
                if fun != Fun::Widen {
                    toml.push_str(&format!("up = {}\n", s(&fun.sql(&quote(random, &from)))));
                    // After the action: the new name.
                    toml.push_str(&format!("down = {}\n", s(&fun.back_sql(&quote(random, &to)))));
                }
                let after = &mut columns[place];
                after.untouched = false;
                after.sql_type = sql_type(fun, column.sql_type);
                after.kind = fun.result();
                after.not_null |= fun == Fun::Fill;
                after.name.clone_from(&to);
                let mut changes = format!("type = '{}'", after.sql_type);
                if to != from {
                    changes.push_str(&format!(", name = {}", s(&to)));
                }
                if fun == Fun::Fill {
                    changes.push_str(", nullable = false");
                }
                if column.default.is_some() {
                    after.default = fun.apply(&column.default);
                    changes.push_str(&format!(", default = {}", s(&literal(&after.default))));
                }
                toml.push_str(&format!("changes = {{ {changes} }}\n"));
                (Op::Alter { from, to, fun }, toml)
            }
        };
        self.levels.push(columns);
        self.ops.push(op);
        Some(toml)
    }

    /// A check that no row violates, over a random column by its name of the moment.
    pub(crate) fn add_check(&self, random: &mut Random, name: &str) -> String {
        let column = &self.last()[random.next(self.last().len())].name;
        let own = if random.chance(30) { q(&self.name) + "." } else { String::new() };
        let expression = format!("{own}{0} IS NULL OR {0} = {own}{0}", q(column));
        format!(
            "[[actions]]\ntype = 'add_check'\ntable = {}\ncheck = {{ name = '{name}', expression = {} }}\n",
            s(&self.name),
            s(&expression)
        )
    }
}
