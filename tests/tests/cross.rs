//! Values that come from another table: both sides see what the other writes, and nothing comes back to who wrote it.

use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use postgres::Client;
use reshape_runtime::Event;
use reshape_runtime::plan::Phase;
use reshape_tests::{BASE, CHANGE, Rollout, client, rows};

const USERS: &str = r#"
[[actions]]
type = "create_table"
name = "users"
primary_key = "id"
columns = [
  { name = "id", type = "integer" },
  { name = "name", type = "text", nullable = false, default = "'nobody'" },
  { name = "email", type = "text" },
]

[[actions]]
type = "create_table"
name = "profiles"
primary_key = "id"
columns = [
  { name = "id", type = "integer" },
  { name = "user_id", type = "integer" },
  { name = "bio", type = "text" },
]

[[actions]]
type = "add_index"
table = "profiles"
index = { name = "profiles_user", columns = ["user_id"] }
"#;

const ROWS: &str = "INSERT INTO users VALUES (1, 'Ada', 'ada@x'), (2, 'Alan', 'alan@x'), (3, 'Grace', 'grace@x'); \
                    INSERT INTO profiles VALUES (10, 1), (20, 2)";

/// `email` moves from `users` to `profiles`.
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

const OLD: &str = "SELECT id, email FROM migration_1_base.users ORDER BY id";
const NEW: &str = "SELECT id, user_id, email FROM migration_2_change.profiles ORDER BY id";

#[track_caller]
fn old(r: &mut Rollout, sql: &str) {
    rows(&mut r.old, sql);
}

#[track_caller]
fn new(r: &mut Rollout, sql: &str) {
    rows(&mut r.new, sql);
}

#[track_caller]
fn sees(r: &mut Rollout, sql: &str, expected: &[&str]) {
    assert_eq!(rows(&mut r.old, sql), expected);
}

fn moved(change: &str) {
    let mut r = Rollout::begin(USERS, ROWS, change);
    sees(&mut r, NEW, &["10|1|ada@x", "20|2|alan@x"]);
    // Old clients: their users, whichever way they write.
    old(&mut r, "UPDATE users SET email = 'a' WHERE id = 1");
    old(
        &mut r,
        "INSERT INTO users VALUES (2, 'Alan', 'b') ON CONFLICT (id) DO UPDATE SET email = excluded.email",
    );
    old(&mut r, "INSERT INTO profiles VALUES (30, 3), (40, 4)");
    sees(&mut r, NEW, &["10|1|a", "20|2|b", "30|3|grace@x", "40|4|-"]);
    old(&mut r, "INSERT INTO users VALUES (4, 'Joan', 'joan@x'), (5, 'Rosa', 'rosa@x')");
    old(&mut r, "UPDATE users SET email = upper(email) WHERE id <= 2");
    sees(&mut r, NEW, &["10|1|A", "20|2|B", "30|3|grace@x", "40|4|joan@x"]);
    // The key by which the rows belong to each other.
    old(&mut r, "UPDATE profiles SET user_id = 5 WHERE id = 40");
    old(&mut r, "UPDATE users SET id = 50 WHERE id = 5");
    sees(&mut r, NEW, &["10|1|A", "20|2|B", "30|3|grace@x", "40|5|-"]);
    old(&mut r, "UPDATE users SET id = 5 WHERE id = 50");
    old(&mut r, "DELETE FROM users WHERE id = 3");
    sees(&mut r, NEW, &["10|1|A", "20|2|B", "30|3|-", "40|5|rosa@x"]);
    // New clients: their profiles.
    new(&mut r, "UPDATE profiles SET email = 'new ' || email WHERE id <= 20");
    new(&mut r, "INSERT INTO users VALUES (6, 'Hedy'), (7, 'Emmy')");
    sees(&mut r, OLD, &["1|new A", "2|new B", "4|joan@x", "5|rosa@x", "6|-", "7|-"]);
    new(
        &mut r,
        "INSERT INTO profiles (id, user_id, email) VALUES (60, 6, 'hedy@x'), (70, 7, 'emmy@x')",
    );
    new(
        &mut r,
        "INSERT INTO profiles (id, user_id, email) VALUES (60, 6, '') ON CONFLICT (id) DO UPDATE SET email = 'h'",
    );
    sees(&mut r, OLD, &["1|new A", "2|new B", "4|joan@x", "5|rosa@x", "6|h", "7|emmy@x"]);
    // A key that both versions have, alone.
    new(&mut r, "UPDATE profiles SET user_id = 4 WHERE id = 70");
    sees(&mut r, OLD, &["1|new A", "2|new B", "4|emmy@x", "5|rosa@x", "6|h", "7|-"]);
    new(&mut r, "DELETE FROM profiles WHERE id = 60");
    sees(&mut r, OLD, &["1|new A", "2|new B", "4|emmy@x", "5|rosa@x", "6|-", "7|-"]);
    new(&mut r, "UPDATE users SET id = 8 WHERE id = 4");
    new(&mut r, "UPDATE profiles SET user_id = 8 WHERE id = 10");
    sees(&mut r, OLD, &["1|-", "2|new B", "5|rosa@x", "6|-", "7|-", "8|new A"]);
    sees(&mut r, NEW, &["10|8|new A", "20|2|new B", "30|3|-", "40|5|rosa@x", "70|4|emmy@x"]);
    r.abort();
    sees(&mut r, OLD, &["1|-", "2|new B", "5|rosa@x", "6|-", "7|-", "8|new A"]);
    r.start().expect("a second start");
    sees(&mut r, NEW, &["10|8|new A", "20|2|new B", "30|3|-", "40|5|rosa@x", "70|4|-"]);
    r.complete();
    new(&mut r, "INSERT INTO profiles VALUES (90, 9, 'x', 'y')");
    assert_eq!(rows(&mut r.new, "SELECT email FROM profiles WHERE id IN (20, 90)"), ["new B", "y"]);
}

#[test]
fn a_column_moves_to_another_table() {
    moved(MOVE);
}

/// Names alone mean the other table's columns first.
#[test]
fn names_need_not_be_qualified() {
    let change = MOVE
        .replace("users.email", "email")
        .replace("profiles.user_id = users.id", "id = user_id")
        .replace("profiles.email", "email")
        .replace("users.id = profiles.user_id", "users.id = user_id");
    moved(&change);
}

#[test]
fn names_may_be_quoted() {
    moved(
        &MOVE
            .replace("users.email", "\\\"users\\\" . \\\"email\\\"")
            .replace("profiles.user_id", "PROFILES.\\\"user_id\\\""),
    );
}

// --- NOT NULL ----------------------------------------------------------------------------------------------------

fn not_null(text: &str) -> String {
    text.replace(
        "{ name = \"email\", type = \"text\" }",
        "{ name = \"email\", type = \"text\", nullable = false }",
    )
}

