//! B4 and B5: what the application notices of a migration.
//!
//! `cargo bench -p reshape-tests --bench load`, best by way of `tests/bench`. `BENCH_LOAD_ROWS` says how many rows the table has, a million unless it is
//! set; `BENCH_SECONDS` how long each measurement of B5 and each phase of B4 that nothing ends are, 4 unless it is set; `BENCH_ROUNDS` how often B4 completes
//! and aborts, 20 unless it is set; with `BENCH_DETAILS=1` it prints what each step does to which statements. A part alone: `… --bench load -- B4` (or `B5`).
//!
//! B4 has two kinds of clients. Those that never rest send a statement once the last one is answered: they take all of the machine, and as long as one of them
//! waits it asks for nothing, so its wait counts once. Those on a schedule leave most of it idle, as one plans a server, and whoever would have come
//! while another one waits counts as well. Both stand beside what the machine does to them where anybody else is at work: a session that reads,
//! plain UPDATEs, a column that is added and dropped by hand. The schedule is what users feel, so it stands for the target; the
//! other one was measured first, and is held to the same.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

#[path = "load/clients.rs"]
mod clients;
#[path = "load/phases.rs"]
mod phases;
mod shared;

use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use clients::{Arrival, CLIENTS, Clients, OLD, POOL, connect};
use phases::{
    ABORT, BEFORE, COMPLETE, Clock, DDL, IN_PROGRESS, NOTHING, READS, SMALL_START, START, WRITES,
    Waits,
};
use postgres::{Client, Config};
use reshape_runtime::{Event, Migrations, Migrator};
use shared::server::{Databases, done, setting};
use shared::users::{UPPER_NAME, USERS};
use shared::{Line, Unit, median, report, timed, wanted};

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
    reshape_tests::migrations(&[("0001_users", USERS), ("0002_change", change)])
}

fn prepare(databases: &mut Databases, name: &str, rows: i64) {
    let set = reshape_tests::migrations(&[("0001_users", USERS)]);
    let sql = format!(
        "INSERT INTO public.users SELECT n, 'user ' || n, n % 1000, repeat(md5(n::text), 2) FROM generate_series(1, {rows}) AS n"
    );
    databases.prepare(name, &set, &sql);
}

/// What the clients notice, when they never rest and when they arrive on a schedule.
fn waits(databases: &mut Databases) -> Vec<Line> {
    let rows = setting("BENCH_LOAD_ROWS", 1_000_000);
    prepare(databases, "load", rows);
    prepare(databases, "small", rows / 100);
    let (mut closed, mut open) = (Waits::default(), Waits::default());
    let mut completing = once(databases, Arrival::Closed, rows, &mut closed);
    rounds(databases, Arrival::Closed, rows, &mut closed);
    // A quarter of what the server can do where nobody has to be woken up, which is most of what a statement costs.
    let seconds = seconds().as_secs_f64() * 2.0;
    #[expect(clippy::cast_precision_loss, reason = "a million at most")]
    let rate = closed.count(BEFORE) as f64 / seconds / 4.0;
    completing.extend(once(databases, Arrival::Open(rate), rows, &mut open));
    rounds(databases, Arrival::Open(rate), rows, &mut open);
    let mut lines = Vec::new();
    for (waits, how) in [
        (&closed, format!("{CLIENTS} clients that never rest")),
        (&open, format!("{POOL} clients, {rate:.0} statements a second")),
    ] {
        if setting("BENCH_DETAILS", 0) > 0 {
            println!("\n{how}, {rows} rows");
            waits.print();
        }
        let before = waits.p99(BEFORE);
        for phase in [READS, WRITES, DDL, START, COMPLETE, ABORT] {
            let what = format!("{how}, {rows} rows: 99 of 100 statements {phase}");
            let line = Line::new("B4", what, waits.p99(phase)).beside(before, "before");
            let is_ours = ![READS, WRITES, DDL].contains(&phase);
            lines.push(if is_ours { line.at_most_times(1.5) } else { line });
        }
        for phase in [BEFORE, START, COMPLETE, ABORT] {
            let what = format!("{how}: of 1000 statements {phase}, took longer than 10 ms");
            lines.push(Line::new("B4", what, waits.slower(phase, 10.0)).in_unit(Unit::Count));
        }
        let longest = format!("{how}: the longest statement");
        lines.push(Line::new("B4", longest, waits.longest()).at_most(600.0));
    }
    #[expect(clippy::cast_precision_loss, reason = "a few at most")]
    let errors = (closed.errors + open.errors) as f64;
    lines.push(Line::new("B4", "statements that failed", errors).in_unit(Unit::Count).at_most(0.0));
    let config = databases.copy("small");
    let mut migrator = Migrator::new(set(CHANGE), config);
    done(migrator.start());
    let small = timed(|| done(migrator.complete()));
    lines.push(
        Line::new("B4", format!("complete, {rows} rows, under load"), median(completing))
            .beside(small, "a hundredth of the rows, without load"),
    );
    lines
}

