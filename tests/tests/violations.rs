//! What data can do to a batch: a start that rows are in the way of fails, says which and by which rule, and is rolled back; and what would keep
//! a completion from succeeding is rejected when it is written.

use postgres::Client;
use reshape_runtime::ErrorKind;
use reshape_runtime::model::Action;
use reshape_tests::{Rollout, catalog, leftovers};

const BASE: &str = r#"
[[actions]]
type = "create_table"
name = "users"
primary_key = "id"
columns = [
  { name = "id", type = "integer" },
  { name = "name", type = "text" },
  { name = "code", type = "integer" },
]

[[actions]]
type = "create_table"
name = "orders"
primary_key = ["region", "number"]
columns = [
  { name = "region", type = "text" },
  { name = "number", type = "integer" },
  { name = "user_id", type = "integer" },
]
"#;

const ROWS: &str = "INSERT INTO users VALUES (1, 'Ada', 1), (2, NULL, 0), (3, '', 0), (4, NULL, 4);
    INSERT INTO orders VALUES ('eu', 1, 1), ('it''s', 2, 77), ('us', 3, NULL)";

/// How the start of `change` fails; nothing is left of it.
fn fails(rows: &str, change: &str) -> String {
    let mut r = Rollout::prepare(BASE, rows, change);
    let error = r.start().expect_err("rows are in the way");
    assert_eq!(error.kind(), ErrorKind::Failed, "{}", error.report());
    assert!(error.sqlstate().is_some());
    assert_eq!(leftovers(&mut r.old), Vec::<String>::new());
    assert_eq!(catalog(&mut r.old), r.before);
    error.report()
}

#[test]
fn rows_with_null_in_a_column_that_becomes_not_null() {
    let change = r#"
        [[actions]]
        type = "alter_column"
        table = "users"
        column = "name"
        up = "name"
        changes = { name = "nick", nullable = false }
    "#;
    assert_eq!(
        fails(ROWS, change),
        "the step `check that `users`.`name` has no NULL` failed: NOT NULL of `users`.`nick` is violated by 2 rows, e.g. id = 2, \
         nick = NULL; the batch was rolled back\n  help: give those rows a value, then start again"
    );
}

#[test]
fn an_up_that_gives_null_for_a_column_that_is_not_null() {
    let change = r#"
        [[actions]]
        type = "add_column"
        table = "users"
        up = "nullif(name, '')"
        column = { name = "nick", type = "text", nullable = false }
    "#;
    assert_eq!(
        fails(ROWS, change),
        "the step `fill new columns of `users`` failed: NOT NULL of `users`.`nick` is violated by 3 rows, e.g. id = 2, nick = NULL; \
         the batch was rolled back\n  help: give those rows a value, or let `up` do so, then start again"
    );
}

#[test]
fn rows_that_an_added_check_is_false_for() {
    let check = |expression: &str| {
        format!(
            "[[actions]]\ntype = 'add_check'\ntable = 'users'\ncheck = {{ name = 'named', expression = \"{expression}\" }}\n"
        )
    };
    assert_eq!(
        fails(ROWS, &check("name <> ''")),
        "the step `check that all rows of `users` satisfy `named`` failed: the check `named` of `users` is violated by 1 row: \
         id = 3, name = ''; the batch was rolled back\n  help: correct those rows, or the check, then start again"
    );
    // More than anybody wants to count, and values longer than anybody wants to read.
    let many = "INSERT INTO users SELECT i, E'long\\n' || repeat('x', 100) FROM generate_series(1, 5000) i";
    assert_eq!(
        fails(many, &check("users.name = '' AND id > 0")),
        format!(
            "the step `check that all rows of `users` satisfy `named`` failed: the check `named` of `users` is violated by at least \
             1,000 rows, e.g. id = 1, name = 'long {}…'; the batch was rolled back\n  help: correct those rows, or the check, then \
             start again",
            "x".repeat(55)
        )
    );
}

