//! A child's own columns, and what is refused.

use reshape_tests::{Rollout, catalog, rows, table_made_by};

use super::{CHANGE, ROWS, base, every_way, refusal};

/// A child's own columns are its own business, also in the batch that changes its parent.
#[test]
fn own_columns_of_a_child_change_with_and_without_its_parent() {
    let own = r#"
        [[actions]]
        type = "alter_column"
        table = "staff"
        column = "salary"
        up = "salary * 12"
        down = "salary / 12"
        changes = { type = "bigint", name = "pay" }

        [[actions]]
        type = "add_column"
        table = "staff"
        up = "coalesce(staff.pay, 0) > 3000"
        column = { name = "rich", type = "boolean", nullable = false, default = "false" }

        [[actions]]
        type = "remove_column"
        table = "chiefs"
        column = "title"
    "#;
    for with_parent in [false, true] {
        let parent = CHANGE.replace("* 100", "* 10").replace("/ 100", "/ 10");
        let change = if with_parent { parent + own } else { own.to_owned() };
        every_way(
            &change,
            |r| {
                let new = "SELECT id, pay, rich FROM staff ORDER BY id";
                assert_eq!(rows(&mut r.new, new), ["2|2400|f", "3|3600|t"]);
                rows(&mut r.old, "UPDATE staff SET salary = 1000 + id");
                assert_eq!(rows(&mut r.new, new), ["2|12024|t", "3|12036|t"]);
                rows(&mut r.new, "UPDATE chiefs SET pay = 24, rich = NULL IS NULL");
                assert_eq!(
                    rows(&mut r.old, "SELECT id, salary FROM staff ORDER BY id"),
                    ["2|1002", "3|2"]
                );
                rows(&mut r.old, "UPDATE people SET name = name || '!'");
                assert_eq!(rows(&mut r.new, new), ["2|12024|t", "3|24|t"]);
                if with_parent {
                    rows(
                        &mut r.new,
                        "INSERT INTO chiefs (id, shout, area, pay, rich) VALUES (9, 'N', 900, 120, true)",
                    );
                    let old = "SELECT name, size, salary, title FROM chiefs WHERE id = 9";
                    assert_eq!(rows(&mut r.old, old), ["n|90|10|Dr"]);
                    rows(&mut r.new, "DELETE FROM people WHERE id = 9");
                }
            },
            |r| {
                let paid = "UPDATE chiefs SET pay = 0";
                assert!(r.new.simple_query(paid).is_err());
                let columns = "SELECT string_agg(attname, ' ' ORDER BY attname) FROM pg_attribute
                    WHERE attrelid = 'public.chiefs'::regclass AND attnum > 0 AND NOT attisdropped";
                let wanted =
                    if with_parent { "area id pay rich shout" } else { "id name pay rich size" };
                assert_eq!(rows(&mut r.new, columns), [wanted]);
            },
        );
    }
}

#[test]
fn an_inherited_column_is_changed_where_it_comes_from() {
    for change in [
        "type = 'alter_column'\ntable = 'staff'\ncolumn = 'size'\nchanges = { type = 'bigint' }",
        "type = 'alter_column'\ntable = 'chiefs'\ncolumn = 'name'\nchanges = { name = 'x' }",
        "type = 'remove_column'\ntable = 'guests'\ncolumn = 'size'\ndown = '1'",
        "type = 'alter_column'\ntable = 'chiefs'\ncolumn = 'salary'\nchanges = { default = '2' }",
    ] {
        let refused = refusal("", &format!("[[actions]]\n{change}\n"));
        assert!(refused.contains("is inherited from `"), "{refused}");
        assert!(refused.contains("change it there"), "{refused}");
    }
    // What the same batch gives the parent, too.
    let added = "[[actions]]\ntype = 'add_column'\ntable = 'people'\ncolumn = { name = 'x', type = 'text' }\n
        [[actions]]\ntype = 'rename_table'\ntable = 'staff'\nnew_name = 'crew'\n";
    let mut r = Rollout::begin(&base(), ROWS, added);
    assert_eq!(rows(&mut r.new, "SELECT count(x) FROM crew"), ["0"]);
    r.complete();
}