fn seconds() -> Duration {
    Duration::from_secs(setting("BENCH_SECONDS", 4).unsigned_abs())
}

/// All phases, each once, on a large table; how long complete took.
fn once(databases: &mut Databases, arrival: Arrival, rows: i64, waits: &mut Waits) -> Vec<f64> {
    let config = databases.copy("load");
    let (clock, clients) = begin(&config, arrival, rows);
    clock.phase(BEFORE);
    sleep(seconds());
    let read = "SELECT count(*) FROM public.users WHERE note LIKE '%none%'";
    beside(&config, &clock, READS, |session, _| drop(session.query(read, &[]).unwrap()));
    let mut at = (0, 128);
    beside(&config, &clock, WRITES, |session, took| {
        write(session, &mut at, took);
    });
    collect(&clock, clients, waits);

    let config = databases.copy("load");
    let (clock, clients) = begin(&config, arrival, rows);
    clock.phase(BEFORE);
    sleep(seconds());
    let mut migrator = migrator(&config, &clock);
    clock.phase(START);
    done(migrator.start());
    clock.phase(NOTHING);
    clients.change();
    clock.phase(IN_PROGRESS);
    sleep(seconds());
    clock.phase(COMPLETE);
    let completing = timed(|| done(migrator.complete()));
    clock.phase(NOTHING);
    collect(&clock, clients, waits);
    vec![completing]
}

/// Completes and aborts on a small table, again and again: each is so short that one says nothing.
fn rounds(databases: &mut Databases, arrival: Arrival, rows: i64, waits: &mut Waits) {
    let rows = rows / 100;
    for round in 0..setting("BENCH_ROUNDS", 20) {
        let config = databases.copy("small");
        let (clock, clients) = begin(&config, arrival, rows);
        let mut migrator = migrator(&config, &clock);
        let pause = Duration::from_millis(250);
        sleep(pause);
        clock.phase(SMALL_START);
        done(migrator.start());
        clock.phase(NOTHING);
        clock.phase(DDL);
        change_by_hand(&config);
        clock.phase(NOTHING);
        sleep(pause);
        let completes = round % 2 == 0;
        if completes {
            clients.change();
        }
        sleep(pause);
        if completes {
            clock.phase(COMPLETE);
            done(migrator.complete());
        } else {
            clock.phase(ABORT);
            done(migrator.abort());
        }
        clock.phase(NOTHING);
        sleep(pause / 2);
        collect(&clock, clients, waits);
    }
}

/// The least that can be changed by hand: in two transactions, as a completion and a rollback have, each of which makes all sessions plan again.
fn change_by_hand(config: &Config) {
    let mut session = connect(config, OLD);
    for change in ["ADD COLUMN more text", "DROP COLUMN more"] {
        session.batch_execute(&format!("ALTER TABLE public.users {change}")).unwrap();
    }
}

fn begin(config: &Config, arrival: Arrival, rows: i64) -> (Clock, Clients) {
    let clock = Clock::default();
    clock.phase(NOTHING);
    let clients = Clients::begin(config, arrival, rows);
    // What is read for the first time is not in memory yet.
    sleep(Duration::from_millis(250));
    (clock, clients)
}

fn collect(clock: &Clock, clients: Clients, waits: &mut Waits) {
    let (samples, errors) = clients.end();
    clock.sort(samples, waits);
    waits.errors += errors;
}

fn migrator(config: &Config, clock: &Clock) -> Migrator {
    let clock = clock.clone();
    let migrator = Migrator::new(set(CHANGE), config.clone()).limits_from_environment();
    done(migrator).observer(move |event: &Event| clock.event(event))
}

/// Does this again and again for a while: what the machine has to give when anybody is at work beside the clients. It is told how long the
/// last time took.
fn beside(
    config: &Config,
    clock: &Clock,
    phase: &'static str,
    mut work: impl FnMut(&mut Client, Duration),
) {
    let mut session = connect(config, OLD);
    session
        .batch_execute("SET max_parallel_workers_per_gather = 0; SET synchronous_commit = off")
        .unwrap();
    clock.phase(phase);
    let (began, mut took) = (Instant::now(), Duration::ZERO);
    while began.elapsed() < seconds() {
        let began = Instant::now();
        work(&mut session, took);
        took = began.elapsed();
    }
    clock.phase(NOTHING);
}

/// A piece of the table, changed by a plain UPDATE.
fn write(session: &mut Client, at: &mut (u64, u64), took: Duration) {
    let (from, size) = at;
    let target = Duration::from_millis(100);
    *size = if took > target { *size / 2 } else { *size * 2 }.clamp(16, 65_536);
    let sql = format!(
        "UPDATE public.users SET note = upper(note) WHERE ctid >= '({from},0)' AND ctid < '({},0)'",
        *from + *size
    );
    let rows = session.execute(sql.as_str(), &[]).unwrap();
    *from = if rows == 0 { 0 } else { *from + *size };
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
            done(Migrator::new(set(UPPER_NAME), config.clone()).start());
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
