//! A column moves from one table to another.

use reshape_tests::{Rollout, rows};

use crate::{MOVE, NEW, OLD, ROWS, USERS, new, old, sees};

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
