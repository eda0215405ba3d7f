//! B1, B2, B3 and B12: what it takes to fill a new column of a table with many rows, and how large the table is then.
//!
//! `cargo bench -p reshape-tests --bench backfill`, best by way of `tests/bench`; `BENCH_ROWS` says how many rows, a million unless it is set, and
//! `BENCH_RUNS` how many times each is measured, 3 unless it is set. A part alone: `… --bench backfill -- B1` (or `B2`, `B3`, `B12`).

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

mod shared;

use postgres::{Config, NoTls};
use reshape_runtime::{Migrations, Migrator};
use shared::server::{Databases, done, setting};
use shared::{Line, Unit, median, report, timed, wanted};

fn main() {
    let wanted = wanted();
    let mut databases = Databases::new();
    let mut lines = Vec::new();
    if wanted("B1") {
        lines.extend(one_column(&mut databases));
    }
    if wanted("B2") {
        lines.push(five_columns(&mut databases));
    }
    if wanted("B3") {
        lines.extend(without_order(&mut databases));
    }
    if wanted("B12") {
        lines.extend(sizes(&mut databases));
    }
    report("backfill", &lines);
}

/// A table of users, with a key of that type.
fn base(key: &str) -> String {
    format!(
        r#"
[[actions]]
type = "create_table"
name = "users"
primary_key = "id"
columns = [
    {{ name = "id", type = "{key}" }},
    {{ name = "name", type = "text", nullable = false }},
    {{ name = "visits", type = "integer", nullable = false }},
    {{ name = "note", type = "text", nullable = false }},
]
"#
    )
}

fn rows(id: &str) -> String {
    let count = setting("BENCH_ROWS", 1_000_000);
    format!(
        "INSERT INTO public.users SELECT {id}, 'user ' || n, n % 1000, repeat(md5(n::text), 2) FROM generate_series(1, {count}) AS n"
    )
}

fn add(column: &str, kind: &str, up: &str) -> String {
    format!(
        r#"
[[actions]]
type = "add_column"
table = "users"
up = "{up}"
column = {{ name = "{column}", type = "{kind}", nullable = false }}
"#
    )
}

fn set(key: &str, change: &str) -> Migrations {
    reshape_tests::migrations(&[("0001_users", &base(key)), ("0002_change", change)])
}

/// A database with the table, under that name.
fn prepare(databases: &mut Databases, name: &str, key: &str, id: &str) {
    let set = reshape_tests::migrations(&[("0001_users", &base(key))]);
    databases.prepare(name, &set, &rows(id));
}

fn start(set: &Migrations, config: &Config, workers: usize) -> f64 {
    let mut migrator = Migrator::new(set, config.clone()).workers(workers);
    timed(|| done(migrator.start()))
}

fn statement(config: &Config, before: &str, sql: &str) -> f64 {
    let mut client = config.connect(NoTls).unwrap();
    client.batch_execute(before).unwrap();
    timed(|| client.batch_execute(sql).unwrap())
}

fn runs() -> i64 {
    setting("BENCH_RUNS", 3)
}

fn one_column(databases: &mut Databases) -> Vec<Line> {
    prepare(databases, "users", "bigint", "n");
    let change = set("bigint", &add("upper_name", "text", "upper(name)"));
    let (mut plain, mut ours, mut two) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..runs() {
        let config = databases.copy("users");
        plain.push(statement(
            &config,
            "ALTER TABLE public.users ADD COLUMN upper_name text",
            "UPDATE public.users SET upper_name = upper(name)",
        ));
        ours.push(start(&change, &databases.copy("users"), 1));
        two.push(start(&change, &databases.copy("users"), 2));
    }
    let (plain, floor) = (median(plain), "one plain UPDATE of all rows");
    let count = setting("BENCH_ROWS", 1_000_000);
    vec![
        Line::new("B1", format!("start, a column for {count} rows, one worker"), median(ours))
            .beside(plain, floor)
            .at_most_times(1.1),
        Line::new("B1", "the same, two workers", median(two))
            .beside(plain, floor)
            .at_most_times(0.7),
    ]
}

