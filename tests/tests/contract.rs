//! Completing while clients of the new version go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use reshape_tests::{CHANGE, Rollout, client, rows};

const USERS: &str = r#"
[[actions]]
type = "create_table"
name = "users"
primary_key = "id"
columns = [{ name = "id", type = "integer" }, { name = "name", type = "text", nullable = false }]
"#;

const SHOUT: &str = r#"
[[actions]]
type = "add_column"
table = "users"
up = "upper(name)"
column = { name = "shout", type = "text", nullable = false }

[[actions]]
type = "remove_column"
table = "users"
column = "name"
down = "lower(shout)"
"#;

/// A query locks the outer view, the inner view and the table, in this order. A contract that took the table first would never get
/// through: each time it would hold what the clients wait for, and wait for what they hold.
#[test]
fn new_clients_and_the_contract_do_not_wait_for_each_other() {
    let mut r = Rollout::begin(
        USERS,
        "INSERT INTO users SELECT i, 'user ' || i FROM generate_series(1, 200) i",
        SHOUT,
    );
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (1..9)
        .map(|number| {
            let mut client = client(&r.database, CHANGE);
            let stop = Arc::clone(&stop);
            thread::spawn(move || {
                // Not prepared: each query is planned, and locks, anew.
                while !stop.load(Ordering::Relaxed) {
                    rows(
                        &mut client,
                        &format!("UPDATE users SET shout = shout || '!' WHERE id = {number}"),
                    );
                    assert_eq!(rows(&mut client, "SELECT count(*) FROM users"), ["200"]);
                }
            })
        })
        .collect();
    // Long enough for Postgres to find a deadlock, and then somebody's query fails.
    let completed = r.migrator().lock_timeout(Duration::from_secs(10)).complete();
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().expect("no query failed");
    }
    let report = completed.unwrap_or_else(|error| panic!("{}", error.report()));
    assert_eq!(report.steps.iter().map(|step| step.retries).sum::<u32>(), 0, "{report:?}");
    assert_eq!(reshape_tests::leftovers(&mut r.new), Vec::<String>::new());
}