/// A new client inserts the user before the profile: for a moment there is no e-mail that an old client could read.
#[test]
fn a_column_that_is_not_null_moves() {
    let mut r = Rollout::prepare(&not_null(USERS), ROWS, &not_null(MOVE));
    let check = "SELECT attnotnull FROM pg_attribute WHERE attrelid = 'public.users'::regclass AND attname = 'email'";
    r.start().unwrap_or_else(|error| panic!("{}", error.report()));
    sees(&mut r, NEW, &["10|1|ada@x", "20|2|alan@x"]);
    // Old clients are kept to it as before, by the same error.
    for sql in [
        "INSERT INTO users VALUES (4, 'x', NULL)",
        "UPDATE users SET email = NULL WHERE id = 1",
        "INSERT INTO users VALUES (1, 'x', 'y') ON CONFLICT (id) DO UPDATE SET email = NULL",
    ] {
        let error = r.old.batch_execute(sql).expect_err("a NULL");
        let error = error.as_db_error().expect("the server's");
        assert_eq!(error.code().code(), "23502", "{sql}: {error}");
        assert_eq!((error.table(), error.column()), (Some("users"), Some("email")));
        assert_eq!(
            error.message(),
            "null value in column \"email\" of relation \"users\" violates not-null constraint"
        );
    }
    // A profile without a user has no e-mail, which the new version does not allow.
    assert!(r.old.batch_execute("INSERT INTO profiles VALUES (40, 4)").is_err());
    assert!(r.new.batch_execute("INSERT INTO profiles VALUES (40, 4, '', NULL)").is_err());
    new(
        &mut r,
        "BEGIN; INSERT INTO users VALUES (4, 'Joan'); INSERT INTO profiles VALUES (40, 4, '', 'joan@x'); COMMIT",
    );
    new(&mut r, "INSERT INTO users VALUES (5, 'Rosa')");
    sees(&mut r, OLD, &["1|ada@x", "2|alan@x", "3|grace@x", "4|joan@x", "5|-"]);
    // An old client does what it likes with such a row, but for making it worse.
    old(&mut r, "UPDATE users SET name = 'Rosa P.' WHERE id = 5");
    // The value stays where nothing replaces it.
    new(&mut r, "DELETE FROM profiles WHERE id = 40");
    new(&mut r, "UPDATE users SET id = 44 WHERE id = 4");
    old(&mut r, "DELETE FROM users WHERE id = 2");
    sees(&mut r, OLD, &["1|ada@x", "3|grace@x", "5|-", "44|joan@x"]);
    sees(&mut r, NEW, &["10|1|ada@x", "20|2|alan@x"]);
    new(&mut r, "INSERT INTO profiles VALUES (50, 5, '', 'rosa@x')");
    r.abort();
    sees(&mut r, check, &["t"]);
    sees(&mut r, OLD, &["1|ada@x", "3|grace@x", "5|rosa@x", "44|joan@x"]);
    // Two profiles have lost their users.
    old(&mut r, "DELETE FROM profiles WHERE user_id NOT IN (SELECT id FROM users)");
    r.start().expect("a second start");
    r.complete();
}

/// A rollback does not fail for it; it is said which rows are in the way.
#[test]
fn what_stays_without_a_value_stays_nullable_after_a_rollback() {
    let mut r = Rollout::begin(&not_null(USERS), ROWS, &not_null(MOVE));
    new(&mut r, "INSERT INTO users VALUES (5, 'Rosa')");
    r.migrator().abort().unwrap_or_else(|error| panic!("{}", error.report()));
    let after: Vec<String> = reshape_tests::catalog(&mut r.old);
    let differs: Vec<&String> = r.before.iter().filter(|line| !after.contains(line)).collect();
    assert_eq!(differs.len(), 1 + usize::from(differs.len() > 1), "{differs:?}");
    assert!(differs[0].contains("users email text t"), "{differs:?}");
    assert_eq!(reshape_tests::leftovers(&mut r.old), Vec::<String>::new());
    old(&mut r, "UPDATE users SET email = '' WHERE email IS NULL");
    old(&mut r, "ALTER TABLE public.users ALTER email SET NOT NULL");
}

#[test]
fn rows_without_a_match_fail_the_start() {
    let rows = format!("{ROWS}; INSERT INTO profiles VALUES (30, 33)");
    let mut r = Rollout::prepare(&not_null(USERS), &rows, &not_null(MOVE));
    let error = r.start().expect_err("a row has no value");
    assert!(error.report().contains("__reshape_email_not_null"), "{}", error.report());
    assert_eq!(reshape_tests::catalog(&mut r.old), r.before);
}

/// The default is for rows without a match, not for a match without a value.
#[test]
fn a_default_stands_in_where_nothing_matches() {
    let base = USERS.replace(
        "{ name = \"email\", type = \"text\" }",
        "{ name = \"email\", type = \"text\", default = \"'none'\" }",
    );
    let change = MOVE.replace(
        "{ name = \"email\", type = \"text\" }",
        "{ name = \"email\", type = \"text\", default = \"'unknown'\" }",
    );
    let rows = format!("{ROWS}; INSERT INTO profiles VALUES (30, 33)");
    let mut r = Rollout::begin(&base, &rows, &change);
    sees(&mut r, NEW, &["10|1|ada@x", "20|2|alan@x", "30|33|unknown"]);
    old(&mut r, "UPDATE users SET email = NULL WHERE id = 1");
    old(&mut r, "INSERT INTO profiles VALUES (40, 44)");
    old(&mut r, "DELETE FROM users WHERE id = 2");
    sees(&mut r, NEW, &["10|1|-", "20|2|unknown", "30|33|unknown", "40|44|unknown"]);
    new(&mut r, "INSERT INTO users VALUES (4, 'x')");
    new(&mut r, "INSERT INTO profiles (id, user_id) VALUES (50, 3)");
    sees(&mut r, OLD, &["1|-", "3|unknown", "4|none"]);
    new(&mut r, "DELETE FROM profiles WHERE id = 50");
    sees(&mut r, OLD, &["1|-", "3|none", "4|none"]);
    r.complete();
}

// --- one to many becomes many to many -----------------------------------------------------------------------------

const ACCOUNTS: &str = r#"
[[actions]]
type = "create_table"
name = "accounts"
primary_key = "id"
columns = [{ name = "id", type = "integer" }, { name = "name", type = "text" }]

[[actions]]
type = "create_table"
name = "users"
primary_key = "id"
columns = [
  { name = "id", type = "integer" },
  { name = "email", type = "text" },
  { name = "account_id", type = "integer" },
  { name = "account_role", type = "text" },
]
foreign_keys = [{ columns = ["account_id"], referenced_table = "accounts", referenced_columns = ["id"] }]
"#;

const ACCOUNT_ROWS: &str = "INSERT INTO accounts VALUES (1, 'one'), (2, 'two'); \
                            INSERT INTO users VALUES (1, 'a', 1, 'admin'), (2, 'b', 2, 'Developer'), (3, 'c', NULL, NULL)";

