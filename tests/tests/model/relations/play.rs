//! Plays one history on a server.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use reshape_runtime::{ErrorKind, Event, Migrations, Migrator};
use reshape_tests::{catalog, database, leftovers};

use super::generate::{Generator, Names, Numbers, TABLES};
use super::keys::broken;
use super::player::{Moment, Player};
use super::schema::{Schema, TableId};
use super::toml;
use super::world::{Data, Row, Side, World, Writer};
use super::write::Write;
use crate::random::Random;

/// What has been played: a test looks at it, so that the histories cannot become empty.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) batches: usize,
    /// The planner's reasons.
    pub(crate) refused: Vec<String>,
    /// Actions of the batches that were started, by kind.
    pub(crate) actions: BTreeMap<&'static str, usize>,
    pub(crate) writes: usize,
    /// Of the writes, those that broke a rule, as was expected.
    pub(crate) failed: usize,
}

fn load(files: &[(String, String)]) -> Migrations {
    let files: Vec<(&str, &str)> =
        files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    reshape_tests::migrations(&files)
}

fn base(random: &mut Random, numbers: &mut Numbers) -> (World, String) {
    let mut world = World {
        levels: vec![Schema::new()],
        data: vec![Data::new()],
        ops: Vec::new(),
        drawn: None,
        next_row: 0,
    };
    let mut text = String::new();
    let count = 2 + random.next(2);
    for name in &TABLES[..count] {
        let names = Names::new();
        let id: TableId = numbers.next();
        let mut generator = Generator { random, numbers, world: &world, names: &names };
        let mut table = generator.base_table(name);
        let mut schema = world.last().clone();
        schema.insert(id, table.clone());
        if generator.random.chance(70) {
            table.foreign_keys.extend(generator.foreign_key(&schema, id));
            schema.insert(id, table);
        }
        text.push_str(&toml::table(&schema, &schema[&id]));
        world.levels[0] = schema;
    }
    (world, text)
}

impl Player {
    /// A random batch: the model gets its points, and `files` the migrations. Returns the kinds of its actions.
    fn batch(
        &mut self,
        numbers: &mut Numbers,
        base: &str,
        files: &mut Vec<(String, String)>,
    ) -> Vec<&'static str> {
        let names = self.names();
        let mut kinds = Vec::new();
        for _ in 0..=self.random.next(2) {
            let mut text = String::new();
            for _ in 0..=self.random.next(3) {
                let mut generator = Generator {
                    random: &mut self.random,
                    numbers,
                    world: &self.world,
                    names: &names,
                };
                let Some((kind, (toml, points))) = generator.act() else { continue };
                self.world.drawn = Some(String::from("?"));
                let mut world = self.world.clone();
                for (schema, op) in points {
                    world.push(schema, op);
                }
                let breaks = broken(world.last(), &world.data[world.ops.len()]).is_some();
                if breaks && !(kind == "add_foreign_key" && self.clear(&mut world, base)) {
                    continue;
                }
                self.world = world;
                kinds.push(kind);
                text.push_str(&toml);
            }
            if !text.is_empty() {
                files.push((format!("{}_part", files.len() + 1), text));
            }
        }
        kinds
    }

    /// Takes out what the last foreign key of a table does not allow, as an old client.
    fn clear(&mut self, world: &mut World, base: &str) -> bool {
        let last = world.ops.len();
        let (before, now) = (&world.levels[last - 1], &world.levels[last]);
        let found = now.iter().find(|(id, t)| {
            before.get(id).is_some_and(|b| b.foreign_keys.len() < t.foreign_keys.len())
        });
        let Some((id, table)) = found else { return false };
        let (id, Some(key)) = (*id, table.foreign_keys.last()) else { return false };
        let Some(old) = world.levels[0].get(&id) else { return false };
        let nullable = |c| old.column(c).is_some_and(|column| !column.not_null);
        if !key.columns.iter().all(|c| nullable(*c)) {
            return false;
        }
        let set: Row = key.columns.iter().map(|column| (*column, None)).collect();
        let rows = world.rows(Side::Old, id).keys().copied().collect();
        let write = Write::Update { table: id, rows, set };
        let writer = Writer { side: Side::Old, told: true };
        let mut after = world.clone();
        std::mem::swap(&mut self.world, &mut after);
        // Without rules of the target: the new one is broken as yet.
        let count = self.writes;
        self.perform(&write, writer, base, Moment::Start);
        let done = self.writes > count;
        std::mem::swap(&mut self.world, &mut after);
        if done {
            *world = after;
        }
        done && broken(world.last(), &world.data[last]).is_none()
    }
}

