//! Indexes, enums and SQL of the user's own.

use reshape_tests::{Rollout, rows};

use crate::{ROWS, USERS, both_ways};

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