#[test]
fn a_check_that_replaces_another_is_called_by_its_own_name() {
    let base = format!(
        "{BASE}{}",
        "[[actions]]\ntype = 'add_check'\ntable = 'users'\ncheck = { name = 'c', expression = 'code >= 0' }\n"
    );
    let change = r#"
        [[actions]]
        type = "remove_check"
        table = "users"
        check = "c"

        [[actions]]
        type = "alter_column"
        table = "users"
        column = "code"
        changes = { name = "number" }

        [[actions]]
        type = "add_check"
        table = "users"
        check = { name = "c", expression = "number > 0" }
    "#;
    let r = Rollout::prepare(&base, ROWS, change);
    assert_eq!(
        r.start().expect_err("rows are in the way").report(),
        "the step `check that all rows of `users` satisfy `c`` failed: the check `c` of `users` is violated by 2 rows, e.g. id = 2, \
         number = 0; the batch was rolled back\n  help: correct those rows, or the check, then start again"
    );
}

#[test]
fn an_up_whose_value_violates_a_check() {
    let change = r#"
        [[actions]]
        type = "alter_column"
        table = "users"
        column = "code"
        up = "code * 2"
        down = "code / 2"
        changes = { type = "bigint" }

        [[actions]]
        type = "add_check"
        table = "users"
        check = { name = "small", expression = "code < 8 OR id = 0" }
    "#;
    assert_eq!(
        fails(ROWS, change),
        "the step `fill new columns of `users`` failed: the check `small` of `users` is violated by 1 row: id = 4, code = 8; the batch \
         was rolled back\n  help: correct those rows, or the check, then start again"
    );
}

#[test]
fn rows_that_refer_to_none() {
    let change = r#"
        [[actions]]
        type = "add_foreign_key"
        table = "orders"
        foreign_key = { columns = ["user_id"], referenced_table = "users", referenced_columns = ["id"] }
    "#;
    assert_eq!(
        fails(ROWS, change),
        "the step `check that all rows of `orders` satisfy `orders_user_id_fkey`` failed: the foreign key `orders_user_id_fkey` of \
         `orders` is violated by 1 row: region = 'it's', number = 2, user_id = 77; the batch was rolled back\n  help: correct those \
         rows, or insert the rows that they refer to, then start again"
    );
}

#[test]
fn once_the_rows_are_corrected_the_same_batch_starts() {
    // This one is made in the publish phase: it writes a column that the batch computes.
    let change = r#"
        [[actions]]
        type = "alter_column"
        table = "orders"
        column = "user_id"
        changes = { type = "bigint" }

        [[actions]]
        type = "add_foreign_key"
        table = "orders"
        foreign_key = { columns = ["user_id"], referenced_table = "users", referenced_columns = ["id"], on_delete = "SET NULL" }
    "#;
    let mut r = Rollout::prepare(BASE, ROWS, change);
    let report = r.start().expect_err("a row is in the way").report();
    assert!(
        report
            .contains("`orders` is violated by 1 row: region = 'it's', number = 2, user_id = 77;"),
        "{report}"
    );
    assert_eq!(catalog(&mut r.old), r.before);
    reshape_tests::rows(&mut r.old, "UPDATE orders SET user_id = 2 WHERE number = 2");
    r.start().unwrap_or_else(|error| panic!("{}", error.report()));
    reshape_tests::rows(&mut r.new, "DELETE FROM users WHERE id = 2");
    let gone = "SELECT count(*) FROM orders WHERE number = 2 AND user_id IS NULL";
    assert_eq!(reshape_tests::rows(&mut r.old, gone), ["1"]);
    r.complete();
}

#[test]
fn types_that_a_foreign_key_cannot_compare() {
    let change = r#"
        [[actions]]
        type = "add_foreign_key"
        table = "orders"
        foreign_key = { columns = ["user_id"], referenced_table = "users", referenced_columns = ["id"] }
    "#;
    let by_hand = format!(
        "{ROWS}; ALTER TABLE public.orders ADD x text; DROP VIEW orders; ALTER TABLE public.orders DROP user_id; ALTER TABLE public.orders RENAME x TO user_id"
    );
    let report = fails(&by_hand, change);
    let begin = "the step `add foreign key `orders_user_id_fkey` to `orders`` failed: foreign key constraint \"orders_user_id_fkey\" cannot be \
                 implemented (Key columns ";
    assert!(report.starts_with(begin), "{report}");
    let end = "are of incompatible types: text and integer.); the batch was rolled back";
    assert!(report.ends_with(end), "{report}");
}