const JUNCTION: &str = r#"
[[actions]]
type = "create_table"
name = "user_account_connections"
primary_key = ["user_id", "account_id"]
columns = [
  { name = "user_id", type = "integer" },
  { name = "account_id", type = "integer" },
  { name = "role", type = "text", nullable = false },
  { name = "note", type = "text", default = "'none'" },
]
foreign_keys = [
  { columns = ["user_id"], referenced_table = "users", referenced_columns = ["id"] },
  { columns = ["account_id"], referenced_table = "accounts", referenced_columns = ["id"] },
]

    [actions.up]
    table = "users"
    where = "users.account_id IS NOT NULL"

        [actions.up.values]
        user_id = "users.id"
        account_id = "users.account_id"
        role = "UPPER(users.account_role)"

[[actions]]
type = "remove_column"
table = "users"
column = "account_id"

    [actions.down]
    table = "user_account_connections"
    value = "user_account_connections.account_id"
    where = "users.id = user_account_connections.user_id"

[[actions]]
type = "remove_column"
table = "users"
column = "account_role"

    [actions.down]
    table = "user_account_connections"
    value = "LOWER(user_account_connections.role)"
    where = "users.id = user_account_connections.user_id"
"#;

const OLD_ACCOUNTS: &str =
    "SELECT id, account_id, account_role FROM migration_1_base.users ORDER BY id";
const CONNECTIONS: &str = "SELECT user_id, account_id, role, note FROM migration_2_change.user_account_connections ORDER BY 1, 2";

fn junction(change: &str) {
    let mut r = Rollout::begin(ACCOUNTS, ACCOUNT_ROWS, change);
    sees(&mut r, CONNECTIONS, &["1|1|ADMIN|none", "2|2|DEVELOPER|none"]);
    // What an old client writes does not come back in another form.
    sees(&mut r, OLD_ACCOUNTS, &["1|1|admin", "2|2|Developer", "3|-|-"]);
    old(&mut r, "UPDATE users SET account_role = 'Admin' WHERE id = 1");
    old(&mut r, "INSERT INTO users VALUES (4, 'd', 1, 'Guest'), (5, 'e', NULL, NULL)");
    old(
        &mut r,
        "INSERT INTO users VALUES (4, 'd', 1, 'x') ON CONFLICT (id) DO UPDATE SET account_role = 'Host'",
    );
    sees(&mut r, CONNECTIONS, &["1|1|ADMIN|none", "2|2|DEVELOPER|none", "4|1|HOST|none"]);
    sees(&mut r, OLD_ACCOUNTS, &["1|1|Admin", "2|2|Developer", "3|-|-", "4|1|Host", "5|-|-"]);
    // The key moves, and what only the new version has goes along.
    new(&mut r, "UPDATE user_account_connections SET note = 'mine' WHERE user_id = 4");
    old(&mut r, "UPDATE users SET account_id = 2 WHERE id = 4");
    old(&mut r, "UPDATE users SET account_id = NULL, account_role = NULL WHERE id = 1");
    old(&mut r, "UPDATE users SET account_id = 1, account_role = 'New' WHERE id IN (3, 5)");
    sees(
        &mut r,
        CONNECTIONS,
        &["2|2|DEVELOPER|none", "3|1|NEW|none", "4|2|HOST|mine", "5|1|NEW|none"],
    );
    old(&mut r, "DELETE FROM users WHERE id = 5");
    // New clients write the connections.
    new(&mut r, "UPDATE user_account_connections SET role = 'OWNER' WHERE user_id = 2");
    new(
        &mut r,
        "INSERT INTO user_account_connections (user_id, account_id, role) VALUES (1, 2, 'LEAD')",
    );
    new(&mut r, "INSERT INTO users VALUES (6, 'f')");
    new(
        &mut r,
        "INSERT INTO user_account_connections (user_id, account_id, role) SELECT 6, id, 'SIX' FROM accounts",
    );
    sees(
        &mut r,
        "SELECT id, account_role, account_id IS NULL FROM migration_1_base.users ORDER BY id",
        &["1|lead|f", "2|owner|f", "3|New|f", "4|Host|f", "6|six|f"],
    );
    new(&mut r, "DELETE FROM user_account_connections WHERE user_id = 6 AND account_id = 2");
    new(&mut r, "DELETE FROM user_account_connections WHERE user_id = 3");
    sees(&mut r, OLD_ACCOUNTS, &["1|2|lead", "2|2|owner", "3|-|-", "4|2|Host", "6|1|six"]);
    // Someone has been given a connection by both versions: the old one moves to where one is already.
    new(
        &mut r,
        "INSERT INTO user_account_connections (user_id, account_id, role, note) VALUES (2, 1, 'SECOND', 'kept')",
    );
    old(&mut r, "UPDATE users SET account_id = 2, account_role = 'Second' WHERE id = 2");
    sees(&mut r, &CONNECTIONS.replace(" ORDER", " WHERE user_id = 2 ORDER"), &["2|2|SECOND|none"]);
    new(&mut r, "UPDATE user_account_connections SET user_id = 3 WHERE user_id = 2");
    sees(&mut r, OLD_ACCOUNTS, &["1|2|lead", "2|-|-", "3|2|second", "4|2|Host", "6|1|six"]);
    r.abort();
    sees(&mut r, OLD_ACCOUNTS, &["1|2|lead", "2|-|-", "3|2|second", "4|2|Host", "6|1|six"]);
    r.start().expect("a second start");
    new(&mut r, "DELETE FROM user_account_connections WHERE user_id = 6");
    r.complete();
    assert_eq!(
        rows(&mut r.new, CONNECTIONS),
        ["1|2|LEAD|none", "3|2|SECOND|none", "4|2|HOST|none"]
    );
    new(&mut r, "INSERT INTO user_account_connections VALUES (6, 1, 'x', 'y')");
}

#[test]
fn one_to_many_becomes_many_to_many() {
    junction(JUNCTION);
}

#[test]
fn the_same_without_a_table_before_each_name() {
    let change = JUNCTION
        .replace("\"users.id\"", "\"id\"")
        .replace("\"users.account_id\"", "\"account_id\"")
        .replace("users.account_id IS", "account_id IS")
        .replace("users.account_role", "account_role")
        .replace("\"user_account_connections.account_id\"", "\"account_id\"")
        .replace("user_account_connections.role", "role")
        .replace("users.id = user_account_connections.user_id", "id = user_id");
    junction(&change);
}

// --- chains ------------------------------------------------------------------------------------------------------

