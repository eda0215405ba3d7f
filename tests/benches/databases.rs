//! B9: what a test waits for its own migrated database, and what that costs in all.
//!
//! `cargo bench --profile dev -p reshape-tests --bench databases`; `BENCH_TESTS` says how many databases each part takes, 200 unless it is set.
//! The dev profile, because tests are run in it. All on one server, that of `DATABASE_URL` or the shared one; 20 migrations.
//!
//! A part alone: `… --bench databases -- own` (or `processes`, `peer`, `server`). The peer is left out if it is not there to be compiled offline:
//! `BENCH_FETCH=1` lets cargo fetch it.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

mod peer;
mod shared;

use std::fs::{self, Permissions};
use std::num::NonZero;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{env, thread};

use postgres::{Client, NoTls};
use reshape_runtime::Migrations;
use reshape_runtime::testing::{Server, TestDb};
use shared::{Line, Spread, median, report, timed};

/// What this program does as its own child.
const CHILD: &str = "BENCH_CHILD";

/// What a test may wait for its database.
const TARGET: f64 = 15.0;

fn main() {
    match env::var(CHILD).as_deref() {
        Ok("database") => return drop(one(&set())),
        Ok("nothing") => return drop(set()),
        Ok("server") => return start_twice(),
        _ => {}
    }
    let parts: Vec<String> = env::args().skip(1).filter(|part| !part.starts_with("--")).collect();
    let wanted = |part: &str| parts.is_empty() || parts.iter().any(|other| other == part);
    let server = Server::shared().unwrap();
    let set = set();
    // The template, and what is ready of it.
    drop(one(&set));
    let mut lines = Vec::new();
    if wanted("own") {
        lines.extend(own(server, &set));
    }
    if wanted("processes") {
        lines.push(processes());
    }
    if wanted("peer") {
        lines.extend(peer(server, &set));
    }
    if wanted("server") {
        lines.extend(servers());
    }
    report("databases", &lines);
}

fn tests() -> usize {
    env::var("BENCH_TESTS").ok().and_then(|tests| tests.parse().ok()).unwrap_or(200)
}

fn processors() -> usize {
    thread::available_parallelism().map_or(2, NonZero::get)
}

/// Four tables, and four changes of each.
fn files() -> Vec<(String, String)> {
    let steps = |number: usize| match number % 5 {
        0 => {
            "type = \"create_table\"\nname = \"TABLE\"\nprimary_key = [\"id\"]\ncolumns = [\n    { name = \"id\", type = \"bigint\", generated = \"ALWAYS AS IDENTITY\" },\n    { name = \"name\", type = \"text\", nullable = false },\n]\n"
        }
        1 => {
            "type = \"add_column\"\ntable = \"TABLE\"\nup = \"'new'\"\ncolumn = { name = \"state\", type = \"text\", nullable = false }\n"
        }
        2 => {
            "type = \"add_index\"\ntable = \"TABLE\"\nindex = { name = \"TABLE_state\", columns = [\"state\"] }\n"
        }
        3 => {
            "type = \"alter_column\"\ntable = \"TABLE\"\ncolumn = \"name\"\nchanges = { name = \"title\" }\n"
        }
        _ => {
            "type = \"add_column\"\ntable = \"TABLE\"\ncolumn = { name = \"seen_at\", type = \"timestamptz\" }\n"
        }
    };
    let file = |number: usize| {
        let table = format!("items_{}", number / 5);
        let text = format!("[[actions]]\n{}", steps(number)).replace("TABLE", &table);
        (format!("{:04}_step", number + 1), text)
    };
    (0..20).map(file).collect()
}

fn set() -> Migrations {
    let files = files();
    let files: Vec<(&str, &str)> =
        files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    reshape_tests::migrations(&files)
}

/// What a test begins with.
fn one(set: &Migrations) -> (TestDb, Client) {
    let db = TestDb::new(set).unwrap();
    let client = db.connect().unwrap();
    (db, client)
}

