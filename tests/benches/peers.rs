//! B1, B6, B7 and B8 of others, on the same server in the same run: `sqlx`, `refinery`, `diesel_migrations`, and the command line `reshape` of another
//! project.
//!
//! `cargo bench -p reshape-tests --bench peers`, best by way of `tests/bench`. The first time takes minutes: they are compiled, with `BENCH_FETCH=1` fetched
//! before. Those that cannot be are left out with a note.
//!
//! **Invariant:** the same tables from nothing for all, and each run begins with a fresh copy of the same database; by turns. Others make tables alone, we
//! also the views of a version.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

mod peer;
mod shared;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::{env, fs};

use peer::package::{self, Program};
use postgres::config::Host;
use postgres::{Config, NoTls};
use reshape_runtime::{Migrations, Migrator};
use shared::series::as_f64;
use shared::server::{Databases, done, setting};
use shared::users::{UPPER_NAME, USERS};
use shared::{Line, Spread, median, report_all, timed, wanted};

/// What this program does as its own child: start so many migrations on the database that is its argument.
const CHILD: &str = "BENCH_CHILD";

/// How many processes start at once.
const PROCESSES: usize = 20;

fn main() {
    if let Ok(count) = env::var(CHILD) {
        let url = env::args().nth(1).unwrap();
        done(Migrator::new(tables(count.parse().unwrap()), url).start_and_complete());
        return;
    }
    let wanted = wanted();
    let (programs, mut notes) = if ["B6", "B7", "B8"].into_iter().any(&wanted) {
        package::programs(&sql)
    } else {
        Default::default()
    };
    let other = package::reshape();
    if let Err(note) = &other {
        notes.push(note.clone());
    }
    let other = other.ok().map(Other::new);
    let mut databases = Databases::new();
    databases.prepare("nothing", &Migrations::embedded(&[]), "");
    let mut lines = Vec::new();
    if let Some(other) = other.as_ref().filter(|_| wanted("B1")) {
        lines.push(one_column(&mut databases, other));
    }
    if wanted("B6") {
        lines.extend(programs.iter().map(|program| again(&mut databases, program)));
        lines.extend(other.as_ref().map(|other| again_as_process(&mut databases, other)));
    }
    if wanted("B7") {
        lines.extend(programs.iter().map(|program| from_nothing(&mut databases, program)));
        lines.extend(other.as_ref().map(|other| from_nothing_as_process(&mut databases, other)));
    }
    if wanted("B8") {
        for program in &programs {
            let start = |url: &str| quiet(Command::new(&program.path).args([url, "start"]));
            lines.push(all_at_once(&mut databases, &program.title, &start));
        }
        if let Some(other) = &other {
            let start = |url: &str| quiet(&mut other.start("twenty", url, true));
            lines.push(all_at_once(&mut databases, &other.title, &start));
        }
    }
    report_all("peers", &lines, &[], &notes);
}

/// So many migrations, each with a table.
fn tables(count: usize) -> Migrations {
    let files: Vec<(String, String)> = (0..count).map(file).collect();
    let files: Vec<(&str, &str)> =
        files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    reshape_tests::migrations(&files)
}

/// Both read that.
fn file(number: usize) -> (String, String) {
    let text = format!(
        r#"
[[actions]]
type = "create_table"
name = "table_{number}"
primary_key = ["id"]
columns = [
    {{ name = "id", type = "bigint" }},
    {{ name = "name", type = "text", nullable = false }},
    {{ name = "created_at", type = "timestamptz", nullable = false, default = "now()" }},
]
"#
    );
    (format!("{number:04}_table"), text)
}

fn sql(number: usize) -> String {
    format!(
        "CREATE TABLE table_{number} (id bigint NOT NULL, name text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (id));\n"
    )
}

/// The other project's command line, and folders of migrations for it.
struct Other {
    title: String,
    path: PathBuf,
    folder: PathBuf,
}

impl Other {
    fn new(program: Program) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-peers/migrations");
        let write = |set: &str, files: &[(String, String)]| {
            fs::create_dir_all(folder.join(set)).unwrap();
            for (name, text) in files {
                fs::write(folder.join(set).join(name).with_extension("toml"), text).unwrap();
            }
        };
        write("hundred", &(0..100).map(file).collect::<Vec<_>>());
        write("twenty", &(0..20).map(file).collect::<Vec<_>>());
        let users = (String::from("0001_users"), USERS.to_owned());
        let change = (String::from("0002_change"), UPPER_NAME.to_owned());
        write("users", std::slice::from_ref(&users));
        write("change", &[users, change]);
        Self { title: program.title, path: program.path, folder }
    }

    fn start(&self, set: &str, url: &str, complete: bool) -> Command {
        let mut command = Command::new(&self.path);
        command.args(["migration", "start", "--url", url, "--dirs"]).arg(self.folder.join(set));
        if complete {
            command.arg("--complete");
        }
        command
    }
}

fn runs() -> i64 {
    setting("BENCH_RUNS", 3)
}

/// How often a start with nothing to do is measured.
fn starts() -> usize {
    usize::try_from(setting("BENCH_STARTS", 500)).unwrap()
}

