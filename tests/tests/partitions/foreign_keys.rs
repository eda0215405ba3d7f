//! Foreign keys of partitioned tables, and to them.

use reshape_tests::{Rollout, rows};

use super::{ROWS, base, refusal};

const KEYED: &str = r#"
    [[actions]]
    type = "create_table"
    name = "owners"
    primary_key = "id"
    columns = [{ name = "id", type = "integer" }]
"#;

/// Postgres has no `NOT VALID` for it before 18: without, it would read all rows while nobody can write.
#[test]
fn a_foreign_key_of_a_partitioned_table_is_refused_where_postgres_cannot_add_it_without_a_scan() {
    let base = format!("{KEYED}{}", base("range"));
    let change = r#"
        [[actions]]
        type = "add_foreign_key"
        table = "readings"
        foreign_key = { columns = ["size"], referenced_table = "owners", referenced_columns = ["id"] }
    "#;
    let data = format!("INSERT INTO owners VALUES (10), (20), (30); {ROWS}");
    let mut r = Rollout::prepare(&base, &data, change);
    let version = rows(&mut r.old, "SHOW server_version_num").remove(0);
    if version.parse::<u32>().is_ok_and(|version| version >= 180_000) {
        r.start().unwrap_or_else(|error| panic!("{}", error.report()));
        assert!(r.old.batch_execute("UPDATE readings SET size = 77").is_err());
        r.abort();
        r.start().unwrap_or_else(|error| panic!("{}", error.report()));
        r.complete();
        return;
    }
    let refused = refusal(&base, &data, change);
    assert!(
        refused.contains("on the partitioned table `readings`, before PostgreSQL 18"),
        "{refused}"
    );
}

/// Postgres makes a key to each partition as well, and names it after the columns as they are called until contract.
#[test]
fn a_foreign_key_of_new_columns_to_a_partitioned_table_is_refused() {
    let base = format!("{KEYED}{}", base("range"));
    let change = r#"
        [[actions]]
        type = "add_column"
        table = "owners"
        column = { name = "reading", type = "integer" }

        [[actions]]
        type = "add_column"
        table = "owners"
        column = { name = "at", type = "date" }

        [[actions]]
        type = "add_foreign_key"
        table = "owners"
        foreign_key = { columns = ["reading", "at"], referenced_table = "readings", referenced_columns = ["id", "at"] }
    "#;
    let refused = refusal(&base, ROWS, change);
    assert!(
        refused.contains("to the partitioned table `readings`, is not supported yet"),
        "{refused}"
    );
}
