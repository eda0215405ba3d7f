//! SQL of the user's own.

use reshape_runtime::ErrorKind;
use reshape_tests::{Rollout, catalog, rows};

const USERS: &str = r#"
[[actions]]
type = "create_table"
name = "users"
primary_key = "id"
columns = [{ name = "id", type = "integer" }]
"#;

fn custom(start: &str, abort: &str) -> String {
    format!("[[actions]]\ntype = \"custom\"\nstart = '''{start}'''\nabort = '''{abort}'''\n")
}

/// What has not happened is not taken back: `abort` would fail, and the rollback with it.
#[test]
fn a_start_that_fails_does_not_run_its_abort() {
    let change = custom("CREATE TABLE log (what text); SELECT 1 / 0", "DROP TABLE log");
    let mut r = Rollout::prepare(USERS, "", &change);
    let error = r.start().expect_err("a division by zero");
    assert_eq!(error.kind(), ErrorKind::Failed, "{}", error.report());
    assert!(error.report().contains("division by zero"), "{}", error.report());
    assert!(error.report().contains("rolled back"), "{}", error.report());
    assert_eq!(catalog(&mut r.old), r.before);
}

/// A later failure takes back what came before it.
#[test]
fn a_later_failure_runs_the_abort_of_what_was_done() {
    let change = custom("CREATE TABLE log (what text)", "DROP TABLE log")
        + &custom("SELECT 'not a number'::integer", "SELECT 1 / 0");
    let mut r = Rollout::prepare(USERS, "", &change);
    let error = r.start().expect_err("not a number");
    assert_eq!(error.kind(), ErrorKind::Failed, "{}", error.report());
    assert_eq!(catalog(&mut r.old), r.before);
    assert_eq!(rows(&mut r.old, "SELECT count(*) FROM users"), ["0"]);
}