/// Every name is the one of its point of the batch.
#[test]
fn both_tables_and_their_columns_are_renamed_before_and_after() {
    let rename = |table: &str, from: &str, to: &str| {
        format!(
            "[[actions]]\ntype = 'alter_column'\ntable = '{table}'\ncolumn = '{from}'\nchanges = {{ name = '{to}' }}\n"
        )
    };
    let rename_table = |from: &str, to: &str| {
        format!("[[actions]]\ntype = 'rename_table'\ntable = '{from}'\nnew_name = '{to}'\n")
    };
    let change = [
        rename_table("users", "Old People"),
        rename("Old People", "email", "E-Mail"),
        rename("profiles", "user_id", "new"),
        MOVE.replace("\"users\"", "\"Old People\"")
            .replace("\"email\"\ndown", "\"E-Mail\"\ndown")
            .replace("users.email", "\\\"Old People\\\".\\\"E-Mail\\\"")
            .replace("users.id", "\\\"Old People\\\".id")
            .replace("profiles.user_id", "profiles.new"),
        rename("profiles", "new", "person"),
        rename("profiles", "email", "mail"),
        rename_table("profiles", "old"),
    ]
    .concat();
    let mut r = Rollout::begin(USERS, ROWS, &change);
    let list = "SELECT id, person, mail FROM migration_2_change.old ORDER BY id";
    sees(&mut r, list, &["10|1|ada@x", "20|2|alan@x"]);
    old(&mut r, "UPDATE users SET email = 'a' WHERE id = 1");
    old(&mut r, "INSERT INTO profiles VALUES (30, 3)");
    old(&mut r, "UPDATE profiles SET user_id = 1 WHERE id = 20");
    sees(&mut r, list, &["10|1|a", "20|1|a", "30|3|grace@x"]);
    new(&mut r, "UPDATE old SET mail = 'g' WHERE id = 30");
    new(&mut r, "INSERT INTO \"Old People\" VALUES (4, 'x')");
    new(&mut r, "INSERT INTO old VALUES (40, 4, '', 'four')");
    sees(&mut r, OLD, &["1|a", "2|alan@x", "3|g", "4|four"]);
    r.abort();
    r.start().expect("a second start");
    r.complete();
    assert_eq!(rows(&mut r.new, "SELECT person, mail FROM old WHERE id = 30"), ["3|g"]);
}

/// A value that only the batch knows, between the other table and the column that is kept: both sides read and write it.
#[test]
fn a_value_of_another_table_is_changed_again() {
    let change = format!(
        r#"{MOVE}
        [[actions]]
        type = "alter_column"
        table = "profiles"
        column = "email"
        up = "upper(profiles.email) || coalesce(bio, '')"
        down = "lower(mail)"
        changes = {{ name = "mail" }}
        "#
    );
    let mut r = Rollout::begin(USERS, ROWS, &change);
    let list = "SELECT id, mail FROM migration_2_change.profiles ORDER BY id";
    sees(&mut r, list, &["10|ADA@X", "20|ALAN@X"]);
    old(&mut r, "UPDATE users SET email = 'a' WHERE id = 1");
    old(&mut r, "UPDATE profiles SET bio = '!' WHERE id = 20");
    old(&mut r, "INSERT INTO profiles VALUES (30, 3, '?')");
    sees(&mut r, list, &["10|A", "20|ALAN@X!", "30|GRACE@X?"]);
    old(&mut r, "UPDATE users SET email = 'b' WHERE id = 2");
    old(&mut r, "DELETE FROM users WHERE id = 3");
    new(&mut r, "UPDATE profiles SET mail = 'Mine' WHERE id = 10");
    sees(&mut r, list, &["10|Mine", "20|B!", "30|-"]);
    new(&mut r, "INSERT INTO users VALUES (4, 'x')");
    new(&mut r, "INSERT INTO profiles VALUES (40, 4, '', 'FOUR')");
    sees(&mut r, OLD, &["1|mine", "2|b", "4|four"]);
    // The value in between is the new client's, so an old client's part does not bring an older one back.
    old(&mut r, "UPDATE profiles SET bio = '+' WHERE id = 10");
    sees(&mut r, list, &["10|MINE+", "20|B!", "30|-", "40|FOUR"]);
    r.abort();
    r.start().expect("a second start");
    r.complete();
}

/// The same on the other side: what moves has another form in between.
#[test]
fn a_renamed_and_changed_column_moves() {
    let change = format!(
        r#"
        [[actions]]
        type = "alter_column"
        table = "users"
        column = "email"
        up = "upper(email)"
        down = "lower(mail) || coalesce(name, '')"
        changes = {{ name = "mail" }}
        {}"#,
        MOVE.replace("column = \"email\"\ndown", "column = \"mail\"\ndown")
            .replace("users.email", "mail")
    );
    let mut r = Rollout::begin(USERS, ROWS, &change);
    sees(&mut r, NEW, &["10|1|ADA@X", "20|2|ALAN@X"]);
    old(&mut r, "UPDATE users SET email = 'a' WHERE id = 1");
    old(&mut r, "INSERT INTO profiles VALUES (30, 3)");
    old(
        &mut r,
        "INSERT INTO users VALUES (3, 'G', 'g') ON CONFLICT (id) DO UPDATE SET email = 'g'",
    );
    sees(&mut r, NEW, &["10|1|A", "20|2|ALAN@X", "30|3|G"]);
    new(&mut r, "INSERT INTO users VALUES (4, 'Joan')");
    new(&mut r, "INSERT INTO profiles VALUES (40, 4, '', 'J@X')");
    new(&mut r, "UPDATE profiles SET email = 'A@X' WHERE id = 10");
    sees(&mut r, OLD, &["1|a@xAda", "2|alan@x", "3|g", "4|j@xJoan"]);
    new(&mut r, "UPDATE users SET name = 'J.' WHERE id = 4");
    sees(&mut r, OLD, &["1|a@xAda", "2|alan@x", "3|g", "4|j@xJ."]);
    new(&mut r, "DELETE FROM profiles WHERE id = 10");
    sees(&mut r, OLD, &["1|-", "2|alan@x", "3|g", "4|j@xJ."]);
    sees(&mut r, NEW, &["20|2|ALAN@X", "30|3|G", "40|4|J@X"]);
    r.abort();
    r.start().expect("a second start");
    r.complete();
}

