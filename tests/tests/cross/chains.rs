//! What moves is changed, renamed and removed in the same batch.

use reshape_tests::{Rollout, rows};

use crate::{MOVE, NEW, OLD, ROWS, USERS, new, old, sees};

/// Every name is the one of its point of the batch.
#[test]
fn both_tables_and_their_columns_are_renamed_before_and_after() {
    let rename = |table: &str, from: &str, to: &str| {
        format!(
            "[[actions]]\ntype = 'alter_column'\ntable = '{table}'\ncolumn = '{from}'\nchanges = {{ name = '{to}' }}\n"
        )
    };
    let rename_table = |from: &str, to: &str| {
        format!("[[actions]]\ntype = 'rename_table'\ntable = '{from}'\nnew_name = '{to}'\n")
    };
    let change = [
        rename_table("users", "Old People"),
        rename("Old People", "email", "E-Mail"),
        rename("profiles", "user_id", "new"),
        MOVE.replace("\"users\"", "\"Old People\"")
            .replace("\"email\"\ndown", "\"E-Mail\"\ndown")
            .replace("users.email", "\\\"Old People\\\".\\\"E-Mail\\\"")
            .replace("users.id", "\\\"Old People\\\".id")
            .replace("profiles.user_id", "profiles.new"),
        rename("profiles", "new", "person"),
        rename("profiles", "email", "mail"),
        rename_table("profiles", "old"),
    ]
    .concat();
    let mut r = Rollout::begin(USERS, ROWS, &change);
    let list = "SELECT id, person, mail FROM migration_2_change.old ORDER BY id";
    sees(&mut r, list, &["10|1|ada@x", "20|2|alan@x"]);
    old(&mut r, "UPDATE users SET email = 'a' WHERE id = 1");
    old(&mut r, "INSERT INTO profiles VALUES (30, 3)");
    old(&mut r, "UPDATE profiles SET user_id = 1 WHERE id = 20");
    sees(&mut r, list, &["10|1|a", "20|1|a", "30|3|grace@x"]);
    new(&mut r, "UPDATE old SET mail = 'g' WHERE id = 30");
    new(&mut r, "INSERT INTO \"Old People\" VALUES (4, 'x')");
    new(&mut r, "INSERT INTO old VALUES (40, 4, '', 'four')");
    sees(&mut r, OLD, &["1|a", "2|alan@x", "3|g", "4|four"]);
    r.abort();
    r.start().expect("a second start");
    r.complete();
    assert_eq!(rows(&mut r.new, "SELECT person, mail FROM old WHERE id = 30"), ["3|g"]);
}

/// A value that only the batch knows, between the other table and the column that is kept: both sides read and write it.
#[test]
fn a_value_of_another_table_is_changed_again() {
    let change = format!(
        r#"{MOVE}
        [[actions]]
        type = "alter_column"
        table = "profiles"
        column = "email"
        up = "upper(profiles.email) || coalesce(bio, '')"
        down = "lower(mail)"
        changes = {{ name = "mail" }}
        "#
    );
    let mut r = Rollout::begin(USERS, ROWS, &change);
    let list = "SELECT id, mail FROM migration_2_change.profiles ORDER BY id";
    sees(&mut r, list, &["10|ADA@X", "20|ALAN@X"]);
    old(&mut r, "UPDATE users SET email = 'a' WHERE id = 1");
    old(&mut r, "UPDATE profiles SET bio = '!' WHERE id = 20");
    old(&mut r, "INSERT INTO profiles VALUES (30, 3, '?')");
    sees(&mut r, list, &["10|A", "20|ALAN@X!", "30|GRACE@X?"]);
    old(&mut r, "UPDATE users SET email = 'b' WHERE id = 2");
    old(&mut r, "DELETE FROM users WHERE id = 3");
    new(&mut r, "UPDATE profiles SET mail = 'Mine' WHERE id = 10");
    sees(&mut r, list, &["10|Mine", "20|B!", "30|-"]);
    new(&mut r, "INSERT INTO users VALUES (4, 'x')");
    new(&mut r, "INSERT INTO profiles VALUES (40, 4, '', 'FOUR')");
    sees(&mut r, OLD, &["1|mine", "2|b", "4|four"]);
    // The value in between is the new client's, so an old client's part does not bring an older one back.
    old(&mut r, "UPDATE profiles SET bio = '+' WHERE id = 10");
    sees(&mut r, list, &["10|MINE+", "20|B!", "30|-", "40|FOUR"]);
    r.abort();
    r.start().expect("a second start");
    r.complete();
}

