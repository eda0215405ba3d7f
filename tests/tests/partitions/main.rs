//! Partitioned tables: by range, list and hash, on two levels, with a default partition, in two schemas, with columns in another order.

mod columns;
mod come_and_go;
mod foreign_keys;
mod indexes;
mod keys;
mod numbers;
mod obstacles;
mod own;

use reshape_tests::{Rollout, catalog, rows, table_made_by};

const COLUMNS: [(&str, &str); 5] =
    [("id", "integer"), ("at", "date"), ("city", "text"), ("name", "text"), ("size", "integer")];

/// Every way of partitioning; the partition `readings_b` has its columns in another order.
const SCHEMES: [(&str, &str); 4] = [
    (
        "range",
        "CREATE TABLE readings (id int, at date, city text, name text NOT NULL, size int DEFAULT 1, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
         CREATE TABLE readings_a PARTITION OF readings FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
         CREATE TABLE readings_b (size int, name text NOT NULL, gone int, city text, at date NOT NULL, id int NOT NULL);
         ALTER TABLE readings_b DROP COLUMN gone;
         ALTER TABLE readings ATTACH PARTITION readings_b FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
         CREATE TABLE readings_rest PARTITION OF readings DEFAULT",
    ),
    (
        "list",
        "CREATE TABLE readings (id int, at date, city text, name text NOT NULL, size int DEFAULT 1, PRIMARY KEY (id, city)) PARTITION BY LIST (city);
         CREATE TABLE readings_a PARTITION OF readings FOR VALUES IN ('Rome');
         CREATE TABLE readings_b (size int, name text NOT NULL, city text NOT NULL, at date, id int NOT NULL);
         ALTER TABLE readings ATTACH PARTITION readings_b FOR VALUES IN ('Oslo');
         CREATE TABLE readings_rest PARTITION OF readings DEFAULT",
    ),
    (
        "hash",
        "CREATE TABLE readings (id int, at date, city text, name text NOT NULL, size int DEFAULT 1, PRIMARY KEY (id, at, city)) PARTITION BY HASH (at, city);
         CREATE TABLE readings_a PARTITION OF readings FOR VALUES WITH (MODULUS 3, REMAINDER 0);
         CREATE TABLE readings_b (size int, name text NOT NULL, city text NOT NULL, at date NOT NULL, id int NOT NULL);
         ALTER TABLE readings ATTACH PARTITION readings_b FOR VALUES WITH (MODULUS 3, REMAINDER 1);
         CREATE TABLE readings_c PARTITION OF readings FOR VALUES WITH (MODULUS 3, REMAINDER 2)",
    ),
    (
        "two levels",
        "CREATE SCHEMA \"Old data\";
         CREATE TABLE readings (id int, at date, city text, name text NOT NULL, size int DEFAULT 1, PRIMARY KEY (id, at, city)) PARTITION BY RANGE (at);
         CREATE TABLE readings_2025 PARTITION OF readings FOR VALUES FROM ('2025-01-01') TO ('2026-01-01') PARTITION BY LIST (city);
         CREATE TABLE \"Old data\".\"Rome's\" PARTITION OF readings_2025 FOR VALUES IN ('Rome');
         CREATE TABLE readings_b (size int, name text NOT NULL, city text NOT NULL, at date NOT NULL, id int NOT NULL);
         ALTER TABLE readings_2025 ATTACH PARTITION readings_b FOR VALUES IN ('Oslo');
         CREATE TABLE \"Old data\".readings_rest PARTITION OF readings DEFAULT PARTITION BY LIST (city);
         CREATE TABLE readings_rest_rest PARTITION OF \"Old data\".readings_rest DEFAULT",
    ),
];

const ROWS: &str = "INSERT INTO readings (id, at, city, name, size) VALUES
    (1, '2024-02-02', 'Rome', 'one', 10), (2, '2025-02-02', 'Oslo', 'two', 20), (3, '2025-03-03', 'Rome', 'three', 30),
    (4, '2030-04-04', 'Lima', 'four', NULL)";

fn base(scheme: &str) -> String {
    let (_, sql) =
        SCHEMES.iter().find(|(name, _)| *name == scheme).unwrap_or_else(|| panic!("{scheme}"));
    table_made_by(sql, "readings", &COLUMNS)
}

/// Runs a scenario for every way of partitioning, to its rollback and to its completion.
fn every_way(change: &str, during: impl Fn(&mut Rollout), after: impl Fn(&mut Rollout)) {
    for (scheme, _) in SCHEMES {
        let mut rollout = Rollout::begin(&base(scheme), ROWS, change);
        during(&mut rollout);
        rollout.abort();
        rows(
            &mut rollout.old,
            "INSERT INTO readings (id, at, city, name) VALUES (99, '2025-09-09', 'Rome', 'after')",
        );

        rollout.start().unwrap_or_else(|error| panic!("{}", error.report()));
        rollout.abort();
        let mut rollout = Rollout::begin(&base(scheme), ROWS, change);
        during(&mut rollout);
        rollout.complete();
        after(&mut rollout);
    }
}

/// What `start` says no with; nothing has changed then.
fn refusal(base: &str, data: &str, change: &str) -> String {
    let mut rollout = Rollout::prepare(base, data, change);
    let error = rollout.start().expect_err("a refusal");
    assert_eq!(catalog(&mut rollout.old), rollout.before);
    error.report()
}

const CHANGE: &str = r#"
    [[actions]]
    type = "add_column"
    table = "readings"
    up = "upper(name)"
    column = { name = "shout", type = "text", nullable = false, default = "'?'" }

    [[actions]]
    type = "alter_column"
    table = "readings"
    column = "size"
    up = "coalesce(size, 0) * 100"
    down = "size / 100"
    changes = { type = "bigint", nullable = false, name = "area" }

    [[actions]]
    type = "alter_column"
    table = "readings"
    column = "city"
    changes = { name = "place" }

    [[actions]]
    type = "remove_column"
    table = "readings"
    column = "name"
    down = "lower(shout)"
"#;

const INDEXES: &str = r#"
    [[actions]]
    type = "add_index"
    table = "readings"
    index = { name = "readings_name", columns = ["name", { column = "size", direction = "DESC" }] }

    [[actions]]
    type = "add_index"
    table = "readings"
    index = { name = "By place", columns = ["at", "city", "name"], unique = true }

    [[actions]]
    type = "add_index"
    table = "readings"
    index = { name = "partial", columns = [{ expression = "lower(city)" }], where = "id > 0" }
"#;

/// An index by its name: whether it is valid, and how many partitions have a share in it that is used.
fn index(r: &mut Rollout, name: &str) -> Vec<String> {
    rows(
        &mut r.old,
        &format!(
            "SELECT i.indisvalid, count(*), bool_and(s.indisvalid)
             FROM pg_index i, pg_partition_tree(i.indexrelid) t JOIN pg_index s ON s.indexrelid = t.relid
             WHERE i.indexrelid = to_regclass('public.\"{name}\"') AND t.isleaf GROUP BY 1"
        ),
    )
}
