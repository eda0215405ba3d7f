//! Sub-selects in `up` and `down`: they see the other tables as the actions before have left them, whether those are deployed one by one or in
//! one batch. What a batch cannot show them is refused before anything has changed.

use reshape_runtime::{ErrorKind, Migrator};
use reshape_tests::{
    BASE, CHANGE, Rollout, catalog, client, database, golden, migrate, migrations, rows,
};

const TABLES: &str = r#"
[[actions]]
type = "create_table"
name = "a"
primary_key = "id"
columns = [
  { name = "id", type = "integer" },
  { name = "b_id", type = "integer" },
  { name = "t", type = "text", default = "'own'" },
]

[[actions]]
type = "create_table"
name = "b"
primary_key = "id"
columns = [
  { name = "id", type = "integer" },
  { name = "x", type = "text" },
  { name = "t", type = "text", default = "'other'" },
]
"#;

const ROWS: &str = "INSERT INTO b (id, x) VALUES (1, 'one'), (2, 'two'); INSERT INTO a (id, b_id) VALUES (1, 1), (2, 2), (3, 9)";

/// A new column of `a`.
fn add(up: &str) -> String {
    format!(
        "[[actions]]\ntype = 'add_column'\ntable = 'a'\nup = '''{up}'''\ncolumn = {{ name = 'n', type = 'text' }}\n"
    )
}

/// A change of a column of `b`.
fn alter(column: &str, rest: &str) -> String {
    format!("[[actions]]\ntype = 'alter_column'\ntable = 'b'\ncolumn = '{column}'\n{rest}\n")
}

fn rename(from: &str, to: &str) -> String {
    alter(from, &format!("changes = {{ name = '{to}' }}"))
}

/// What `a` has in the end, when the changes are deployed one after the other: the truth.
fn one_by_one(first: &str, second: &str) -> Vec<String> {
    let database = database();
    let all = migrations(&[(BASE, TABLES), ("1_first", first), (CHANGE, second)]);
    for name in [BASE, "1_first", CHANGE] {
        let version = all.up_to(name).expect("one of them");
        migrate(&mut Migrator::new(version, database.url()));
        if name == BASE {
            client(&database, BASE).batch_execute(ROWS).expect("rows");
        }
    }
    rows(&mut client(&database, CHANGE), "SELECT id, n FROM a ORDER BY id")
}

/// The same in one batch, with an old client that writes, to the end; before that, to the rollback.
#[track_caller]
fn agrees(first: &str, second: &str) {
    let truth = one_by_one(first, second);
    let mut r = Rollout::begin(TABLES, ROWS, &format!("{first}\n{second}"));
    r.abort();
    r.start().unwrap_or_else(|error| panic!("{}", error.report()));
    let of_new = "SELECT id, n FROM a ORDER BY id";
    assert_eq!(rows(&mut r.new, of_new), truth);
    let of_one = truth[0].split('|').nth(1).expect("a value").to_owned();
    r.old.batch_execute("INSERT INTO a (id, b_id) VALUES (4, 1)").expect("an old row");
    assert_eq!(rows(&mut r.new, "SELECT n FROM a WHERE id = 4"), [of_one.as_str()]);
    r.complete();
    assert_eq!(rows(&mut r.new, "SELECT id, n FROM a WHERE id < 4 ORDER BY id"), truth);
}

/// The message with which the batch is refused.
#[track_caller]
fn refused(first: &str, second: &str) -> String {
    refused_with("", first, second)
}

/// The same where a client has run `rows` before.
#[track_caller]
fn refused_with(rows: &str, first: &str, second: &str) -> String {
    let database = database();
    let all = migrations(&[(BASE, TABLES), ("1_first", first), (CHANGE, second)]);
    let base = all.up_to(BASE).expect("the first");
    migrate(&mut Migrator::new(base, database.url()));
    let mut client = client(&database, BASE);
    client.batch_execute(rows).expect("the rows");
    let before = catalog(&mut client);
    let error = Migrator::new(all, database.url()).start().expect_err("a refusal");
    assert_eq!(error.kind(), ErrorKind::Refused, "{}", error.report());
    assert_eq!(catalog(&mut client), before);
    error.report()
}

