//! Histories over few names, so that actions meet, and sometimes miss.

use serde_json::{Value, json};

/// `SplitMix64`.
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

    fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.next(list.len())]
    }
}

const TYPES: &[&str] =
    &["int", "bigint", "text", "varchar(20)", "boolean", "numeric(10,2)", "date", "mood", "int[]"];

/// What the author has in mind: what is there, as far as they remember.
#[derive(Clone, Default)]
struct Mind {
    tables: Vec<(String, Vec<String>)>,
    indexes: Vec<String>,
    checks: Vec<(String, String)>,
    keys: Vec<(String, String)>,
    /// Whether they write SQL without looking at it again.
    guesses_sql: bool,
}

/// The actions of each migration, as they stand in its file. Two of four authors are careful, and put away what is not
/// `accepted`; one is careful with everything but SQL.
pub(crate) fn history(seed: u64, accepted: impl Fn(&[Vec<Value>]) -> bool) -> Vec<Vec<Value>> {
    let is_careful = seed % 4 != 1;
    let mut dice = Random(seed);
    let mut mind = Mind { guesses_sql: seed % 4 == 3, ..Mind::default() };
    let number = 2 + dice.next(3);
    let mut migrations = Vec::new();
    for migration in 0..number {
        migrations.push(Vec::new());
        let mut try_one = |action: Value| {
            let actions: &mut Vec<Value> = migrations.last_mut().expect("pushed above");
            actions.push(action);
            let trusts = seed % 4 == 3 && actions.last().is_some_and(|last| last["up"].is_string());
            let is_good = !is_careful || trusts || accepted(&migrations);
            if !is_good {
                migrations.last_mut().expect("as before").pop();
            }
            is_good
        };
        if migration == 0 {
            if dice.chance(90) {
                try_one(json!({"type": "create_enum", "name": "mood", "values": ["sad", "ok"]}));
            }
            try_one(create(&mut dice, &mut mind, "a"));
            try_one(create(&mut dice, &mut mind, "b"));
        } else {
            for _ in 0..=dice.next(if is_careful { 6 } else { 3 }) {
                let before = mind.clone();
                if !try_one(action(&mut dice, &mut mind)) {
                    mind = before;
                }
            }
        }
    }
    migrations.retain(|actions: &Vec<Value>| !actions.is_empty());
    migrations
}

fn create(dice: &mut Random, mind: &mut Mind, name: &str) -> Value {
    let mut columns =
        vec![json!({"name": "id", "type": dice.pick(&["int", "bigint", "serial", "text"])})];
    let mut known = vec![String::from("id")];
    for other in ["x", "y", "z"] {
        if dice.chance(70) {
            columns.push(json!({
                "name": other, "type": dice.pick(TYPES), "nullable": dice.chance(70),
            }));
            known.push(other.to_owned());
        }
    }
    mind.tables.push((name.to_owned(), known));
    json!({"type": "create_table", "name": name, "primary_key": ["id"], "columns": columns})
}

/// A table that is there, mostly, and a column of it, mostly.
fn place(dice: &mut Random, mind: &Mind) -> (String, String) {
    let strange = || (String::from("a"), Vec::new());
    let (table, columns) = match mind.tables.get(dice.next(mind.tables.len())) {
        Some(known) if dice.chance(94) => known.clone(),
        _ => strange(),
    };
    let column = match columns.get(dice.next(columns.len())) {
        Some(column) if dice.chance(94) => column.clone(),
        _ => dice.pick(&["x", "y", "z", "w"]).to_owned(),
    };
    (table, column)
}

/// A value of type `text` for a row of `table`, mostly.
fn expression(dice: &mut Random, mind: &Mind, table: &str, column: &str) -> String {
    let (other, of_other) = place(dice, mind);
    match dice.next(if mind.guesses_sql { 20 } else { 14 }) {
        0 => format!("{column}::text"),
        1 => format!("coalesce({column}::text, 'n')"),
        2 => format!("upper({table}.{column}::text)"),
        3 => format!("(SELECT count(*) FROM {other})::text"),
        4 | 5 => format!("(SELECT max({of_other}::text) FROM {other})"),
        6 | 7 => format!("(SELECT o.{of_other}::text FROM {other} AS o ORDER BY 1 LIMIT 1)"),
        8 => format!(
            "(SELECT {other}.{of_other}::text FROM {other} WHERE {column} IS NOT NULL LIMIT 1)"
        ),
        9 => format!("(SELECT max(o.{of_other}::text || {table}.{column}::text) FROM {other} o)"),
        10 => format!("(SELECT to_jsonb(o)::text FROM {other} o LIMIT 1)"),
        11 => format!("(SELECT max(o.{of_other}::text) FROM public.{other} o)"),
        12 => format!(
            "CASE WHEN EXISTS (SELECT * FROM {other} WHERE {of_other} IS NULL) THEN 'y' END"
        ),
        _ => {
            dice.pick(&["uper('a')", "upper('a'", "nothing", "(SELECT 1 FROM b WHERE)"]).to_owned()
        }
    }
}