#[test]
fn an_error_of_the_search_for_offenders_does_not_hide_the_first_one() {
    let change = r#"
        [[actions]]
        type = "add_column"
        table = "users"
        up = "10 / code"
        column = { name = "share", type = "integer" }

        [[actions]]
        type = "add_check"
        table = "users"
        check = { name = "little", expression = "share < 10" }
    "#;
    assert_eq!(
        fails(ROWS, change),
        "the step `fill new columns of `users`` failed: the check `little` of `users` is violated by a row; the batch was rolled back\n  \
         help: correct those rows, or the check, then start again"
    );
}

#[test]
fn duplicates_where_a_unique_index_is_built() {
    let change = r#"
        [[actions]]
        type = "add_column"
        table = "users"
        up = "coalesce(name, '')"
        column = { name = "nick", type = "text" }

        [[actions]]
        type = "add_index"
        table = "users"
        index = { name = "users_nick", columns = ["nick", { expression = "code % 4" }], unique = true, where = "id > 1" }
    "#;
    assert_eq!(
        fails(ROWS, change),
        "the step `build index `users_nick` on `users`` failed: the unique index `users_nick` of `users` is violated by 3 rows, e.g. \
         id = 2 and id = 3, both with nick = '', code % 4 = 0; the batch was rolled back\n  help: make those rows differ, then start again"
    );
}

#[test]
fn a_check_that_the_user_has_left_not_valid() {
    let change = r#"
        [[actions]]
        type = "add_column"
        table = "users"
        up = "id + 1"
        column = { name = "next", type = "integer" }
    "#;
    let loose =
        format!("{ROWS}; ALTER TABLE public.users ADD CONSTRAINT loose CHECK (code > 0) NOT VALID");
    assert_eq!(
        fails(&loose, change),
        "the step `fill new columns of `users`` failed: the check `loose` of `users`, which is NOT VALID, is violated by 2 rows, e.g. \
         id = 2, code = 0; the batch was rolled back\n  help: what the batch writes into a row makes Postgres check all of it: correct \
         those rows, or drop the check, then start again"
    );
}

#[test]
fn a_row_without_a_key_is_named_by_its_place() {
    let change = r#"
        [[actions]]
        type = "alter_column"
        table = "users"
        column = "name"
        up = "name"
        changes = { nullable = false }
    "#;
    let report =
        fails(&format!("{ROWS}; ALTER TABLE public.users DROP CONSTRAINT users_pkey"), change);
    assert!(report.contains("by 2 rows, e.g. ctid = '(0,2)', name = NULL;"), "{report}");
}

#[test]
fn an_up_that_fails_names_the_row() {
    let change = r#"
        [[actions]]
        type = "add_column"
        table = "users"
        up = "100 / code"
        column = { name = "share", type = "integer" }
    "#;
    let one = "INSERT INTO users SELECT i, repeat('x', 200), 1 FROM generate_series(1, 20000) i; UPDATE users SET code = 0 WHERE id = 17000";
    assert_eq!(
        fails(one, change),
        "the step `fill new columns of `users`` failed: division by zero; it fails on the row id = 17000, code = 0; the batch was rolled \
         back"
    );
    let change = r#"
        [[actions]]
        type = "alter_column"
        table = "users"
        column = "name"
        up = "name::integer"
        down = "name::text"
        changes = { type = "integer" }
    "#;
    assert_eq!(
        fails("INSERT INTO users VALUES (1, '1'), (2, 'two'), (3, 'three')", change),
        "the step `fill new columns of `users`` failed: invalid input syntax for type integer: \"two\"; it fails on the row id = 2, name = \
         'two'; the batch was rolled back"
    );
}

/// Statements that must fail, with the SQLSTATE.
fn rejected(client: &mut Client, state: &str, sql: &str) {
    let error = client.simple_query(sql).expect_err(sql);
    assert_eq!(error.code().map(postgres::error::SqlState::code), Some(state), "{sql}: {error}");
}

const NOT_NULL: &str = "23502";
const CHECK: &str = "23514";
const FOREIGN_KEY: &str = "23503";
const UNIQUE: &str = "23505";

