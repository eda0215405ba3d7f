//! Completing while clients of the new version go on, by the views of parents and children.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use reshape_tests::{CHANGE as VERSION, Rollout, client, leftovers, rows};

use super::{CHANGE, ROWS, base};

/// A query by the parent's view locks its children's tables, too. A contract that took a table before it has all views would hold what those
/// clients wait for, and wait for what clients of the child hold.
#[test]
fn clients_of_parents_and_children_and_the_contract_do_not_wait_for_each_other() {
    let mut r = Rollout::begin(&base(), ROWS, &CHANGE.replace("100", "10"));
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let clients: Vec<_> = ["people", "people", "staff", "chiefs", "guests", "staff"]
            .iter()
            .map(|table| {
                let mut client = client(&r.database, VERSION);
                let stop = &stop;
                scope.spawn(move || {
                    let mut rounds = 0;
                    while rounds < 5 || !stop.load(Ordering::Relaxed) {
                        let id = if *table == "guests" { 4 } else { 3 };
                        let shout = format!("UPDATE {table} SET shout = 'X' WHERE id = {id}");
                        rows(&mut client, &shout);
                        rows(&mut client, &format!("SELECT count(*) FROM {table}"));
                        rounds += 1;
                    }
                })
            })
            .collect();
        let completed = r.migrator().lock_timeout(Duration::from_secs(10)).complete();
        stop.store(true, Ordering::Relaxed);
        for client in clients {
            client.join().expect("no query failed");
        }
        let report = completed.unwrap_or_else(|error| panic!("{}", error.report()));
        assert_eq!(report.steps.iter().map(|step| step.retries).sum::<u32>(), 0, "{report:?}");
    });
    assert_eq!(leftovers(&mut r.new), Vec::<String>::new());
}
