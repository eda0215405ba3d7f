//! Guarantee G1 against a model: random histories, random writes of old and new clients before, during and after a batch. After every write
//! both versions must show what the model says.
//!
//! The model keeps a row once per action, from the base's columns to the target's. An old client's write runs through the actions forwards, a
//! new client's backwards. It knows nothing of columns, triggers or views. A failure prints its seed; `RESHAPE_MODEL_SEED` runs that one,
//! `RESHAPE_MODEL_SEEDS` as many as it says.

// Test input: how it is built does not matter.
#![allow(clippy::format_collect)]

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use postgres::Client;
use reshape_runtime::{Event, Migrations, Migrator};
use reshape_tests::{catalog, database, leftovers, migrations, rows};

type Cell = Option<String>;
type Row = BTreeMap<String, Cell>;

/// `SplitMix64`.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % (below.max(1) as u64)).expect("less than `below`")
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.next(100) < percent
    }

    fn pick<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        list.get(self.next(list.len()))
    }
}

/// What a column's values look like.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Int,
    Text,
    /// `v` and an integer.
    Tagged,
}

/// A function with an inverse.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fun {
    Negate,
    Reverse,
    Tag,
    Untag,
    /// No expression: the type changes.
    Widen,
    /// NULL becomes a word.
    Fill,
}

impl Fun {
    fn of(kind: Kind) -> &'static [Self] {
        match kind {
            Kind::Int => &[Self::Negate, Self::Tag, Self::Widen],
            Kind::Text => &[Self::Reverse],
            Kind::Tagged => &[Self::Untag],
        }
    }

    fn result(self) -> Kind {
        match self {
            Self::Negate | Self::Untag | Self::Widen => Kind::Int,
            Self::Reverse | Self::Fill => Kind::Text,
            Self::Tag => Kind::Tagged,
        }
    }

    fn sql(self, x: &str) -> String {
        match self {
            Self::Negate => format!("1000 - {x}"),
            Self::Reverse => format!("reverse({x})"),
            Self::Tag => format!("'v' || {x}"),
            Self::Untag => format!("substr({x}, 2)::integer"),
            Self::Widen => x.to_owned(),
            Self::Fill => format!("coalesce({x}, 'none')"),
        }
    }

    fn back_sql(self, x: &str) -> String {
        match self {
            Self::Negate | Self::Reverse | Self::Widen => self.sql(x),
            Self::Tag => Self::Untag.sql(x),
            Self::Untag => Self::Tag.sql(x),
            Self::Fill => format!("nullif({x}, 'none')"),
        }
    }

    fn apply(self, cell: &Cell) -> Cell {
        let Some(text) = cell else { return (self == Self::Fill).then(|| String::from("none")) };
        Some(match self {
            Self::Negate => (1000 - text.parse::<i64>().expect("an integer")).to_string(),
            Self::Reverse => text.chars().rev().collect(),
            Self::Tag => format!("v{text}"),
            Self::Untag => text[1..].to_owned(),
            Self::Widen | Self::Fill => text.clone(),
        })
    }

    fn back(self, cell: &Cell) -> Cell {
        match self {
            Self::Negate | Self::Reverse | Self::Widen => self.apply(cell),
            Self::Tag => Self::Untag.apply(cell),
            Self::Untag => Self::Tag.apply(cell),
            Self::Fill => cell.clone().filter(|text| text != "none"),
        }
    }
}

#[derive(Clone, Debug)]
struct Column {
    name: String,
    kind: Kind,
    sql_type: &'static str,
    not_null: bool,
    default: Cell,
    /// Not yet changed in this batch.
    untouched: bool,
}

#[derive(Clone, Debug)]
enum Op {
    RenameTable,
    Rename { from: String, to: String },
    Alter { from: String, to: String, fun: Fun },
    Add { name: String, up: Option<(String, Fun)>, default: Cell },
    Remove { name: String, down: Option<(String, Fun)>, default: Cell },
    Default,
}