/// The other table's value is one that the batch fills, and comes itself from a third table.
#[test]
fn values_go_from_table_to_table() {
    let base = format!(
        r#"{USERS}
        [[actions]]
        type = "create_table"
        name = "a_posts"
        primary_key = "id"
        columns = [{{ name = "id", type = "integer" }}, {{ name = "profile_id", type = "integer" }}]
        "#
    );
    let change = format!(
        r#"{}
        [[actions]]
        type = "add_column"
        table = "profiles"
        column = {{ name = "sender", type = "text" }}
        up = "'<' || coalesce(email, '') || '>'"

        [[actions]]
        type = "add_column"
        table = "a_posts"
        column = {{ name = "sender", type = "text" }}
        up = {{ table = "profiles", value = "sender || email", where = "a_posts.profile_id = profiles.id" }}
        "#,
        MOVE.split_once("[[actions]]\ntype = \"remove_column\"").expect("two actions").0
    );
    let rows =
        format!("{ROWS}; INSERT INTO a_posts SELECT i, i % 3 * 10 FROM generate_series(1, 5) i");
    let mut r = Rollout::begin(&base, &rows, &change);
    let list = "SELECT id, sender FROM migration_2_change.a_posts ORDER BY id";
    sees(
        &mut r,
        list,
        &["1|<ada@x>ada@x", "2|<alan@x>alan@x", "3|-", "4|<ada@x>ada@x", "5|<alan@x>alan@x"],
    );
    old(&mut r, "UPDATE users SET email = 'a' WHERE id = 1");
    old(&mut r, "INSERT INTO a_posts VALUES (6, 20)");
    old(&mut r, "UPDATE profiles SET user_id = 3 WHERE id = 20");
    sees(
        &mut r,
        list,
        &[
            "1|<a>a",
            "2|<grace@x>grace@x",
            "3|-",
            "4|<a>a",
            "5|<grace@x>grace@x",
            "6|<grace@x>grace@x",
        ],
    );
    // A new client's e-mail is not an old client's.
    new(&mut r, "UPDATE profiles SET email = 'new', sender = 'new' WHERE id = 10");
    sees(&mut r, "SELECT sender FROM migration_2_change.a_posts WHERE id = 1", &["<a>a"]);
    r.abort();
    r.start().expect("a second start");
    r.complete();
}

#[test]
fn tables_that_fill_each_other_are_refused() {
    let change = r#"
        [[actions]]
        type = "alter_column"
        table = "users"
        column = "email"
        up = "lower(email)"
        changes = { name = "mail" }

        [[actions]]
        type = "alter_column"
        table = "profiles"
        column = "bio"
        up = "lower(bio)"
        changes = { name = "about" }

        [[actions]]
        type = "add_column"
        table = "profiles"
        column = { name = "mail", type = "text" }
        up = { table = "users", value = "mail", where = "user_id = users.id" }

        [[actions]]
        type = "add_column"
        table = "users"
        column = { name = "about", type = "text" }
        up = { table = "profiles", value = "about", where = "user_id = users.id" }
    "#;
    let mut r = Rollout::prepare(USERS, ROWS, change);
    let error = r.start().expect_err("a circle");
    assert!(error.report().contains("in a circle"), "{}", error.report());
    assert_eq!(reshape_tests::catalog(&mut r.old), r.before);
}

/// A table of the new version takes everything over from one that goes.
#[test]
fn a_table_is_replaced_by_another() {
    let change = r#"
        [[actions]]
        type = "create_table"
        name = "people"
        primary_key = "id"
        columns = [
          { name = "id", type = "bigint", generated = "ALWAYS AS IDENTITY" },
          { name = "title", type = "character varying(10)" },
        ]

            [actions.up]
            table = "users"
            values = { id = "id", title = "upper(users.name)" }

        [[actions]]
        type = "add_column"
        table = "profiles"
        column = { name = "email", type = "text" }
        up = { table = "users", value = "email", where = "user_id = users.id" }

        [[actions]]
        type = "remove_table"
        table = "users"
    "#;
    let mut r = Rollout::begin(USERS, ROWS, change);
    let people = "SELECT id, title FROM migration_2_change.people ORDER BY id";
    sees(&mut r, people, &["1|ADA", "2|ALAN", "3|GRACE"]);
    old(&mut r, "UPDATE users SET name = 'Ann', email = 'ann@x' WHERE id = 1");
    old(&mut r, "UPDATE users SET id = 33 WHERE id = 3");
    old(&mut r, "DELETE FROM users WHERE id = 2");
    old(&mut r, "INSERT INTO users (id) VALUES (2), (4)");
    sees(&mut r, people, &["1|ANN", "2|NOBODY", "4|NOBODY", "33|GRACE"]);
    sees(&mut r, NEW, &["10|1|ann@x", "20|2|-"]);
    new(&mut r, "UPDATE people SET title = 'mine' WHERE id = 1");
    new(&mut r, "DELETE FROM people WHERE id = 4");
    // What the new version has, stays, unless an old client writes the row again.
    old(&mut r, "UPDATE users SET email = 'x' WHERE id = 1");
    sees(&mut r, people, &["1|mine", "2|NOBODY", "33|GRACE"]);
    assert!(r.old.batch_execute("UPDATE users SET name = 'too long for it' WHERE id = 2").is_err());
    r.abort();
    r.start().expect("a second start");
    r.complete();
    assert_eq!(rows(&mut r.new, people), ["1|ANN", "2|NOBODY", "4|NOBODY", "33|GRACE"]);
}

/// Several rows make one, which is then looked up: a text becomes a reference.
#[test]
fn a_text_becomes_a_reference() {
    let change = r#"
        [[actions]]
        type = "create_table"
        name = "names"
        primary_key = "id"
        columns = [
          { name = "id", type = "uuid", default = "gen_random_uuid()" },
          { name = "name", type = "text", nullable = false },
        ]

            [actions.up]
            table = "users"
            values = { name = "name" }
            where = "name <> ''"
            upsert_constraint = "names_name"

        [[actions]]
        type = "add_index"
        table = "names"
        index = { name = "names_name", columns = ["name"], unique = true }

        [[actions]]
        type = "add_column"
        table = "users"
        column = { name = "name_id", type = "uuid" }
        up = { table = "names", value = "names.id", where = "names.name = users.name" }
    "#;
    let sql = format!("{ROWS}; INSERT INTO users VALUES (4, 'Ada', NULL)");
    let mut r = Rollout::begin(USERS, &sql, change);
    let list = "SELECT u.id, n.name FROM migration_2_change.users u LEFT JOIN migration_2_change.names n ON n.id = name_id ORDER BY 1";
    sees(&mut r, list, &["1|Ada", "2|Alan", "3|Grace", "4|Ada"]);
    old(&mut r, "UPDATE users SET name = 'Joan' WHERE id = 2");
    old(&mut r, "INSERT INTO users VALUES (5, 'Rosa'), (6, 'Grace'), (7, '')");
    sees(&mut r, list, &["1|Ada", "2|Joan", "3|Grace", "4|Ada", "5|Rosa", "6|Grace", "7|-"]);
    sees(
        &mut r,
        "SELECT name FROM migration_2_change.names ORDER BY 1",
        &["Ada", "Alan", "Grace", "Joan", "Rosa"],
    );
    r.abort();
    r.start().expect("a second start");
    r.complete();
    new(&mut r, "INSERT INTO names (name) VALUES ('x')");
}

// --- at the same time --------------------------------------------------------------------------------------------