/// Everything that a completion takes for granted about the rows.
#[test]
fn what_would_stop_a_completion_is_rejected_when_it_is_written() {
    let change = r#"
        [[actions]]
        type = "alter_column"
        table = "users"
        column = "name"
        up = "name"
        changes = { nullable = false }

        [[actions]]
        type = "alter_column"
        table = "users"
        column = "code"
        up = "nullif(code, 9)"
        down = "code::integer"
        changes = { type = "smallint", nullable = false, default = "7" }

        [[actions]]
        type = "add_column"
        table = "users"
        column = { name = "level", type = "integer", nullable = false, default = "1" }

        [[actions]]
        type = "add_column"
        table = "users"
        up = "nullif(left(name, 3), 'Bob')"
        column = { name = "nick", type = "text", nullable = false }

        [[actions]]
        type = "add_index"
        table = "users"
        index = { name = "users_nick", columns = ["nick"], unique = true }

        [[actions]]
        type = "add_check"
        table = "users"
        check = { name = "nick", expression = "nick <> 'Eve'" }

        [[actions]]
        type = "alter_column"
        table = "orders"
        column = "user_id"
        up = "user_id - 100"
        down = "user_id + 100"
        changes = { type = "bigint" }

        [[actions]]
        type = "add_foreign_key"
        table = "orders"
        foreign_key = { columns = ["user_id"], referenced_table = "users", referenced_columns = ["id"] }
    "#;
    let rows = "INSERT INTO users VALUES (1, 'Ada', 1), (2, 'Alan', 2); INSERT INTO orders VALUES ('eu', 1, 101)";
    let mut r = Rollout::begin(BASE, rows, change);
    let (old, new) = (&mut r.old, &mut r.new);
    rejected(old, CHECK, "INSERT INTO users VALUES (3, NULL, 3)");
    rejected(new, CHECK, "UPDATE users SET name = NULL");
    rejected(old, CHECK, "INSERT INTO users VALUES (3, 'Tim', 9)");
    rejected(old, CHECK, "UPDATE users SET code = NULL");
    rejected(new, CHECK, "UPDATE users SET code = NULL");
    rejected(old, "22003", "UPDATE users SET code = 100000");
    rejected(new, NOT_NULL, "UPDATE users SET level = NULL");
    rejected(new, CHECK, "UPDATE users SET nick = NULL");
    rejected(old, CHECK, "UPDATE users SET name = 'Bob'");
    rejected(old, CHECK, "UPDATE users SET name = 'Eve'");
    rejected(old, UNIQUE, "INSERT INTO users VALUES (3, 'Adam', 3)");
    rejected(new, UNIQUE, "UPDATE users SET nick = 'Ada'");
    rejected(old, FOREIGN_KEY, "INSERT INTO orders VALUES ('eu', 2, 1)");
    rejected(new, FOREIGN_KEY, "INSERT INTO orders VALUES ('eu', 2, 101)");
    rejected(new, FOREIGN_KEY, "DELETE FROM users WHERE id = 1");
    reshape_tests::rows(new, "INSERT INTO users (id, name, nick) VALUES (3, 'Tim', 'T')");
    reshape_tests::rows(old, "INSERT INTO orders VALUES ('eu', 2, 103)");
    r.complete();
    assert_eq!(
        reshape_tests::rows(&mut r.new, "SELECT code, level FROM users WHERE id = 3"),
        ["7|1"]
    );
}

#[test]
fn a_default_that_would_fail_at_completion_fails_the_start() {
    for (default, state) in
        [("'seven'", "22P02"), ("now()", "42804"), ("id + 1", "0A000"), ("(", "42601")]
    {
        // The build finds all of these; a history need not come from it.
        let change = "[[actions]]\ntype = 'alter_column'\ntable = 'users'\ncolumn = 'code'\nchanges = { default = \"7\" }\n";
        let mut r = Rollout::prepare(BASE, ROWS, change);
        let Action::AlterColumn(action) =
            &mut r.migrations.migrations.to_mut()[1].actions.to_mut()[0]
        else {
            panic!("it is what was written")
        };
        action.changes.default = Some(default.into());
        let error = r.start().expect_err(default);
        assert_eq!(error.sqlstate(), Some(state), "{}", error.report());
        assert_eq!(catalog(&mut r.old), r.before);
    }
}