fn q(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(cell: &Cell) -> String {
    cell.as_ref().map_or_else(|| String::from("NULL"), |t| format!("'{}'", t.replace('\'', "''")))
}

/// A TOML string.
fn s(text: &str) -> String {
    format!("{text:?}")
}

/// What columns are called: among them what PL/pgSQL, triggers, the generated names and SQL use themselves.
const NAMES: [&str; 16] = [
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
const TABLES: [&str; 6] = ["t", "users", "Two words", "first", "t_last", "new"];

#[derive(Clone, Debug)]
struct Table {
    old_name: String,
    name: String,
    /// The columns before each action and after the last.
    levels: Vec<Vec<Column>>,
    ops: Vec<Op>,
    /// By id; one row per level.
    rows: BTreeMap<i64, Vec<Row>>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Side {
    Old,
    New,
}

impl Table {
    fn new(name: &str) -> Self {
        let column = |name: &str, kind, sql_type, not_null, default: Option<&str>| Column {
            name: name.to_owned(),
            kind,
            sql_type,
            not_null,
            default: default.map(str::to_owned),
            untouched: true,
        };
        let columns = vec![
            column("a", Kind::Int, "integer", true, Some("7")),
            column("b", Kind::Text, "text", false, None),
            column("c", Kind::Int, "integer", false, None),
            column("old", Kind::Text, "text", true, None),
        ];
        Self {
            old_name: name.to_owned(),
            name: name.to_owned(),
            levels: vec![columns],
            ops: Vec::new(),
            rows: BTreeMap::new(),
        }
    }

    fn create(&self) -> String {
        let mut columns = String::from("{ name = 'id', type = 'integer' }");
        for c in &self.levels[0] {
            let default =
                c.default.as_ref().map(|_| format!(", default = {}", s(&literal(&c.default))));
            columns.push_str(&format!(
                ", {{ name = {}, type = '{}', nullable = {}{} }}",
                s(&c.name),
                c.sql_type,
                !c.not_null,
                default.unwrap_or_default()
            ));
        }
        format!(
            "[[actions]]\ntype = 'create_table'\nname = {}\nprimary_key = 'id'\ncolumns = [{columns}]\n",
            s(&self.name)
        )
    }

    fn last(&self) -> &[Column] {
        self.levels.last().expect("the base's columns")
    }

    /// A random action: what it does to the model, and its TOML.
    fn act(&mut self, random: &mut Random, tables: &[String]) -> Option<String> {
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
    fn add_check(&self, random: &mut Random, name: &str) -> String {
        let column = &self.last()[random.next(self.last().len())].name;
        let own = if random.chance(30) { q(&self.name) + "." } else { String::new() };
        let expression = format!("{own}{0} IS NULL OR {0} = {own}{0}", q(column));
        format!(
            "[[actions]]\ntype = 'add_check'\ntable = {}\ncheck = {{ name = '{name}', expression = {} }}\n",
            s(&self.name),
            s(&expression)
        )
    }

    /// A write of an old client: `levels[0]` has been written, the others follow.
    fn forwards(&self, levels: &mut [Row], mut changed: BTreeSet<String>, insert: bool) {
        for (i, op) in self.ops.iter().enumerate() {
            let before = levels[i].clone();
            let after = &mut levels[i + 1];
            let mut next = BTreeSet::new();
            let plain = |name: &str| match op {
                Op::Rename { from, .. } | Op::Alter { from, .. } => name != from,
                Op::Remove { name: gone, .. } => name != gone,
                Op::RenameTable | Op::Add { .. } | Op::Default => true,
            };
            for (name, cell) in before.iter().filter(|(name, _)| plain(name)) {
                after.insert(name.clone(), cell.clone());
                if changed.contains(name) {
                    next.insert(name.clone());
                }
            }
            match op {
                Op::Rename { from, to } => {
                    after.insert(to.clone(), before[from].clone());
                    if changed.contains(from) {
                        next.insert(to.clone());
                    }
                }
                Op::Alter { from, to, fun } if insert || changed.contains(from) => {
                    after.insert(to.clone(), fun.apply(&before[from]));
                    next.insert(to.clone());
                }
                Op::Add { name, up: Some((input, fun)), .. }
                    if insert || changed.contains(input) =>
                {
                    after.insert(name.clone(), fun.apply(&before[input]));
                    next.insert(name.clone());
                }
                Op::Add { name, up: None, default } if insert => {
                    after.insert(name.clone(), default.clone());
                }
                Op::Alter { .. }
                | Op::Add { .. }
                | Op::Remove { .. }
                | Op::RenameTable
                | Op::Default => {}
            }
            changed = next;
        }
    }

    /// A write of a new client: the last level has been written, the others follow.
    fn backwards(&self, levels: &mut [Row], mut changed: BTreeSet<String>, insert: bool) {
        for (i, op) in self.ops.iter().enumerate().rev() {
            let after = levels[i + 1].clone();
            let before = &mut levels[i];
            let mut next = BTreeSet::new();
            let plain = |name: &str| match op {
                Op::Rename { to, .. } | Op::Alter { to, .. } => name != to,
                Op::Add { name: added, .. } => name != added,
                Op::RenameTable | Op::Remove { .. } | Op::Default => true,
            };
            for (name, cell) in after.iter().filter(|(name, _)| plain(name)) {
                before.insert(name.clone(), cell.clone());
                if changed.contains(name) {
                    next.insert(name.clone());
                }
            }
            match op {
                Op::Rename { from, to } => {
                    before.insert(from.clone(), after[to].clone());
                    if changed.contains(to) {
                        next.insert(from.clone());
                    }
                }
                Op::Alter { from, to, fun } if insert || changed.contains(to) => {
                    before.insert(from.clone(), fun.back(&after[to]));
                    next.insert(from.clone());
                }
                Op::Remove { name, down: Some((input, fun)), .. }
                    if insert || changed.contains(input) =>
                {
                    before.insert(name.clone(), fun.apply(&after[input]));
                    next.insert(name.clone());
                }
                Op::Remove { name, down: None, default } if insert => {
                    before.insert(name.clone(), default.clone());
                }
                Op::Alter { .. }
                | Op::Remove { .. }
                | Op::Add { .. }
                | Op::RenameTable
                | Op::Default => {}
            }
            changed = next;
        }
    }

    /// The base's name of a column that the target has, too, unless its value is another one.
    fn shared(&self, name: &str) -> Option<String> {
        let mut name = name.to_owned();
        for op in self.ops.iter().rev() {
            match op {
                Op::Rename { from, to } if *to == name => name.clone_from(from),
                Op::Alter { to, .. } if *to == name => return None,
                Op::Add { name: added, .. } if *added == name => return None,
                Op::Rename { .. }
                | Op::Alter { .. }
                | Op::Add { .. }
                | Op::Remove { .. }
                | Op::RenameTable
                | Op::Default => {}
            }
        }
        Some(name)
    }

    fn index(&self, side: Side) -> usize {
        if side == Side::Old { 0 } else { self.ops.len() }
    }

    fn insert(&mut self, id: i64, side: Side, row: Row) {
        let mut levels = vec![Row::new(); self.ops.len() + 1];
        levels[self.index(side)] = row;
        match side {
            Side::Old => self.forwards(&mut levels, BTreeSet::new(), true),
            Side::New => self.backwards(&mut levels, BTreeSet::new(), true),
        }
        self.rows.insert(id, levels);
    }

    /// `told` is whether the client can be told from its `search_path`.
    fn update(&mut self, id: i64, side: Side, told: bool, set: &Row) {
        let index = self.index(side);
        let mut levels = self.rows.remove(&id).expect("the row");
        let changed: BTreeSet<String> = set
            .iter()
            .filter(|(name, cell)| levels[index][*name] != **cell)
            .map(|(n, _)| n.clone())
            .collect();
        let shared: Option<Vec<String>> = set.keys().map(|name| self.shared(name)).collect();
        match (side, shared) {
            (Side::New, Some(_)) if !told => {
                // Nothing but shared columns, by nobody in particular: counts as an old client's write.
                let names: BTreeSet<String> =
                    changed.iter().filter_map(|name| self.shared(name)).collect();
                for (name, cell) in set {
                    levels[0].insert(self.shared(name).expect("shared"), cell.clone());
                }
                self.forwards(&mut levels, names, false);
            }
            (Side::New, _) => {
                levels[index].extend(set.clone());
                self.backwards(&mut levels, changed, false);
            }
            (Side::Old, _) => {
                levels[index].extend(set.clone());
                self.forwards(&mut levels, changed, false);
            }
        }
        self.rows.insert(id, levels);
    }

    /// A random write, as SQL; the model follows.
    fn write(&mut self, random: &mut Random, side: Side, version: &str, told: bool) -> String {
        let name = if side == Side::Old { &self.old_name } else { &self.name };
        let on = if told {
            q(name)
        } else {
            format!("{}.{}", q(&format!("migration_{version}")), q(name))
        };
        let columns = self.levels[self.index(side)].clone();
        let ids: Vec<i64> = self.rows.keys().copied().collect();
        let chosen: Vec<&Column> = columns.iter().filter(|_| random.chance(45)).collect();
        let some: Row = chosen.into_iter().map(|c| (c.name.clone(), cell(random, c))).collect();
        let choice = random.next(10);
        if choice == 0 && ids.len() > 3 {
            let id = *random.pick(&ids).expect("a row");
            self.rows.remove(&id);
            return format!("DELETE FROM {on} WHERE id = {id}");
        }
        if choice < 5 && !some.is_empty() && !ids.is_empty() {
            let rest = i64::try_from(random.next(3)).expect("small");
            let set: Vec<String> = some
                .iter()
                .map(|(name, cell)| format!("{} = {}", q(name), literal(cell)))
                .collect();
            for id in ids.into_iter().filter(|id| id % 3 == rest) {
                self.update(id, side, told, &some);
            }
            return format!("UPDATE {on} SET {} WHERE id % 3 = {rest}", set.join(", "));
        }
        if choice == 5 && !ids.is_empty() {
            let from = *random.pick(&ids).expect("a row");
            let to = from + 1000;
            if !self.rows.contains_key(&to) {
                let row = self.rows[&from][self.index(side)].clone();
                self.insert(to, side, row);
                let list: Vec<String> = columns.iter().map(|c| q(&c.name)).collect();
                let list = list.join(", ");
                return format!(
                    "INSERT INTO {on} (id, {list}) SELECT id + 1000, {list} FROM {on} WHERE id = {from}"
                );
            }
        }
        let id = i64::try_from(random.next(20)).expect("small");
        let given: Row = columns
            .iter()
            .filter(|c| some.contains_key(&c.name) || c.not_null && c.default.is_none())
            .map(|c| {
                (c.name.clone(), some.get(&c.name).cloned().unwrap_or_else(|| cell(random, c)))
            })
            .collect();
        let mut row: Row = columns.iter().map(|c| (c.name.clone(), c.default.clone())).collect();
        row.extend(given.clone());
        let list: String = given.keys().map(|name| format!(", {}", q(name))).collect();
        let values: String = given.values().map(|cell| format!(", {}", literal(cell))).collect();
        let target: Vec<&Column> = columns.iter().filter(|_| random.chance(50)).collect();
        let mut sql = format!("INSERT INTO {on} (id{list}) VALUES ({id}{values})");
        if target.is_empty() {
            sql.push_str(" ON CONFLICT DO NOTHING");
        } else {
            let set: Vec<String> =
                target.iter().map(|c| format!("{0} = excluded.{0}", q(&c.name))).collect();
            sql.push_str(&format!(" ON CONFLICT (id) DO UPDATE SET {}", set.join(", ")));
        }
        if self.rows.contains_key(&id) {
            let set: Row = target.iter().map(|c| (c.name.clone(), row[&c.name].clone())).collect();
            if !set.is_empty() {
                self.update(id, side, told, &set);
            }
        } else {
            self.insert(id, side, row);
        }
        sql
    }

    fn check(&self, client: &mut Client, side: Side, version: &str, after: &str) {
        let columns = &self.levels[self.index(side)];
        let name = if side == Side::Old { &self.old_name } else { &self.name };
        let list: String = columns.iter().map(|c| format!(", {}", q(&c.name))).collect();
        let found = rows(
            client,
            &format!(
                "SELECT id{list} FROM {}.{} ORDER BY id",
                q(&format!("migration_{version}")),
                q(name)
            ),
        );
        let expected: Vec<String> = self
            .rows
            .iter()
            .map(|(id, levels)| {
                let row = &levels[self.index(side)];
                let cells = columns
                    .iter()
                    .map(|c| row[&c.name].clone().unwrap_or_else(|| String::from("-")));
                [id.to_string()].into_iter().chain(cells).collect::<Vec<_>>().join("|")
            })
            .collect();
        assert_eq!(found, expected, "{side:?} {name} {list} after: {after}");
    }

    /// The batch is over: the target is the base.
    fn complete(&mut self) {
        let last = self.ops.len();
        for levels in self.rows.values_mut() {
            levels.drain(..last);
        }
        self.levels.drain(..last);
        self.levels[0].iter_mut().for_each(|c| c.untouched = true);
        self.ops.clear();
        self.old_name.clone_from(&self.name);
    }

    fn abort(&mut self) {
        self.rows.values_mut().for_each(|levels| levels.truncate(1));
        self.levels.truncate(1);
        self.ops.clear();
        self.name.clone_from(&self.old_name);
    }

    /// Only old clients have written so far.
    fn publish(&mut self) {
        let rows = std::mem::take(&mut self.rows);
        for (id, mut levels) in rows {
            self.insert(id, Side::Old, levels.swap_remove(0));
        }
    }
}

fn sql_type(fun: Fun, from: &'static str) -> &'static str {
    match fun {
        Fun::Negate => from,
        Fun::Widen => "bigint",
        Fun::Untag => "integer",
        Fun::Reverse | Fun::Tag | Fun::Fill => "text",
    }
}

fn value(random: &mut Random, kind: Kind) -> String {
    let n = random.next(2000).to_string();
    match kind {
        Kind::Int => n,
        Kind::Text => format!("it's \\{n}"),
        Kind::Tagged => format!("v{n}"),
    }
}

fn cell(random: &mut Random, column: &Column) -> Cell {
    (column.not_null || random.chance(80)).then(|| value(random, column.kind))
}

struct Player {
    random: Random,
    tables: Vec<Table>,
    old: Client,
    new: Client,
    log: Vec<String>,
}

impl Player {
    fn write(&mut self, side: Side, version: &str, always_told: bool) -> String {
        let table = self.random.next(self.tables.len());
        let told = always_told || self.random.chance(60);
        let sql = self.tables[table].write(&mut self.random, side, version, told);
        let client = if side == Side::Old { &mut self.old } else { &mut self.new };
        let path =
            if told { q(&format!("migration_{version}")) } else { String::from("nowhere, public") };
        self.log.push(format!("{side:?} {path}: {sql}"));
        client
            .batch_execute(&format!("SET search_path TO {path}; {sql}"))
            .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        sql
    }
}

/// One history: a base, then batches that are aborted or completed.
fn play(seed: u64, done: &mut Vec<String>) {
    let mut random = Random(seed);
    let database = database();
    let tables: Vec<Table> =
        TABLES[..=random.next(2)].iter().map(|name| Table::new(name)).collect();
    let mut files =
        vec![(String::from("1_base"), tables.iter().map(Table::create).collect::<String>())];
    let load = |files: &[(String, String)]| -> Migrations {
        let files: Vec<(&str, &str)> =
            files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        migrations(&files)
    };
    let run =
        |error: reshape_runtime::Error| -> reshape_runtime::Report { panic!("{}", error.report()) };
    let history = load(&files);
    Migrator::new(&history, database.url()).start().unwrap_or_else(run);
    Migrator::new(&history, database.url()).complete().unwrap_or_else(run);
    let connect = || database.connect().expect("a client");
    let player = Arc::new(Mutex::new(Player {
        random,
        tables,
        old: connect(),
        new: connect(),
        log: Vec::new(),
    }));
    let mut base = String::from("1_base");
    // Dice of their own: the seeds that have found something mean what they meant.
    let mut dice = Random(seed ^ 0xc4ec_u64);
    for batch in 0..3 {
        let mut guard = player.lock().expect("no panic");
        let p = &mut *guard;
        for _ in 0..6 {
            p.write(Side::Old, &base, true);
        }
        // One or two migrations.
        let kept = files.len();
        let mut target = base.clone();
        let mut checks = removed_checks(&mut p.old);
        for part in 0..=p.random.next(2) {
            let mut text = String::new();
            for _ in 0..=p.random.next(3) {
                let table = p.random.next(p.tables.len());
                let names: Vec<String> =
                    p.tables.iter().flat_map(|t| [t.name.clone(), t.old_name.clone()]).collect();
                if dice.chance(30) {
                    let name = format!("check {}", dice.next(1_000_000));
                    text.push_str(&p.tables[table].add_check(&mut dice, &name));
                }
                text.extend(p.tables[table].act(&mut p.random, &names));
            }
            if !text.is_empty() {
                text.insert_str(0, &std::mem::take(&mut checks));
            }
            if !text.is_empty() {
                target = format!("{}_Mi'gration \"{batch}{part}", files.len() + 1);
                files.push((target.clone(), text));
            }
        }
        if files.len() == kept {
            continue;
        }
        done.extend(files[kept..].iter().map(|(name, text)| format!("# {name}\n{text}")));
        let before = catalog(&mut connect());
        // Until the end of start there is one level.
        drop(guard);
        let history = load(&files);
        let (writer, version) = (Arc::clone(&player), base.clone());
        let observer = move |event: &Event| {
            if let Event::StepStarted { .. } | Event::Backfill { .. } = event {
                let p = &mut *writer.lock().unwrap_or_else(PoisonError::into_inner);
                let ops: Vec<Vec<Op>> =
                    p.tables.iter_mut().map(|t| std::mem::take(&mut t.ops)).collect();
                p.write(Side::Old, &version, false);
                p.tables.iter_mut().zip(ops).for_each(|(table, ops)| table.ops = ops);
            }
        };
        let start = Migrator::new(&history, database.url()).observer(observer).start();
        start.unwrap_or_else(run);
        let mut guard = player.lock().expect("no panic");
        let p = &mut *guard;
        done.append(&mut p.log);
        p.tables.iter_mut().for_each(Table::publish);
        let check = |p: &mut Player, after: &str| {
            for table in &p.tables {
                table.check(&mut p.old, Side::Old, &base, after);
                table.check(&mut p.new, Side::New, &target, after);
            }
        };
        check(p, "start");
        for _ in 0..30 {
            let (side, version) = if p.random.chance(50) {
                (Side::Old, base.clone())
            } else {
                (Side::New, target.clone())
            };
            let sql = p.write(side, &version, false);
            done.append(&mut p.log);
            check(p, &sql);
        }
        if p.random.chance(30) {
            drop(guard);
            Migrator::new(&history, database.url()).abort().unwrap_or_else(run);
            let p = &mut *player.lock().expect("no panic");
            files.truncate(kept);
            p.tables.iter_mut().for_each(Table::abort);
            assert_eq!(leftovers(&mut p.old), Vec::<String>::new());
            assert_eq!(catalog(&mut connect()), before);
            for table in &p.tables {
                table.check(&mut p.old, Side::Old, &base, "abort");
            }
            continue;
        }
        drop(guard);
        let (writer, version) = (Arc::clone(&player), target.clone());
        let observer = move |event: &Event| {
            if let Event::StepStarted { .. } = event {
                let p = &mut *writer.lock().unwrap_or_else(PoisonError::into_inner);
                p.write(Side::New, &version, true);
            }
        };
        Migrator::new(&history, database.url()).observer(observer).complete().unwrap_or_else(run);
        let p = &mut *player.lock().expect("no panic");
        done.append(&mut p.log);
        p.tables.iter_mut().for_each(Table::complete);
        assert_eq!(leftovers(&mut p.new), Vec::<String>::new());
        for table in &p.tables {
            table.check(&mut p.new, Side::Old, &target, "complete");
        }
        base = target;
    }
}

/// Actions that remove the checks which earlier batches have added: columns with checks are not replaced.
fn removed_checks(client: &mut Client) -> String {
    let sql = "SELECT relname, conname FROM pg_constraint JOIN pg_class c ON c.oid = conrelid WHERE conname LIKE 'check %' ORDER BY 2";
    let checks = client.query(sql, &[]).expect("the checks");
    let remove = |row: &postgres::Row| {
        let (table, check): (String, String) = (row.get(0), row.get(1));
        format!("[[actions]]\ntype = 'remove_check'\ntable = {}\ncheck = '{check}'\n", s(&table))
    };
    checks.iter().map(remove).collect()
}

fn run(seeds: &[u64]) {
    let set = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match (set("RESHAPE_MODEL_SEED"), set("RESHAPE_MODEL_SEEDS")) {
        (Some(seed), _) => vec![seed],
        (None, Some(count)) => (seeds[0]..seeds[0] + count).collect(),
        (None, None) => seeds.to_vec(),
    };
    for seed in seeds {
        let mut done = Vec::new();
        let play = AssertUnwindSafe(|| play(seed, &mut done));
        assert!(catch_unwind(play).is_ok(), "seed {seed}:\n{}", done.join("\n"));
    }
}

/// Those that have found something.
#[test]
fn both_versions_agree_with_the_model_again() {
    run(&[14, 39, 1006, 1011]);
}

#[test]
fn both_versions_agree_with_the_model() {
    run(&[2000, 2001, 2002, 2003, 2004]);
}
