//! B10 and B11: what the gate costs a build.
//!
//! `cargo bench --profile dev -p reshape-tests --bench build`; `BENCH_RUNS` says how often each is measured, 5 unless it is set. Real packages,
//! compiled by cargo in the dev profile, offline: what a user waits for, and the CPU time that it takes.
//!
//! A part alone: `… --bench build -- B10` (or `B11`; `check` and `touch` are halves of B10).

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

mod shared;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{env, fs};

use shared::{Line, median, report, timed, wanted};

fn main() {
    let wanted = wanted();
    let mut lines = Vec::new();
    if wanted("B10") || wanted("check") {
        lines.extend(check());
    }
    if wanted("B10") || wanted("touch") {
        lines.extend(touch());
    }
    if wanted("B11") || wanted("compile") {
        lines.extend(compile());
    }
    report("build", &lines);
}

fn runs() -> usize {
    env::var("BENCH_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(5)
}

/// A history of 1,000 migrations: the build script, compiled as cargo compiles it for a user, against reading its files.
fn check() -> Vec<Line> {
    let with = Package::new("check", true, 1000);
    with.cargo(&["build"]);
    let script = with.script();
    let out = with.target.join("out");
    let (mut read, mut checked) = (Vec::new(), Vec::new());
    for _ in 0..runs() {
        read.push(timed(|| {
            for entry in fs::read_dir(with.folder.join("migrations")).unwrap() {
                std::hint::black_box(fs::read(entry.unwrap().path()).unwrap());
            }
        }));
        fs::remove_dir_all(&out).ok();
        fs::create_dir_all(&out).unwrap();
        checked.push(timed(|| {
            let status = Command::new(&script)
                .current_dir(&with.folder)
                .env("CARGO_MANIFEST_DIR", &with.folder)
                .env("OUT_DIR", &out)
                .stdout(Stdio::null())
                .status();
            assert!(status.unwrap().success(), "the build script fails");
        }));
    }
    let (read, checked) = (median(read), median(checked));
    let what = "1,000 migrations checked and embedded by a build script of the dev profile";
    vec![Line::new("B10", what, checked).beside(read, "reading the files").at_most(300.0)]
}

/// What 100 migrations add to a build after `main.rs` was touched, and whether a new file is embedded.
fn touch() -> Vec<Line> {
    let with = Package::new("with", true, 100);
    let without = Package::new("without", false, 0);
    let mut lines = Vec::new();
    for verb in ["build", "check"] {
        for package in [&with, &without] {
            package.cargo(&[verb]);
        }
        let (mut own, mut bare) = (Vec::new(), Vec::new());
        for _ in 0..runs() {
            for (package, times) in [(&with, &mut own), (&without, &mut bare)] {
                // Times of files count in whole seconds in places.
                std::thread::sleep(Duration::from_millis(1100));
                let main = package.folder.join("src/main.rs");
                let text = fs::read_to_string(&main).unwrap();
                fs::write(&main, text).unwrap();
                times.push(timed(|| package.cargo(&[verb])));
            }
        }
        let (own, bare) = (median(own), median(bare));
        let what = format!("`cargo {verb}` after touching main.rs, 100 migrations");
        lines.push(
            Line::new("B10", what, own)
                .beside(bare, "the same program without migrations")
                .target("50 ms more", own.median - bare.median <= 50.0),
        );
    }
    let count = |package: &Package| package.run().trim().parse::<usize>().unwrap();
    assert_eq!(count(&with), 100);
    fs::write(with.folder.join("migrations/0101_more.toml"), migration(101)).unwrap();
    let again = timed(|| with.cargo(&["build"]));
    let embedded = count(&with) == 101;
    lines.push(
        Line::new("B10", "a new file is embedded by the next `cargo build`", again)
            .target("embedded", embedded),
    );
    lines
}

/// The CPU time of clean builds.
fn compile() -> Vec<Line> {
    let dependency = |name: &str| {
        format!(
            "reshape-{name} = {{ path = \"{}\" }}",
            root().join(format!("reshape-{name}")).display()
        )
    };
    let (runtime, build) = (dependency("runtime"), dependency("build"));
    let postgres = "[dependencies]\npostgres = \"0.19\"";
    let packages = [
        Package::bare("postgres", postgres),
        Package::bare("runtime", &format!("{postgres}\n{runtime}")),
        Package::bare("build-dependency", &format!("[build-dependencies]\n{build}")),
        Package::bare("both", &format!("{postgres}\n{runtime}\n[build-dependencies]\n{build}")),
    ];
    let mut times: [Vec<f64>; 4] = Default::default();
    for _ in 0..runs().min(3) {
        for (package, times) in packages.iter().zip(&mut times) {
            fs::remove_dir_all(&package.target).ok();
            let before = cpu_of_children();
            package.cargo(&["build"]);
            times.push((cpu_of_children() - before) * 1000.0);
        }
    }
    let [postgres, runtime, build, both] = times.map(median);
    let line = |what: &str, measured| {
        Line::new("B11", format!("CPU of a clean dev build: {what}"), measured)
    };
    let alone = "`postgres` alone";
    vec![
        line("reshape-runtime (and `postgres`)", runtime)
            .beside(postgres, alone)
            .at_most_times(1.1),
        line("reshape-build", build).at_most(25_000.0),
        line("both (and `postgres`)", both).beside(postgres, alone),
    ]
}

/// A package of its own, outside the workspace.
struct Package {
    folder: PathBuf,
    target: PathBuf,
}

impl Package {
    /// A program that says how many migrations it has; `embeds` them or has none.
    fn new(name: &str, embeds: bool, migrations: usize) -> Self {
        let root = root().display();
        let build =
            format!("[build-dependencies]\nreshape-build = {{ path = \"{root}/reshape-build\" }}");
        let own = format!(
            "reshape-runtime = {{ path = \"{root}/reshape-runtime\" }}\n{}",
            if embeds { &build } else { "" }
        );
        let package = Self::bare(name, &format!("[dependencies]\npostgres = \"0.19\"\n{own}"));
        let main = if embeds {
            "reshape_runtime::migrations!();\nfn main() {\n    println!(\"{}\", migrations::SET.migrations.len());\n}\n"
        } else {
            "fn main() {\n    println!(\"{}\", reshape_runtime::Migrations::embedded(&[]).migrations.len());\n}\n"
        };
        fs::write(package.folder.join("src/main.rs"), main).unwrap();
        if embeds {
            fs::write(
                package.folder.join("build.rs"),
                "fn main() {\n    reshape_build::migrations(\"migrations\");\n}\n",
            )
            .unwrap();
            fs::create_dir(package.folder.join("migrations")).unwrap();
            for number in 1..=migrations {
                let path = package.folder.join(format!("migrations/{number:04}_step.toml"));
                fs::write(path, migration(number)).unwrap();
            }
        }
        package
    }

    fn bare(name: &str, dependencies: &str) -> Self {
        let base = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-build");
        let (folder, target) = (base.join(name), base.join(format!("{name}-target")));
        fs::remove_dir_all(&folder).ok();
        fs::create_dir_all(folder.join("src")).unwrap();
        let mut manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n\n"
        );
        writeln!(manifest, "{dependencies}").unwrap();
        fs::write(folder.join("Cargo.toml"), manifest).unwrap();
        fs::write(folder.join("src/main.rs"), "fn main() {}\n").unwrap();
        // Without a build script cargo leaves what it depends on alone.
        fs::write(folder.join("build.rs"), "fn main() {}\n").unwrap();
        fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
        Self { folder, target }
    }

    fn cargo(&self, arguments: &[&str]) {
        let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(arguments)
            .args(["--offline", "--quiet"])
            .env("CARGO_TARGET_DIR", &self.target)
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_INCREMENTAL")
            .current_dir(&self.folder)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn run(&self) -> String {
        let name = self.folder.file_name().unwrap();
        let output = Command::new(self.target.join("debug").join(name)).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    /// The compiled build script.
    fn script(&self) -> PathBuf {
        let name = self.folder.file_name().unwrap().to_str().unwrap();
        let folders =
            fs::read_dir(self.target.join("debug/build")).unwrap().map(|entry| entry.unwrap());
        let own = folders.filter(|folder| {
            folder.file_name().to_str().unwrap().rsplit_once('-').unwrap().0 == name
        });
        own.map(|folder| folder.path().join("build-script-build"))
            .find(|path| path.is_file())
            .expect("it was compiled")
    }
}

/// A migration as people write them: a table, then changes of it, with expressions to look at.
fn migration(number: usize) -> String {
    let table = (number - 1) / 5;
    let text = match (number - 1) % 5 {
        0 => {
            r#"
[[actions]]
type = "create_table"
name = "TABLE"
primary_key = "id"
columns = [
    { name = "id", type = "bigint", generated = "ALWAYS AS IDENTITY" },
    { name = "name", type = "text", nullable = false },
    { name = "price", type = "numeric(10,2)", nullable = false, default = "0" },
    { name = "created_at", type = "timestamptz", nullable = false, default = "now()" },
]
checks = [{ name = "TABLE_price", expression = "price >= 0" }]
"#
        }
        1 => {
            r#"
[[actions]]
type = "add_column"
table = "TABLE"
up = "split_part(name, ' ', 1)"
column = { name = "first_name", type = "text", nullable = false }

[[actions]]
type = "add_column"
table = "TABLE"
up = "CASE WHEN position(' ' IN name) > 0 THEN substring(name FROM position(' ' IN name) + 1) ELSE '' END"
column = { name = "last_name", type = "text", nullable = false }
"#
        }
        2 => {
            r#"
[[actions]]
type = "add_index"
table = "TABLE"
index = { name = "TABLE_name", columns = [{ expression = "lower(last_name)" }, "created_at"], where = "price > 0" }
"#
        }
        3 => {
            r#"
[[actions]]
type = "alter_column"
table = "TABLE"
column = "price"
up = "(price * 100)::bigint"
down = "price / 100.0"
changes = { name = "cents", type = "bigint" }
"#
        }
        _ => {
            r#"
[[actions]]
type = "remove_column"
table = "TABLE"
column = "name"
down = "first_name || ' ' || last_name"
"#
        }
    };
    text.replace("TABLE", &format!("items_{table}"))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Seconds of CPU that ended child processes have used, with those of their children.
fn cpu_of_children() -> f64 {
    // Linux alone says so in a file; elsewhere it would take `getrusage`, which is `unsafe`.
    let stat = fs::read_to_string("/proc/self/stat").expect("this part needs Linux's /proc");
    let (_, after) = stat.rsplit_once(')').expect("the name of the program is in parentheses");
    // The fields after the name, from the third on: the 16th and 17th are the times in ticks, of which Linux says there are 100 in a second.
    let fields: Vec<f64> =
        after.split_whitespace().skip(1).map(|field| field.parse().unwrap_or(0.0)).collect();
    (fields[12] + fields[13]) / 100.0
}
