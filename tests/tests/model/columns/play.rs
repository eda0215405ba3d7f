//! Plays one history on a server.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use postgres::Client;
use reshape_runtime::{Event, Migrations, Migrator};
use reshape_tests::{catalog, database, leftovers, migrations, spread};

use super::action::{Op, TABLES};
use super::table::{Side, Table};
use crate::random::{Random, q, s};

struct Player {
    random: Random,
    tables: Vec<Table>,
    old: Client,
    new: Client,
    log: Vec<String>,
}

impl Player {
    pub(crate) fn write(&mut self, side: Side, version: &str, always_told: bool) -> String {
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
pub(crate) fn play(seed: u64, done: &mut Vec<String>) {
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
    let mut pace = Random(seed ^ 0x3a11_u64);
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
        if pace.chance(50) {
            spread(&mut connect());
        }
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
        let migrator = Migrator::new(&history, database.url());
        let migrator = migrator.workers(1 + pace.next(3)).batch_duration(Duration::from_millis(1));
        let start = migrator.observer(observer).start();
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
