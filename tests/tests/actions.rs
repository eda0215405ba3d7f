//! Every action on a real server, from both sides: what an old client writes a new one sees and the other way round; contract leaves nothing
//! generated behind; rollback restores the catalog.

use reshape_tests::{Rollout, client, rows};

const USERS: &str = r#"
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

const ROWS: &str =
    "INSERT INTO users (name, email) VALUES ('Ada Lovelace', 'ada@x'), ('Alan Turing', NULL)";

/// Runs a scenario twice: to its completion, and to its rollback.
fn both_ways(change: &str, during: impl Fn(&mut Rollout), after: impl Fn(&mut Rollout)) {
    let mut rollout = Rollout::begin(USERS, ROWS, change);
    during(&mut rollout);
    rollout.abort();
    rows(&mut rollout.old, "INSERT INTO users (name) VALUES ('after the rollback')");

    let mut rollout = Rollout::begin(USERS, ROWS, change);
    during(&mut rollout);
    rollout.complete();
    after(&mut rollout);
}

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
fn add_column_with_up() {
    let change = r#"
        [[actions]]
        type = "add_column"
        table = "users"
        up = "upper(users.name)"
        column = { name = "shout", type = "text", nullable = false, comment = "LOUD" }
    "#;
    both_ways(
        change,
        |r| {
            rows(&mut r.old, "INSERT INTO users (name) VALUES ('old')");
            rows(&mut r.new, "INSERT INTO users (name, shout) VALUES ('new', 'mine')");
            rows(&mut r.old, "UPDATE users SET name = 'Ada King' WHERE id = 1");
            // What does not feed the column leaves it alone, and so does a new client that sets both.
            rows(&mut r.old, "UPDATE users SET logins = 7 WHERE id = 4");
            assert_eq!(
                rows(&mut r.new, "SELECT shout FROM users ORDER BY id"),
                ["ADA KING", "ALAN TURING", "OLD", "mine"]
            );
            rows(&mut r.new, "UPDATE users SET name = 'both', shout = 'kept' WHERE id = 4");
            assert_eq!(
                rows(&mut r.new, "SELECT name, shout FROM users WHERE id = 4"),
                ["both|kept"]
            );
            // `name` is shared: alone in a SET list, the search_path says who wrote it.
            rows(&mut r.new, "UPDATE users SET name = 'by the new' WHERE id = 4");
            rows(&mut r.old, "UPDATE users SET name = 'by the old' WHERE id = 3");
            assert_eq!(
                rows(&mut r.new, "SELECT shout FROM users WHERE id > 2 ORDER BY id"),
                ["BY THE OLD", "kept"]
            );
            // NOT NULL holds for new clients at once.
            assert!(r.new.simple_query("INSERT INTO users (name) VALUES ('no shout')").is_err());
        },
        |r| {
            assert!(r.new.simple_query("INSERT INTO users (name) VALUES ('no shout')").is_err());
            rows(&mut r.new, "INSERT INTO users (name, shout) VALUES ('x', 'X')");
            assert_eq!(
                rows(
                    &mut r.new,
                    "SELECT col_description('public.users'::regclass, attnum) FROM pg_attribute WHERE attrelid = 'public.users'::regclass AND attname = 'shout'"
                ),
                ["LOUD"]
            );
        },
    );
}

#[test]
fn add_column_with_defaults() {
    let change = r#"
        [[actions]]
        type = "add_column"
        table = "users"
        column = { name = "level", type = "integer", nullable = false, default = "3" }

        [[actions]]
        type = "add_column"
        table = "users"
        column = { name = "token", type = "uuid", nullable = false, default = "gen_random_uuid()" }

        [[actions]]
        type = "add_column"
        table = "users"
        column = { name = "bio", type = "text" }
    "#;
    both_ways(
        change,
        |r| {
            rows(&mut r.old, "INSERT INTO users (name) VALUES ('old')");
            rows(&mut r.new, "INSERT INTO users (name) VALUES ('new')");
            rows(&mut r.new, "INSERT INTO users (name, level, bio) VALUES ('new', 9, 'b')");
            assert_eq!(
                rows(&mut r.new, "SELECT level, token IS NOT NULL, bio FROM users ORDER BY id"),
                ["3|t|-", "3|t|-", "3|t|-", "3|t|-", "9|t|b"]
            );
            assert_eq!(rows(&mut r.new, "SELECT count(DISTINCT token) FROM users"), ["5"]);
            // An old client's update keeps the token.
            let token = rows(&mut r.new, "SELECT token FROM users WHERE id = 1");
            rows(&mut r.old, "UPDATE users SET name = 'x', email = 'y' WHERE id = 1");
            assert_eq!(rows(&mut r.new, "SELECT token FROM users WHERE id = 1"), token);
        },
        |r| {
            rows(&mut r.new, "INSERT INTO users (name) VALUES ('later')");
            assert_eq!(
                rows(&mut r.new, "SELECT level, token IS NULL FROM users ORDER BY id DESC LIMIT 1"),
                ["3|f"]
            );
        },
    );
}

