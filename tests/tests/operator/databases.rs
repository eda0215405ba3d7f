//! Databases that are set up otherwise, belong to others or are newer than the program.

use reshape_tests::{catalog, rows};

use crate::desk::*;

#[test]
fn settings_of_the_database_do_not_matter() {
    let mut desk = Desk::new();
    let name = desk.database.name().to_owned();
    for setting in [
        "statement_timeout = '2s'",
        "idle_in_transaction_session_timeout = '1ms'",
        "lock_timeout = '1ms'",
        "default_transaction_isolation = 'serializable'",
        "default_transaction_deferrable = on",
        "standard_conforming_strings = off",
        "search_path = 'nowhere'",
        "row_security = off",
        "quote_all_identifiers = on",
        "client_min_messages = 'debug1'",
    ] {
        let alter = format!("ALTER DATABASE {name} SET {setting}");
        desk.client.batch_execute(&alter).unwrap();
    }
    // A backslash, and longer than the timeout.
    let slow = r#"
[[actions]]
type = "custom"
start = 'SELECT pg_sleep(2.1), $$\$$'
"#;
    desk.write("2_shout", &format!("{SHOUT}{slow}"));
    for _ in 0..2 {
        let (code, _, err) = desk.run("migration start");
        assert_eq!(code, 0, "{err}");
        assert!(!err.contains("try 1 failed"), "{err}");
        desk.assert_started();
        assert_eq!(desk.code("migration abort"), 0);
        desk.assert_aborted();
    }
    assert_eq!(desk.code("migration start --complete"), 0);
    desk.assert_completed();
}

#[test]
fn a_read_only_database_is_refused() {
    let mut desk = Desk::new();
    let name = desk.database.name();
    let alter = format!("ALTER DATABASE {name} SET default_transaction_read_only = on");
    desk.client.batch_execute(&alter).unwrap();
    let (code, out, err) = desk.run("migration start");
    assert_eq!((code, &*out), (1, ""), "{err}");
    assert!(err.contains("help: switch `default_transaction_read_only` off"), "{err}");
    desk.assert_aborted();
}

/// The role may create schemas, but the table is another's.
#[test]
fn a_role_that_does_not_own_the_table_is_told_so() {
    let mut desk = Desk::empty();
    // Roles belong to the whole server: this one has the database's name.
    let role = desk.database.name().to_owned();
    let setup = format!(
        "CREATE TABLE public.users (id int PRIMARY KEY, name text NOT NULL); \
         CREATE ROLE {role} LOGIN PASSWORD 'secret'; GRANT CREATE ON DATABASE {role} TO {role}"
    );
    desk.client.batch_execute(&setup).unwrap();
    desk.before = catalog(&mut desk.client);
    desk.write(
        "1_users",
        "[[actions]]\ntype = \"custom\"\nstart = \"ALTER TABLE users ADD x int\"\n",
    );
    desk.write("2_shout", "[[actions]]\ntype = \"custom\"\n");
    let command = format!("migration start --username {role} --password secret");
    let (code, out, err) = desk.run(&command);
    desk.assert_aborted();
    let forget = format!("DROP OWNED BY {role}; DROP ROLE {role}");
    desk.client.batch_execute(&forget).unwrap();
    assert_eq!((code, &*out), (1, ""), "{err}");
    assert!(err.contains("must be owner of table users; the batch was rolled back"), "{err}");
    assert!(err.contains("help: run it as a role that owns the tables"), "{err}");
}

#[test]
fn a_database_of_a_newer_program_is_left_alone() {
    let mut desk = Desk::killed(Hold::Backfill);
    let newer = "UPDATE reshape.data SET value = '99' WHERE key = 'metadata'";
    desk.client.batch_execute(newer).unwrap();
    let before = catalog(&mut desk.client);
    for command in
        ["migration start", "migration complete", "migration abort", "status --format json"]
    {
        let (code, out, err) = desk.run(command);
        assert_eq!((code, &*out), (1, ""), "{command}: {err}");
        assert!(err.contains("help: the database was migrated by a newer version"), "{err}");
    }
    assert_eq!(catalog(&mut desk.client), before);
    assert_eq!(rows(&mut desk.client, "SELECT state FROM reshape.batch"), ["applying"]);
}
