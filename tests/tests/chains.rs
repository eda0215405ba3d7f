//! Actions that build on, or take back, what an earlier action of the same batch does; and columns of every kind of type.

// Test input: how it is built does not matter.
#![allow(clippy::format_collect)]

use reshape_tests::{Rollout, rows};

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

const ROWS: &str = "INSERT INTO users (name, email) VALUES ('ada', 'a@x'), ('alan', 'b@x')";

const INDEXES: &str = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND indexname NOT LIKE '%pkey' ORDER BY 1";

#[test]
fn an_index_follows_a_rename_and_goes_with_its_column() {
    let change = r#"
        [[actions]]
        type = "add_index"
        table = "users"
        index = { name = "by_name", columns = ["name", { expression = "lower(name)" }], where = "name <> ''" }

        [[actions]]
        type = "add_index"
        table = "users"
        index = { name = "by_email", columns = [{ column = "email", direction = "DESC" }] }

        [[actions]]
        type = "alter_column"
        table = "users"
        column = "name"
        changes = { name = "title" }

        [[actions]]
        type = "remove_column"
        table = "users"
        column = "email"
    "#;
    let mut r = Rollout::begin(USERS, ROWS, change);
    r.abort();
    r.start().expect("a second start");
    r.complete();
    assert_eq!(
        rows(&mut r.new, INDEXES),
        [
            "CREATE INDEX by_name ON public.users USING btree (title, lower(title)) WHERE (title <> ''::text)"
        ]
    );
}

#[test]
fn not_null_and_a_new_value_in_one_batch() {
    let change = r#"
        [[actions]]
        type = "alter_column"
        table = "users"
        column = "email"
        up = "email"
        changes = { nullable = false }

        [[actions]]
        type = "alter_column"
        table = "users"
        column = "email"
        changes = { name = "mail" }

        [[actions]]
        type = "add_column"
        table = "users"
        up = "mail"
        column = { name = "email", type = "text", nullable = false }

        [[actions]]
        type = "alter_column"
        table = "users"
        column = "mail"
        up = "upper(mail)"
        down = "lower(mail)"
        changes = { default = "'NONE'" }
    "#;
    let mut r = Rollout::begin(USERS, ROWS, change);
    rows(&mut r.new, "INSERT INTO users (name, email) VALUES ('new', 'n@x')");
    rows(&mut r.old, "INSERT INTO users (name, email) VALUES ('old', 'o@x')");
    assert_eq!(
        rows(&mut r.old, "SELECT email FROM users ORDER BY id"),
        ["a@x", "b@x", "none", "o@x"]
    );
    assert_eq!(
        rows(&mut r.new, "SELECT mail, email FROM users ORDER BY id"),
        ["A@X|a@x", "B@X|b@x", "NONE|n@x", "O@X|o@x"]
    );
    r.abort();
    r.start().expect("a second start");
    r.complete();
    assert!(
        r.new
            .batch_execute("INSERT INTO users (name, email, mail) VALUES ('x', 'x', NULL)")
            .is_err()
    );
}

#[test]
fn a_column_with_a_default_is_added_and_altered() {
    let change = r#"
        [[actions]]
        type = "add_column"
        table = "users"
        column = { name = "level", type = "integer", nullable = false, default = "7" }

        [[actions]]
        type = "add_column"
        table = "users"
        column = { name = "token", type = "uuid", nullable = false, default = "gen_random_uuid()" }

        [[actions]]
        type = "add_column"
        table = "users"
        up = "level + logins"
        column = { name = "sum", type = "integer", nullable = false }

        [[actions]]
        type = "alter_column"
        table = "users"
        column = "level"
        up = "'level ' || level"
        down = "substr(level, 7)::integer"
        changes = { type = "text", default = "'level 8'" }

        [[actions]]
        type = "alter_column"
        table = "users"
        column = "token"
        up = "token::text"
        down = "token::uuid"
        changes = { type = "text", default = "'none'" }
    "#;
    let mut r = Rollout::begin(USERS, ROWS, change);
    rows(&mut r.old, "INSERT INTO users (name, logins) VALUES ('old', 1)");
    rows(&mut r.new, "INSERT INTO users (name, sum) VALUES ('new', 0)");
    let list = "SELECT level, length(token), sum FROM users ORDER BY id";
    assert_eq!(
        rows(&mut r.new, list),
        ["level 7|36|7", "level 7|36|7", "level 7|36|8", "level 8|4|0"]
    );
    rows(&mut r.old, "UPDATE users SET logins = 9 WHERE id = 4");
    assert_eq!(rows(&mut r.new, "SELECT level, token FROM users WHERE id = 4"), ["level 8|none"]);
    r.complete();
    rows(&mut r.new, "INSERT INTO users (name, sum) VALUES ('later', 1)");
    assert_eq!(rows(&mut r.new, "SELECT level, token FROM users WHERE id = 5"), ["level 8|none"]);
}

