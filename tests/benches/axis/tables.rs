//! A database with more and more tables.

use postgres::NoTls;
use reshape_runtime::{Migrations, Migrator};

use super::{runs, sizes};
use crate::shared::server::{Databases, done};
use crate::shared::{Series, timed};

fn table(number: usize) -> String {
    format!(
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
    )
}

fn create(number: usize) -> String {
    format!(
        "CREATE TABLE public.table_{number} (id bigint NOT NULL, name text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (id));\n"
    )
}

const CHANGE: &str = r#"
[[actions]]
type = "add_column"
table = "table_0"
up = "upper(name)"
column = { name = "upper_name", type = "text", nullable = false }
"#;

pub(crate) fn grow(databases: &mut Databases) -> Vec<Series> {
    let mut plain = Series::floor("tables", "the same CREATE TABLE in one transaction");
    let mut nothing = Series::new("tables", "start and complete from nothing, one migration");
    let mut start = Series::new("tables", "start of a change of one of them");
    let mut complete = Series::new("tables", "complete of it");
    databases.prepare("no_tables", &Migrations::embedded(&[]), "");
    for size in sizes(&[10, 100, 1000], "BENCH_TABLES") {
        let tables: String = (0..size).map(table).collect();
        let first = reshape_tests::migrations(&[("0001_tables", &tables)]);
        let both = reshape_tests::migrations(&[("0001_tables", &tables), ("0002_change", CHANGE)]);
        let sql: Vec<String> = (0..size).map(create).collect();
        let sql = format!("BEGIN;\n{}COMMIT", sql.concat());
        let name = format!("tables_{size}");
        databases.prepare(&name, &first, "");
        let mut times = [const { Vec::new() }; 4];
        let [of_plain, of_nothing, of_start, of_complete] = &mut times;
        for _ in 0..runs() {
            let mut client = databases.copy("no_tables").connect(NoTls).unwrap();
            of_plain.push(timed(|| client.batch_execute(&sql).unwrap()));
            drop(client);
            let client = databases.copy("no_tables").connect(NoTls).unwrap();
            let mut migrator = Migrator::new(&first, client);
            of_nothing.push(timed(|| done(migrator.start_and_complete())));
            drop(migrator);
            let client = databases.copy(&name).connect(NoTls).unwrap();
            let mut migrator = Migrator::new(&both, client);
            of_start.push(timed(|| done(migrator.start())));
            of_complete.push(timed(|| done(migrator.complete())));
        }
        println!("{size} tables: {times:.0?} ms");
        databases.forget(&name);
        let series = [&mut plain, &mut nothing, &mut start, &mut complete];
        series.into_iter().zip(times).for_each(|(series, times)| series.add(size, times));
    }
    vec![plain, nothing, start, complete]
}