#[test]
fn a_column_that_a_child_has_already_is_refused() {
    let change = "[[actions]]\ntype = 'add_column'\ntable = 'people'\nup = \"'x'\"\ncolumn = { name = 'title', type = 'text' }\n";
    let refused = refusal(ROWS, change);
    assert!(refused.contains("table `chiefs` has a column `title` already"), "{refused}");
}

#[test]
fn more_than_one_parent_is_refused() {
    let two = "CREATE TABLE public.other (x int); ALTER TABLE public.chiefs ADD COLUMN x int;
        ALTER TABLE public.chiefs INHERIT public.other";
    let refused = refusal(two, CHANGE);
    assert!(
        refused.contains("whose child `chiefs` inherits from `staff` and `other`"),
        "{refused}"
    );
    // Its own columns have one origin.
    let own = "[[actions]]\ntype = 'alter_column'\ntable = 'chiefs'\ncolumn = 'title'\nup = \"upper(title)\"\ndown = \"title\"\nchanges = { nullable = true }\n";
    let mut r = Rollout::begin(&base(), &format!("{ROWS}; {two}"), own);
    assert_eq!(rows(&mut r.new, "SELECT title FROM chiefs"), ["PROF"]);
    r.complete();
}

/// It has a view from then on, as every table that is changed.
#[test]
fn a_child_in_another_schema_follows() {
    let far = "CREATE SCHEMA \"Old data\"; CREATE TABLE \"Old data\".t () INHERITS (public.staff);
        INSERT INTO \"Old data\".t (id, name, size) VALUES (7, 'seven', 70)";
    let mut r = Rollout::begin(&base(), &format!("{ROWS}; {far}"), &CHANGE.replace("100", "10"));
    let mine = "SELECT shout, area FROM t WHERE id = 7";
    assert_eq!(rows(&mut r.new, mine), ["SEVEN|700"]);
    rows(&mut r.old, "UPDATE \"Old data\".t SET size = 71");
    assert_eq!(rows(&mut r.new, mine), ["SEVEN|710"]);
    rows(&mut r.new, "UPDATE people SET area = 720 WHERE id = 7");
    assert_eq!(rows(&mut r.old, "SELECT name, size FROM \"Old data\".t"), ["seven|72"]);
    r.abort();
    r.start().unwrap_or_else(|error| panic!("{}", error.report()));
    r.complete();
    assert_eq!(rows(&mut r.new, mine), ["SEVEN|720"]);
}

#[test]
fn children_that_cannot_follow_are_refused() {
    let foreign = "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w;
        CREATE FOREIGN TABLE public.far () INHERITS (public.people) SERVER s";
    let refused = refusal(foreign, CHANGE);
    assert!(
        refused.contains("`far`, which inherits from `people`, is a foreign table"),
        "{refused}"
    );
    let serial = "[[actions]]\ntype = 'add_column'\ntable = 'people'\ncolumn = { name = 'n', type = 'serial' }\n";
    let refused = refusal(ROWS, serial);
    assert!(refused.contains("to a table that is inherited from"), "{refused}");
    let typed = base()
        + &table_made_by(
            "CREATE TYPE thing AS (id int); CREATE TABLE things OF thing",
            "things",
            &[("id", "integer")],
        );
    let change = "[[actions]]\ntype = 'add_column'\ntable = 'things'\ncolumn = { name = 'x', type = 'text' }\n";
    let refused = Rollout::prepare(&typed, "", change).start().expect_err("a refusal").report();
    assert!(refused.contains("a table of a composite type"), "{refused}");
}