/// A default that the batch sets is not the table's yet when new clients insert.
#[test]
fn a_new_default_does_not_save_a_removed_column() {
    let change = r#"
        [[actions]]
        type = "alter_column"
        table = "users"
        column = "name"
        changes = { default = "'nobody'" }

        [[actions]]
        type = "remove_column"
        table = "users"
        column = "name"
    "#;
    let mut r = Rollout::prepare(USERS, ROWS, change);
    let error = r.start().expect_err("a refusal");
    assert!(error.report().contains("is NOT NULL without a default"), "{}", error.report());
    assert_eq!(reshape_tests::catalog(&mut r.old), r.before);
}

/// An index that covers a renamed column is not the removed column's alone.
#[test]
fn an_index_of_two_columns_does_not_go_with_one() {
    let change = r#"
        [[actions]]
        type = "alter_column"
        table = "users"
        column = "name"
        changes = { name = "title" }

        [[actions]]
        type = "remove_column"
        table = "users"
        column = "email"
    "#;
    let sql = format!("{ROWS}; CREATE INDEX both_columns ON public.users (name, email)");
    let mut r = Rollout::prepare(USERS, &sql, change);
    let error = r.start().expect_err("a refusal");
    assert!(error.report().contains("both_columns"), "{}", error.report());
    assert_eq!(reshape_tests::catalog(&mut r.old), r.before);
}

#[test]
fn types_in_quotes_differ_by_their_case() {
    let base = format!(
        "[[actions]]\ntype = 'custom'\nstart = 'CREATE DOMAIN tag AS text; CREATE DOMAIN \"Tag\" AS text'\n{}",
        USERS.replace(
            "{ name = \"email\", type = \"text\" }",
            "{ name = \"email\", type = \"public.tag\" }"
        )
    );
    let change = r#"
        [[actions]]
        type = "alter_column"
        table = "users"
        column = "email"
        changes = { type = "public.\"Tag\"" }
    "#;
    let mut r = Rollout::begin(&base, ROWS, change);
    r.complete();
    assert_eq!(
        rows(&mut r.new, "SELECT pg_typeof(email) FROM public.users LIMIT 1"),
        ["public.\"Tag\""]
    );
}

/// The new column would take the old one's default along, and with it the type.
#[test]
fn a_default_holds_on_to_an_enum() {
    let base = format!(
        "[[actions]]\ntype = 'create_enum'\nname = 'mood'\nvalues = ['calm']\n{}",
        USERS.replace(
            "{ name = \"email\", type = \"text\" }",
            "{ name = \"email\", type = \"mood\", default = \"'calm'\" }"
        )
    );
    let change = |default: &str| {
        format!(
            r#"
            [[actions]]
            type = "alter_column"
            table = "users"
            column = "email"
            up = "email::text"
            down = "email::mood"
            changes = {{ type = "text"{default} }}

            [[actions]]
            type = "remove_enum"
            enum = "mood"
            "#
        )
    };
    let sql = "INSERT INTO users (name) VALUES ('ada')";
    let mut r = Rollout::prepare(&base, sql, &change(""));
    let error = r.start().expect_err("a refusal");
    assert!(error.report().contains("default of column `users`.`email`"), "{}", error.report());
    assert_eq!(reshape_tests::catalog(&mut r.old), r.before);
    let mut r = Rollout::begin(&base, sql, &change(", default = \"'calm'\""));
    rows(&mut r.new, "INSERT INTO users (name) VALUES ('new')");
    r.complete();
    assert_eq!(rows(&mut r.new, "SELECT email FROM users"), ["calm", "calm"]);
}