/// One history: a base, then batches that are aborted or completed.
pub(crate) fn play(seed: u64, done: &mut Vec<String>, tally: &mut Tally) {
    let mut random = Random(seed);
    let mut numbers = Numbers::default();
    let database = database();
    let run =
        |error: reshape_runtime::Error| -> reshape_runtime::Report { panic!("{}", error.report()) };
    let (world, text) = base(&mut random, &mut numbers);
    let mut base = String::from("1_base");
    let mut files = vec![(base.clone(), text)];
    done.push(files[0].1.clone());
    let history = load(&files);
    Migrator::new(&history, database.url()).start().unwrap_or_else(run);
    Migrator::new(&history, database.url()).complete().unwrap_or_else(run);
    let connect = || database.connect().expect("a client");
    let player = Arc::new(Mutex::new(Player {
        random,
        world,
        old: connect(),
        new: connect(),
        places: BTreeMap::new(),
        log: Vec::new(),
        writes: 0,
        failed: 0,
    }));
    for _ in 0..4 {
        let mut guard = player.lock().expect("no panic");
        let p = &mut *guard;
        p.find(Side::Old);
        for _ in 0..12 {
            p.write(Side::Old, &base, Moment::Live);
        }
        p.check(Side::Old, &base, "writes to the base");
        let kept = files.len();
        let kinds = p.batch(&mut numbers, &base, &mut files);
        done.append(&mut p.log);
        if files.len() == kept {
            continue;
        }
        let target = files.last().map(|(name, _)| name.clone()).expect("a file");
        done.extend(files[kept..].iter().map(|(name, text)| format!("# {name}\n{text}")));
        let before = catalog(&mut connect());
        drop(guard);
        let history = load(&files);
        let (writer, version) = (Arc::clone(&player), base.clone());
        let observer = move |event: &Event| {
            if let Event::StepStarted { .. } | Event::Backfill { .. } = event {
                let p = &mut *writer.lock().unwrap_or_else(PoisonError::into_inner);
                p.write(Side::Old, &version, Moment::Start);
            }
        };
        let start = Migrator::new(&history, database.url()).observer(observer).start();
        let mut guard = player.lock().expect("no panic");
        let p = &mut *guard;
        done.append(&mut p.log);
        tally.batches += 1;
        if let Err(error) = start {
            if error.kind() != ErrorKind::Refused {
                run(error);
                return;
            }
            done.push(format!("# refused: {}", error.message()));
            tally.refused.push(error.message().to_owned());
            files.truncate(kept);
            p.world.abort();
            assert_eq!(catalog(&mut connect()), before);
            continue;
        }
        for kind in kinds {
            *tally.actions.entry(kind).or_default() += 1;
        }
        p.find(Side::New);
        p.learn(&target);
        p.check(Side::Old, &base, "start");
        p.check(Side::New, &target, "start");
        for _ in 0..30 {
            let (side, version) =
                if p.random.chance(50) { (Side::Old, &base) } else { (Side::New, &target) };
            p.write(side, version, Moment::Live);
            let last = p.log.last().cloned().unwrap_or_default();
            done.append(&mut p.log);
            p.check(Side::Old, &base, &last);
            p.check(Side::New, &target, &last);
        }
        if p.random.chance(30) {
            drop(guard);
            Migrator::new(&history, database.url()).abort().unwrap_or_else(run);
            let p = &mut *player.lock().expect("no panic");
            files.truncate(kept);
            done.push(String::from("# aborted"));
            p.world.abort();
            p.places.retain(|id, _| p.world.levels[0].contains_key(id));
            assert_eq!(leftovers(&mut p.old), Vec::<String>::new());
            assert_eq!(catalog(&mut connect()), before);
            p.check(Side::Old, &base, "abort");
            continue;
        }
        drop(guard);
        let (writer, version) = (Arc::clone(&player), target.clone());
        let observer = move |event: &Event| {
            if let Event::StepStarted { .. } = event {
                let p = &mut *writer.lock().unwrap_or_else(PoisonError::into_inner);
                p.write(Side::New, &version, Moment::Complete);
            }
        };
        Migrator::new(&history, database.url()).observer(observer).complete().unwrap_or_else(run);
        let p = &mut *player.lock().expect("no panic");
        done.append(&mut p.log);
        done.push(String::from("# completed"));
        p.world.complete();
        assert_eq!(leftovers(&mut p.new), Vec::<String>::new());
        p.check(Side::Old, &target, "complete");
        base = target;
    }
    let p = &*player.lock().expect("no panic");
    tally.writes += p.writes;
    tally.failed += p.failed;
}
