//! Databases of tenants: the same tables in each.

use postgres::Config;
use reshape_runtime::{Fleet, FleetReport, Migrations, Target};

/// What is in each.
pub(crate) const ROWS: &str =
    "INSERT INTO public.users SELECT i, 'user ' || i, 1 FROM generate_series(1, 1000) i";

/// A table, and so many columns that are added to it one by one.
pub(crate) fn columns(count: usize) -> Migrations {
    let ups = vec!["name || '!'"; count];
    computed(&ups)
}

/// The same with these expressions, the last of which may be one that fails.
pub(crate) fn computed(ups: &[&str]) -> Migrations {
    let table = String::from(
        r#"
[[actions]]
type = "create_table"
name = "users"
primary_key = "id"
columns = [
    { name = "id", type = "bigint" },
    { name = "name", type = "text", nullable = false },
    { name = "quota", type = "integer", nullable = false },
]
"#,
    );
    let column = |(number, up): (usize, &&str)| {
        let text = format!(
            r#"
[[actions]]
type = "add_column"
table = "users"
up = "{up}"
column = {{ name = "column_{number}", type = "text", nullable = false }}
"#
        );
        (format!("{:03}_column", number + 1), text)
    };
    let mut files = vec![(String::from("000_users"), table)];
    files.extend(ups.iter().enumerate().map(column));
    let files: Vec<(&str, &str)> =
        files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    reshape_tests::migrations(&files)
}

pub(crate) fn fleet_of(set: &Migrations, configs: &[Config], jobs: usize) -> Fleet {
    Fleet::new(set, configs.iter().cloned().map(Target::new)).jobs(jobs)
}

/// # Panics
///
/// If one has failed.
pub(crate) fn all_done(report: &FleetReport) {
    if let Some((database, error)) = report.failed().next() {
        panic!("{database}: {}", error.report());
    }
    assert!(report.is_done());
}