fn five_columns(databases: &mut Databases) -> Line {
    prepare(databases, "users", "bigint", "n");
    let ups = [
        ("upper_name", "text", "upper(name)"),
        ("lower_name", "text", "lower(name)"),
        ("twice", "integer", "visits * 2"),
        ("name_length", "integer", "length(name)"),
        ("often", "boolean", "visits > 500"),
    ];
    let one = set("bigint", &add(ups[0].0, ups[0].1, ups[0].2));
    let all: String = ups.iter().map(|(column, kind, up)| add(column, kind, up)).collect();
    let all = set("bigint", &all);
    let (mut single, mut five) = (Vec::new(), Vec::new());
    for _ in 0..runs() {
        single.push(start(&one, &databases.copy("users"), 1));
        five.push(start(&all, &databases.copy("users"), 1));
    }
    Line::new("B2", "start, five columns of a table in one batch", median(five))
        .beside(median(single), "one of them")
        .at_most_times(1.3)
}

/// The key of the rows is random, so that its order is not theirs.
fn without_order(databases: &mut Databases) -> Vec<Line> {
    prepare(databases, "users", "bigint", "n");
    prepare(databases, "random", "uuid", "md5(n::text)::uuid");
    let up = add("upper_name", "text", "upper(name)");
    let (in_order, random) = (set("bigint", &up), set("uuid", &up));
    let (mut ordered, mut unordered) = (Vec::new(), Vec::new());
    let (mut plain, mut plain_random) = (Vec::new(), Vec::new());
    let update = |config: &Config| {
        statement(
            config,
            "ALTER TABLE public.users ADD COLUMN upper_name text",
            "UPDATE public.users SET upper_name = upper(name)",
        )
    };
    for _ in 0..runs() {
        plain.push(update(&databases.copy("users")));
        plain_random.push(update(&databases.copy("random")));
        ordered.push(start(&in_order, &databases.copy("users"), 1));
        unordered.push(start(&random, &databases.copy("random"), 1));
    }
    let in_order = "the same with a bigint key in order";
    vec![
        Line::new(
            "B3",
            "start, rows that are not in the order of their uuid key",
            median(unordered),
        )
        .beside(median(ordered), in_order)
        .at_most_times(1.05),
        Line::new("B3", "one plain UPDATE of the rows with the uuid key", median(plain_random))
            .beside(median(plain), in_order),
    ]
}

/// Table, indexes and what is stored out of line, once all is completed.
fn sizes(databases: &mut Databases) -> Vec<Line> {
    prepare(databases, "users", "bigint", "n");
    let size = |config: &Config| {
        let mut client = config.connect(NoTls).unwrap();
        let sql = "SELECT pg_total_relation_size('public.users') / 1048576.0::float8";
        client.query_one(sql, &[]).unwrap().get::<_, f64>(0)
    };
    let changes = [
        ("a new column of type integer", add("twice", "integer", "visits * 2")),
        (
            "an integer column that becomes a bigint",
            String::from(
                "[[actions]]\ntype = \"alter_column\"\ntable = \"users\"\ncolumn = \"visits\"\nup = \"visits\"\ndown = \"visits\"\nchanges = { type = \"bigint\" }\n",
            ),
        ),
    ];
    let mut lines = Vec::new();
    for (what, change) in changes {
        let change = set("bigint", &change);
        let config = databases.copy("users");
        let before = size(&config);
        let mut migrator = Migrator::new(&change, config.clone());
        done(migrator.start());
        done(migrator.complete());
        lines.push(
            Line::new("B12", format!("size of the table after `complete`: {what}"), size(&config))
                .in_unit(Unit::MiB)
                .beside(before, "before")
                .at_most_times(1.25),
        );
    }
    lines
}