#[test]
fn alter_column_type_and_name() {
    let change = r#"
        [[actions]]
        type = "alter_column"
        table = "users"
        column = "logins"
        up = "logins::text || ' times'"
        down = "split_part(visits, ' ', 1)::integer"
        changes = { name = "visits", type = "text", default = "'1 times'" }
    "#;
    both_ways(
        change,
        |r| {
            rows(&mut r.old, "INSERT INTO users (name) VALUES ('old')");
            rows(&mut r.new, "INSERT INTO users (name) VALUES ('new')");
            rows(&mut r.new, "UPDATE users SET visits = '5 times' WHERE id = 1");
            rows(&mut r.old, "UPDATE users SET logins = 6 WHERE id = 2");
            assert_eq!(
                rows(&mut r.old, "SELECT logins FROM users ORDER BY id"),
                ["5", "6", "0", "1"]
            );
            assert_eq!(
                rows(&mut r.new, "SELECT visits FROM users ORDER BY id"),
                ["5 times", "6 times", "0 times", "1 times"]
            );
        },
        |r| {
            rows(&mut r.new, "INSERT INTO users (name) VALUES ('later')");
            assert_eq!(
                rows(&mut r.new, "SELECT visits FROM users ORDER BY id DESC LIMIT 1"),
                ["1 times"]
            );
            assert!(
                r.new.simple_query("INSERT INTO users (name, visits) VALUES ('x', NULL)").is_err()
            );
        },
    );
}

#[test]
fn alter_column_rename_and_default_alone_write_no_row() {
    let change = r#"
        [[actions]]
        type = "alter_column"
        table = "users"
        column = "logins"
        changes = { name = "visits", default = "42" }
    "#;
    both_ways(
        change,
        |r| {
            rows(&mut r.old, "INSERT INTO users (name) VALUES ('old')");
            rows(&mut r.new, "INSERT INTO users (name) VALUES ('new')");
            assert_eq!(
                rows(&mut r.old, "SELECT logins FROM users ORDER BY id"),
                ["0", "0", "0", "42"]
            );
            assert_eq!(
                rows(&mut r.new, "SELECT visits FROM users ORDER BY id"),
                ["0", "0", "0", "42"]
            );
            assert_eq!(
                rows(&mut r.new, "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal"),
                ["0"]
            );
        },
        |r| {
            rows(&mut r.new, "INSERT INTO public.users (name) VALUES ('later')");
            assert_eq!(
                rows(&mut r.new, "SELECT visits FROM users ORDER BY id DESC LIMIT 1"),
                ["42"]
            );
        },
    );
}

#[test]
fn alter_column_not_null() {
    let change = r#"
        [[actions]]
        type = "alter_column"
        table = "users"
        column = "email"
        up = "coalesce(email, 'N/A')"
        down = "nullif(email, 'N/A')"
        changes = { nullable = false }
    "#;
    both_ways(
        change,
        |r| {
            rows(&mut r.old, "INSERT INTO users (name) VALUES ('old')");
            rows(&mut r.new, "INSERT INTO users (name, email) VALUES ('new', 'N/A')");
            assert_eq!(
                rows(&mut r.new, "SELECT email FROM users ORDER BY id"),
                ["ada@x", "N/A", "N/A", "N/A"]
            );
            assert_eq!(
                rows(&mut r.old, "SELECT email FROM users ORDER BY id"),
                ["ada@x", "-", "-", "-"]
            );
            assert!(r.new.simple_query("UPDATE users SET email = NULL").is_err());
            rows(&mut r.old, "UPDATE users SET email = NULL WHERE id = 1");
            assert_eq!(rows(&mut r.new, "SELECT email FROM users WHERE id = 1"), ["N/A"]);
        },
        |r| {
            assert_eq!(
                rows(
                    &mut r.new,
                    "SELECT attnotnull FROM pg_attribute WHERE attrelid = 'public.users'::regclass AND attname = 'email'"
                ),
                ["t"]
            );
        },
    );
}

