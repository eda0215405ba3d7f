//! Columns that must have a value, and defaults.

use reshape_tests::Rollout;

use crate::{MOVE, NEW, OLD, ROWS, USERS, new, old, sees};

pub(crate) fn not_null(text: &str) -> String {
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
    let report = r.migrator().abort().unwrap_or_else(|error| panic!("{}", error.report()));
    let expected = "column \"email\" of table \"public\".\"users\" stays nullable: rows of new clients have no value for it (1), e.g. (5,Rosa,); \
                    give them one, then run: ALTER TABLE \"public\".\"users\" ALTER COLUMN \"email\" SET NOT NULL";
    assert_eq!(report.notes, [expected]);
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
    let message = "NOT NULL of `profiles`.`email` is violated by 1 row: id = 30, email = NULL";
    assert!(error.report().contains(message), "{}", error.report());
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