/// A column of a large table is filled.
fn one_column(databases: &mut Databases, other: &Other) -> Line {
    let count = setting("BENCH_ROWS", 1_000_000);
    let rows = format!(
        "INSERT INTO public.users SELECT n, 'user ' || n, n % 1000, repeat(md5(n::text), 2) FROM generate_series(1, {count}) AS n"
    );
    let vacuum = "VACUUM (FREEZE, ANALYZE)";
    let first = reshape_tests::migrations(&[("0001_users", USERS)]);
    databases.prepare("by_us", &first, &rows);
    let config = databases.prepare("by_them", &Migrations::embedded(&[]), "");
    succeeded(&mut other.start("users", &url(&config), true));
    let mut client = config.connect(NoTls).unwrap();
    client.batch_execute(&rows).unwrap();
    client.batch_execute(vacuum).unwrap();
    drop(client);
    let set = reshape_tests::migrations(&[("0001_users", USERS), ("0002_change", UPPER_NAME)]);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..runs() {
        let config = databases.copy("by_us");
        ours.push(timed(|| done(Migrator::new(&set, config).start())));
        let url = url(&databases.copy("by_them"));
        theirs.push(timed(|| succeeded(&mut other.start("change", &url, false))));
    }
    Line::new("B1", format!("start, a column for {count} rows, one worker"), median(ours))
        .beside(median(theirs), other.title.clone())
}

/// A hundred migrations, all applied, on a connection that is open.
fn again(databases: &mut Databases, program: &Program) -> Line {
    const ROUNDS: usize = 5;
    let url = url(&databases.copy("nothing"));
    let (set, config) = (tables(100), databases.copies("nothing", "ours", 1).remove(0));
    let mut migrator = Migrator::new(&set, config.connect(NoTls).unwrap());
    done(migrator.start_and_complete());
    let count = starts().div_ceil(ROUNDS);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        // The first of each connection applies them, or fills caches.
        theirs.extend(program.times(&url, count + 1).into_iter().skip(1));
        ours.extend((0..count).map(|_| timed(|| done(migrator.start()))));
    }
    let what = "start of 100 migrations that are all applied, connection open";
    Line::new("B6", what, median(ours)).beside(median(theirs), program.title.clone())
}

/// The same for a process that connects.
fn again_as_process(databases: &mut Databases, other: &Other) -> Line {
    let (ours, theirs) = as_processes(databases, other, starts().min(50), true);
    let what = "a process that starts with 100 migrations that are all applied";
    Line::new("B6", what, ours).beside(theirs, other.title.clone())
}

fn from_nothing(databases: &mut Databases, program: &Program) -> Line {
    let set = tables(100);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..runs() {
        let url = url(&databases.copy("nothing"));
        theirs.extend(program.times(&url, 1));
        let config = databases.copy("nothing");
        let mut migrator = Migrator::new(&set, config.connect(NoTls).unwrap());
        ours.push(timed(|| done(migrator.start_and_complete())));
    }
    Line::new("B7", "100 migrations with a table each on an empty database", median(ours))
        .beside(median(theirs), program.title.clone())
}

fn from_nothing_as_process(databases: &mut Databases, other: &Other) -> Line {
    let count = usize::try_from(runs()).unwrap();
    let (ours, theirs) = as_processes(databases, other, count, false);
    let what = "a process that applies 100 migrations with a table each on an empty database";
    Line::new("B7", what, ours).beside(theirs, other.title.clone())
}

/// A hundred migrations by a process, ours and theirs: on databases that have them, or on fresh ones.
fn as_processes(
    databases: &mut Databases,
    other: &Other,
    count: usize,
    applied: bool,
) -> (Spread, Spread) {
    let ours = |url: &str| succeeded(&mut own("100", url));
    let theirs = |url: &str| succeeded(&mut other.start("hundred", url, true));
    let mut both = |of: &dyn Fn(&str)| {
        let mut url = url(&databases.copy("nothing"));
        if applied {
            of(&url);
        }
        let mut times = Vec::new();
        for run in 0..count {
            if run > 0 && !applied {
                url = self::url(&databases.copy("nothing"));
            }
            times.push(timed(|| of(&url)));
        }
        median(times)
    };
    (both(&ours), both(&theirs))
}

/// Processes that start at once on an empty database.
fn all_at_once(databases: &mut Databases, title: &str, start: &dyn Fn(&str) -> Child) -> Line {
    let own = |url: &str| quiet(&mut own("20", url));
    let (mut ours, mut theirs, mut succeeded) = (Vec::new(), Vec::new(), [Vec::new(), Vec::new()]);
    for _ in 0..runs() {
        let mut all = |start: &dyn Fn(&str) -> Child, times: &mut Vec<f64>| {
            let url = url(&databases.copy("nothing"));
            let mut count = 0;
            times.push(timed(|| {
                let children: Vec<Child> = (0..PROCESSES).map(|_| start(&url)).collect();
                for mut child in children {
                    count += usize::from(child.wait().unwrap().success());
                }
            }));
            as_f64(count)
        };
        succeeded[0].push(all(&own, &mut ours));
        succeeded[1].push(all(start, &mut theirs));
    }
    let [own, other] = succeeded.map(median);
    let what = format!(
        "{PROCESSES} processes start 20 migrations at once on an empty database, {own} succeed"
    );
    Line::new("B8", what, median(ours)).beside(median(theirs), format!("{title}, {other} succeed"))
}

impl Program {
    /// What applying the hundred migrations takes, so many times.
    fn times(&self, url: &str, count: usize) -> Vec<f64> {
        let output = Command::new(&self.path).args([url, &count.to_string()]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| line.parse().unwrap()).collect()
    }
}

/// This program, which starts so many migrations.
fn own(count: &str, url: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.env(CHILD, count).arg(url);
    command
}

fn quiet(command: &mut Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn succeeded(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// What all of them understand. The servers of benchmarks have no password.
fn url(config: &Config) -> String {
    let host = match &config.get_hosts()[0] {
        Host::Tcp(host) => host.clone(),
        Host::Unix(folder) => folder.display().to_string().replace('/', "%2F"),
    };
    let (user, port) = (config.get_user().unwrap(), config.get_ports()[0]);
    format!("postgres://{user}@{host}:{port}/{}", config.get_dbname().unwrap())
}