#[test]
fn renamed_columns_are_seen_by_their_names() {
    agrees(&rename("x", "y"), &add("(SELECT y FROM b WHERE b.id = b_id)"));
}

#[test]
fn a_renamed_table_is_seen_by_its_name() {
    let first = "[[actions]]\ntype = 'rename_table'\ntable = 'b'\nnew_name = 'c'\n";
    agrees(first, &add("(SELECT c.x FROM c WHERE c.id = a.b_id)"));
}

#[test]
fn names_that_columns_exchange_are_not_mixed_up() {
    let first = rename("x", "z") + &rename("t", "x") + &rename("z", "t");
    agrees(&first, &add("(SELECT b.x || '/' || b.t FROM b WHERE b.id = b_id)"));
}

/// One expression says which table it means in another way than the other.
#[test]
fn each_expression_says_for_itself_how_it_names_a_table() {
    let first = rename("x", "z") + &rename("t", "x") + &rename("z", "t");
    let change = first
        + "[[actions]]\ntype = 'alter_column'\ntable = 'a'\ncolumn = 't'\nchanges = { type = 'varchar' }\n\
           up = '(SELECT x FROM b WHERE b.id = b_id)'\ndown = '(SELECT id::text FROM public.b WHERE b.id = b_id)'\n";
    let mut r = Rollout::begin(TABLES, ROWS, &change);
    assert_eq!(rows(&mut r.new, "SELECT t FROM a ORDER BY id"), ["other", "other", "-"]);
    r.old.batch_execute("INSERT INTO a (id, b_id) VALUES (4, 1)").expect("an old row");
    r.new.batch_execute("INSERT INTO a (id, b_id, t) VALUES (5, 2, 'new')").expect("a new row");
    assert_eq!(rows(&mut r.new, "SELECT t FROM a WHERE id > 3 ORDER BY id"), ["other", "new"]);
    assert_eq!(rows(&mut r.old, "SELECT t FROM a WHERE id = 5"), ["2"]);
    r.complete();
    assert_eq!(
        rows(&mut r.new, "SELECT t FROM a ORDER BY id"),
        ["other", "other", "-", "other", "new"]
    );
}

#[test]
fn a_removed_column_does_not_hide_one_of_the_row() {
    let first = "[[actions]]\ntype = 'remove_column'\ntable = 'b'\ncolumn = 't'\n";
    agrees(first, &add("(SELECT t FROM b WHERE b.id = b_id)"));
}

#[test]
fn a_new_column_with_a_default_is_seen() {
    let first = "[[actions]]\ntype = 'add_column'\ntable = 'b'\ncolumn = { name = 'k', type = 'integer', default = '7' }\n";
    agrees(first, &add("(SELECT k + 1 FROM b WHERE b.id = b_id)"));
}

#[test]
fn a_new_column_hides_one_of_the_row() {
    let first = "[[actions]]\ntype = 'remove_column'\ntable = 'b'\ncolumn = 't'\n\
                    [[actions]]\ntype = 'add_column'\ntable = 'b'\ncolumn = { name = 't', type = 'text', default = \"'new'\" }\n";
    agrees(first, &add("(SELECT t FROM b WHERE b.id = b_id)"));
}

#[test]
fn a_table_that_takes_the_name_is_the_one_that_is_meant() {
    let first = "[[actions]]\ntype = 'rename_table'\ntable = 'b'\nnew_name = 'c'\n\
                 [[actions]]\ntype = 'create_table'\nname = 'b'\nprimary_key = 'id'\n\
                 columns = [{ name = 'id', type = 'integer' }, { name = 'x', type = 'text' }]\n";
    agrees(first, &add("(SELECT count(*) FROM b)"));
}

#[test]
fn whole_rows_have_nothing_that_is_generated() {
    let first = alter("t", "up = 'upper(t)'\ndown = 'lower(t)'\nchanges = { type = 'varchar' }");
    let second = add("(SELECT to_jsonb(z) ->> 'x' || to_jsonb(z) FROM b AS z WHERE z.id = b_id)");
    // In the other order: what comes later is not seen.
    agrees(&second, &first);
}