#[test]
fn values_from_other_tables_are_refused() {
    let base = base()
        + "[[actions]]\ntype = 'create_table'\nname = 'notes'\nprimary_key = 'id'\ncolumns = [{ name = 'id', type = 'integer' }, { name = 'text', type = 'text' }]\n";
    for (table, from) in [("people", "notes"), ("notes", "staff")] {
        let change = format!(
            "[[actions]]\ntype = 'add_column'\ntable = '{table}'\ncolumn = {{ name = 'x', type = 'integer' }}\n\
             up = {{ table = '{from}', value = '{from}.id', where = '{from}.id = {table}.id' }}\n"
        );
        let mut r = Rollout::prepare(&base, ROWS, &change);
        let refused = r.start().expect_err("a refusal").report();
        assert_eq!(catalog(&mut r.old), r.before);
        assert!(refused.contains("a value from, or for, another table where"), "{refused}");
    }
    let filled = r#"
        [[actions]]
        type = "create_table"
        name = "names"
        primary_key = "id"
        columns = [{ name = "id", type = "integer" }, { name = "name", type = "text" }]

            [actions.up]
            table = "people"
            values = { id = "people.id", name = "people.name" }
    "#;
    let refused = refusal(ROWS, filled);
    assert!(refused.contains("a value from, or for, another table where `people`"), "{refused}");
}

#[test]
fn a_parent_is_removed_after_its_children() {
    let remove = |table: &str| format!("[[actions]]\ntype = 'remove_table'\ntable = '{table}'\n");
    let refused = refusal("", &remove("people"));
    assert!(refused.contains("table `people` cannot be removed: table "), "{refused}");
    let refused = refusal("", &format!("{}{}", remove("staff"), remove("chiefs")));
    assert!(refused.contains("table public.chiefs depends on it"), "{refused}");
    let all: String = ["chiefs", "guests", "staff", "people"].map(remove).concat();
    let mut r = Rollout::begin(&base(), ROWS, &all);
    assert_eq!(rows(&mut r.old, "SELECT count(*) FROM people"), ["4"]);
    r.abort();
    r.start().unwrap_or_else(|error| panic!("{}", error.report()));
    r.complete();
    let refused = refusal(ROWS, &format!("{}{CHANGE}", remove("guests")));
    assert!(
        refused.contains("`guests` is removed in the batch that changes `people`"),
        "{refused}"
    );
    let refused = refusal(ROWS, &format!("{CHANGE}{}", remove("guests")));
    assert!(
        refused.contains("`guests` is removed in the batch that changes `people`"),
        "{refused}"
    );
}

/// Both are given their names in one transaction, the parent's first.
#[test]
fn a_name_that_goes_from_a_childs_column_to_a_parents_is_refused() {
    let change = r#"
        [[actions]]
        type = "alter_column"
        table = "chiefs"
        column = "title"
        changes = { name = "degree" }

        [[actions]]
        type = "alter_column"
        table = "people"
        column = "name"
        changes = { name = "title" }
    "#;
    let refused = refusal(ROWS, change);
    assert!(
        refused.contains("an inherited column of `chiefs` takes the name `title`"),
        "{refused}"
    );
    // The other way round there is nothing in the way.
    let change = r#"
        [[actions]]
        type = "alter_column"
        table = "people"
        column = "name"
        changes = { name = "label" }

        [[actions]]
        type = "alter_column"
        table = "chiefs"
        column = "title"
        changes = { name = "name" }
    "#;
    let mut r = Rollout::begin(&base(), ROWS, change);
    assert_eq!(rows(&mut r.new, "SELECT label, name FROM chiefs"), ["three|Prof"]);
    r.complete();
    assert_eq!(rows(&mut r.new, "SELECT label, name FROM public.chiefs"), ["three|Prof"]);
}

/// Nothing of them is in the children that a rollback would have to look for there.
#[test]
fn constraints_alone_are_taken_back() {
    let check = "[[actions]]\ntype = 'add_check'\ntable = 'people'\ncheck = { name = 'named', expression = \"name <> ''\" }\n";
    let key = "[[actions]]\ntype = 'add_foreign_key'\ntable = 'people'\n\
               foreign_key = { columns = ['size'], referenced_table = 'guests', referenced_columns = ['id'] }\n";
    let unique = "[[actions]]\ntype = 'add_index'\ntable = 'guests'\nindex = { name = 'by_id', columns = ['id'], unique = true }\n";
    let few = "INSERT INTO guests (id, name, size) VALUES (10, 'ten', 1); INSERT INTO people VALUES (1, 'one', 10)";
    for change in [check.to_owned(), format!("{unique}{key}")] {
        let mut r = Rollout::begin(&base(), few, &change);
        r.abort();
    }
}
