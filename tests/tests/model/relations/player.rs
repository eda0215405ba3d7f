//! The clients of both versions, and what they are compared with.

use std::collections::BTreeMap;

use postgres::Client;
use reshape_tests::{fields, rows};

use crate::random::{Random, literal, q};
use crate::relations::keys::{Rules, Verdict};
use crate::relations::schema::{ColumnId, TableId};
use crate::relations::world::{Row, Side, World, Writer};
use crate::relations::write::Write;

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
    /// Whether a transaction is open, in which one client writes for both sides.
    pub(crate) within: bool,
    pub(crate) log: Vec<String>,
    pub(crate) writes: usize,
    pub(crate) failed: usize,
    pub(crate) deaths: usize,
}

impl Player {
    fn client(&mut self, side: Side) -> &mut Client {
        if self.within || side == Side::Old { &mut self.old } else { &mut self.new }
    }

    /// A random write by a client of that version.
    pub(crate) fn write(&mut self, side: Side, version: &str, moment: Moment) {
        let told = moment == Moment::Complete || self.random.chance(60);
        if let Some(write) = Write::random(&mut self.random, &self.world, side) {
            self.perform(&write, Writer { side, told }, version, moment);
        }
    }

    /// A few writes in one transaction, some of each version, which may be taken back.
    pub(crate) fn transaction(&mut self, base: &str, target: &str) {
        let before = self.world.clone();
        self.within = true;
        self.statement("BEGIN");
        for _ in 0..2 + self.random.next(3) {
            let new = self.random.chance(50);
            let (side, version) = if new { (Side::New, target) } else { (Side::Old, base) };
            self.write(side, version, Moment::Live);
        }
        if self.random.chance(25) {
            self.statement("ROLLBACK");
            self.world = before;
        } else {
            self.statement("COMMIT");
        }
        self.within = false;
    }

    fn statement(&mut self, sql: &str) {
        self.log.push(sql.to_owned());
        self.old.batch_execute(sql).expect("a statement that cannot fail");
    }

    pub(crate) fn perform(
        &mut self,
        write: &Write,
        writer: Writer,
        migration: &str,
        moment: Moment,
    ) {
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
        let version = q(&format!("migration_{migration}"));
        let table = self.world.table(side, write.table()).expect("the table");
        let name = q(&table.name);
        // Old clients may also know nothing of versions.
        let plainly = side == Side::Old && self.random.chance(30);
        let on = match (told, plainly) {
            (true, _) => name.clone(),
            (false, true) => format!("public.{name}"),
            (false, false) => format!("{version}.{name}"),
        };
        // Without a search_path a setting may tell, too.
        let named = told && self.random.chance(20);
        let on = if named { format!("{version}.{name}") } else { on };
        let path = if told && !named { version } else { String::from("nowhere, public") };
        let setting = literal(&Some(if named { migration.to_owned() } else { String::new() }));
        let mut sql = write.sql(&self.world, side, &on);
        let shown = if verdict == Verdict::Fine {
            self.inserted(&world, side, write.table())
        } else {
            None
        };
        if let Some((names, _)) = &shown {
            sql.push_str(&format!(" RETURNING {names}"));
        }
        self.log.push(format!("{moment:?} {side:?} {path} {setting}: {sql} -- {verdict:?}"));
        if self.within {
            self.old.batch_execute("SAVEPOINT s").expect("a savepoint");
        }
        let client = self.client(side);
        client
            .batch_execute(&format!("SET search_path TO {path}; SET reshape.version TO {setting}"))
            .expect("a search_path");
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
                if self.within {
                    self.old.batch_execute("ROLLBACK TO s").expect("a savepoint");
                }
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
}

/// A row as [`rows`] shows it.
fn line(row: &Row, columns: &[ColumnId]) -> String {
    let cells = columns.iter().map(|c| row[c].clone().unwrap_or_else(|| String::from("-")));
    cells.collect::<Vec<_>>().join("|")
}