/// Runs `sql` on a connection of its own, until it is done or waits for a lock.
fn begun(r: &mut Rollout, version: &str, sql: &str) -> JoinHandle<Client> {
    let mut other = client(&r.database, version);
    let pid = rows(&mut other, "SELECT pg_backend_pid()").remove(0);
    let text = sql.to_owned();
    let work = thread::spawn(move || {
        other.batch_execute(&text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
        other
    });
    let waits = format!("SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = {pid}");
    while !work.is_finished() && rows(&mut r.old, &waits) != ["t"] {
        thread::sleep(Duration::from_millis(5));
    }
    work
}

/// Each of the two does not see the other's row, and together they have to be right.
fn at_once(more: &str) {
    let mut r = Rollout::begin(USERS, &format!("{ROWS}; {more}"), MOVE);
    // The reader's row first.
    old(&mut r, "BEGIN; INSERT INTO profiles VALUES (30, 3)");
    let writer = begun(&mut r, BASE, "UPDATE users SET email = 'later' WHERE id = 3");
    old(&mut r, "COMMIT");
    writer.join().expect("no error");
    sees(&mut r, NEW, &["10|1|ada@x", "20|2|alan@x", "30|3|later"]);
    // The other table's first.
    let mut other = client(&r.database, BASE);
    rows(&mut other, "BEGIN; UPDATE users SET email = 'first' WHERE id = 3");
    let writer = begun(&mut r, BASE, "INSERT INTO profiles VALUES (31, 3)");
    rows(&mut other, "COMMIT");
    writer.join().expect("no error");
    sees(&mut r, NEW, &["10|1|ada@x", "20|2|alan@x", "30|3|first", "31|3|first"]);
    // A row that moves away and one that goes.
    old(&mut r, "BEGIN; UPDATE profiles SET user_id = 3 WHERE id = 10");
    let writer = begun(&mut r, BASE, "UPDATE users SET email = 'again' WHERE id = 3");
    old(&mut r, "COMMIT");
    writer.join().expect("no error");
    old(&mut r, "BEGIN; UPDATE profiles SET user_id = 3 WHERE id = 20");
    let writer = begun(&mut r, BASE, "DELETE FROM users WHERE id = 3");
    old(&mut r, "COMMIT");
    writer.join().expect("no error");
    sees(&mut r, NEW, &["10|3|-", "20|3|-", "30|3|-", "31|3|-"]);
    // New clients, the other way round: a user takes the number that a profile has.
    new(&mut r, "INSERT INTO profiles VALUES (50, 5, '', 'five')");
    new(&mut r, "BEGIN; INSERT INTO users VALUES (5, 'x')");
    let writer = begun(&mut r, CHANGE, "UPDATE profiles SET email = 'FIVE' WHERE id = 50");
    new(&mut r, "COMMIT");
    writer.join().expect("no error");
    sees(&mut r, OLD, &["1|ada@x", "2|alan@x", "5|FIVE"]);
    r.abort();
}

#[test]
fn two_clients_that_do_not_see_each_other() {
    at_once("");
}

#[test]
fn two_clients_and_tables_without_a_key() {
    at_once(
        "ALTER TABLE public.users DROP CONSTRAINT users_pkey; ALTER TABLE public.profiles DROP CONSTRAINT profiles_pkey",
    );
}

/// A start in a thread, whose backfill waits for the row that `lock` locks; returns when it does.
fn start_waiting(
    r: &mut Rollout,
    lock: &str,
    statement: &str,
) -> (JoinHandle<()>, Arc<Mutex<Client>>) {
    let blocker = Arc::new(Mutex::new(client(&r.database, BASE)));
    let (shared, lock) = (Arc::clone(&blocker), format!("BEGIN; {lock}"));
    let mut is_locked = false;
    let observer = move |event: &Event| {
        if let Event::StepStarted { phase: Phase::Backfill, undo: false, .. } = event
            && !std::mem::replace(&mut is_locked, true)
        {
            rows(&mut shared.lock().expect("no panic"), &lock);
        }
    };
    let migrator = r.migrator().lock_timeout(Duration::from_secs(60)).observer(observer);
    let start = thread::spawn(move || {
        let mut migrator = migrator;
        migrator.start().unwrap_or_else(|error| panic!("{}", error.report()));
    });
    let waits = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
         AND wait_event_type = 'Lock' AND query LIKE '{statement}'"
    );
    while rows(&mut r.old, &waits) != ["1"] {
        assert!(!start.is_finished(), "nothing has blocked the backfill: the test tests nothing");
        thread::sleep(Duration::from_millis(5));
    }
    (start, blocker)
}

/// The backfill's statement has begun when an old client changes the other table: what it sees there is out of date.
#[test]
fn a_backfill_does_not_bring_an_old_value_back() {
    let mut r = Rollout::prepare(USERS, ROWS, MOVE);
    let lock = "SELECT * FROM profiles WHERE id = 10 FOR UPDATE";
    let (start, blocker) = start_waiting(&mut r, lock, "UPDATE%__reshape_email%");
    old(&mut r, "UPDATE users SET email = 'changed' WHERE id = 2");
    old(&mut r, "INSERT INTO profiles VALUES (30, 3)");
    old(&mut r, "UPDATE users SET email = 'g' WHERE id = 3");
    rows(&mut blocker.lock().expect("no panic"), "COMMIT");
    start.join().expect("a start");
    sees(&mut r, NEW, &["10|1|ada@x", "20|2|changed", "30|3|g"]);
    r.complete();
}

/// The same for a table that is filled.
#[test]
fn a_new_table_is_not_filled_with_old_values() {
    let mut r = Rollout::prepare(ACCOUNTS, ACCOUNT_ROWS, JUNCTION);
    let lock = "UPDATE users SET account_id = 2, account_role = 'first' WHERE id = 1";
    let (start, blocker) = start_waiting(&mut r, lock, "INSERT%user_account_connections%");
    old(&mut r, "UPDATE users SET account_role = 'changed' WHERE id = 2");
    old(&mut r, "UPDATE users SET account_id = 1, account_role = 'third' WHERE id = 3");
    old(&mut r, "INSERT INTO users VALUES (4, 'd', 1, 'x')");
    old(&mut r, "DELETE FROM users WHERE id = 4");
    rows(&mut blocker.lock().expect("no panic"), "COMMIT");
    start.join().expect("a start");
    sees(&mut r, CONNECTIONS, &["1|2|FIRST|none", "2|2|CHANGED|none", "3|1|THIRD|none"]);
    r.complete();
}

/// An index on the column by which rows are found is used by the trigger's queries, whether rows may match no more or match now.
#[test]
fn the_trigger_finds_its_rows_by_an_index() {
    let mut r = Rollout::begin(USERS, ROWS, MOVE);
    old(&mut r, "INSERT INTO profiles SELECT i, i FROM generate_series(100, 20000) i");
    rows(&mut r.database.connect().expect("a client"), "VACUUM ANALYZE public.profiles");
    // The transaction's own counters.
    let scans = "SELECT pg_stat_get_xact_numscans('public.profiles'::regclass), \
                 pg_stat_get_xact_numscans('public.profiles_user'::regclass) > 0";
    old(&mut r, "BEGIN; SET LOCAL plan_cache_mode = force_generic_plan");
    old(&mut r, "UPDATE users SET email = 'x', id = 5000 WHERE id = 1");
    sees(&mut r, scans, &["0|t"]);
    old(&mut r, "COMMIT");
    sees(&mut r, "SELECT email FROM migration_2_change.profiles WHERE user_id = 5000", &["x"]);
}

