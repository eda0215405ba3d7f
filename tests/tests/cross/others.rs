//! The other actions and fields.

use reshape_tests::{Rollout, rows};

use crate::{MOVE, NEW, OLD, ROWS, USERS, new, old, sees};

/// `alter_column` in both directions, also of a column that is NOT NULL.
#[test]
fn a_column_becomes_a_copy_of_another_tables() {
    for not_null in ["", ", nullable = false"] {
        let base = USERS.replace(
            "{ name = \"bio\", type = \"text\" }",
            &format!("{{ name = \"bio\", type = \"text\"{not_null} }}"),
        );
        let change = r#"
            [[actions]]
            type = "alter_column"
            table = "profiles"
            column = "bio"
            changes = { name = "label", type = "character varying(40)", nullable = true }

                [actions.up]
                table = "users"
                value = "users.name || ': ' || profiles.bio"
                where = "user_id = users.id"

                [actions.down]
                table = "users"
                value = "replace(label, users.name || ': ', '')"
                where = "users.id = profiles.user_id"
        "#;
        let sql = "INSERT INTO users VALUES (1, 'Ada', ''), (2, 'Alan', ''); INSERT INTO profiles VALUES (10, 1, 'x'), (20, 2, 'y')";
        let mut r = Rollout::begin(&base, sql, change);
        let list = "SELECT id, label FROM migration_2_change.profiles ORDER BY id";
        let bios = "SELECT id, bio FROM migration_1_base.profiles ORDER BY id";
        sees(&mut r, list, &["10|Ada: x", "20|Alan: y"]);
        old(&mut r, "UPDATE users SET name = 'Ann' WHERE id = 1");
        old(&mut r, "UPDATE profiles SET bio = 'z' WHERE id = 20");
        old(&mut r, "INSERT INTO profiles VALUES (30, 2, 'w')");
        sees(&mut r, list, &["10|Ann: x", "20|Alan: z", "30|Alan: w"]);
        sees(&mut r, bios, &["10|x", "20|z", "30|w"]);
        new(&mut r, "UPDATE profiles SET label = 'Ann: new' WHERE id = 10");
        new(&mut r, "INSERT INTO profiles VALUES (40, 2, 'Alan: v')");
        sees(&mut r, bios, &["10|new", "20|z", "30|w", "40|v"]);
        // A name that both versions have: a new client's is `down`'s business, not `up`'s.
        new(&mut r, "UPDATE users SET name = 'A' WHERE id = 2");
        sees(&mut r, list, &["10|Ann: new", "20|Alan: z", "30|Alan: w", "40|Alan: v"]);
        sees(&mut r, bios, &["10|new", "20|Alan: z", "30|Alan: w", "40|Alan: v"]);
        r.abort();
        r.start().expect("a second start");
        r.complete();
        assert_eq!(rows(&mut r.new, list)[1], "20|A: Alan: z");
    }
}

/// What a table is filled with may itself be filled by the batch; table and columns get other names; the key is said by its name.
#[test]
fn a_new_table_is_filled_with_new_values_and_renamed() {
    let change = r#"
        [[actions]]
        type = "alter_column"
        table = "users"
        column = "name"
        up = "upper(name)"
        down = "lower(title)"
        changes = { name = "title", nullable = false }

        [[actions]]
        type = "create_table"
        name = "new"
        primary_key = "old"
        columns = [
          { name = "old", type = "text" },
          { name = "value", type = "text" },
          { name = "gone", type = "text" },
          { name = "count", type = "integer", nullable = false, default = "1" },
        ]

            [actions.up]
            table = "users"
            values = { old = "title", value = "users.email || title", gone = "email" }
            upsert_constraint = "new_pkey"

        [[actions]]
        type = "alter_column"
        table = "new"
        column = "old"
        changes = { name = "key" }

        [[actions]]
        type = "remove_column"
        table = "new"
        column = "gone"

        [[actions]]
        type = "rename_table"
        table = "new"
        new_name = "titles"

        [[actions]]
        type = "rename_table"
        table = "users"
        new_name = "people"
    "#;
    let sql = format!("{ROWS}; INSERT INTO users VALUES (4, 'ADA', 'second')");
    let mut r = Rollout::begin(USERS, &sql, change);
    let list = "SELECT key, value, count FROM migration_2_change.titles ORDER BY 1";
    sees(&mut r, list, &["ADA|secondADA|1", "ALAN|alan@xALAN|1", "GRACE|grace@xGRACE|1"]);
    old(&mut r, "UPDATE users SET email = 'a' WHERE id = 4");
    old(&mut r, "INSERT INTO users VALUES (5, 'alan', 'five'), (6, 'Joan', 'six')");
    new(&mut r, "UPDATE titles SET count = 7 WHERE key = 'ALAN'");
    new(&mut r, "INSERT INTO people VALUES (7, 'ROSA', 'seven')");
    new(&mut r, "UPDATE people SET title = 'ROSIE', email = 'r' WHERE id = 7");
    old(&mut r, "UPDATE users SET email = 'again' WHERE id = 5");
    old(&mut r, "DELETE FROM users WHERE id = 3");
    sees(
        &mut r,
        list,
        &["ADA|aADA|1", "ALAN|againALAN|7", "GRACE|grace@xGRACE|1", "JOAN|sixJOAN|1"],
    );
    r.abort();
    r.start().expect("a second start");
    r.complete();
    assert_eq!(rows(&mut r.new, list).len(), 4);
}

/// It has no rows that could belong to another table's.
#[test]
fn a_column_of_a_new_table_has_no_rows_to_fill() {
    let change = r#"
        [[actions]]
        type = "create_table"
        name = "notes"
        primary_key = "id"
        columns = [{ name = "id", type = "integer" }]

        [[actions]]
        type = "add_column"
        table = "notes"
        column = { name = "email", type = "text", nullable = false }
        up = { table = "users", value = "users.email", where = "notes.id = users.id" }
    "#;
    let mut r = Rollout::begin(USERS, ROWS, change);
    new(&mut r, "INSERT INTO notes VALUES (1, 'x')");
    r.abort();
    r.start().expect("a second start");
    r.complete();
}

/// Whoever sets what version it speaks for, or writes with a `search_path` of its own, is taken at its word.
#[test]
fn who_wrote_does_not_depend_on_the_search_path_where_the_row_can_tell() {
    let mut r = Rollout::begin(USERS, ROWS, MOVE);
    rows(&mut r.old, "SET search_path TO pg_catalog");
    old(&mut r, "UPDATE migration_1_base.users SET email = 'old' WHERE id = 1");
    old(&mut r, "UPDATE migration_2_change.profiles SET email = 'new' WHERE user_id = 2");
    old(&mut r, "INSERT INTO migration_2_change.users VALUES (5, 'x')");
    old(&mut r, "INSERT INTO migration_2_change.profiles VALUES (50, 5, '', 'five')");
    old(&mut r, "INSERT INTO migration_1_base.profiles VALUES (30, 3)");
    sees(&mut r, NEW, &["10|1|old", "20|2|new", "30|3|grace@x", "50|5|five"]);
    sees(&mut r, OLD, &["1|old", "2|new", "3|grace@x", "5|five"]);
    old(&mut r, "SET reshape.version = '2_change'");
    old(&mut r, "DELETE FROM migration_2_change.profiles WHERE id = 50");
    sees(&mut r, OLD, &["1|old", "2|new", "3|grace@x", "5|-"]);
    old(&mut r, "RESET reshape.version");
    r.complete();
}
