//! B4 and B5: what the application notices of a migration.
//!
//! `cargo bench -p reshape-tests --bench load`, best by way of `tests/bench`. `BENCH_LOAD_ROWS` says how many rows the table has, a million unless it is
//! set; `BENCH_SECONDS` how long each measurement of B5 and the time before B4's start are, 4 unless it is set. A part alone: `… --bench load -- B4` (or
//! `B5`).

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

mod shared;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use postgres::{Client, Config, NoTls, Statement};
use reshape_runtime::{Migrations, Migrator};
use shared::server::{Databases, done, setting};
use shared::{Line, Unit, median, report, timed, wanted};

const CLIENTS: u32 = 4;

const BASE: &str = r#"
[[actions]]
type = "create_table"
name = "users"
primary_key = "id"
columns = [
    { name = "id", type = "bigint" },
    { name = "name", type = "text", nullable = false },
    { name = "visits", type = "integer", nullable = false },
    { name = "note", type = "text", nullable = false },
]
"#;

/// A column of each kind that has to be translated both ways, and a check.
const CHANGE: &str = r#"
[[actions]]
type = "add_column"
table = "users"
up = "upper(name)"
column = { name = "upper_name", type = "text", nullable = false }

[[actions]]
type = "alter_column"
table = "users"
column = "visits"
up = "visits"
down = "visits"
changes = { type = "bigint" }
"#;

/// A column that is computed from another one.
const ADD: &str = r#"
[[actions]]
type = "add_column"
table = "users"
up = "upper(name)"
column = { name = "upper_name", type = "text", nullable = false }
"#;

fn main() {
    let wanted = wanted();
    let mut databases = Databases::new();
    let mut lines = Vec::new();
    if wanted("B4") {
        lines.extend(waits(&mut databases));
    }
    if wanted("B5") {
        lines.extend(throughput(&mut databases));
    }
    report("load", &lines);
}

fn set(change: &str) -> Migrations {
    reshape_tests::migrations(&[("0001_users", BASE), ("0002_change", change)])
}

fn prepare(databases: &mut Databases, name: &str, rows: i64) {
    let set = reshape_tests::migrations(&[("0001_users", BASE)]);
    let sql = format!(
        "INSERT INTO public.users SELECT n, 'user ' || n, n % 1000, repeat(md5(n::text), 2) FROM generate_series(1, {rows}) AS n"
    );
    databases.prepare(name, &set, &sql);
}

fn connect(config: &Config, schema: &str) -> Client {
    let mut client = config.connect(NoTls).unwrap();
    client.batch_execute(&format!("SET search_path TO {schema}")).unwrap();
    client
}

const OLD: &str = "migration_0001_users";
const NEW: &str = "migration_0002_change";

/// What is going on while a statement begins.
const PHASES: [&str; 5] = ["before", "start", "in progress", "complete", "abort"];

/// How long statements took, by phase, in milliseconds.
#[derive(Default)]
struct Waits([Vec<f64>; PHASES.len()]);

impl Waits {
    fn sorted(&mut self) {
        for waits in &mut self.0 {
            waits.sort_by(f64::total_cmp);
        }
    }

    /// 99 of 100 took no longer.
    fn p99(&self, phase: usize) -> f64 {
        let waits = &self.0[phase];
        waits.get(waits.len() * 99 / 100).copied().unwrap_or_default()
    }

    fn longest(&self) -> f64 {
        self.0.iter().filter_map(|waits| waits.last()).copied().fold(0.0, f64::max)
    }
}

/// What the clients and the migration tell each other.
#[derive(Default)]
struct Stage {
    phase: AtomicUsize,
    is_new: AtomicBool,
    ends: AtomicBool,
    errors: AtomicUsize,
}

fn waits(databases: &mut Databases) -> Vec<Line> {
    let rows = setting("BENCH_LOAD_ROWS", 1_000_000);
    prepare(databases, "load", rows);
    let set = set(CHANGE);
    let seconds = Duration::from_secs(setting("BENCH_SECONDS", 4).unsigned_abs());
    let mut waits = Waits::default();
    let mut errors = 0;
    let mut completing = 0.0;
    for ends_well in [true, false] {
        let config = databases.copy("load");
        let stage = Stage::default();
        thread::scope(|scope| {
            let clients: Vec<_> = (0..CLIENTS)
                .map(|number| {
                    scope.spawn({
                        let (config, stage) = (&config, &stage);
                        move || client(config, stage, number, rows)
                    })
                })
                .collect();
            let mut migrator = Migrator::new(&set, config.clone());
            thread::sleep(seconds);
            stage.phase.store(1, Ordering::SeqCst);
            done(migrator.start());
            stage.phase.store(2, Ordering::SeqCst);
            stage.is_new.store(ends_well, Ordering::SeqCst);
            thread::sleep(seconds);
            stage.phase.store(if ends_well { 3 } else { 4 }, Ordering::SeqCst);
            if ends_well {
                completing = timed(|| done(migrator.complete()));
            } else {
                done(migrator.abort());
            }
            // What had begun before.
            thread::sleep(Duration::from_millis(200));
            stage.ends.store(true, Ordering::SeqCst);
            for client in clients {
                let of_client = client.join().unwrap();
                for (all, some) in waits.0.iter_mut().zip(of_client.0) {
                    all.extend(some);
                }
            }
        });
        errors += stage.errors.load(Ordering::SeqCst);
    }
    waits.sorted();
    let before = waits.p99(0);
    let mut lines: Vec<Line> = [1, 3, 4]
        .map(|phase| {
            let what = format!(
                "{CLIENTS} clients, {rows} rows: 99 of 100 statements during {}",
                PHASES[phase]
            );
            Line::new("B4", what, waits.p99(phase)).beside(before, "before").at_most_times(1.5)
        })
        .into();
    lines.push(Line::new("B4", "the longest statement", waits.longest()).at_most(600.0));
    #[expect(clippy::cast_precision_loss, reason = "a few at most")]
    let errors = errors as f64;
    lines.push(Line::new("B4", "statements that failed", errors).in_unit(Unit::Count).at_most(0.0));
    prepare(databases, "small", rows / 100);
    let config = databases.copy("small");
    let mut migrator = Migrator::new(&set, config);
    done(migrator.start());
    let small = timed(|| done(migrator.complete()));
    lines.push(
        Line::new("B4", format!("complete, {rows} rows, under load"), completing)
            .beside(small, "a hundredth of the rows, without load"),
    );
    lines
}

