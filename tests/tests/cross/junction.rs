//! One to many becomes many to many: a new table is filled from another one.

use reshape_tests::{Rollout, rows};

use crate::{new, old, sees};

pub(crate) const ACCOUNTS: &str = r#"
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

pub(crate) const ACCOUNT_ROWS: &str = "INSERT INTO accounts VALUES (1, 'one'), (2, 'two'); \
                            INSERT INTO users VALUES (1, 'a', 1, 'admin'), (2, 'b', 2, 'Developer'), (3, 'c', NULL, NULL)";

pub(crate) const JUNCTION: &str = r#"
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
pub(crate) const CONNECTIONS: &str = "SELECT user_id, account_id, role, note FROM migration_2_change.user_account_connections ORDER BY 1, 2";

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

/// What a foreign key does to the new table, it does for the client that has written the row referred to.
#[test]
fn an_old_clients_key_cascades_to_connections_that_it_does_not_know() {
    let change = JUNCTION.replace(
        "referenced_table = \"users\", referenced_columns = [\"id\"]",
        "referenced_table = \"users\", referenced_columns = [\"id\"], on_update = \"CASCADE\", on_delete = \"CASCADE\"",
    );
    let mut r = Rollout::begin(ACCOUNTS, ACCOUNT_ROWS, &change);
    new(&mut r, "INSERT INTO user_account_connections VALUES (1, 2, 'SECOND', 'mine')");
    old(&mut r, "UPDATE users SET account_id = 1, account_role = 'first' WHERE id = 1");
    sees(&mut r, CONNECTIONS, &["1|1|FIRST|none", "2|2|DEVELOPER|none"]);
    new(&mut r, "INSERT INTO user_account_connections VALUES (1, 2, 'SECOND', 'mine')");
    old(&mut r, "UPDATE users SET account_id = 1, account_role = 'again' WHERE id = 1");
    new(
        &mut r,
        "INSERT INTO user_account_connections VALUES (1, 2, 'SECOND', 'mine') ON CONFLICT DO NOTHING",
    );
    new(&mut r, "DELETE FROM user_account_connections WHERE user_id = 2");
    new(&mut r, "INSERT INTO user_account_connections VALUES (2, 1, 'ONE'), (2, 2, 'TWO')");
    sees(&mut r, &OLD_ACCOUNTS.replace(" ORDER", " WHERE id = 2 ORDER"), &["2|2|two"]);
    old(&mut r, "UPDATE users SET account_role = 'Two' WHERE id = 2");
    old(&mut r, "UPDATE users SET id = 20 WHERE id = 2");
    sees(&mut r, &OLD_ACCOUNTS.replace(" ORDER", " WHERE id = 20 ORDER"), &["20|2|Two"]);
    sees(
        &mut r,
        &CONNECTIONS.replace(" ORDER", " WHERE user_id = 20 ORDER"),
        &["20|1|ONE|none", "20|2|TWO|none"],
    );
    new(&mut r, "UPDATE users SET id = 2 WHERE id = 20");
    sees(
        &mut r,
        &CONNECTIONS.replace(" ORDER", " WHERE user_id = 2 ORDER"),
        &["2|1|ONE|none", "2|2|TWO|none"],
    );
    old(&mut r, "DELETE FROM users WHERE id = 2");
    sees(&mut r, &CONNECTIONS.replace(" ORDER", " WHERE user_id = 2 ORDER"), &[]);
    r.complete();
}

/// The old table's foreign key goes with its column: it does not come along to the key that replaces the one it refers to.
#[test]
fn accounts_become_bigint_while_their_users_become_many() {
    let bigint = r#"
        [[actions]]
        type = "alter_column"
        table = "accounts"
        column = "id"
        changes = { type = "bigint" }
    "#;
    let before = format!("{bigint}{JUNCTION}").replace(
        "name = \"account_id\", type = \"integer\"",
        "name = \"account_id\", type = \"bigint\"",
    );
    for change in [format!("{JUNCTION}{bigint}"), before] {
        let mut r = Rollout::begin(ACCOUNTS, ACCOUNT_ROWS, &change);
        let nobody = "UPDATE users SET account_id = 9 WHERE id = 3";
        assert!(r.old.batch_execute(nobody).is_err());
        new(&mut r, "INSERT INTO accounts VALUES (9, 'nine')");
        old(&mut r, "UPDATE users SET account_id = 9, account_role = 'x' WHERE id = 3");
        r.abort();
        r.start().expect("a second start");
        sees(&mut r, CONNECTIONS, &["1|1|ADMIN|none", "2|2|DEVELOPER|none", "3|9|X|none"]);
        r.complete();
        new(&mut r, "INSERT INTO accounts VALUES (5000000000, 'many')");
        assert!(r.new.batch_execute("DELETE FROM accounts WHERE id = 9").is_err());
    }
}

/// A column of the new table that a later action removes again: the trigger and what reads the table do not know it.
#[test]
fn a_column_of_the_new_table_goes_in_the_same_batch() {
    let change = format!(
        "{JUNCTION}\n[[actions]]\ntype = \"remove_column\"\ntable = \"user_account_connections\"\ncolumn = \"note\"\n"
    );
    let mut r = Rollout::begin(ACCOUNTS, ACCOUNT_ROWS, &change);
    old(&mut r, "UPDATE users SET account_id = 1, account_role = 'x' WHERE id = 3");
    new(&mut r, "UPDATE user_account_connections SET role = 'Y' WHERE user_id = 2");
    sees(&mut r, OLD_ACCOUNTS, &["1|1|admin", "2|2|y", "3|1|x"]);
    sees(&mut r, &CONNECTIONS.replace(", note", ""), &["1|1|ADMIN", "2|2|Y", "3|1|X"]);
    r.abort();
    r.start().expect("a second start");
    r.complete();
}

/// The key by which rows of the new table are found is the one that replaces the old table's: old clients delete and move rows as ever.
#[test]
fn users_become_bigint_before_they_become_many() {
    let bigint = r#"
        [[actions]]
        type = "alter_column"
        table = "users"
        column = "id"
        changes = { type = "bigint" }
    "#;
    let change = format!("{bigint}{JUNCTION}")
        .replace("name = \"user_id\", type = \"integer\"", "name = \"user_id\", type = \"bigint\"");
    let mut r = Rollout::begin(ACCOUNTS, ACCOUNT_ROWS, &change);
    old(&mut r, "INSERT INTO users VALUES (4, 'd', 1, 'Guest')");
    old(&mut r, "DELETE FROM users WHERE id = 4");
    old(&mut r, "UPDATE users SET account_id = 2 WHERE id = 1");
    old(&mut r, "DELETE FROM users WHERE id = 2");
    sees(&mut r, CONNECTIONS, &["1|2|ADMIN|none"]);
    sees(&mut r, OLD_ACCOUNTS, &["1|2|admin", "3|-|-"]);
    r.abort();
    r.start().expect("a second start");
    r.complete();
    assert_eq!(rows(&mut r.new, CONNECTIONS), ["1|2|ADMIN|none"]);
}