#[test]
fn alter_column_not_null_without_up_holds_for_both_at_once() {
    let change = r#"
        [[actions]]
        type = "alter_column"
        table = "users"
        column = "email"
        up = "email"
        changes = { nullable = false }
    "#;
    let mut r = Rollout::prepare(USERS, ROWS, change);
    let error = r.start().expect_err("a NULL is there");
    assert!(error.report().contains("rolled back"), "{}", error.report());
    assert_eq!(reshape_tests::catalog(&mut r.old), r.before);
    rows(&mut r.old, "UPDATE users SET email = 'alan@x' WHERE email IS NULL");
    r.start().expect("no NULL is left");
    assert!(r.old.simple_query("INSERT INTO users (name) VALUES ('no email')").is_err());
    r.complete();
    assert!(r.new.simple_query("INSERT INTO users (name) VALUES ('no email')").is_err());
}

#[test]
fn alter_column_nullable() {
    let change = r#"
        [[actions]]
        type = "alter_column"
        table = "users"
        column = "name"
        down = "coalesce(name, '?')"
        changes = { nullable = true }
    "#;
    both_ways(
        change,
        |r| {
            rows(&mut r.new, "INSERT INTO users (name) VALUES (NULL)");
            rows(&mut r.old, "INSERT INTO users (name) VALUES ('old')");
            assert_eq!(
                rows(&mut r.old, "SELECT name FROM users WHERE id > 2 ORDER BY id"),
                ["?", "old"]
            );
            assert_eq!(
                rows(&mut r.new, "SELECT name FROM users WHERE id > 2 ORDER BY id"),
                ["-", "old"]
            );
            // An old client that writes something else does not turn the NULL into a question mark.
            rows(&mut r.old, "UPDATE users SET logins = 1 WHERE id = 3");
            assert_eq!(rows(&mut r.new, "SELECT name FROM users WHERE id = 3"), ["-"]);
        },
        |r| assert_eq!(rows(&mut r.new, "SELECT name FROM users WHERE id = 3"), ["-"]),
    );
}

#[test]
fn remove_column_with_down() {
    let change = r#"
        [[actions]]
        type = "remove_column"
        table = "users"
        column = "name"
        down = "'user ' || id"
    "#;
    both_ways(
        change,
        |r| {
            assert!(r.new.simple_query("SELECT name FROM users").is_err());
            rows(&mut r.new, "INSERT INTO users (email) VALUES ('new@x')");
            rows(&mut r.new, "UPDATE users SET email = 'changed' WHERE id = 1");
            assert_eq!(
                rows(&mut r.old, "SELECT name FROM users ORDER BY id"),
                ["Ada Lovelace", "Alan Turing", "user 3"]
            );
        },
        |r| assert_eq!(rows(&mut r.new, "SELECT * FROM users WHERE id = 3"), ["3|new@x|0"]),
    );
}

#[test]
fn remove_column_with_a_default() {
    let change = r#"
        [[actions]]
        type = "remove_column"
        table = "users"
        column = "logins"
    "#;
    both_ways(
        change,
        |r| {
            rows(&mut r.new, "INSERT INTO users (name) VALUES ('new')");
            assert_eq!(rows(&mut r.old, "SELECT logins FROM users ORDER BY id"), ["0", "0", "0"]);
        },
        |r| assert!(r.new.simple_query("SELECT logins FROM public.users").is_err()),
    );
}

#[test]
fn add_and_remove_index() {
    let base = format!(
        "{USERS}{}",
        r#"
        [[actions]]
        type = "add_index"
        table = "users"
        index = { name = "users_email", columns = ["email"] }
        "#
    );
    let change = r#"
        [[actions]]
        type = "remove_index"
        index = "users_email"

        [[actions]]
        type = "add_index"
        table = "users"
        index = { name = "users_email", unique = true, where = "email <> ''", columns = [
          { expression = "lower(email)", direction = "DESC", nulls = "LAST" }, "id" ] }

        [[actions]]
        type = "add_index"
        table = "users"
        index = { name = "users_name", type = "hash", columns = ["name"] }
    "#;
    let indexes = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY indexdef";
    let mut r = Rollout::begin(&base, ROWS, change);
    let during = rows(&mut r.old, indexes);
    assert_eq!(during.len(), 4, "{during:#?}");
    r.abort();
    r.start().expect("a second start");
    r.complete();
    assert_eq!(
        rows(&mut r.new, indexes),
        [
            "CREATE INDEX users_name ON public.users USING hash (name)",
            "CREATE UNIQUE INDEX users_email ON public.users USING btree (lower(email) DESC NULLS LAST, id) WHERE (email <> ''::text)",
            "CREATE UNIQUE INDEX users_pkey ON public.users USING btree (id)",
        ]
    );
}