/// The same on the other side: what moves has another form in between.
#[test]
fn a_renamed_and_changed_column_moves() {
    let change = format!(
        r#"
        [[actions]]
        type = "alter_column"
        table = "users"
        column = "email"
        up = "upper(email)"
        down = "lower(mail) || coalesce(name, '')"
        changes = {{ name = "mail" }}
        {}"#,
        MOVE.replace("column = \"email\"\ndown", "column = \"mail\"\ndown")
            .replace("users.email", "mail")
    );
    let mut r = Rollout::begin(USERS, ROWS, &change);
    sees(&mut r, NEW, &["10|1|ADA@X", "20|2|ALAN@X"]);
    old(&mut r, "UPDATE users SET email = 'a' WHERE id = 1");
    old(&mut r, "INSERT INTO profiles VALUES (30, 3)");
    old(
        &mut r,
        "INSERT INTO users VALUES (3, 'G', 'g') ON CONFLICT (id) DO UPDATE SET email = 'g'",
    );
    sees(&mut r, NEW, &["10|1|A", "20|2|ALAN@X", "30|3|G"]);
    new(&mut r, "INSERT INTO users VALUES (4, 'Joan')");
    new(&mut r, "INSERT INTO profiles VALUES (40, 4, '', 'J@X')");
    new(&mut r, "UPDATE profiles SET email = 'A@X' WHERE id = 10");
    sees(&mut r, OLD, &["1|a@xAda", "2|alan@x", "3|g", "4|j@xJoan"]);
    new(&mut r, "UPDATE users SET name = 'J.' WHERE id = 4");
    sees(&mut r, OLD, &["1|a@xAda", "2|alan@x", "3|g", "4|j@xJ."]);
    new(&mut r, "DELETE FROM profiles WHERE id = 10");
    sees(&mut r, OLD, &["1|-", "2|alan@x", "3|g", "4|j@xJ."]);
    sees(&mut r, NEW, &["20|2|ALAN@X", "30|3|G", "40|4|J@X"]);
    r.abort();
    r.start().expect("a second start");
    r.complete();
}

/// The other table's value is one that the batch fills, and comes itself from a third table.
#[test]
fn values_go_from_table_to_table() {
    let base = format!(
        r#"{USERS}
        [[actions]]
        type = "create_table"
        name = "a_posts"
        primary_key = "id"
        columns = [{{ name = "id", type = "integer" }}, {{ name = "profile_id", type = "integer" }}]
        "#
    );
    let change = format!(
        r#"{}
        [[actions]]
        type = "add_column"
        table = "profiles"
        column = {{ name = "sender", type = "text" }}
        up = "'<' || coalesce(email, '') || '>'"

        [[actions]]
        type = "add_column"
        table = "a_posts"
        column = {{ name = "sender", type = "text" }}
        up = {{ table = "profiles", value = "sender || email", where = "a_posts.profile_id = profiles.id" }}
        "#,
        MOVE.split_once("[[actions]]\ntype = \"remove_column\"").expect("two actions").0
    );
    let rows =
        format!("{ROWS}; INSERT INTO a_posts SELECT i, i % 3 * 10 FROM generate_series(1, 5) i");
    let mut r = Rollout::begin(&base, &rows, &change);
    let list = "SELECT id, sender FROM migration_2_change.a_posts ORDER BY id";
    sees(
        &mut r,
        list,
        &["1|<ada@x>ada@x", "2|<alan@x>alan@x", "3|-", "4|<ada@x>ada@x", "5|<alan@x>alan@x"],
    );
    old(&mut r, "UPDATE users SET email = 'a' WHERE id = 1");
    old(&mut r, "INSERT INTO a_posts VALUES (6, 20)");
    old(&mut r, "UPDATE profiles SET user_id = 3 WHERE id = 20");
    sees(
        &mut r,
        list,
        &[
            "1|<a>a",
            "2|<grace@x>grace@x",
            "3|-",
            "4|<a>a",
            "5|<grace@x>grace@x",
            "6|<grace@x>grace@x",
        ],
    );
    // A new client's e-mail is not an old client's.
    new(&mut r, "UPDATE profiles SET email = 'new', sender = 'new' WHERE id = 10");
    sees(&mut r, "SELECT sender FROM migration_2_change.a_posts WHERE id = 1", &["<a>a"]);
    r.abort();
    r.start().expect("a second start");
    r.complete();
}

