//! What is said of a query holds for every row that a server may give, and for every type that it may choose.

use std::rc::Rc;

use reshape_sql::{Column, Fill, Kind, Output, Query, Relation, Tables, Type, query};

fn relation(name: &str, columns: &[(&str, &str, bool)]) -> (String, Rc<Relation>) {
    let column =
        |(name, of, nullable): &(&str, &str, bool)| Column::new(name, of, *nullable, Fill::Nothing);
    let columns = columns.iter().map(column).collect();
    (String::from("public"), Rc::new(Relation { name: name.to_owned(), columns, complete: true }))
}

fn ask(sql: &str) -> Query {
    let users = [
        ("id", "bigint", false),
        ("name", "text", false),
        ("nick", "text", true),
        ("age", "integer", false),
        ("data", "jsonb", false),
        ("born", "timestamptz", false),
        ("tags", "text[]", false),
        ("spot", "address", false),
    ];
    let orders = [("id", "integer", false), ("name", "text", false), ("user_id", "bigint", true)];
    let tables = Tables {
        tables: vec![relation("users", &users), relation("orders", &orders)],
        enums: Vec::new(),
        ..Tables::default()
    };
    query(sql, &tables)
}

fn columns(sql: &str) -> Vec<Output> {
    let query = ask(sql);
    assert!(query.findings.is_empty(), "{sql}: {:?}", query.findings);
    query.columns.unwrap_or_else(|| panic!("{sql}: no columns"))
}

/// Whether the only column of the expression over `users` is said never to be NULL.
fn never(expression: &str) -> bool {
    columns(&format!("SELECT {expression} AS x FROM users"))[0].nullable == Some(false)
}

fn types(sql: &str) -> Vec<Option<String>> {
    let of = |output: Output| output.data_type.map(|of| of.to_string());
    columns(sql).into_iter().map(of).collect()
}

fn parameter(sql: &str) -> Option<Type> {
    ask(sql).parameters[0].data_type.clone()
}

#[test]
fn parameters_of_rows_and_of_selected_rows_have_types() {
    let of = |sql: &str| -> Vec<String> {
        let parameters = ask(sql).parameters.into_iter();
        parameters.map(|of| of.data_type.map_or_else(String::new, |of| of.to_string())).collect()
    };
    let [id, name] = ["bigint", "text"];
    for comparison in ["(id, name) > ($1, $2)", "($1, $2) = ROW(id, name)"] {
        assert_eq!(of(&format!("SELECT id FROM users WHERE {comparison}")), [id, name]);
    }
    let listed = "SELECT id FROM users WHERE (id, (name, id)) IN (($1, ($2, $3)), (1, ('x', $4)))";
    assert_eq!(of(listed), [id, "", "", ""]);
    assert_eq!(of("SELECT CASE (id, name) WHEN ($1, $2) THEN 1 END FROM users"), ["", ""]);
    assert_eq!(of("SELECT id FROM users WHERE (id, name) = ($1, $2, $3)"), ["", "", ""]);
    assert_eq!(of("INSERT INTO users (id, name) SELECT $1, ($2) FROM users LIMIT 1"), [id, name]);
    for text in
        ["SELECT DISTINCT $1, $2", "SELECT $1, $2 ORDER BY 1", "SELECT $1, $2 UNION SELECT 1, 'x'"]
    {
        assert_eq!(of(&format!("INSERT INTO users (id, name) {text}")), ["", ""], "{text}");
    }
}

#[test]
fn what_may_be_null_is_not_said_to_be_none() {
    for expression in [
        "substring(name from 'a+')",
        "substring(name, 'a+')",
        "substring(name similar 'a' escape 'b')",
        "(id, nick) = (1, 'x')",
        "(id, nick) IN ((1, 'x'))",
        "(id, age) < (1, 2)",
        "ROW(id, name)",
        "spot = spot",
        "(born, born) OVERLAPS (born, NULL)",
        "data @@ '$.a == 1'",
        "data @? '$.a'",
        "nick IS NORMALIZED",
        "nick IS NOT NFC NORMALIZED",
        "extract(year from born)",
        "generate_series(1, 2)",
        "data::int",
        "current_schema",
        "users",
        "concat(VARIADIC NULL::text[])",
        "name LIKE 'a' ESCAPE NULL",
        "name || nick",
        "lower(nick)",
        "age + NULL",
        "jsonb_path_query_first(data, '$.a')",
        "age = ANY (ARRAY[1, NULL])",
    ] {
        assert!(!never(expression), "{expression}");
    }
}

