//! `MigrationTest`: a migration tried on rows, and mistakes of one found.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::panic::{AssertUnwindSafe, catch_unwind};

use reshape_runtime::Migrations;
use reshape_runtime::testing::{MigrationTest, TestDb};
use reshape_tests::{migrations, rows};

const USERS: &str = r#"
    [[actions]]
    type = "create_table"
    name = "users"
    primary_key = ["id"]
    columns = [
        { name = "id", type = "integer", generated = "ALWAYS AS IDENTITY" },
        { name = "name", type = "text", nullable = false },
        { name = "age", type = "integer" },
    ]
"#;

/// A history whose second migration changes `users.name`.
fn change(up: &str, down: &str) -> Migrations {
    let change = format!(
        "[[actions]]\ntype = \"alter_column\"\ntable = \"users\"\ncolumn = \"name\"\nup = \"{up}\"\ndown = \"{down}\"\nchanges = {{ name = \"label\" }}\n"
    );
    migrations(&[("1_users", USERS), ("2_change", &change)])
}

fn before(set: &Migrations) -> MigrationTest {
    let rows = "INSERT INTO users (name, age) VALUES ('Ada', 36), ('bob', NULL)";
    MigrationTest::with(
        TestDb::options(set).before("2_change").fixture(rows).keep_on_failure(false),
    )
}

/// What a test that fails says.
fn failure(test: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(test)).unwrap_err();
    payload.downcast_ref::<String>().unwrap().clone()
}

#[test]
fn a_migration_that_gives_back_what_it_was_given_is_completed() {
    let mut before = before(&change("'<' || name || '>'", "trim(both '<>' from label)"));
    before.old_client().execute("INSERT INTO users (name) VALUES ('Cy')", &[]).unwrap();

    let mut started = before.start();
    let (old, new) = started.both();
    old.execute("INSERT INTO users (name) VALUES ('Dan')", &[]).unwrap();
    assert_eq!(
        rows(new, "SELECT label FROM users ORDER BY id"),
        ["<Ada>", "<bob>", "<Cy>", "<Dan>"]
    );
    started.check_left_alone();
    started.check_round_trips();

    let mut completed = started.complete();
    completed.new_client().execute("INSERT INTO users (label) VALUES ('<Eve>')", &[]).unwrap();
}

#[test]
fn an_aborted_migration_can_be_started_again() {
    let before = before(&change("upper(name)", "lower(label)"));
    let mut started = before.start();
    started.new_client().execute("INSERT INTO users (label) VALUES ('CY')", &[]).unwrap();
    let mut before = started.abort();
    let names = rows(before.old_client(), "SELECT name FROM users ORDER BY id");
    assert_eq!(names, ["Ada", "bob", "cy"]);
    before.start().complete();
}

#[test]
fn what_down_does_not_give_back_is_shown() {
    let set = change("upper(name)", "lower(label)");
    let said = failure(|| before(&set).start().check_round_trips());
    let expected = "what new clients read after `2_change`, and write anew, old ones read differently:\n  \
        `users`:\n  - id: \"1\", name: \"Ada\", age: \"36\"\n  + id: \"1\", name: \"ada\", age: \"36\"\n";
    assert!(said.starts_with(expected), "{said}");
    assert!(said.contains("check_round_trips_except"), "{said}");
}

#[test]
fn what_is_lost_is_not_lost_where_nobody_writes_it() {
    before(&change("upper(name)", "lower(label)")).start().check_left_alone();
}

/// A trigger of the user's that does more than it should.
#[test]
fn a_row_that_changes_when_it_is_written_as_it_is_is_shown() {
    let trigger = r#"
        [[actions]]
        type = "custom"
        start = """
        CREATE FUNCTION grow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.age := NEW.age + 1; RETURN NEW; END';
        CREATE TRIGGER grow BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION grow();
        """
        abort = "DROP TRIGGER grow ON users; DROP FUNCTION grow()"
    "#;
    let set = migrations(&[("1_users", USERS), ("2_change", trigger)]);
    let said = failure(|| before(&set).start().check_left_alone());
    assert!(said.contains("reads differently when they write `users.name` as it is:"), "{said}");
    assert!(said.contains("+ id: \"1\", name: \"Ada\", age: \"37\""), "{said}");
}

/// The order of deletions and insertions is theirs, and generated columns are nobody's to write.
#[test]
fn tables_may_refer_to_each_other_and_have_generated_columns() {
    let orders = r#"
        [[actions]]
        type = "create_table"
        name = "baskets"
        primary_key = ["id"]
        columns = [
            { name = "id", type = "integer", generated = "ALWAYS AS IDENTITY" },
            { name = "owner", type = "integer", nullable = false },
            { name = "twice", type = "integer", generated = "ALWAYS AS (owner * 2) STORED" },
        ]
        foreign_keys = [{ columns = ["owner"], referenced_table = "users", referenced_columns = ["id"] }]
    "#;
    let change = "[[actions]]\ntype = \"alter_column\"\ntable = \"users\"\ncolumn = \"name\"\nup = \"name || '!'\"\ndown = \"rtrim(label, '!')\"\nchanges = { name = \"label\" }\n";
    let set = migrations(&[("1_users", USERS), ("2_orders", orders), ("3_change", change)]);
    let rows =
        "INSERT INTO users (name) VALUES ('Ada'); INSERT INTO baskets (owner) VALUES (1), (1)";
    let options = TestDb::options(&set).before("3_change").fixture(rows);
    let mut started = MigrationTest::with(options.keep_on_failure(false)).start();
    started.check_round_trips();
    started.check_left_alone();
    started.complete();
}

#[test]
fn a_column_that_is_known_to_lose_something_is_left_out() {
    let set = change("upper(name)", "lower(label)");
    let mut started = before(&set).start();
    started.check_round_trips_except(&["users.name"]);
    let said = failure(|| started.check_round_trips_except(&["users.nmae"]));
    assert_eq!(said, "no version has a column `users.nmae`");
}

#[test]
fn checking_changes_nothing() {
    let set = change("upper(name)", "lower(label)");
    let mut started = before(&set).start();
    started.check_round_trips_except(&["users.name"]);
    assert_eq!(rows(started.old_client(), "SELECT name FROM users WHERE id = 1"), ["Ada"]);
}

#[test]
fn a_start_that_fails_is_a_failed_test() {
    let set = change("(1 / (length(name) - 3))::text", "label");
    let said = failure(|| drop(before(&set).start()));
    assert!(said.contains("division by zero"), "{said}");
}

#[test]
fn a_migration_of_another_name_is_a_failed_test() {
    let set = change("name", "label");
    let said = failure(|| drop(MigrationTest::new(&set, "2_chnage")));
    assert!(said.contains("no migration is called `2_chnage`"), "{said}");
    let said = failure(|| drop(MigrationTest::with(TestDb::options(&set))));
    assert!(said.contains("it is not said which migration is to be tested"), "{said}");
}

#[reshape_runtime::test(migrations = change("name", "label"), upto = "2_change")]
fn a_test_may_ask_for_it(before: MigrationTest) {
    before.start().complete();
}