// --- what users have of their own --------------------------------------------------------------------------------

/// A role of the server's, which goes with the test.
struct Role {
    name: String,
    admin: Client,
}

impl Role {
    fn new(r: &Rollout, name: &str) -> Self {
        let mut admin = r.database.connect().expect("a client");
        let suffix =
            rows(&mut admin, "SELECT oid FROM pg_database WHERE datname = current_database()")
                .remove(0);
        let name = format!("cross_{name}_{suffix}");
        rows(&mut admin, &format!("CREATE ROLE {name}"));
        Self { name, admin }
    }

    fn grant(&mut self, schema: &str, table: &str) {
        let name = &self.name;
        let sql = format!(
            "GRANT USAGE ON SCHEMA {schema} TO {name}; GRANT SELECT, INSERT, UPDATE, DELETE ON {schema}.{table} TO {name}"
        );
        rows(&mut self.admin, &sql);
    }

    fn client(&self, r: &Rollout, version: &str) -> Client {
        let mut client = client(&r.database, version);
        rows(&mut client, &format!("SET ROLE {}", self.name));
        client
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        let sql = format!("DROP OWNED BY {0}; DROP ROLE {0}", self.name);
        self.admin.batch_execute(&sql).expect("the role goes");
    }
}

/// Who may write one of the tables need not have any right on the other.
#[test]
fn a_role_without_rights_on_the_other_table_writes_its_own() {
    let r = &mut Rollout::prepare(&not_null(USERS), ROWS, &not_null(MOVE));
    let (mut user, mut profile) = (Role::new(r, "user"), Role::new(r, "profile"));
    for schema in ["public", "migration_1_base"] {
        user.grant(schema, "users");
        profile.grant(schema, "profiles");
    }
    r.start().unwrap_or_else(|error| panic!("{}", error.report()));
    let mut client = user.client(r, BASE);
    rows(&mut client, "INSERT INTO users VALUES (4, 'x', 'four')");
    rows(&mut client, "UPDATE users SET email = 'changed' WHERE id = 1");
    rows(&mut client, "DELETE FROM users WHERE id = 2");
    assert!(client.batch_execute("SELECT * FROM profiles").is_err());
    let mut client = profile.client(r, BASE);
    rows(&mut client, "INSERT INTO profiles VALUES (40, 4)");
    assert!(client.batch_execute("SELECT * FROM users").is_err());
    sees(r, NEW, &["10|1|changed", "20|2|alan@x", "40|4|four"]);
    let mut client = profile.client(r, CHANGE);
    rows(&mut client, "UPDATE profiles SET email = 'new' WHERE id = 10");
    rows(&mut client, "INSERT INTO profiles (id, user_id, email) VALUES (50, 5, 'five')");
    rows(&mut user.client(r, CHANGE), "INSERT INTO users VALUES (5, 'x')");
    rows(&mut client, "DELETE FROM profiles WHERE id = 10");
    sees(r, OLD, &["1|new", "3|grace@x", "4|four", "5|five"]);
    // The functions are ours alone: nobody may put one on a table of his own.
    let public = "SELECT proname FROM pg_proc WHERE pronamespace = 'reshape'::regnamespace AND prosecdef \
                  AND has_function_privilege('public', oid, 'EXECUTE')";
    sees(r, public, &[]);
    r.complete();
    drop((user, profile));
}

#[test]
fn foreign_keys_cascade_or_not() {
    for (clause, not_null_too) in [
        ("", false),
        ("", true),
        ("ON DELETE CASCADE ON UPDATE CASCADE", false),
        ("ON DELETE CASCADE ON UPDATE CASCADE", true),
    ] {
        let text = |text: &str| if not_null_too { not_null(text) } else { text.to_owned() };
        let sql = format!(
            "{ROWS}; ALTER TABLE public.profiles ADD FOREIGN KEY (user_id) REFERENCES public.users {clause}"
        );
        let mut r = Rollout::begin(&text(USERS), &sql, &text(MOVE));
        let goes = "DELETE FROM users WHERE id = 1";
        if clause.is_empty() {
            assert!(r.old.batch_execute(goes).is_err());
            assert!(r.new.batch_execute(goes).is_err());
            old(&mut r, "DELETE FROM profiles WHERE user_id = 1");
        }
        old(&mut r, goes);
        sees(&mut r, NEW, &["20|2|alan@x"]);
        sees(&mut r, OLD, &["2|alan@x", "3|grace@x"]);
        if !clause.is_empty() {
            old(&mut r, "UPDATE users SET id = 22, email = 'a' WHERE id = 2");
            sees(&mut r, NEW, &["20|22|a"]);
            new(&mut r, "UPDATE users SET id = 2 WHERE id = 22");
            sees(&mut r, NEW, &["20|2|a"]);
            sees(&mut r, OLD, &["2|a", "3|grace@x"]);
        }
        new(&mut r, "DELETE FROM profiles WHERE user_id = 2");
        new(&mut r, "DELETE FROM users WHERE id = 2");
        old(
            &mut r,
            "BEGIN; INSERT INTO users VALUES (7, 'x', 'seven'); INSERT INTO profiles VALUES (70, 7); COMMIT",
        );
        new(
            &mut r,
            "BEGIN; INSERT INTO users VALUES (8, 'x'); INSERT INTO profiles VALUES (80, 8, '', 'eight'); COMMIT",
        );
        sees(&mut r, NEW, &["70|7|seven", "80|8|eight"]);
        sees(&mut r, OLD, &["3|grace@x", "7|seven", "8|eight"]);
        r.abort();
        r.start().expect("a second start");
        r.complete();
    }
}

