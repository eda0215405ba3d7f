//! Every action on a real server, from both sides: what an old client writes a new one sees and the other way round; contract leaves nothing
//! generated behind; rollback restores the catalog.

mod columns;
mod others;
mod tables;

use reshape_tests::{Rollout, rows};

pub(crate) const USERS: &str = r#"
[[actions]]
type = "create_table"
name = "users"
primary_key = "id"
columns = [
  { name = "id", type = "integer", generated = "BY DEFAULT AS IDENTITY" },
  { name = "name", type = "text", nullable = false },
  { name = "email", type = "text" },
  { name = "logins", type = "integer", nullable = false, default = "0" },
]
"#;

pub(crate) const ROWS: &str =
    "INSERT INTO users (name, email) VALUES ('Ada Lovelace', 'ada@x'), ('Alan Turing', NULL)";

/// Runs a scenario twice: to its completion, and to its rollback.
pub(crate) fn both_ways(change: &str, during: impl Fn(&mut Rollout), after: impl Fn(&mut Rollout)) {
    let mut rollout = Rollout::begin(USERS, ROWS, change);
    during(&mut rollout);
    rollout.abort();
    rows(&mut rollout.old, "INSERT INTO users (name) VALUES ('after the rollback')");

    let mut rollout = Rollout::begin(USERS, ROWS, change);
    during(&mut rollout);
    rollout.complete();
    after(&mut rollout);
}