/// Types without equality, with modifiers, with fields: what one version writes the other reads.
#[test]
fn columns_of_every_kind_of_type_follow() {
    let types = [
        ("json", "'{\"a\":1}'", "'{\"b\": 2}'"),
        ("jsonb", "'{\"a\": 1}'", "'{\"b\": 2}'"),
        ("integer[]", "'{1,2}'", "'{3}'"),
        ("public.weekday[]", "'{mon}'", "'{mon,tue}'"),
        ("public.quantity", "'1'", "'2'"),
        ("public.pair", "'(1,x)'", "'(2,y)'"),
        ("character(5)", "'ab'", "'c'"),
        ("character varying(3)", "'abc'", "'d'"),
        ("numeric(6,2)", "'1.50'", "'2.00'"),
        ("xml", "'<a/>'", "'<b/>'"),
        ("point", "'(1,2)'", "'(3,4)'"),
        ("timestamp(0) with time zone", "'2026-01-01 00:00:00+00'", "'2026-01-02 00:00:00+00'"),
        ("bit(3)", "'101'", "'010'"),
        ("tsvector", "'a'", "'b'"),
        ("int4range", "'[1,3)'", "'[4,9)'"),
    ];
    let base = "[[actions]]\ntype = 'custom'\nstart = \"CREATE TYPE weekday AS ENUM ('mon', 'tue'); \
                CREATE DOMAIN quantity AS integer; CREATE TYPE pair AS (n integer, t text)\"\n";
    let columns: String = types
        .iter()
        .enumerate()
        .map(|(i, (name, ..))| format!(", {{ name = 'c{i}', type = '{name}' }}"))
        .collect();
    let base = format!(
        "{base}[[actions]]\ntype = 'create_table'\nname = 'users'\nprimary_key = 'id'\ncolumns = [{{ name = 'id', type = 'integer' }}{columns}]\n"
    );
    let change: String = (0..types.len())
        .map(|i| format!("[[actions]]\ntype = 'alter_column'\ntable = 'users'\ncolumn = 'c{i}'\nup = '(users.c{i})'\ndown = '(d{i})'\nchanges = {{ name = 'd{i}' }}\n"))
        .collect();
    let first: Vec<&str> = types.iter().map(|(_, first, _)| *first).collect();
    let mut r = Rollout::begin(
        &base,
        &format!("INSERT INTO users VALUES (1, {})", first.join(", ")),
        &change,
    );
    rows(&mut r.old, &format!("INSERT INTO users VALUES (2, {})", first.join(", ")));
    rows(&mut r.new, &format!("INSERT INTO users VALUES (3, {})", first.join(", ")));
    let shown =
        |version: &str| format!("SELECT id, u::text FROM migration_{version}.users u ORDER BY id");
    let old = rows(&mut r.old, &shown("1_base"));
    assert_eq!(rows(&mut r.old, &shown("2_change")), old);
    let tail = |row: &String| row.split_once(',').map(|(_, tail)| tail.to_owned());
    assert_eq!(tail(&old[0]), tail(&old[2]));
    for (i, (name, _, second)) in types.iter().enumerate() {
        rows(&mut r.old, &format!("UPDATE users SET c{i} = {second} WHERE id = 1"));
        rows(&mut r.new, &format!("UPDATE users SET d{i} = {second} WHERE id = 2"));
        let list = format!("SELECT c{i}::text FROM migration_1_base.users ORDER BY id");
        let other = format!("SELECT d{i}::text FROM migration_2_change.users ORDER BY id");
        let found = rows(&mut r.old, &list);
        assert_eq!(rows(&mut r.old, &other), found, "{name}");
        assert_eq!(found[0], found[1], "{name}");
        assert_ne!(found[0], found[2], "{name}");
    }
    r.complete();
    assert!(r.new.batch_execute("UPDATE users SET d7 = 'too long'").is_err());
}