/// Triggers of the user's, before and after, that write the row, the other table and a third one.
#[test]
fn triggers_that_write() {
    let base = format!(
        r#"{USERS}
        [[actions]]
        type = "create_table"
        name = "log"
        primary_key = "id"
        columns = [{{ name = "id", type = "integer", generated = "ALWAYS AS IDENTITY" }}, {{ name = "what", type = "text" }}]
        "#
    );
    let sql = format!(
        "{ROWS};
        CREATE FUNCTION public.tidy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.email := lower(NEW.email); RETURN NEW; END $$;
        CREATE TRIGGER tidy BEFORE INSERT OR UPDATE ON public.users FOR EACH ROW EXECUTE FUNCTION public.tidy();
        CREATE FUNCTION public.touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.bio := coalesce(NEW.bio, '') || '+'; RETURN NEW; END $$;
        CREATE TRIGGER touch BEFORE INSERT OR UPDATE ON public.profiles FOR EACH ROW EXECUTE FUNCTION public.touch();
        CREATE FUNCTION public.follow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          IF TG_OP = 'INSERT' THEN INSERT INTO public.profiles (id, user_id) VALUES (NEW.id * 10, NEW.id); END IF;
          INSERT INTO public.log (what) VALUES (NEW.email); RETURN NULL; END $$;
        CREATE TRIGGER follow AFTER INSERT OR UPDATE ON public.users FOR EACH ROW EXECUTE FUNCTION public.follow()"
    );
    let mut r = Rollout::begin(&base, &sql, MOVE);
    let list = "SELECT id, bio, email FROM migration_2_change.profiles ORDER BY id";
    sees(&mut r, list, &["10|-|ada@x", "20|-|alan@x"]);
    old(&mut r, "UPDATE users SET email = 'ADA' WHERE id = 1");
    old(&mut r, "INSERT INTO users VALUES (4, 'x', 'FOUR')");
    sees(&mut r, list, &["10|+|ada", "20|-|alan@x", "40|+|four"]);
    new(&mut r, "UPDATE profiles SET email = 'Alan' WHERE id = 20");
    // `tidy` makes what it does of an old column, and that reaches no new one.
    sees(&mut r, OLD, &["1|ada", "2|alan", "3|grace@x", "4|four"]);
    sees(&mut r, list, &["10|+|ada", "20|+|Alan", "40|+|four"]);
    sees(&mut r, "SELECT what FROM migration_1_base.log ORDER BY id", &["ada", "four", "alan"]);
    r.abort();
    r.start().expect("a second start");
    r.complete();
}

/// Old clients write while the tables are being filled; what they do is there in the end.
#[test]
fn old_clients_write_during_the_backfill() {
    let change = format!(
        r#"
        [[actions]]
        type = "alter_column"
        table = "users"
        column = "name"
        up = "upper(name)"
        changes = {{ name = "title" }}
        {}
        [[actions]]
        type = "add_column"
        table = "profiles"
        column = {{ name = "shout", type = "text" }}
        up = "email || '!'"
        "#,
        MOVE.replace("users.email", "title || email")
    );
    let fill = "INSERT INTO users SELECT i, 'n' || i, 'e' || i FROM generate_series(1, 600) i; \
                INSERT INTO profiles SELECT i, i, repeat('x', 800) FROM generate_series(1, 600) i";
    let mut r = Rollout::prepare(USERS, fill, &change);
    let mut writer = client(&r.database, BASE);
    let mut n = 0;
    let observer = move |event: &Event| {
        if let Event::Backfill { .. } | Event::StepStarted { .. } = event {
            n += 1;
            let (a, b, c) = (n * 37 % 600 + 1, n * 53 % 600 + 1, n * 71 % 600 + 1);
            for sql in [
                format!("UPDATE users SET email = 'w{n}' WHERE id = {a}"),
                format!("UPDATE users SET name = 'w{n}' WHERE id = {b}"),
                format!("UPDATE profiles SET bio = bio || '{n}' WHERE id = {c}"),
                format!("UPDATE profiles SET user_id = {a} WHERE id = {b}"),
                format!("INSERT INTO profiles VALUES ({n} + 1000, {c})"),
                format!("INSERT INTO users VALUES ({n} + 1000, 'new', 'e')"),
                format!("UPDATE profiles SET user_id = {n} + 1000 WHERE id = {c}"),
                format!("DELETE FROM users WHERE id = {n} + 300"),
            ] {
                rows(&mut writer, &sql);
            }
        }
    };
    let mut migrator = r.migrator().batch_duration(Duration::from_millis(1)).observer(observer);
    migrator.start().unwrap_or_else(|error| panic!("{}", error.report()));
    let wrong = "SELECT p.id, p.email, p.shout, u.name, u.email FROM migration_2_change.profiles p \
                 LEFT JOIN migration_1_base.users u ON u.id = p.user_id \
                 WHERE p.email IS DISTINCT FROM upper(u.name) || u.email OR p.shout IS DISTINCT FROM p.email || '!'";
    sees(&mut r, wrong, &[]);
    old(&mut r, "UPDATE users SET email = 'all' WHERE id % 2 = 0");
    old(&mut r, "UPDATE profiles SET user_id = 3 WHERE id % 5 = 0");
    sees(&mut r, wrong, &[]);
    r.complete();
}

#[test]
fn what_cannot_be_is_refused() {
    let cases = [
        (
            MOVE.replace("value = \"users.email\"", "value = \"users.mail\""),
            "column users.mail does not exist",
        ),
        (
            MOVE.replace("value = \"users.email\"", "value = \"max(users.email)\""),
            "aggregate functions",
        ),
        (
            MOVE.replace("type = \"text\"", "type = \"integer\""),
            "is of type integer but expression is of type text",
        ),
        (
            format!(
                "{}[[actions]]\ntype = 'add_column'\ntable = 'users'\ncolumn = {{ name = 'x', type = 'text' }}\nup = {{ table = 'users', value = 'name', where = 'true' }}",
                MOVE
            ),
            "from another row of `users`",
        ),
    ];
    for (change, message) in cases {
        let mut r = Rollout::prepare(USERS, ROWS, &change);
        let error = r.start().expect_err("a refusal");
        assert!(error.report().contains(message), "{}", error.report());
        assert_eq!(reshape_tests::catalog(&mut r.old), r.before);
    }
    let sql = format!(
        "{ROWS}; ALTER TABLE public.users ADD g text GENERATED ALWAYS AS (upper(name)) STORED"
    );
    let change = MOVE.replace("users.email", "users.g");
    let mut r = Rollout::prepare(USERS, &sql, &change);
    let error = r.start().expect_err("a refusal");
    assert!(error.report().contains("generated column `users`.`g`"), "{}", error.report());
    assert_eq!(reshape_tests::catalog(&mut r.old), r.before);
    let cases = [
        (JUNCTION.replace("        user_id = \"users.id\"\n", ""), "gives no value for `user_id`"),
        (
            JUNCTION.replace(
                "where = \"users.account_id IS NOT NULL\"",
                "upsert_constraint = \"nothing\"",
            ),
            "no unique index `nothing`",
        ),
        (
            JUNCTION.replace("UPPER(users.account_role)", "UPPER(users.role)"),
            "column users.role does not exist",
        ),
        (JUNCTION.replace("UPPER(users.account_role)", "NULL"), "null value in column \"role\""),
        (
            format!(
                "{JUNCTION}[[actions]]\ntype = 'add_column'\ntable = 'user_account_connections'\nup = 'role'\ncolumn = {{ name = 'x', type = 'text' }}"
            ),
            "which the same batch fills",
        ),
    ];
    for (change, message) in cases {
        let mut r = Rollout::prepare(ACCOUNTS, ACCOUNT_ROWS, &change);
        let error = r.start().expect_err("a refusal");
        assert!(error.report().contains(message), "{}", error.report());
        assert_eq!(reshape_tests::catalog(&mut r.old), r.before);
    }
}