#[test]
fn what_is_never_null_is_known_for_what_is_written_most() {
    for expression in [
        "id",
        "lower(name)",
        "length(name) + 1",
        "abs(age) * 2 - id",
        "name || '!'",
        "name = 'x' AND age > 1",
        "nick IS NULL",
        "nick ISNULL",
        "nick IS NOT DISTINCT FROM name",
        "(nick = 'x') IS TRUE",
        "coalesce(nick, 'x')",
        "count(*) OVER ()",
        "now()",
        "age BETWEEN 1 AND 2",
        "age IN (1, 2)",
        "name LIKE 'a%'",
        "substring(name from 1 for 2)",
        "CASE WHEN nick IS NULL THEN 1 ELSE 2 END",
        "age::text",
        "EXISTS (SELECT 1)",
        "-age",
    ] {
        assert!(never(expression), "{expression}");
    }
}

#[test]
fn rows_for_several_groups_have_nulls() {
    for group in ["ROLLUP (id, name)", "CUBE (id, name)", "GROUPING SETS ((id), (name))"] {
        let columns =
            columns(&format!("SELECT id, coalesce(name, 'x') AS n FROM users GROUP BY {group}"));
        assert!(columns.iter().all(|column| column.nullable != Some(false)), "{group}");
    }
    let plain = columns("SELECT id, count(*) FROM users GROUP BY id");
    assert!(plain.iter().all(|column| column.nullable == Some(false)));
}

#[test]
fn a_recursive_query_is_not_trusted_to_go_on_without_nulls() {
    let sql = "WITH RECURSIVE t(a, b, c) AS (SELECT 1, 1, NULL::int UNION ALL SELECT b, c, c FROM t WHERE a > 0) SELECT a, b, c FROM t";
    assert!(columns(sql).iter().all(|column| column.nullable != Some(false)));
    let fine = "WITH RECURSIVE t AS (SELECT id FROM users UNION ALL SELECT users.id FROM users JOIN t ON t.id < users.id) SELECT id FROM t";
    assert_eq!(columns(fine)[0].nullable, Some(false));
}

#[test]
fn joins_in_joins_are_not_taken_for_others() {
    let sql = "SELECT u.id, o.id AS o, p.id AS p FROM users u LEFT JOIN orders o JOIN orders p ON p.id = o.id ON o.user_id = u.id";
    assert!(columns(sql)[1..].iter().all(|column| column.nullable != Some(false)));
}

#[test]
fn a_merged_column_has_the_type_of_both_or_none_that_is_certain() {
    let text = |of: &str| Some(of.to_owned());
    assert_eq!(types("SELECT id FROM users JOIN orders USING (id)"), [None]);
    assert_eq!(types("SELECT name FROM users JOIN orders USING (name)"), [text("text")]);
    let sql = "SELECT name, users.id, orders.id AS o FROM users JOIN orders USING (name)";
    assert_eq!(types(sql), [text("text"), text("bigint"), text("integer")]);
    assert_eq!(types("SELECT id, name FROM users NATURAL JOIN orders"), [None, text("text")]);
    let nullable = |join: &str| {
        columns(&format!("SELECT name FROM users {join} JOIN orders USING (name)"))[0].nullable
    };
    assert_eq!([nullable("LEFT"), nullable("RIGHT"), nullable("")], [Some(false); 3]);
    assert_eq!(nullable("FULL"), None);
}

#[test]
fn the_least_numbers_have_the_type_that_postgres_gives_them() {
    let of = |sql: &str| types(&format!("SELECT {sql} AS x")).remove(0);
    assert_eq!(of("-2147483648").as_deref(), Some("integer"));
    assert_eq!(of("2147483648").as_deref(), Some("bigint"));
    assert_eq!(of("-2147483649").as_deref(), Some("bigint"));
    assert_eq!(of("-9223372036854775808").as_deref(), Some("bigint"));
    assert_eq!(of("-(2147483648)"), None);
    assert_eq!(of("-7").as_deref(), Some("integer"));
}

#[test]
fn a_parameter_has_a_type_only_if_all_its_places_ask_for_it() {
    let int8 = Some(Type::built_in("int8"));
    assert_eq!(parameter("SELECT 1 AS x FROM users WHERE id = $1"), int8);
    assert_eq!(parameter("SELECT 1 AS x FROM users WHERE id = $1 OR id > $1"), int8);
    assert_eq!(parameter("SELECT 1 AS x FROM users WHERE id = $1 OR age = $1"), None);
    assert_eq!(parameter("UPDATE users SET age = $1 WHERE id = $1"), None);
    assert_eq!(parameter("SELECT 1 AS x FROM users WHERE f($1) OR id = $1"), None);
    assert_eq!(parameter("SELECT 1 AS x FROM users WHERE age IN ($1, 5::bigint)"), None);
    assert_eq!(parameter("SELECT 1 AS x FROM users WHERE $1 BETWEEN age AND id"), None);
    let text = Some(Type::built_in("text"));
    assert_eq!(parameter("SELECT 1 AS x FROM users WHERE $1::text IS NULL OR name = $1"), text);
}