fn action(dice: &mut Random, mind: &mut Mind) -> Value {
    let (table, column) = place(dice, mind);
    let wants_sql = mind.guesses_sql && dice.chance(40);
    match if wants_sql { 14 } else { dice.next(18) } {
        0 => create(dice, mind, dice_name(&table)),
        1 => {
            let new = format!("{table}{}", dice.next(3));
            for known in mind.tables.iter_mut().filter(|known| known.0 == table) {
                known.0.clone_from(&new);
            }
            json!({"type": "rename_table", "table": table, "new_name": new})
        }
        2 => {
            mind.tables.retain(|known| known.0 != table);
            json!({"type": "remove_table", "table": table})
        }
        3 | 4 => {
            let name = dice.pick(&["x", "y", "z", "v", "w"]);
            for known in mind.tables.iter_mut().filter(|known| known.0 == table) {
                known.1.push(name.to_owned());
            }
            let default = dice.chance(40);
            let data_type = if default { "int" } else { dice.pick(TYPES) };
            let mut column = json!({
                "name": name, "type": data_type, "nullable": dice.chance(80) || default,
            });
            if default {
                column["default"] = json!("7");
            }
            json!({"type": "add_column", "table": table, "column": column})
        }
        5 => {
            let new = dice.pick(&["x", "y", "z", "v", "w"]);
            for known in mind.tables.iter_mut().filter(|known| known.0 == table) {
                known.1.retain(|name| *name != column);
                known.1.push(new.to_owned());
            }
            json!({"type": "alter_column", "table": table, "column": column, "changes": {"name": new}})
        }
        6 => json!({
            "type": "alter_column", "table": table, "column": column, "changes": {"type": "text"},
            "up": format!("{column}::text"), "down": "NULL",
        }),
        7 => json!({
            "type": "alter_column", "table": table, "column": column,
            "changes": {"nullable": dice.chance(50)}, "up": column,
        }),
        8 => {
            for known in mind.tables.iter_mut().filter(|known| known.0 == table) {
                known.1.retain(|name| *name != column);
            }
            let mut remove = json!({"type": "remove_column", "table": table, "column": column});
            if dice.chance(40) {
                remove["down"] = json!("NULL");
            }
            remove
        }
        9 | 10 => {
            let name = dice.pick(&["i", "j", "k"]).to_owned();
            let method = dice.pick(&["btree", "btree", "btree", "hash", "brin"]);
            let unique = dice.chance(30);
            mind.indexes.push(name.clone());
            json!({"type": "add_index", "table": table, "index": {
                "name": name, "columns": [column], "unique": unique, "type": method,
            }})
        }
        11 => {
            let name = match mind.indexes.pop() {
                Some(name) if dice.chance(90) => name,
                _ => dice.pick(&["i", "j", "a_pkey"]).to_owned(),
            };
            json!({"type": "remove_index", "index": name})
        }
        12 => {
            let name = dice.pick(&["c", "d"]).to_owned();
            mind.checks.push((table.clone(), name.clone()));
            json!({"type": "add_check", "table": table, "check": {
                "name": name, "expression": format!("{column} IS NOT NULL OR true"),
            }})
        }
        14 | 15 => {
            let up = expression(dice, mind, &table, &column);
            let name = dice.pick(&["x", "y", "z", "v", "w"]);
            for known in mind.tables.iter_mut().filter(|known| known.0 == table) {
                known.1.push(name.to_owned());
            }
            let data_type = if dice.chance(90) { "text" } else { dice.pick(TYPES) };
            json!({"type": "add_column", "table": table, "up": up,
                "column": {"name": name, "type": data_type}})
        }
        16 => {
            let up = expression(dice, mind, &table, &column);
            json!({"type": "alter_column", "table": table, "column": column, "up": up,
                "down": "NULL", "changes": {"type": "text", "nullable": true}})
        }
        13 => match mind.checks.pop().or_else(|| mind.keys.pop()) {
            Some((table, name)) if name.ends_with("_fkey") => {
                json!({"type": "remove_foreign_key", "table": table, "foreign_key": name})
            }
            Some((table, name)) => json!({"type": "remove_check", "table": table, "check": name}),
            None => json!({"type": "remove_enum", "enum": "mood"}),
        },
        _ => {
            let (to, other) = place(dice, mind);
            let other = if dice.chance(70) { String::from("id") } else { other };
            mind.keys.push((table.clone(), format!("{table}_{column}_fkey")));
            json!({"type": "add_foreign_key", "table": table, "foreign_key": {
                "columns": [column], "referenced_table": to, "referenced_columns": [other],
            }})
        }
    }
}

fn dice_name(table: &str) -> &'static str {
    if table == "a" { "c" } else { "a" }
}