#[test]
fn a_new_table_that_the_batch_changes_once_more_is_seen_as_it_was() {
    let first = "[[actions]]\ntype = 'create_table'\nname = 'c'\nprimary_key = 'id'\n\
                 columns = [{ name = 'id', type = 'integer' }, { name = 'x', type = 'text' }]\n";
    let second = add("(SELECT max(x) || 'x' FROM c)")
        + "[[actions]]\ntype = 'alter_column'\ntable = 'c'\ncolumn = 'x'\nchanges = { name = 'y' }\n";
    let truth = one_by_one(first, &second);
    assert_eq!(truth, ["1|-", "2|-", "3|-"]);
    agrees(first, &second);
}

#[test]
fn values_that_the_batch_computes_are_refused() {
    let first = alter("x", "up = 'upper(x)'\ndown = 'lower(x)'\nchanges = { type = 'varchar' }");
    let message = refused(&first, &add("(SELECT x FROM b WHERE b.id = b_id)"));
    for said in ["`2_change`", "`b`.`x`", "complete `1_first` first", "{ table = \"b\""] {
        assert!(message.contains(said), "{message}");
    }
    for whole in [
        "(SELECT to_jsonb(z) FROM b z WHERE z.id = b_id)",
        "(SELECT (b.*)::text FROM b WHERE b.id = b_id)",
        "(SELECT to_jsonb(z) ->> 'x' FROM (SELECT DISTINCT ON (b.id) * FROM b) z LIMIT 1)",
        "(SELECT p FROM b AS z(i, p) WHERE i = b_id)",
    ] {
        refused(&first, &add(whole));
    }
    let random = "[[actions]]\ntype = 'add_column'\ntable = 'b'\ncolumn = { name = 'k', type = 'float8', default = 'random()' }\n";
    refused(random, &add("(SELECT k FROM b WHERE b.id = b_id)"));
}

#[test]
fn values_that_the_batch_computes_and_nobody_reads_are_no_obstacle() {
    let first = alter("x", "up = 'upper(x)'\ndown = 'lower(x)'\nchanges = { type = 'varchar' }");
    agrees(&first, &add("(SELECT count(*) * 2 || t FROM b AS z WHERE z.id = b_id GROUP BY t)"));
}

#[test]
fn a_qualified_name_cannot_be_given_other_columns() {
    let message = refused(&rename("x", "y"), &add("(SELECT y FROM public.b WHERE b.id = b_id)"));
    assert!(message.contains("`public.b`") && message.contains("`1_first`"), "{message}");
    // Nothing differs yet.
    agrees(
        "[[actions]]\ntype = 'add_column'\ntable = 'b'\ncolumn = { name = 'k', type = 'integer' }\n",
        &add("(SELECT x FROM public.b WHERE b.id = b_id)"),
    );
}

/// Such tables are expanded one by one.
#[test]
fn a_new_column_of_a_table_with_children_is_refused() {
    let first = "[[actions]]\ntype = 'add_column'\ntable = 'b'\ncolumn = { name = 'k', type = 'integer', default = '7' }\n".to_owned()
        + &add("(SELECT k + 1 FROM b WHERE b.id = b_id)");
    let message =
        refused_with("CREATE TABLE public.c () INHERITS (public.b)", &first, &rename("x", "y"));
    assert!(
        message.contains("where `b` inherits or has children") && message.contains("`1_first`"),
        "{message}"
    );
    assert!(!message.contains(CHANGE) && message.contains("in an earlier migration"), "{message}");
}

/// What the query over the table lacks would mean the row's own; a new column of the table is enough for that.
#[test]
fn what_only_a_table_has_is_refused_where_the_batch_changes_it() {
    let column = "[[actions]]\ntype = 'add_column'\ntable = 'b'\ncolumn = { name = 'k', type = 'integer' }\n";
    for (first, word) in
        [(&*rename("x", "y"), "tableoid"), (&*rename("x", "y"), "ctid"), (column, "xmin")]
    {
        let up = format!("(SELECT {word}::text FROM b WHERE b.id = b_id)");
        let message = refused(first, &add(&up));
        assert!(message.contains(&format!("`{word}` in a sub-select on `b`")), "{message}");
    }
    // Whoever reads it is named, and not who comes last.
    let first = rename("x", "y") + &add("(SELECT ctid::text FROM b WHERE b.id = b_id)");
    let message = refused(&first, &rename("y", "z"));
    assert!(message.contains("`1_first`") && !message.contains(CHANGE), "{message}");
}