/// Reads, changes and adds rows until it is told to end.
fn client(config: &Config, stage: &Stage, number: u32, rows: i64) -> Waits {
    let mut waits = Waits::default();
    let mut is_new = false;
    let mut session = connect(config, OLD);
    let mut statements = prepared(&mut session, INSERT);
    // Some order that is not that of the rows; the same for each run.
    let mut at = i64::from(number) + 1;
    let mut next = i64::from(number + 1) * 1_000_000_000;
    while !stage.ends.load(Ordering::SeqCst) {
        if stage.is_new.load(Ordering::SeqCst) && !is_new {
            session = connect(config, NEW);
            statements = prepared(&mut session, INSERT_NEW);
            is_new = true;
        }
        at = (at * 48_271) % 2_147_483_647;
        let id = at % rows + 1;
        let phase = stage.phase.load(Ordering::SeqCst);
        let [select, update, insert] = &statements;
        let mut done = Ok(());
        let took = timed(|| {
            done = match at % 10 {
                0..6 => session.query(select, &[&id]).map(drop),
                6..9 => session.execute(update, &[&id]).map(drop),
                _ => {
                    next += 1;
                    session.execute(insert, &[&next]).map(drop)
                }
            };
        });
        waits.0[phase].push(took);
        if let Err(error) = done
            && stage.errors.fetch_add(1, Ordering::SeqCst) == 0
        {
            println!("during {}: {error:?}", PHASES[phase]);
        }
    }
    waits
}

const INSERT: &str = "INSERT INTO users (id, name, visits, note) VALUES ($1, 'new', 1, 'note')";
const INSERT_NEW: &str =
    "INSERT INTO users (id, name, upper_name, visits, note) VALUES ($1, 'new', 'NEW', 1, 'note')";

fn prepared(client: &mut Client, insert: &str) -> [Statement; 3] {
    [
        "SELECT name FROM users WHERE id = $1",
        "UPDATE users SET visits = visits + 1 WHERE id = $1",
        insert,
    ]
    .map(|sql| client.prepare(sql).unwrap())
}

/// Statements per second while a batch is in progress, and without it.
fn throughput(databases: &mut Databases) -> Vec<Line> {
    let rows = setting("BENCH_LOAD_ROWS", 1_000_000) / 10;
    prepare(databases, "writes", rows);
    let kinds = [
        (
            "updates of a column that nothing is computed from",
            "UPDATE users SET note = 'x' || $1::bigint WHERE id = $1",
            0.8,
        ),
        (
            "updates of a column that another one is computed from",
            "UPDATE users SET name = 'x' || $1::bigint WHERE id = $1",
            0.6,
        ),
        (
            "inserts",
            "INSERT INTO users (id, name, visits, note) VALUES ($1 + 1000000000::bigint * (1 + $2::bigint), 'new', 1, 'note')",
            0.6,
        ),
    ];
    let mut lines = Vec::new();
    for (what, sql, target) in kinds {
        let (mut plain, mut synced) = (Vec::new(), Vec::new());
        for _ in 0..setting("BENCH_RUNS", 3) {
            plain.push(per_second(&databases.copy("writes"), sql, rows));
            let config = databases.copy("writes");
            done(Migrator::new(set(ADD), config.clone()).start());
            synced.push(per_second(&config, sql, rows));
        }
        lines.push(
            Line::new(
                "B5",
                format!("{what}, by old clients while a batch is in progress"),
                median(synced),
            )
            .in_unit(Unit::PerSecond)
            .beside(median(plain), "no batch")
            .at_least_times(target),
        );
    }
    lines
}

fn per_second(config: &Config, sql: &str, rows: i64) -> f64 {
    let seconds = setting("BENCH_SECONDS", 4);
    let length = Duration::from_secs(seconds.unsigned_abs());
    let counts: Vec<u32> = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                scope.spawn(move || {
                    let mut session = connect(config, OLD);
                    let statement = session.prepare(sql).unwrap();
                    let client = i64::from(number);
                    let mut at = client + 1;
                    let mut count = 0;
                    let begin = Instant::now();
                    while begin.elapsed() < length {
                        at = (at * 48_271) % 2_147_483_647;
                        // Each has rows of its own.
                        let id = at % (rows / i64::from(CLIENTS)) * i64::from(CLIENTS) + client;
                        if statement.params().len() == 2 {
                            session.execute(&statement, &[&i64::from(count), &client]).unwrap();
                        } else {
                            session.execute(&statement, &[&id]).unwrap();
                        }
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    #[expect(clippy::cast_precision_loss, reason = "a few")]
    let seconds = seconds as f64;
    counts.into_iter().map(f64::from).sum::<f64>() / seconds
}
