//! Autovacuum is at work on the tables all the time: it gives way to who waits for it a second, and our statements do not wait that long.

use std::thread::sleep;
use std::time::Duration;

use postgres::Client;
use reshape_runtime::testing::{Server, TestDatabase};
use reshape_runtime::{Event, Migrations, Migrator};
use reshape_tests::{migrations, rows};

const USERS: &str = r#"
[[actions]]
type = "create_table"
name = "teams"
primary_key = "id"
columns = [{ name = "id", type = "integer" }]

[[actions]]
type = "create_table"
name = "users"
primary_key = "id"
columns = [
  { name = "id", type = "integer" },
  { name = "name", type = "text", nullable = false },
  { name = "team", type = "integer" },
]
foreign_keys = [{ columns = ["team"], referenced_table = "teams", referenced_columns = ["id"] }]
"#;

/// Something of every kind: an expansion, ranges, checks, a foreign key, an index, statistics that are carried, and what contract takes away.
const CHANGE: &str = r#"
[[actions]]
type = "alter_column"
table = "users"
column = "name"
up = "upper(name)"
down = "lower(name)"
changes = { nullable = false }

[[actions]]
type = "add_check"
table = "users"
check = { name = "positive", expression = "id > 0" }

[[actions]]
type = "add_foreign_key"
table = "users"
foreign_key = { columns = ["id"], referenced_table = "teams", referenced_columns = ["id"] }

[[actions]]
type = "remove_column"
table = "users"
column = "team"
"#;

/// Each page costs a tenth of a second, so that it never ends by itself, and the next one begins at once.
const ENDLESS: &str = "
    INSERT INTO teams SELECT i FROM generate_series(1, 20000) i;
    INSERT INTO users SELECT i, repeat('x', 100), i FROM generate_series(1, 20000) i;
    CREATE STATISTICS public.both (dependencies) ON id, name FROM public.users;
    ALTER TABLE public.teams SET (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0,
      autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1);
    ALTER TABLE public.users SET (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0,
      autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1);
    UPDATE users SET name = name || 'y';
    UPDATE teams SET id = id;";

const AT_WORK: &str = "SELECT count(DISTINCT l.relation) FROM pg_locks l JOIN pg_stat_activity a USING (pid) \
    WHERE a.backend_type = 'autovacuum worker' AND l.mode = 'ShareUpdateExclusiveLock' \
      AND l.relation IN ('public.users'::regclass, 'public.teams'::regclass)";

fn wait_for_autovacuum(client: &mut Client) {
    for _ in 0..600 {
        if rows(client, AT_WORK) == ["2"] {
            return;
        }
        sleep(Duration::from_millis(50));
    }
    panic!("autovacuum does not come");
}

/// A migrator that waits before each step until autovacuum is at work.
fn migrator(set: &Migrations, database: &TestDatabase) -> Migrator {
    let mut watcher = database.connect().expect("a session");
    Migrator::new(set, database.url()).retry_budget(Duration::from_secs(8)).observer(
        move |event: &Event| match event {
            Event::StepStarted { title, .. } if !title.starts_with("analyze") => {
                wait_for_autovacuum(&mut watcher);
            }
            _ => {}
        },
    )
}

#[test]
fn autovacuum_gives_way_to_every_step() {
    let server = Server::start().unwrap();
    let database = server.database().unwrap();
    let mut client = database.connect().unwrap();
    let set = migrations(&[("1_users", USERS), ("2_change", CHANGE)]);
    let mut first = Migrator::new(set.up_to("1_users").unwrap(), database.url());
    first.start_and_complete().unwrap();
    // The second is the default but for the time that it takes: longer than `lock_timeout`.
    for setting in ["autovacuum_naptime = '1s'", "deadlock_timeout = '600ms'"] {
        client.batch_execute(&format!("ALTER SYSTEM SET {setting}")).unwrap();
    }
    client
        .batch_execute("SELECT pg_reload_conf(); SET search_path TO \"migration_1_users\"")
        .unwrap();
    client.batch_execute(ENDLESS).unwrap();

    let mut meets_it = migrator(&set, &database);
    let report = meets_it.start().unwrap_or_else(|error| panic!("{}", error.report()));
    let tried: Vec<_> = report.steps.iter().filter(|step| step.retries > 0).collect();
    assert!(tried.is_empty(), "{tried:?}");
    meets_it.abort().unwrap_or_else(|error| panic!("{}", error.report()));
    Migrator::new(&set, database.url())
        .start()
        .unwrap_or_else(|error| panic!("{}", error.report()));
    meets_it.complete().unwrap_or_else(|error| panic!("{}", error.report()));
}
