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

/// How many processes start at once.
const PROCESSES: usize = 20;

fn main() {
    if let Ok(url) = env::var(CHILD) {
        done(Migrator::new(tables(20), url).start_and_complete());
        return;
    }
    let wanted = wanted();
    let mut databases = Databases::new();
    let mut lines = Vec::new();
    if wanted("B6") {
        lines.push(nothing_to_do(&mut databases));
    }
    if wanted("B7") {
        lines.push(from_nothing(&mut databases));
    }
    if wanted("B8") {
        lines.push(all_at_once(&mut databases));
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
fn from_nothing(databases: &mut Databases) -> Line {
    let set = tables(100);
    databases.prepare("empty", &no_migrations(), "");
    let mut sql = String::from("BEGIN;\n");
    for number in 0..100 {
        sql += &format!(
            "CREATE TABLE public.table_{number} (id bigint NOT NULL, name text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (id));\n"
        );
    }
    sql += "COMMIT";
    let (mut ours, mut floor) = (Vec::new(), Vec::new());
    for _ in 0..setting("BENCH_RUNS", 3) {
        let config = databases.copy("empty");
        let mut client = config.connect(NoTls).unwrap();
        floor.push(timed(|| client.batch_execute(&sql).unwrap()));
        drop(client);
        let config = databases.copy("empty");
        let mut migrator = Migrator::new(&set, config.connect(NoTls).unwrap());
        ours.push(timed(|| done(migrator.start_and_complete())));
    }
    Line::new(
        "B7",
        "100 create_table on an empty database, with the views of a version",
        median(ours),
    )
    .beside(median(floor), "the same CREATE TABLE in one transaction, without views")
    .at_most_times(1.5)
}

/// Processes that start at once on an empty database.
fn all_at_once(databases: &mut Databases) -> Line {
    databases.prepare("empty", &no_migrations(), "");
    let (mut many, mut one) = (Vec::new(), Vec::new());
    for _ in 0..setting("BENCH_RUNS", 3) {
        one.push(start_processes(&databases.copy("empty"), 1));
        many.push(start_processes(&databases.copy("empty"), PROCESSES));
    }
    Line::new(
        "B8",
        format!("{PROCESSES} processes start at once on an empty database, 20 tables, all succeed"),
        median(many),
    )
    .beside(median(one), "one process")
    .at_most_times(1.5)
}

fn start_processes(config: &Config, count: usize) -> f64 {
    let url = url(config);
    timed(|| {
        let spawn = || Command::new(env::current_exe().unwrap()).env(CHILD, &url).spawn().unwrap();
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