#[test]
fn tables_that_fill_each_other_are_refused() {
    let change = r#"
        [[actions]]
        type = "alter_column"
        table = "users"
        column = "email"
        up = "lower(email)"
        changes = { name = "mail" }

        [[actions]]
        type = "alter_column"
        table = "profiles"
        column = "bio"
        up = "lower(bio)"
        changes = { name = "about" }

        [[actions]]
        type = "add_column"
        table = "profiles"
        column = { name = "mail", type = "text" }
        up = { table = "users", value = "mail", where = "user_id = users.id" }

        [[actions]]
        type = "add_column"
        table = "users"
        column = { name = "about", type = "text" }
        up = { table = "profiles", value = "about", where = "user_id = users.id" }
    "#;
    let mut r = Rollout::prepare(USERS, ROWS, change);
    let error = r.start().expect_err("a circle");
    assert!(error.report().contains("in a circle"), "{}", error.report());
    assert_eq!(reshape_tests::catalog(&mut r.old), r.before);
}

/// A table of the new version takes everything over from one that goes.
#[test]
fn a_table_is_replaced_by_another() {
    let change = r#"
        [[actions]]
        type = "create_table"
        name = "people"
        primary_key = "id"
        columns = [
          { name = "id", type = "bigint", generated = "ALWAYS AS IDENTITY" },
          { name = "title", type = "character varying(10)" },
        ]

            [actions.up]
            table = "users"
            values = { id = "id", title = "upper(users.name)" }

        [[actions]]
        type = "add_column"
        table = "profiles"
        column = { name = "email", type = "text" }
        up = { table = "users", value = "email", where = "user_id = users.id" }

        [[actions]]
        type = "remove_table"
        table = "users"
    "#;
    let mut r = Rollout::begin(USERS, ROWS, change);
    let people = "SELECT id, title FROM migration_2_change.people ORDER BY id";
    sees(&mut r, people, &["1|ADA", "2|ALAN", "3|GRACE"]);
    old(&mut r, "UPDATE users SET name = 'Ann', email = 'ann@x' WHERE id = 1");
    old(&mut r, "UPDATE users SET id = 33 WHERE id = 3");
    old(&mut r, "DELETE FROM users WHERE id = 2");
    old(&mut r, "INSERT INTO users (id) VALUES (2), (4)");
    sees(&mut r, people, &["1|ANN", "2|NOBODY", "4|NOBODY", "33|GRACE"]);
    sees(&mut r, NEW, &["10|1|ann@x", "20|2|-"]);
    new(&mut r, "UPDATE people SET title = 'mine' WHERE id = 1");
    new(&mut r, "DELETE FROM people WHERE id = 4");
    // What the new version has, stays, unless an old client writes the row again.
    old(&mut r, "UPDATE users SET email = 'x' WHERE id = 1");
    sees(&mut r, people, &["1|mine", "2|NOBODY", "33|GRACE"]);
    assert!(r.old.batch_execute("UPDATE users SET name = 'too long for it' WHERE id = 2").is_err());
    r.abort();
    r.start().expect("a second start");
    r.complete();
    assert_eq!(rows(&mut r.new, people), ["1|ANN", "2|NOBODY", "4|NOBODY", "33|GRACE"]);
}

