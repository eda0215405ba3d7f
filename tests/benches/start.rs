//! B6, B7 and B8: what an application waits for when it starts.
//!
//! `cargo bench -p reshape-tests --bench start`, best by way of `tests/bench`. A part alone: `… --bench start -- B6` (or `B7`, `B8`).

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

mod shared;

use std::env;
use std::process::{Child, Command};

use postgres::{Config, NoTls};
use reshape_runtime::{Migrations, Migrator};
use shared::server::{Databases, done, setting};
use shared::{Line, median, report, timed, wanted};

/// What this program does as its own child: start on the database that is named there.
const CHILD: &str = "BENCH_CHILD";

/// With these migrations, as JSON: in an application they are constants. Without any it only connects.
const CHILDS_SET: &str = "BENCH_CHILDS_SET";

/// How many processes start at once.
const PROCESSES: usize = 20;

fn main() {
    if let Ok(url) = env::var(CHILD) {
        if let Ok(set) = env::var(CHILDS_SET) {
            let set = Migrations::owned(serde_json::from_str(&set).unwrap());
            done(Migrator::new(set, url).start_and_complete());
        } else {
            let mut client = url.parse::<Config>().unwrap().connect(NoTls).unwrap();
            client.simple_query("SELECT 1").unwrap();
        }
        return;
    }
    let wanted = wanted();
    let mut databases = Databases::new();
    let mut lines = Vec::new();
    if wanted("B6") {
        lines.push(nothing_to_do(&mut databases));
    }
    if wanted("B7") {
        lines.extend(from_nothing(&mut databases));
    }
    if wanted("B8") {
        lines.extend(all_at_once(&mut databases));
    }
    report("start", &lines);
}

/// So many migrations, each with a table.
fn tables(count: usize) -> Migrations {
    let file = |number: usize| {
        let text = format!(
            r#"
[[actions]]
type = "create_table"
name = "table_{number}"
primary_key = "id"
columns = [
    {{ name = "id", type = "bigint" }},
    {{ name = "name", type = "text", nullable = false }},
    {{ name = "created_at", type = "timestamptz", nullable = false, default = "now()" }},
]
"#
        );
        (format!("{number:04}_table"), text)
    };
    let files: Vec<(String, String)> = (0..count).map(file).collect();
    let files: Vec<(&str, &str)> =
        files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    reshape_tests::migrations(&files)
}

fn no_migrations() -> Migrations {
    Migrations::embedded(&[])
}

/// 100 migrations, all of them applied; the connection is open already.
fn nothing_to_do(databases: &mut Databases) -> Line {
    let set = tables(100);
    let config = databases.prepare("applied", &set, "");
    let mut migrator = Migrator::new(&set, config.connect(NoTls).unwrap());
    let mut client = config.connect(NoTls).unwrap();
    let (mut ours, mut floor) = (Vec::new(), Vec::new());
    for _ in 0..setting("BENCH_STARTS", 500) {
        ours.push(timed(|| done(migrator.start())));
        floor.push(timed(|| client.simple_query("SELECT 1").unwrap()));
    }
    Line::new("B6", "start of 100 migrations that are all applied, connection open", median(ours))
        .beside(median(floor), "`SELECT 1`")
        .at_most_times(2.0)
}

/// 100 tables on an empty database.
fn from_nothing(databases: &mut Databases) -> [Line; 2] {
    let set = tables(100);
    databases.prepare("empty", &no_migrations(), "");
    let mut sql = String::from("BEGIN;\n");
    let mut views = String::from("CREATE SCHEMA version;\n");
    for number in 0..100 {
        sql += &format!(
            "CREATE TABLE public.table_{number} (id bigint NOT NULL, name text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (id));\n"
        );
        views += &format!(
            "CREATE VIEW version.table_{number} AS SELECT id, name, created_at FROM public.table_{number};\n\
             ALTER VIEW version.table_{number} ALTER COLUMN created_at SET DEFAULT now();\n"
        );
    }
    let floors = [format!("{sql}COMMIT"), format!("{sql}{views}COMMIT")];
    let (mut ours, mut plain) = (Vec::new(), [Vec::new(), Vec::new()]);
    for _ in 0..setting("BENCH_RUNS", 3) {
        for (sql, times) in floors.iter().zip(&mut plain) {
            let config = databases.copy("empty");
            let mut client = config.connect(NoTls).unwrap();
            times.push(timed(|| client.batch_execute(sql).unwrap()));
        }
        let config = databases.copy("empty");
        let mut migrator = Migrator::new(&set, config.connect(NoTls).unwrap());
        ours.push(timed(|| done(migrator.start_and_complete())));
    }
    let [tables, with_views] = plain.map(median);
    let what = "100 create_table on an empty database, with the views of a version";
    [
        Line::new("B7", what, median(ours.clone()))
            .beside(tables, "the same CREATE TABLE in one transaction, without views")
            .at_most_times(1.5),
        Line::new("B7", what, median(ours))
            .beside(with_views, "the same CREATE TABLE and CREATE VIEW in one transaction"),
    ]
}

/// Processes that start at once on an empty database.
fn all_at_once(databases: &mut Databases) -> [Line; 2] {
    databases.prepare("empty", &no_migrations(), "");
    let set = serde_json::to_string(&*tables(20).migrations).unwrap();
    let mut times = [const { Vec::new() }; 4];
    for _ in 0..setting("BENCH_RUNS", 3) {
        let kinds = [(1, Some(&*set)), (PROCESSES, Some(&*set)), (1, None), (PROCESSES, None)];
        for ((count, set), times) in kinds.into_iter().zip(&mut times) {
            times.push(start_processes(&databases.copy("empty"), count, set));
        }
    }
    let [one, many, bare_one, bare_many] = times.map(median);
    [
        Line::new(
            "B8",
            format!(
                "{PROCESSES} processes start at once on an empty database, 20 tables, all succeed"
            ),
            many,
        )
        .beside(one, "one process")
        .at_most_times(1.5),
        Line::new(
            "B8",
            format!("{PROCESSES} processes that only connect, and `SELECT 1`"),
            bare_many,
        )
        .beside(bare_one, "one of them"),
    ]
}

fn start_processes(config: &Config, count: usize, set: Option<&str>) -> f64 {
    let url = url(config);
    timed(|| {
        let spawn = || {
            let mut child = Command::new(env::current_exe().unwrap());
            child.env(CHILD, &url).envs(set.map(|set| (CHILDS_SET, set))).spawn().unwrap()
        };
        let children: Vec<Child> = (0..count).map(|_| spawn()).collect();
        for mut child in children {
            assert!(child.wait().unwrap().success());
        }
    })
}

/// What a child can be told. The servers of benchmarks have no password.
fn url(config: &Config) -> String {
    let host = match &config.get_hosts()[0] {
        postgres::config::Host::Tcp(host) => host.clone(),
        postgres::config::Host::Unix(folder) => folder.display().to_string(),
    };
    format!(
        "host={host} port={} user={} dbname={}",
        config.get_ports()[0],
        config.get_user().unwrap(),
        config.get_dbname().unwrap()
    )
}
