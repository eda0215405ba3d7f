//! Tables, and whole histories of them.

use reshape_tests::{Rollout, client, rows};

use crate::{ROWS, USERS, both_ways};

#[test]
fn create_table_with_everything() {
    let change = r#"
        [[actions]]
        type = "create_enum"
        name = "mood"
        values = ["calm", "it's ok"]

        [[actions]]
        type = "create_table"
        name = "notes"
        comment = "What users write"
        primary_key = ["id"]
        columns = [
          { name = "id", type = "bigint", generated = "ALWAYS AS IDENTITY" },
          { name = "user_id", type = "integer", nullable = false },
          { name = "mood", type = "mood", default = "'calm'", comment = "How it felt" },
          { name = "size", type = "integer", nullable = false, default = "1" },
          { name = "twice", type = "integer", generated = "ALWAYS AS (size * 2) STORED" },
        ]
        foreign_keys = [
          { columns = ["user_id"], referenced_table = "users", referenced_columns = ["id"], on_delete = "CASCADE" },
        ]
        checks = [{ name = "small", expression = "size < 100" }, { expression = "size > 0" }]

        [[actions]]
        type = "add_index"
        table = "notes"
        index = { name = "notes_user", columns = ["user_id"] }
    "#;
    both_ways(
        change,
        |r| {
            rows(&mut r.new, "INSERT INTO notes (user_id) VALUES (1)");
            rows(&mut r.new, "INSERT INTO notes (user_id, size) VALUES (2, 5)");
            assert_eq!(
                rows(&mut r.new, "SELECT id, user_id, mood, size, twice FROM notes ORDER BY id"),
                ["1|1|calm|1|2", "2|2|calm|5|10"]
            );
            let error = r.new.simple_query("INSERT INTO notes (user_id, size) VALUES (1, 100)");
            assert!(
                error
                    .expect_err("the check")
                    .as_db_error()
                    .is_some_and(|e| e.constraint() == Some("small"))
            );
            // The foreign key holds for old clients, too.
            rows(&mut r.old, "DELETE FROM users WHERE id = 2");
            assert_eq!(rows(&mut r.new, "SELECT user_id FROM notes"), ["1"]);
            assert_eq!(
                rows(
                    &mut r.new,
                    "SELECT obj_description('notes'::regclass), col_description('notes'::regclass, 3)"
                ),
                ["What users write|How it felt"]
            );
        },
        |r| {
            rows(&mut r.new, "INSERT INTO notes (user_id, mood) VALUES (1, 'it''s ok')");
            assert_eq!(rows(&mut r.new, "SELECT count(*) FROM notes"), ["2"]);
        },
    );
}

#[test]
fn rename_table() {
    let change = r#"
        [[actions]]
        type = "rename_table"
        table = "users"
        new_name = "Account holders"
    "#;
    both_ways(
        change,
        |r| {
            rows(&mut r.old, "INSERT INTO users (name) VALUES ('old')");
            rows(&mut r.new, "INSERT INTO \"Account holders\" (name) VALUES ('new')");
            assert_eq!(
                rows(&mut r.old, "SELECT name FROM users WHERE id > 2 ORDER BY id"),
                ["old", "new"]
            );
            assert_eq!(
                rows(&mut r.new, "SELECT name FROM \"Account holders\" WHERE id > 2 ORDER BY id"),
                ["old", "new"]
            );
        },
        |r| assert_eq!(rows(&mut r.new, "SELECT count(*) FROM public.\"Account holders\""), ["4"]),
    );
}

#[test]
fn remove_table() {
    let change = r#"
        [[actions]]
        type = "remove_table"
        table = "users"
    "#;
    both_ways(
        change,
        |r| {
            rows(&mut r.old, "INSERT INTO users (name) VALUES ('still there')");
            assert!(r.new.simple_query("SELECT FROM users").is_err());
        },
        |r| assert!(r.new.simple_query("SELECT FROM public.users").is_err()),
    );
}

#[test]
fn a_whole_history_in_one_batch_on_an_empty_database() {
    let mut r = Rollout::prepare(
        USERS,
        ROWS,
        "[[actions]]\ntype = 'rename_table'\ntable = 'users'\nnew_name = 'people'\n",
    );
    let fresh = reshape_tests::database();
    let history = reshape_tests::migrations(&[
        ("1_base", USERS),
        (
            "2_seed",
            "[[actions]]\ntype = 'custom'\nstart = \"INSERT INTO users (name) VALUES ('seed')\"\n",
        ),
        (
            "3_rename",
            "[[actions]]\ntype = 'alter_column'\ntable = 'users'\ncolumn = 'name'\n[actions.changes]\nname = 'nick'\n",
        ),
        (
            "4_more",
            "[[actions]]\ntype = 'add_column'\ntable = 'users'\nup = \"upper(nick)\"\n[actions.column]\nname = 'shout'\ntype = 'text'\nnullable = false\n",
        ),
        ("5_gone", "[[actions]]\ntype = 'remove_column'\ntable = 'users'\ncolumn = 'email'\n"),
        ("6_table", "[[actions]]\ntype = 'rename_table'\ntable = 'users'\nnew_name = 'people'\n"),
    ]);
    let mut migrator = reshape_runtime::Migrator::new(&history, fresh.url());
    migrator.start().expect("a start");
    let mut new = client(&fresh, "6_table");
    assert_eq!(rows(&mut new, "SELECT * FROM people"), ["1|seed|0|SEED"]);
    migrator.complete().expect("a completion");
    assert_eq!(reshape_tests::leftovers(&mut new), Vec::<String>::new());
    r.start().expect("unrelated");
    r.complete();
}
