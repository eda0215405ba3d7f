//! What the model has to ask the server: places in the catalog, names that Postgres chooses, numbers that sequences draw.

use std::collections::BTreeMap;

use reshape_tests::rows;

use crate::random::{literal, q};
use crate::relations::generate::Names;
use crate::relations::op::{From, Op};
use crate::relations::player::Player;
use crate::relations::schema::TableId;
use crate::relations::world::Side;

impl Player {
    /// The number that the next insert into the table draws.
    pub(crate) fn peek(&mut self, table: TableId) -> Option<String> {
        let draws = |t: &super::schema::Table| t.draws().is_some();
        if !self.world.levels.iter().any(|level| level.get(&table).is_some_and(draws)) {
            return None;
        }
        let unknown = Some(String::from("?"));
        let Some(place) = self.places.get(&table) else { return unknown };
        let sql = format!(
            "SELECT s.oid::regclass FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S' \
             WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = {place} AND d.deptype IN ('a', 'i')"
        );
        let client = &mut self.old;
        client.batch_execute("SET search_path TO nowhere").expect("a search_path");
        let Some(sequence) = rows(client, &sql).pop() else { return unknown };
        let sql = format!("SELECT last_value + is_called::integer FROM {sequence}");
        rows(client, &sql).pop()
    }

    /// Finds the tables by what they are called in the catalog at that end.
    pub(crate) fn find(&mut self, side: Side) {
        let level = self.world.level(side);
        for (id, table) in self.world.levels[level].clone() {
            if self.places.contains_key(&id) {
                continue;
            }
            let name = literal(&Some(table.name));
            let sql = format!(
                "SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname = {name}"
            );
            let place = rows(&mut self.old, &sql).pop().expect("the table");
            self.places.insert(id, place);
        }
    }

    /// The names of the base's foreign keys.
    pub(crate) fn names(&mut self) -> Names {
        let mut names = Names::new();
        for (id, table) in self.world.levels[0].clone() {
            for key in &table.foreign_keys {
                let mut columns: Vec<String> =
                    key.columns.iter().map(|column| table.name_of(*column)).collect();
                columns.sort();
                let sql = format!(
                    "SELECT conname FROM pg_constraint c WHERE contype = 'f' AND conrelid = {} AND \
                     (SELECT string_agg(attname, ',' ORDER BY attname COLLATE \"C\") FROM pg_attribute WHERE attrelid = conrelid AND attnum = ANY (conkey)) = {}",
                    self.places[&id],
                    literal(&Some(columns.join(",")))
                );
                let found = rows(&mut self.old, &sql);
                assert_eq!(found.len(), 1, "{sql}");
                names.extend(found.into_iter().map(|name| ((id, key.columns.clone()), name)));
            }
        }
        names
    }

    /// The numbers that the batch has given to the rows of a column which it adds.
    pub(crate) fn learn(&mut self, version: &str) {
        let last = self.world.ops.len();
        for op in self.world.ops.clone() {
            let Op::Add { table: id, column, from: From::Drawn } = op else { continue };
            let Some(table) = self.world.levels[last].get(&id).cloned() else { continue };
            let Some(drawn) = table.column(column) else { continue };
            let key = table.key().to_vec();
            let sql = format!(
                "SELECT {}, {} FROM {}.{}",
                q(&drawn.name),
                table.names(&key),
                q(&format!("migration_{version}")),
                q(&table.name)
            );
            let found: BTreeMap<String, String> = rows(&mut self.new, &sql)
                .into_iter()
                .filter_map(|row| row.split_once('|').map(|(n, k)| (k.to_owned(), n.to_owned())))
                .collect();
            let mut numbers: Vec<&String> = found.values().collect();
            numbers.sort();
            numbers.dedup();
            assert_eq!(numbers.len(), found.len(), "a number twice: {found:?}");
            let Some(last) = self.world.data[last].get(&id).cloned() else { continue };
            for (place, row) in last {
                let cells = key.iter().map(|c| row[c].clone().unwrap_or_default());
                let number = found.get(&cells.collect::<Vec<_>>().join("|"));
                let points = self.world.data.iter_mut();
                let same = points.filter_map(|data| data.get_mut(&id)?.get_mut(&place));
                for row in same.filter(|row| row.contains_key(&column)) {
                    row.insert(column, number.cloned());
                }
            }
        }
    }

    /// Makes the tables longer than one range of a backfill, whose first rows and last rows then have their turns apart.
    pub(crate) fn stretch(&mut self) {
        for table in self.world.levels[0].values() {
            let on = format!("public.{}", q(&table.name));
            let key = table.names(table.key());
            let numbers = table.key().iter().map(|_| "n").collect::<Vec<_>>().join(", ");
            let first = q(&table.name_of(table.key()[0]));
            let sql = format!(
                "ALTER TABLE {on} SET (fillfactor = 10); \
                 INSERT INTO {on} ({key}) OVERRIDING SYSTEM VALUE SELECT {numbers} FROM generate_series(100001, 104000) n; \
                 DELETE FROM {on} WHERE {first} > 100000"
            );
            // A key that is a foreign key, too, has no such values: the table stays as it is.
            let _ = self.old.batch_execute(&sql);
        }
    }
}
