//! A migrator that dies, after every event, in a batch whose tables take values from each other.

use std::panic::{AssertUnwindSafe, catch_unwind};

use reshape_runtime::{Event, Migrator};
use reshape_tests::{Rollout, catalog, rows};

const TABLES: &str = r#"
[[actions]]
type = "create_table"
name = "users"
primary_key = "id"
columns = [
  { name = "id", type = "integer" },
  { name = "email", type = "text", nullable = false },
  { name = "account", type = "integer" },
]

[[actions]]
type = "create_table"
name = "profiles"
primary_key = "id"
columns = [{ name = "id", type = "integer" }, { name = "user_id", type = "integer" }]
"#;

const CHANGE: &str = r#"
[[actions]]
type = "add_column"
table = "profiles"
column = { name = "email", type = "text", nullable = false }
up = { table = "users", value = "users.email", where = "profiles.user_id = users.id" }

[[actions]]
type = "remove_column"
table = "users"
column = "email"
down = { table = "profiles", value = "profiles.email", where = "users.id = profiles.user_id" }

[[actions]]
type = "create_table"
name = "memberships"
primary_key = ["user_id", "account"]
columns = [{ name = "user_id", type = "integer" }, { name = "account", type = "integer" }]
up = { table = "users", values = { user_id = "id", account = "account" }, where = "account > 0" }

[[actions]]
type = "remove_column"
table = "users"
column = "account"
down = { table = "memberships", value = "memberships.account", where = "user_id = users.id" }
"#;

const ROWS: &str = "INSERT INTO users SELECT i, 'e' || i, i % 3 FROM generate_series(1, 50) i; \
                    INSERT INTO profiles SELECT i, i FROM generate_series(1, 40) i";

/// Runs `command` with a migrator that dies at its event number `at`. `true` if it did.
fn dies_at(r: &Rollout, at: usize, command: impl FnOnce(&mut Migrator)) -> bool {
    let mut seen = 0;
    let mut migrator = r.migrator().observer(move |_: &Event| {
        assert!(seen != at, "killed");
        seen += 1;
    });
    catch_unwind(AssertUnwindSafe(|| command(&mut migrator))).is_err()
}

fn start(migrator: &mut Migrator) {
    migrator.start().unwrap_or_else(|error| panic!("{}", error.report()));
}

fn abort(migrator: &mut Migrator) {
    migrator.abort().unwrap_or_else(|error| panic!("{}", error.report()));
}

/// Clients of both versions, and what each sees of the other.
fn check_both(r: &mut Rollout) {
    rows(
        &mut r.new,
        "INSERT INTO users (id) VALUES (100); INSERT INTO profiles VALUES (100, 100, 'new')",
    );
    rows(&mut r.new, "INSERT INTO memberships VALUES (100, 7)");
    rows(&mut r.old, "UPDATE users SET email = 'old', account = 8 WHERE id = 1");
    let list = "SELECT email, account FROM migration_1_base.users WHERE id IN (1, 100) ORDER BY id";
    assert_eq!(rows(&mut r.old, list), ["old|8", "new|7"]);
    let list = "SELECT email, account FROM migration_2_change.profiles p JOIN migration_2_change.memberships USING (user_id) WHERE p.id IN (1, 100) ORDER BY p.id";
    assert_eq!(rows(&mut r.old, list), ["old|8", "new|7"]);
    rows(&mut r.old, "DELETE FROM profiles WHERE id = 100; DELETE FROM users WHERE id = 100");
}

#[test]
fn a_start_that_dies_is_resumed_or_aborted() {
    let mut r = Rollout::prepare(TABLES, ROWS, CHANGE);
    for at in 0.. {
        let died = dies_at(&r, at, start);
        if at % 2 == 0 {
            start(&mut r.migrator());
            check_both(&mut r);
        }
        if !died {
            break;
        }
        abort(&mut r.migrator());
        assert_eq!(catalog(&mut r.old), r.before, "event {at}");
    }
    abort(&mut r.migrator());
    r.start().expect("a start");
    r.complete();
}

#[test]
fn an_abort_that_dies_is_finished() {
    let mut r = Rollout::prepare(TABLES, ROWS, CHANGE);
    for at in 0.. {
        start(&mut r.migrator());
        check_both(&mut r);
        if !dies_at(&r, at, abort) {
            break;
        }
        abort(&mut r.migrator());
        assert_eq!(catalog(&mut r.old), r.before, "event {at}");
    }
    assert_eq!(catalog(&mut r.old), r.before);
}