fn own(server: &Server, set: &Migrations) -> Vec<Line> {
    let mut client = server.config().connect(NoTls).unwrap();
    let template: String = client
        .query_one("SELECT min(datname)::text FROM pg_database WHERE datname LIKE 'reshape\\_template\\_%'", &[])
        .unwrap()
        .get(0);
    let (mut copies, mut waits) = (Vec::new(), Vec::new());
    let mut total = Duration::ZERO;
    for number in 0..tests() {
        if number % 10 == 0 {
            let name = format!("bench_copy_{number}");
            copies.push(timed(|| {
                client
                    .batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {template}"))
                    .unwrap();
                let mut config = server.config();
                drop(config.dbname(&name).connect(NoTls).unwrap());
            }));
            client.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)")).unwrap();
        }
        let start = Instant::now();
        let test = one(set);
        waits.push(start.elapsed().as_secs_f64() * 1000.0);
        drop(test);
        total += start.elapsed();
    }
    let floor = median(copies);
    waits.sort_by(f64::total_cmp);
    let late = waits[waits.len() * 95 / 100];
    let wait = median(waits);
    let all = all_at_once(server, set);
    let line = |what: &str, measured: Spread| {
        Line::new("B9", what, measured)
            .beside(floor, "CREATE DATABASE from the template, and a connection")
    };
    vec![
        line("a test waits for its database and a client, one after the other: median", wait)
            .at_most(TARGET),
        line("the same: 95 of 100 wait no longer", late.into()),
        line("a test in all, a thread for each processor, with making and dropping", all.into())
            .at_most(TARGET),
    ]
}

/// Milliseconds for a test, until the last database is dropped.
fn all_at_once(server: &Server, set: &Migrations) -> f64 {
    let left = AtomicUsize::new(tests());
    let took = timed(|| {
        thread::scope(|scope| {
            for _ in 0..processors() {
                scope.spawn(|| {
                    while left
                        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                            left.checked_sub(1)
                        })
                        .is_ok()
                    {
                        drop(one(set));
                    }
                });
            }
        });
        until_dropped(server);
    });
    took / as_f64(tests())
}

/// As nextest runs them.
fn processes() -> Line {
    let run = |child: &'static str| {
        let left = AtomicUsize::new(tests());
        let took = timed(|| {
            thread::scope(|scope| {
                for _ in 0..processors() {
                    scope.spawn(|| {
                        while left
                            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                                left.checked_sub(1)
                            })
                            .is_ok()
                        {
                            let mut command = Command::new(env::current_exe().unwrap());
                            assert!(command.env(CHILD, child).status().unwrap().success());
                        }
                    });
                }
            });
        });
        took / as_f64(tests())
    };
    let (floor, measured) = (run("nothing"), run("database"));
    Line::new(
        "B9",
        "a test in all, a process for each, as many at once as there are processors",
        measured,
    )
    .beside(floor, "a process that asks for none")
    .target(format!("{TARGET} ms more"), measured - floor <= TARGET)
}

fn until_dropped(server: &Server) {
    let mut client = server.config().connect(NoTls).unwrap();
    let sql = "SELECT count(*) FROM pg_database d WHERE datname LIKE 'reshape\\_test\\_%' AND EXISTS \
        (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = ('x' || right(datname, 8))::bit(32)::int::oid)";
    while client.query_one(sql, &[]).unwrap().get::<_, i64>(0) > 0 {
        thread::sleep(Duration::from_millis(2));
    }
}

fn peer(server: &Server, set: &Migrations) -> Vec<Line> {
    let Some(peer) = peer::Peer::new(&files()) else {
        println!(
            "`#[sqlx::test]` is left out: it cannot be compiled (`BENCH_FETCH=1` lets cargo fetch it)"
        );
        return Vec::new();
    };
    let line = |threads: usize, what: &str| {
        let theirs = peer.run(server.url(), threads);
        let ours = if threads == 1 {
            let took = timed(|| {
                for _ in 0..peer::TESTS {
                    drop(one(set));
                }
                until_dropped(server);
            });
            took / as_f64(peer::TESTS)
        } else {
            all_at_once(server, set)
        };
        Line::new("B9", what, ours).beside(theirs, "`#[sqlx::test]`")
    };
    vec![
        line(1, "a test in all, one after the other"),
        line(processors(), "a test in all, a thread for each processor"),
    ]
}

/// A server where there was none.
fn servers() -> Vec<Line> {
    let temporary = tempfile::tempdir_in("/tmp").unwrap();
    // The server's user has to get in.
    fs::set_permissions(temporary.path(), Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new(env::current_exe().unwrap());
    command.env(CHILD, "server").env("TMPDIR", temporary.path()).env_remove("DATABASE_URL");
    let output = command.stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let mut times = text.split_whitespace().map(|time| time.parse::<f64>().unwrap());
    let mut line = |what: &str, target: f64| {
        let measured = times.next().expect("the child says two");
        Line::new("B9", what, measured).at_most(target)
    };
    vec![
        line("a server and a connection, the first time on a machine", 1500.0),
        line("a server and a connection, with a prepared data directory", 300.0),
    ]
}

fn start_twice() {
    for _ in 0..2 {
        let mut server = None;
        let took = timed(|| {
            let started = Server::start().unwrap();
            drop(started.config().connect(NoTls).unwrap());
            server = Some(started);
        });
        println!("{took}");
    }
}

fn as_f64(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap())
}
