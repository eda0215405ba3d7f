//! Values that come from another table: both sides see what the other writes, and nothing comes back to who wrote it.

mod at_once;
mod chains;
mod crash;
mod junction;
mod load;
mod moves;
mod not_null;
mod others;
mod own;
mod plans;
mod trees;
mod unique;

use reshape_tests::{Rollout, rows};

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