#[test]
fn locks_and_row_types_of_a_table_that_the_batch_changes_are_refused() {
    let first = rename("x", "y");
    for (up, said) in [
        ("(SELECT y FROM b WHERE b.id = b_id FOR SHARE)", "locking rows in a sub-select on `b`"),
        ("(SELECT y FROM b z WHERE z.id = b_id FOR UPDATE)", "locking rows in a sub-select on `b`"),
        ("(SELECT (z::b).y FROM b z WHERE z.id = b_id)", "the type of the rows of `b`"),
        ("(SELECT (NULL::b).y)", "the type of the rows of `b`"),
        (
            "(SELECT (jsonb_populate_record(CAST(NULL AS b), '{}')).x)",
            "the type of the rows of `b`",
        ),
    ] {
        let message = refused(&first, &add(up));
        assert!(
            message.contains(said) && message.contains("complete `1_first` first"),
            "{message}"
        );
    }
    // What is the same before and after is no obstacle, nor is the row's own type.
    agrees(&first, &add("(SELECT (jsonb_populate_record(NULL::b, '{\"t\": \"k\"}')).t)"));
    agrees(&first, &add("(SELECT (jsonb_populate_record(NULL::a, '{\"t\": \"k\"}')).t)"));
}

#[test]
fn down_sees_values_that_the_batch_computes() {
    let change = alter("x", "up = 'upper(x)'\ndown = 'lower(x)'\nchanges = { type = 'varchar' }")
        + "[[actions]]\ntype = 'remove_column'\ntable = 'a'\ncolumn = 't'\ndown = '(SELECT x FROM b WHERE b.id = b_id)'\n";
    let mut r = Rollout::begin(TABLES, ROWS, &change);
    r.new.batch_execute("INSERT INTO b (id, x) VALUES (5, 'Five')").expect("a new row");
    r.new.batch_execute("INSERT INTO a (id, b_id) VALUES (4, 2), (5, 5)").expect("new rows");
    assert_eq!(rows(&mut r.old, "SELECT t FROM a WHERE id > 3 ORDER BY id"), ["TWO", "Five"]);
    r.complete();
    // The triggers of the one go with the columns of the other.
    let plan = golden(TABLES, &change).expect("a plan");
    let finish: Vec<&str> = plan.lines().filter(|line| line.contains(": finish")).collect();
    assert_eq!(finish, ["-- contract: finish `a`, `b`"]);
}

#[test]
fn an_empty_database_gets_there_in_one_batch() {
    let database = database();
    let first =
        rename("x", "y") + "[[actions]]\ntype = 'rename_table'\ntable = 'b'\nnew_name = 'c'\n";
    let second = add("(SELECT y FROM c WHERE c.id = b_id)");
    let all = migrations(&[(BASE, TABLES), ("1_first", &first), (CHANGE, &second)]);
    migrate(&mut Migrator::new(all, database.url()));
}

#[test]
fn a_new_table_reads_one_that_the_batch_renames() {
    let change = rename("x", "y")
        + "[[actions]]\ntype = 'create_table'\nname = 'd'\nprimary_key = 'id'\ncolumns = [{ name = 'id', type = 'integer' }, { name = 'k', type = 'text' }]\n\
           [[actions]]\ntype = 'add_column'\ntable = 'd'\nup = '(SELECT y FROM b WHERE b.id = d.id)'\ncolumn = { name = 'n', type = 'text' }\n\
           [[actions]]\ntype = 'alter_column'\ntable = 'd'\ncolumn = 'k'\nup = '(SELECT length(y) FROM b WHERE b.id = d.id)'\nchanges = { type = 'integer' }\n";
    let mut r = Rollout::begin(TABLES, ROWS, &change);
    r.abort();
    r.start().expect("a second start");
    r.complete();
}