/// What old clients read of a new client's row is what `down` makes of the column's default.
#[test]
fn an_altered_column_is_removed_without_down() {
    let alter = |column: &str, up: &str, rest: &str| {
        format!(
            "[[actions]]\ntype = 'alter_column'\ntable = 'users'\ncolumn = '{column}'\nup = \"{up}\"\n{rest}\n"
        )
    };
    let remove = |column: &str| {
        format!("[[actions]]\ntype = 'remove_column'\ntable = 'users'\ncolumn = '{column}'\n")
    };
    let text = "down = 'logins::integer'\nchanges = { type = 'text', default = \"'7'\" }";
    let change = [
        alter("email", "upper(email)", "down = \"coalesce(lower(email), 'none')\"\nchanges = { nullable = true }"),
        alter("email", "email || '!'", "changes = { name = 'mail' }"),
        alter("logins", "logins::text", text),
        alter("id", "id", "down = 'id'\nchanges = { type = 'bigint' }"),
        "[[actions]]\ntype = 'add_column'\ntable = 'users'\nup = \"mail || logins\"\ncolumn = { name = 'pair', type = 'text' }\n".to_owned(),
        remove("mail"),
        remove("logins"),
        remove("id"),
    ];
    let base = USERS.replace("primary_key = \"id\"", "primary_key = \"name\"");
    let mut r = Rollout::begin(&base, ROWS, &change.concat());
    assert_eq!(rows(&mut r.new, "SELECT pair FROM users ORDER BY name"), ["A@X!0", "B@X!0"]);
    rows(&mut r.new, "INSERT INTO users (name, pair) VALUES ('new', 'x')");
    // The first has its values already.
    rows(&mut r.new, "UPDATE users SET pair = 'y', name = 'Ada' WHERE name = 'ada'");
    rows(&mut r.old, "UPDATE users SET email = 'c@x' WHERE name = 'alan'");
    let old = "SELECT id, name, email, logins FROM users ORDER BY id";
    assert_eq!(rows(&mut r.old, old), ["1|Ada|a@x|0", "2|alan|c@x|0", "3|new|none|7"]);
    assert_eq!(
        rows(&mut r.new, "SELECT name, pair FROM users ORDER BY name"),
        ["Ada|y", "alan|C@X!0", "new|x"]
    );
    r.abort();
    r.start().expect("a second start");
    r.complete();
    rows(&mut r.new, "INSERT INTO users VALUES ('later', 'z')");
}

#[test]
fn an_altered_column_that_old_clients_need_is_not_removed_without_down() {
    let change = |down: &str, changes: &str| {
        format!(
            "[[actions]]\ntype = 'alter_column'\ntable = 'users'\ncolumn = 'name'\nup = 'upper(name)'\ndown = \"{down}\"\n{changes}\n\
             [[actions]]\ntype = 'remove_column'\ntable = 'users'\ncolumn = 'name'\n"
        )
    };
    for (down, changes, message) in [
        ("lower(name)", "changes = { nullable = true }", "is NOT NULL without a default"),
        (
            "lower(name)",
            "changes = { nullable = true, default = 'NULL' }",
            "is NOT NULL without a default",
        ),
        ("name || email", "changes = { default = \"'x'\" }", "and from other columns"),
    ] {
        let mut r = Rollout::prepare(USERS, ROWS, &change(down, changes));
        let error = r.start().expect_err("a refusal").report();
        assert!(error.contains(message), "{error}");
        assert!(error.contains("say with `down` what old clients read there"), "{error}");
        assert_eq!(reshape_tests::catalog(&mut r.old), r.before);
    }
    let mut r =
        Rollout::begin(USERS, ROWS, &change("lower(name)", "changes = { default = \"'X'\" }"));
    rows(&mut r.new, "INSERT INTO users (email) VALUES ('n@x')");
    assert_eq!(rows(&mut r.old, "SELECT name FROM users WHERE email = 'n@x'"), ["x"]);
    r.complete();
}
