//! Completing while clients of the new version go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use reshape_runtime::Event;
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

const DROP: &str = r#"
[[actions]]
type = "remove_column"
table = "users"
column = "name"
down = "'x'"
"#;

/// A temporary view goes with the session that has made it: completing waits for that, and then says whose it is.
#[test]
fn a_temporary_view_holds_a_completion_up_until_its_session_ends() {
    let mut r = Rollout::begin(USERS, "INSERT INTO users VALUES (1, 'a')", DROP);
    let holder = || {
        let mut holder = r.database.connect().expect("a connection");
        let view = "SET application_name = 'holder'; CREATE TEMPORARY VIEW mine AS SELECT name FROM public.users";
        holder.batch_execute(view).expect("a view");
        holder.batch_execute("BEGIN; SELECT 1").expect("a transaction");
        holder
    };
    let held = holder();
    let error =
        r.migrator().retry_budget(Duration::from_millis(200)).complete().expect_err("a failure");
    let text = error.report();
    assert!(text.contains("cannot drop column name of table") && text.contains(".mine"), "{text}");
    assert!(text.contains("(`holder`)"), "{text}");
    assert!(text.contains("end that session, then run it again"), "{text}");
    let mut held = Some(held);
    let mut tries = 0;
    let observer = move |event: &Event| {
        if let Event::Retry { reason, .. } = event {
            assert!(reason.contains("temporary objects go with the session"), "{reason}");
            tries += 1;
            if tries == 2 {
                held.take();
            }
        }
    };
    r.migrator().observer(observer).complete().unwrap_or_else(|error| panic!("{}", error.report()));
    r.complete();
}

/// Nothing but a person can know what is to become of any other object.
#[test]
fn a_view_made_after_start_is_named_when_it_is_in_the_way() {
    let mut r = Rollout::begin(USERS, "INSERT INTO users VALUES (1, 'a')", DROP);
    r.old
        .batch_execute("CREATE VIEW public.late AS SELECT name FROM public.users")
        .expect("a view");
    let text = r.migrator().complete().expect_err("a failure").report();
    assert!(text.contains("view late depends on column name of table users"), "{text}");
    assert!(text.contains("drop what depends on it") && !text.contains("CASCADE"), "{text}");
    rows(&mut r.new, "INSERT INTO users VALUES (2)");
    r.old.batch_execute("DROP VIEW public.late").expect("no view");
    r.complete();
}
