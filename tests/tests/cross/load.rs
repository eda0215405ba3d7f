//! Clients of both versions write two tables at once, between which a value goes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use postgres::Client;
use reshape_tests::{BASE, CHANGE, Rollout, client, rows};

const TABLES: &str = r#"
[[actions]]
type = "create_table"
name = "users"
primary_key = "id"
columns = [{ name = "id", type = "integer" }, { name = "email", type = "text" }, { name = "logins", type = "integer", default = "0" }]

[[actions]]
type = "create_table"
name = "profiles"
primary_key = "id"
columns = [{ name = "id", type = "integer" }, { name = "user_id", type = "integer" }, { name = "bio", type = "text" }]
foreign_keys = [
  { columns = ["user_id"], referenced_table = "users", referenced_columns = ["id"], on_delete = "CASCADE", on_update = "CASCADE" },
]

[[actions]]
type = "add_index"
table = "profiles"
index = { name = "profiles_user", columns = ["user_id"], unique = true }
"#;

const MOVE: &str = r#"
[[actions]]
type = "add_column"
table = "profiles"
column = { name = "email", type = "text" }
up = { table = "users", value = "users.email", where = "profiles.user_id = users.id" }

[[actions]]
type = "remove_column"
table = "users"
column = "email"
down = { table = "profiles", value = "profiles.email", where = "users.id = profiles.user_id" }
"#;

/// Rows that belong to each other and differ.
const WRONG: &str = "SELECT u.id, u.email, p.email FROM migration_1_base.users u \
                     JOIN migration_2_change.profiles p ON p.user_id = u.id WHERE u.email IS DISTINCT FROM p.email";

/// What the `n`-th write of a client is, by its kind.
fn write(is_new: bool, writer: u32, n: u32) -> String {
    let step = n.wrapping_mul(2_654_435_761).wrapping_add(writer.wrapping_mul(40_503));
    let (id, other) = (step / 7 % 40 + 1, step / 211 % 40 + 1);
    let email = format!("{}{writer}-{n}", if is_new { "n" } else { "o" });
    let both = match step / 6007 % 8 {
        0 => Some(format!("UPDATE users SET logins = logins + 1 WHERE id = {id}")),
        1 => Some(format!("UPDATE profiles SET user_id = {other} WHERE id = {id}")),
        2 if other < 10 => Some(format!("DELETE FROM users WHERE id = {id}")),
        2 => Some(format!("DELETE FROM profiles WHERE id = {id}")),
        3 => Some(format!("UPDATE users SET id = {other} WHERE id = {id}")),
        _ => None,
    };
    if let Some(sql) = both {
        return sql;
    }
    match (is_new, step / 6007 % 8) {
        (false, 4) => format!("UPDATE users SET email = '{email}' WHERE id IN ({id}, {other})"),
        (false, 5) => format!(
            "INSERT INTO users (id, email) VALUES ({id}, '{email}') ON CONFLICT (id) DO UPDATE SET email = excluded.email"
        ),
        (false, 6) => format!("INSERT INTO profiles (id, user_id) VALUES ({id}, {other})"),
        (false, _) => format!(
            "BEGIN; INSERT INTO profiles (id, user_id) VALUES ({id}, {other}); \
             UPDATE users SET email = '{email}' WHERE id = {other}; COMMIT"
        ),
        (true, 4) => format!("UPDATE profiles SET email = '{email}' WHERE id IN ({id}, {other})"),
        (true, 5) => format!(
            "INSERT INTO profiles (id, user_id, email) VALUES ({id}, {other}, '{email}') \
             ON CONFLICT (id) DO UPDATE SET email = excluded.email"
        ),
        (true, 6) => format!("INSERT INTO users (id) VALUES ({id})"),
        (true, _) => format!(
            "BEGIN; INSERT INTO profiles (id, user_id, email) VALUES ({id}, {other}, '{email}'); \
             UPDATE profiles SET email = '{email}!' WHERE id = {id}; COMMIT"
        ),
    }
}

/// Writes until it is told to stop. Clients get in each other's way, which they know how to deal with.
fn load(mut client: Client, is_new: bool, writer: u32, stop: &AtomicBool) {
    let (mut n, mut done) = (0, 0);
    // However slow the machine: each has had its part in it.
    while done < 6 || !stop.load(Ordering::Relaxed) {
        n += 1;
        let sql = write(is_new, writer, n);
        match client.batch_execute(&sql) {
            Ok(()) => done += 1,
            Err(error) => {
                let code = error.code().map(|code| code.code().to_owned()).unwrap_or_default();
                // Unique keys, foreign keys, deadlocks.
                assert!(["23505", "23503", "40P01"].contains(&code.as_str()), "{sql}: {error:?}");
                client.batch_execute("ROLLBACK").expect("a connection");
            }
        }
    }
}

#[test]
fn clients_of_both_versions_write_all_the_time() {
    let fill = "INSERT INTO users SELECT i, 'e' || i FROM generate_series(1, 30) i; \
                INSERT INTO profiles SELECT i, i FROM generate_series(1, 30) i";
    let mut r = Rollout::prepare(TABLES, fill, MOVE);
    let stop = Arc::new(AtomicBool::new(false));
    let spawn = |is_new: bool, writer: u32| {
        let client = client(&r.database, if is_new { CHANGE } else { BASE });
        let stop = Arc::clone(&stop);
        thread::spawn(move || load(client, is_new, writer, &stop))
    };
    let mut writers: Vec<_> = (0..3).map(|writer| spawn(false, writer)).collect();
    thread::sleep(Duration::from_millis(100));
    r.migrator()
        .batch_duration(Duration::from_millis(5))
        .start()
        .unwrap_or_else(|error| panic!("{}", error.report()));
    assert_eq!(rows(&mut r.old, WRONG), Vec::<String>::new());
    writers.extend((3..6).map(|writer| spawn(true, writer)));
    for _ in 0..20 {
        thread::sleep(Duration::from_millis(100));
        assert_eq!(rows(&mut r.old, WRONG), Vec::<String>::new());
    }
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.join().expect("no other error");
    }
    assert_eq!(rows(&mut r.old, WRONG), Vec::<String>::new());
    let kept = rows(&mut r.old, "SELECT count(*) FROM migration_2_change.profiles");
    assert_ne!(kept, ["0"], "nothing is left to compare");
    r.abort();
}
