//! The clients of both versions, and what they are compared with.

use std::collections::BTreeMap;

use postgres::Client;
use reshape_tests::{fields, rows};

use super::generate::Names;
use super::keys::{Rules, Verdict};
use super::op::{From, Op};
use super::schema::{ColumnId, TableId};
use super::world::{Row, Side, World, Writer};
use super::write::Write;
use crate::random::{Random, q};

/// When a write happens: whose rules hold for certain.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Moment {
    Start,
    Live,
    Complete,
}

pub(crate) struct Player {
    pub(crate) random: Random,
    pub(crate) world: World,
    pub(crate) old: Client,
    pub(crate) new: Client,
    /// The tables' places in the catalog, whatever they are called.
    pub(crate) places: BTreeMap<TableId, String>,
    pub(crate) log: Vec<String>,
    pub(crate) writes: usize,
    pub(crate) failed: usize,
    pub(crate) deaths: usize,
}

impl Player {
    fn client(&mut self, side: Side) -> &mut Client {
        if side == Side::Old { &mut self.old } else { &mut self.new }
    }

    /// A random write by a client of that version.
    pub(crate) fn write(&mut self, side: Side, version: &str, moment: Moment) {
        let told = moment == Moment::Complete || self.random.chance(60);
        if let Some(write) = Write::random(&mut self.random, &self.world, side) {
            self.perform(&write, Writer { side, told }, version, moment);
        }
    }

    pub(crate) fn perform(&mut self, write: &Write, writer: Writer, version: &str, moment: Moment) {
        let Writer { side, told } = writer;
        let other = match moment {
            Moment::Start => Rules::Base,
            Moment::Live => Rules::Both,
            Moment::Complete => Rules::Target,
        };
        self.world.drawn = self.peek(write.table());
        let mut world = self.world.clone();
        let verdict = write.apply(&mut world, writer, Rules::Both);
        let mut without = self.world.clone();
        let other = write.apply(&mut without, writer, other);
        let same = world.data == without.data
            && matches!(verdict, Verdict::Fine) == matches!(other, Verdict::Fine);
        if verdict == Verdict::Open || other == Verdict::Open || !same {
            return;
        }
        let version = q(&format!("migration_{version}"));
        let table = self.world.table(side, write.table()).expect("the table");
        let name = q(&table.name);
        // Old clients may also know nothing of versions.
        let plainly = side == Side::Old && self.random.chance(30);
        let on = match (told, plainly) {
            (true, _) => name,
            (false, true) => format!("public.{name}"),
            (false, false) => format!("{version}.{name}"),
        };
        let path = if told { version } else { String::from("nowhere, public") };
        let mut sql = write.sql(&self.world, side, &on);
        let shown = if verdict == Verdict::Fine {
            self.inserted(&world, side, write.table())
        } else {
            None
        };
        if let Some((names, _)) = &shown {
            sql.push_str(&format!(" RETURNING {names}"));
        }
        self.log.push(format!("{moment:?} {side:?} {path}: {sql} -- {verdict:?}"));
        let client = self.client(side);
        client.batch_execute(&format!("SET search_path TO {path}")).expect("a search_path");
        let result = client.simple_query(&sql);
        self.writes += 1;
        match (result, &verdict) {
            (Ok(messages), Verdict::Fine) => {
                if let Some((_, expected)) = shown {
                    assert_eq!(fields(&messages), [expected], "{sql}");
                }
            }
            (Err(error), Verdict::Fails(rule)) => {
                self.failed += 1;
                let code = error.code().map(|code| code.code().to_owned()).unwrap_or_default();
                assert!(code.starts_with("23"), "{sql}: {error:?}, not {rule}");
            }
            (Err(error), _) => panic!("{sql}: {error:?}"),
            (Ok(_), verdict) => panic!("{sql}: {verdict:?} was expected"),
        }
        self.world = world;
    }

    /// The row of the table that only `world` has: the names of its columns, and their values.
    fn inserted(&self, world: &World, side: Side, table: TableId) -> Option<(String, String)> {
        let before = self.world.rows(side, table);
        let mut new = world.rows(side, table).iter().filter(|(id, _)| !before.contains_key(id));
        let (_, row) = new.next()?;
        let shape = world.table(side, table)?;
        let columns: Vec<_> = shape.columns.iter().map(|column| column.id).collect();
        Some((shape.names(&columns), line(row, &columns)))
    }

    /// The number that the next insert into the table draws.
    fn peek(&mut self, table: TableId) -> Option<String> {
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

    /// Compares what both versions show with the model.
    pub(crate) fn check(&mut self, side: Side, version: &str, after: &str) {
        let level = self.world.level(side);
        for (id, table) in self.world.levels[level].clone() {
            let columns: Vec<_> = table.columns.iter().map(|column| column.id).collect();
            let names = table.names(&columns);
            let on = format!("{}.{}", q(&format!("migration_{version}")), q(&table.name));
            let mut found = rows(self.client(side), &format!("SELECT {names} FROM {on}"));
            let mut expected: Vec<String> = self
                .world
                .rows(side, id)
                .values()
                .map(|row| {
                    let cells =
                        columns.iter().map(|c| row[c].clone().unwrap_or_else(|| String::from("-")));
                    cells.collect::<Vec<_>>().join("|")
                })
                .collect();
            found.sort();
            expected.sort();
            assert_eq!(found, expected, "{side:?} {on} ({names}) after: {after}");
        }
    }

    /// Finds the tables by what they are called in the catalog at that end.
    pub(crate) fn find(&mut self, side: Side) {
        let level = self.world.level(side);
        for (id, table) in self.world.levels[level].clone() {
            if self.places.contains_key(&id) {
                continue;
            }
            let name = crate::random::literal(&Some(table.name));
            let sql = format!(
                "SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname = {name}"
            );
            let place = rows(&mut self.old, &sql).pop().expect("the table");
            self.places.insert(id, place);
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
                    crate::random::literal(&Some(columns.join(",")))
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
}

/// A row as [`rows`] shows it.
fn line(row: &Row, columns: &[ColumnId]) -> String {
    let cells = columns.iter().map(|c| row[c].clone().unwrap_or_else(|| String::from("-")));
    cells.collect::<Vec<_>>().join("|")
}