#[test]
fn a_unique_index_that_rows_violate_fails_the_start() {
    let change = r#"
        [[actions]]
        type = "add_column"
        table = "users"
        up = "'the same'"
        column = { name = "code", type = "text" }

        [[actions]]
        type = "add_index"
        table = "users"
        index = { name = "users_code", columns = ["code"], unique = true }
    "#;
    let mut r = Rollout::prepare(USERS, ROWS, change);
    let error = r.start().expect_err("two rows with the same code");
    assert!(error.report().contains("users_code"), "{}", error.report());
    assert_eq!(reshape_tests::catalog(&mut r.old), r.before);
}

#[test]
fn create_and_remove_enum() {
    let base = format!(
        "{}{}",
        r#"
        [[actions]]
        type = "create_enum"
        name = "mood"
        values = ["calm", "angry"]
        "#,
        USERS.replace(
            "{ name = \"email\"",
            "{ name = \"mood\", type = \"mood\" },\n{ name = \"email\""
        )
    );
    let change = r#"
        [[actions]]
        type = "create_enum"
        name = "Temper"
        values = ["good", "bad"]

        [[actions]]
        type = "alter_column"
        table = "users"
        column = "mood"
        up = "CASE mood WHEN 'calm' THEN 'good'::\"Temper\" WHEN 'angry' THEN 'bad' END"
        down = "CASE mood WHEN 'good' THEN 'calm'::mood WHEN 'bad' THEN 'angry' END"
        changes = { type = "\"Temper\"" }

        [[actions]]
        type = "remove_enum"
        enum = "mood"
    "#;
    let rows_sql = "INSERT INTO users (name, mood) VALUES ('Ada', 'calm'), ('Alan', 'angry')";
    for complete in [false, true] {
        let mut r = Rollout::begin(&base, rows_sql, change);
        rows(&mut r.old, "INSERT INTO users (name, mood) VALUES ('old', 'angry')");
        rows(&mut r.new, "INSERT INTO users (name, mood) VALUES ('new', 'good')");
        assert_eq!(
            rows(&mut r.old, "SELECT mood FROM users ORDER BY id"),
            ["calm", "angry", "angry", "calm"]
        );
        assert_eq!(
            rows(&mut r.new, "SELECT mood FROM users ORDER BY id"),
            ["good", "bad", "bad", "good"]
        );
        if complete {
            r.complete();
            assert_eq!(
                rows(&mut r.new, "SELECT typname FROM pg_type WHERE typtype = 'e'"),
                ["Temper"]
            );
        } else {
            r.abort();
        }
    }
}

#[test]
fn custom_runs_at_its_place() {
    let change = r#"
        [[actions]]
        type = "custom"
        start = "CREATE FUNCTION shout(t text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT upper(t) $$; CREATE TABLE log (what text)"
        abort = "DROP FUNCTION shout; DROP TABLE log"

        [[actions]]
        type = "add_column"
        table = "users"
        up = "shout(name)"
        column = { name = "shout", type = "text" }
    "#;
    // Before the table is finished its columns have generated names; so this comes after the action that changes it.
    let last = change
        .replace("complete = \"INSERT INTO log SELECT shout FROM users ORDER BY id\"", "")
        + r#"
        [[actions]]
        type = "custom"
        complete = "INSERT INTO log SELECT shout FROM users ORDER BY id"
    "#;
    both_ways(
        &last,
        |r| {
            // A function in `public` is found although the client's search_path does not name it.
            rows(&mut r.old, "INSERT INTO users (name) VALUES ('old')");
            assert_eq!(rows(&mut r.new, "SELECT shout FROM users WHERE id = 3"), ["OLD"]);
        },
        |r| {
            assert_eq!(
                rows(&mut r.new, "SELECT * FROM public.log"),
                ["ADA LOVELACE", "ALAN TURING", "OLD"]
            );
        },
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
