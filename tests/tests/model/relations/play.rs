//! Plays one history on a server.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use reshape_runtime::{Error, ErrorKind, Report};
use reshape_tests::{catalog, database, leftovers};

use super::generate::{Generator, Names, Numbers, TABLES};
use super::player::{Moment, Player};
use super::rollout::Rollout;
use super::schema::{Schema, TableId};
use super::toml;
use super::world::{Data, Side, World};
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
    /// How often a migrator died.
    pub(crate) deaths: usize,
}

/// The tables that a history begins with, and the migration that creates them.
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

fn done_well(result: Result<Report, Error>) {
    if let Err(error) = result {
        panic!("{}", error.report());
    }
}

/// One history: a base, then batches that are aborted or completed.
pub(crate) fn play(seed: u64, done: &mut Vec<String>, tally: &mut Tally) {
    let mut random = Random(seed);
    let mut numbers = Numbers::default();
    let database = database();
    let (world, text) = base(&mut random, &mut numbers);
    let mut base = String::from("1_base");
    let mut files = vec![(base.clone(), text)];
    done.push(files[0].1.clone());
    let connect = || database.connect().expect("a client");
    let player = Arc::new(Mutex::new(Player {
        random,
        world,
        old: connect(),
        new: connect(),
        places: BTreeMap::new(),
        within: false,
        log: Vec::new(),
        writes: 0,
        failed: 0,
        deaths: 0,
    }));
    let first = Rollout::new(&database, &player, &files);
    done_well(first.quietly(reshape_runtime::Migrator::start));
    done_well(first.quietly(reshape_runtime::Migrator::complete));
    for batch in 0..4 {
        let mut guard = player.lock().expect("no panic");
        let p = &mut *guard;
        p.find(Side::Old);
        for _ in 0..12 {
            p.write(Side::Old, &base, Moment::Live);
        }
        if batch == 0 && p.random.chance(30) {
            p.stretch();
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
        let rollout = Rollout::new(&database, &player, &files);
        let started = rollout.start(&base);
        let mut guard = player.lock().expect("no panic");
        let p = &mut *guard;
        done.append(&mut p.log);
        tally.batches += 1;
        let aborted = match started {
            Ok(started) => !started,
            Err(error) if error.kind() == ErrorKind::Refused => {
                done.push(format!("# refused: {}", error.message()));
                tally.refused.push(error.message().to_owned());
                true
            }
            Err(error) => panic!("{}", error.report()),
        };
        if !aborted {
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
                if p.random.chance(15) {
                    p.transaction(&base, &target);
                } else {
                    p.write(side, version, Moment::Live);
                }
                let last = p.log.join("\n");
                done.append(&mut p.log);
                p.check(Side::Old, &base, &last);
                p.check(Side::New, &target, &last);
            }
        }
        if aborted || p.random.chance(30) {
            drop(guard);
            if !aborted {
                done_well(rollout.abort());
            }
            let p = &mut *player.lock().expect("no panic");
            done.push(String::from("# aborted"));
            files.truncate(kept);
            p.world.abort();
            p.places.retain(|id, _| p.world.levels[0].contains_key(id));
            assert_eq!(leftovers(&mut p.old), Vec::<String>::new());
            assert_eq!(catalog(&mut connect()), before);
            p.check(Side::Old, &base, "abort");
            continue;
        }
        drop(guard);
        let completed = rollout.complete(&target);
        let p = &mut *player.lock().expect("no panic");
        done.append(&mut p.log);
        done_well(completed);
        done.push(String::from("# completed"));
        p.world.complete();
        assert_eq!(leftovers(&mut p.new), Vec::<String>::new());
        p.check(Side::Old, &target, "complete");
        base = target;
    }
    let p = &*player.lock().expect("no panic");
    tally.writes += p.writes;
    tally.failed += p.failed;
    tally.deaths += p.deaths;
}
