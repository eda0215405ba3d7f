//! Random writes of clients, which the model follows, and the comparison with what the versions show.

use postgres::Client;
use reshape_tests::rows;

use super::table::{Column, Row, Side, Table, cell};
use crate::random::{Random, literal, q};

impl Table {
    /// A random write, as SQL; the model follows.
    pub(crate) fn write(
        &mut self,
        random: &mut Random,
        side: Side,
        version: &str,
        told: bool,
    ) -> String {
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

    pub(crate) fn check(&self, client: &mut Client, side: Side, version: &str, after: &str) {
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
}
