//! What cannot be taken back, and says why; nothing was changed.

use reshape_runtime::{ErrorKind, Migrator};
use reshape_tests::{CHANGE, catalog};

use crate::{ROWS, USERS, completed, revert};

/// What the revert of `change` after `base` says.
fn refused(base: &str, change: &str) -> String {
    let (mut r, there) = completed(base, ROWS, change);
    let error = revert(&r).expect_err("a refusal");
    assert_eq!(error.kind(), ErrorKind::Refused, "{}", error.report());
    assert_eq!(catalog(&mut r.new), there);
    assert!(error.help().is_some(), "{}", error.report());
    error.message().to_owned()
}

#[test]
fn what_is_gone_does_not_come_back() {
    let cases = [
        (
            "type = \"remove_column\"\ntable = \"users\"\ncolumn = \"email\"",
            "the migration `2_change`, action 1, cannot be reverted: the values of column `users`.`email` are gone",
        ),
        (
            "type = \"remove_table\"\ntable = \"users\"",
            "the migration `2_change`, action 1, cannot be reverted: the rows of table `users` are gone",
        ),
        (
            "type = \"custom\"\nstart = \"SELECT 1\"",
            "the migration `2_change`, action 1, cannot be reverted: custom SQL has no `reverts`, so nobody knows how to take it back",
        ),
    ];
    for (action, message) in cases {
        assert_eq!(refused(USERS, &format!("[[actions]]\n{action}\n")), message);
    }
}

/// Old clients' rows would be missing in it while both versions are in use.
#[test]
fn a_table_that_is_filled_from_another_stays() {
    let change = r#"
        [[actions]]
        type = "create_table"
        name = "profiles"
        primary_key = "user_id"
        columns = [{ name = "user_id", type = "integer" }, { name = "email", type = "text" }]
        up = { table = "users", values = { user_id = "id", email = "email" } }
    "#;
    let message = refused(USERS, change);
    assert!(message.contains("table `profiles` is filled from `users`"), "{message}");
}

#[test]
fn a_table_that_comes_and_goes_on_the_way_is_no_obstacle() {
    let change = r#"
        [[actions]]
        type = "create_table"
        name = "notes"
        primary_key = "id"
        columns = [{ name = "id", type = "integer" }, { name = "body", type = "text" }]

        [[actions]]
        type = "remove_column"
        table = "notes"
        column = "body"

        [[actions]]
        type = "remove_table"
        table = "notes"
    "#;
    crate::there_and_back(USERS, change, "", |_| {}, |_| {});
}

#[test]
fn an_index_that_says_a_name_of_old_stays_away() {
    let base = format!(
        "{USERS}{}",
        r#"
        [[actions]]
        type = "add_index"
        table = "users"
        index = { name = "by_lower", columns = [{ expression = "lower(name)" }] }

        [[actions]]
        type = "alter_column"
        table = "users"
        column = "name"
        changes = { name = "full_name" }
        "#
    );
    let rows = "INSERT INTO users (full_name) VALUES ('x')";
    let change = "[[actions]]\ntype = \"remove_index\"\nindex = \"by_lower\"\n";
    let (r, _) = completed(&base, rows, change);
    let error = revert(&r).expect_err("a refusal");
    let message = "the index `by_lower` says `name`, which has been renamed since";
    assert!(error.message().ends_with(message), "{}", error.report());
}

/// The planner's own refusals are told of the action that is taken back, not of its inverse.
#[test]
fn what_depends_on_an_added_column_is_named() {
    let change = r#"
        [[actions]]
        type = "rename_table"
        table = "users"
        new_name = "accounts"

        [[actions]]
        type = "add_column"
        table = "accounts"
        column = { name = "level", type = "integer", default = "1" }
    "#;
    let (mut r, _) = completed(USERS, ROWS, change);
    r.new
        .batch_execute("CREATE VIEW public.levels AS SELECT level FROM public.accounts")
        .expect("a view");
    let error = revert(&r).expect_err("a refusal");
    let message = "the migration `2_change`, action 2, cannot be reverted: column `accounts`.`level` cannot be removed: view public.levels depends on it";
    assert_eq!((error.kind(), error.message()), (ErrorKind::Refused, message));
}

#[test]
fn a_version_has_to_be_completed_to_be_gone_back_to() {
    let (r, _) = completed(USERS, ROWS, "[[actions]]\ntype = \"custom\"\n");
    let mut migrator = Migrator::detached(r.database.url());
    let error = migrator.revert_to("0_never").expect_err("no such migration");
    assert_eq!(error.kind(), ErrorKind::History);
    assert_eq!(error.help(), Some("there are `1_base`, `2_change`"));
    let report = migrator.revert_to(CHANGE).expect("nothing to do");
    assert_eq!(report.outcome, reshape_runtime::Outcome::Nothing);
}