/// Several rows make one, which is then looked up: a text becomes a reference.
#[test]
fn a_text_becomes_a_reference() {
    let change = r#"
        [[actions]]
        type = "create_table"
        name = "names"
        primary_key = "id"
        columns = [
          { name = "id", type = "uuid", default = "gen_random_uuid()" },
          { name = "name", type = "text", nullable = false },
        ]

            [actions.up]
            table = "users"
            values = { name = "name" }
            where = "name <> ''"
            upsert_constraint = "names_name"

        [[actions]]
        type = "add_index"
        table = "names"
        index = { name = "names_name", columns = ["name"], unique = true }

        [[actions]]
        type = "add_column"
        table = "users"
        column = { name = "name_id", type = "uuid" }
        up = { table = "names", value = "names.id", where = "names.name = users.name" }
    "#;
    let sql = format!("{ROWS}; INSERT INTO users VALUES (4, 'Ada', NULL)");
    let mut r = Rollout::begin(USERS, &sql, change);
    let list = "SELECT u.id, n.name FROM migration_2_change.users u LEFT JOIN migration_2_change.names n ON n.id = name_id ORDER BY 1";
    sees(&mut r, list, &["1|Ada", "2|Alan", "3|Grace", "4|Ada"]);
    old(&mut r, "UPDATE users SET name = 'Joan' WHERE id = 2");
    old(&mut r, "INSERT INTO users VALUES (5, 'Rosa'), (6, 'Grace'), (7, '')");
    sees(&mut r, list, &["1|Ada", "2|Joan", "3|Grace", "4|Ada", "5|Rosa", "6|Grace", "7|-"]);
    sees(
        &mut r,
        "SELECT name FROM migration_2_change.names ORDER BY 1",
        &["Ada", "Alan", "Grace", "Joan", "Rosa"],
    );
    r.abort();
    r.start().expect("a second start");
    r.complete();
    new(&mut r, "INSERT INTO names (name) VALUES ('x')");
}

/// The index by which rows are found again has the columns that it has, whatever they are called in the end.
#[test]
fn the_key_of_an_upsert_is_renamed_later() {
    let change = r#"
        [[actions]]
        type = "create_table"
        name = "names"
        primary_key = "id"
        columns = [
          { name = "id", type = "uuid", default = "gen_random_uuid()" },
          { name = "name", type = "text", nullable = false },
        ]

            [actions.up]
            table = "users"
            values = { name = "name" }
            upsert_constraint = "names_name"

        [[actions]]
        type = "add_index"
        table = "names"
        index = { name = "names_name", columns = ["name"], unique = true }

        [[actions]]
        type = "alter_column"
        table = "names"
        column = "name"
        changes = { name = "title" }

        [[actions]]
        type = "rename_table"
        table = "names"
        new_name = "titles"
    "#;
    let mut r = Rollout::begin(USERS, ROWS, change);
    old(&mut r, "INSERT INTO users VALUES (5, 'Rosa'), (6, 'Grace')");
    let list = "SELECT title FROM migration_2_change.titles ORDER BY 1";
    sees(&mut r, list, &["Ada", "Alan", "Grace", "Rosa"]);
    r.abort();
    r.start().expect("a second start");
    r.complete();
    // An index that is removed again is none.
    let change = format!("{change}[[actions]]\ntype = 'remove_index'\nindex = 'names_name'\n");
    let r = Rollout::prepare(USERS, ROWS, &change);
    let error = r.start().expect_err("a refusal").report();
    assert!(error.contains("no unique index `names_name`"), "{error}");
}
