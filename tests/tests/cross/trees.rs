//! Tables that are filled and refer to each other: the rows that a foreign key asks for may come later than those that need them.

use reshape_runtime::Event;
use reshape_runtime::plan::Phase;
use reshape_tests::{Rollout, client, rows};

const NODES: &str = r#"
[[actions]]
type = "create_table"
name = "nodes"
primary_key = "id"
columns = [{ name = "id", type = "integer" }, { name = "parent", type = "integer" }]
"#;

const TREE: &str = r#"
[[actions]]
type = "create_table"
name = "tree"
primary_key = "id"
columns = [{ name = "id", type = "integer" }, { name = "parent", type = "integer" }]
foreign_keys = [{ columns = ["parent"], referenced_table = "tree", referenced_columns = ["id"], on_delete = "CASCADE" }]
up = { table = "nodes", values = { id = "id", parent = "parent" } }
"#;

#[test]
fn an_old_client_may_write_a_row_before_the_one_that_it_refers_to_is_filled_in() {
    let mut rollout = Rollout::prepare(NODES, "INSERT INTO nodes VALUES (1, 2), (2, NULL)", TREE);
    let mut writer = client(&rollout.database, reshape_tests::BASE);
    let mut number = 10;
    let observer = move |event: &Event| {
        if let Event::StepStarted { phase: Phase::Backfill, .. } = event {
            rows(&mut writer, &format!("INSERT INTO nodes VALUES ({number}, 1)"));
            number += 1;
        }
    };
    let started = rollout.migrator().observer(observer).start();
    started.unwrap_or_else(|error| panic!("{}", error.report()));
    assert_eq!(
        rows(&mut rollout.new, "SELECT * FROM tree ORDER BY id"),
        rows(&mut rollout.old, "SELECT * FROM nodes ORDER BY id")
    );
    let error = rollout.new.simple_query("INSERT INTO tree VALUES (99, 98)");
    let error = error.expect_err("a row without a parent");
    assert_eq!(error.code().map(postgres::error::SqlState::code), Some("23503"));
    rows(&mut rollout.new, "DELETE FROM tree WHERE id = 2");
    assert_eq!(rows(&mut rollout.new, "SELECT count(*) FROM tree"), ["0"]);
    rollout.complete();
}

#[test]
fn rows_may_refer_to_rows_of_a_later_range() {
    // More pages than one range has, and each row refers to the next.
    let fill = "ALTER TABLE public.nodes SET (fillfactor = 10);
        INSERT INTO nodes SELECT n, n + 1 FROM generate_series(1, 9999) n;
        INSERT INTO nodes VALUES (10000, NULL)";
    let mut rollout = Rollout::begin(NODES, fill, TREE);
    assert_eq!(rows(&mut rollout.new, "SELECT count(*) FROM tree"), ["10000"]);
    rollout.abort();
}
