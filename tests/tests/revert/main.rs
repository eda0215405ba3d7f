//! The way back from a completed migration: both versions in use, to completion and to abortion; what cannot be taken back; migrators that die; programs that
//! start meanwhile.

mod actions;
mod columns;
mod refusals;
mod runner;
mod tables;

use reshape_runtime::{Error, Migrator, Outcome, Report, State};
use reshape_tests::{BASE, CHANGE, Rollout, catalog, leftovers, rows};

pub(crate) const USERS: &str = r#"
[[actions]]
type = "create_table"
name = "users"
primary_key = "id"
columns = [
  { name = "id", type = "integer", generated = "BY DEFAULT AS IDENTITY" },
  { name = "name", type = "text", nullable = false },
  { name = "email", type = "text" },
  { name = "logins", type = "integer", nullable = false, default = "0" },
]
"#;

pub(crate) const ROWS: &str =
    "INSERT INTO users (name, email) VALUES ('Ada Lovelace', 'ada@x'), ('Alan Turing', NULL)";

/// Goes back to the first version. A detached migrator needs no migrations.
pub(crate) fn revert(r: &Rollout) -> Result<Report, Error> {
    Migrator::detached(r.database.url()).revert_to(BASE)
}

/// The second version, completed: its catalog is the answer.
pub(crate) fn completed(base: &str, sql: &str, change: &str) -> (Rollout, Vec<String>) {
    let mut r = Rollout::begin(base, sql, change);
    r.complete();
    let after = catalog(&mut r.new);
    (r, after)
}

/// What a revert cannot bring back is the order of columns, in which a view names them; and its version has inner views, as one has that a batch led to.
pub(crate) fn comparable(mut catalog: Vec<String>) -> Vec<String> {
    catalog.retain(|line| !line.starts_with("view ") && !line.contains(" reshape_"));
    catalog
}

/// Completes the second version, runs `written` as its clients, then goes back twice: until both versions are in use and then stays, and to the
/// end. `during`: `r.old` and `r.new` are clients of the first and of the second version.
pub(crate) fn there_and_back(
    base: &str,
    change: &str,
    written: &str,
    during: impl Fn(&mut Rollout),
    after: impl Fn(&mut Rollout),
) {
    let begin = || {
        let (mut r, there) = completed(base, ROWS, change);
        r.new.batch_execute(written).expect("the rows");
        let report = revert(&r).unwrap_or_else(|error| panic!("{}", error.report()));
        assert_eq!(
            (report.outcome, &*report.reverts),
            (Outcome::Started, &[CHANGE.to_owned()][..])
        );
        (r, there)
    };
    let (mut r, there) = begin();
    during(&mut r);
    Migrator::detached(r.database.url()).abort().unwrap_or_else(|e| panic!("{}", e.report()));
    assert_eq!(leftovers(&mut r.new), Vec::<String>::new());
    assert_eq!(catalog(&mut r.new), there);
    let status = Migrator::detached(r.database.url()).status().expect("a status");
    assert_eq!((status.state, &*status.applied), (State::Idle, &[BASE.into(), CHANGE.into()][..]));

    let (mut r, _) = begin();
    during(&mut r);
    complete(&mut r);
    after(&mut r);
    // And the same once more.
    r.start().unwrap_or_else(|error| panic!("{}", error.report()));
    r.complete();
}

/// Completes the revert: everything is as it was before the second version.
pub(crate) fn complete(r: &mut Rollout) {
    Migrator::detached(r.database.url()).complete().unwrap_or_else(|e| panic!("{}", e.report()));
    assert_eq!(leftovers(&mut r.old), Vec::<String>::new());
    assert_eq!(comparable(catalog(&mut r.old)), comparable(r.before.clone()));
    assert_eq!(rows(&mut r.old, "SELECT name FROM reshape.migrations"), [BASE]);
}