#[test]
fn an_array_that_may_have_nulls_in_it_has_no_type() {
    for (may, never) in [
        ("array_agg(nick)", "array_agg(name)"),
        ("ARRAY(SELECT nick FROM users)", "ARRAY(SELECT name FROM users)"),
        ("ARRAY[nick]", "ARRAY[name]"),
        ("ARRAY[NULL, 'a']", "ARRAY['a']"),
        ("'{a,NULL}'::text[]", "'{a,b}'::text[]"),
    ] {
        let of = |expression: &str| types(&format!("SELECT {expression} AS x FROM users"));
        assert_eq!(of(may), [None], "{may}");
        assert_eq!(of(never), [Some(String::from("text[]"))], "{never}");
    }
    let added = "SELECT tags || name AS a, tags || nick AS b FROM users";
    assert_eq!(types(added), [Some(String::from("text[]")), None]);
    let outer =
        "SELECT array_agg(o.name) AS x FROM users LEFT JOIN orders o ON o.user_id = users.id";
    assert_eq!(types(outer), [None]);
}

#[test]
fn a_merge_without_returning_gives_no_columns() {
    let sql = "MERGE INTO users u USING orders o ON u.id = o.user_id WHEN MATCHED THEN DELETE";
    let merge = ask(sql);
    assert_eq!((merge.kind, merge.columns), (Kind::Merge, Some(Vec::new())));
    assert_eq!(ask(&format!("{sql} RETURNING u.id")).columns, None);
}

#[test]
fn the_queries_of_a_union_have_as_many_columns() {
    let found = ask("SELECT id, name FROM users UNION SELECT id FROM orders").findings;
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].message.contains("2 columns, the other 1 column"), "{found:?}");
    assert!(
        ask("SELECT id, name FROM users UNION SELECT id, name FROM orders").findings.is_empty()
    );
    assert!(ask("SELECT id, name FROM users UNION SELECT f.* FROM f() f").findings.is_empty());
}

#[test]
fn what_only_tables_have_is_not_there_in_views() {
    for sql in [
        "SELECT xmin FROM users",
        "SELECT u.ctid FROM users u",
        "DELETE FROM users WHERE tableoid = 1",
        "INSERT INTO users (id, name) VALUES (1, 'x') ON CONFLICT ON CONSTRAINT users_pkey DO NOTHING",
    ] {
        let found = ask(sql).findings;
        assert_eq!(found.len(), 1, "{sql}: {found:?}");
        assert!(found[0].message.starts_with("a version's tables are views"), "{found:?}");
    }
    for sql in [
        "SELECT xmin FROM pg_class",
        "SELECT xmin FROM users, other.thing",
        "SELECT t.xmin FROM (SELECT 1 AS xmin) t",
        "INSERT INTO users (id, name) VALUES (1, 'x') ON CONFLICT (id) DO NOTHING",
        "INSERT INTO other.thing (id) VALUES (1) ON CONFLICT ON CONSTRAINT thing_pkey DO NOTHING",
    ] {
        assert!(ask(sql).findings.is_empty(), "{sql}: {:?}", ask(sql).findings);
    }
}

#[test]
fn a_parameter_that_is_first_asked_whether_it_is_null_needs_a_cast() {
    for sql in [
        "SELECT id FROM users WHERE $1 IS NULL OR name = $1",
        "SELECT id FROM users WHERE age > 1 AND ($1 IS NOT NULL OR name = $1)",
        "DELETE FROM users WHERE ($1 IS NULL)",
    ] {
        let found = ask(sql).findings;
        assert_eq!(found.len(), 1, "{sql}: {found:?}");
        assert_eq!(found[0].help.as_deref(), Some("cast it: `$1::text IS NULL`"), "{sql}");
        assert_eq!(&sql[found[0].range.clone()], "$1", "{sql}");
    }
    for sql in [
        "SELECT id FROM users WHERE name = $1 OR $1 IS NULL",
        "SELECT id FROM users WHERE $1::text IS NULL OR name = $1",
        "SELECT users.id FROM users JOIN orders USING (name) WHERE $1 IS NULL LIMIT $1",
        "SELECT id FROM users WHERE age BETWEEN 1 AND $1 IS NULL",
        "SELECT id FROM users WHERE age = $1 IS NULL",
        "UPDATE users SET name = $1 WHERE $1 IS NULL",
    ] {
        let found = ask(sql).findings;
        assert!(found.is_empty(), "{sql}: {found:?}");
    }
}
