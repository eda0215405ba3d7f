//! What an application's statements get wrong, against a version's tables.

use std::rc::Rc;

use reshape_sql::{Column, Fill, Finding, Key, Relation, Rule, Tables, query};

fn tables() -> Tables {
    let relation = |name: &str, columns: Vec<Column>| {
        (String::from("public"), Rc::new(Relation { name: name.into(), columns, complete: true }))
    };
    let key = |columns: &[&str], partial: bool| Key {
        columns: columns.iter().map(|&name| name.to_owned()).collect(),
        partial,
    };
    let users = vec![
        Column::new("id", "bigint", false, Fill::Always),
        Column::new("name", "text", false, Fill::Nothing),
        Column::new("nick", "text", true, Fill::Nothing),
        Column::new("email", "text", false, Fill::Nothing),
        Column::new("mood", "mood", false, Fill::Default),
        Column::new("home", "address", false, Fill::Nothing),
    ];
    let orders = vec![
        Column::new("id", "integer", false, Fill::Default),
        Column::new("user_id", "bigint", true, Fill::Nothing),
        Column::new("total", "integer", false, Fill::Nothing),
    ];
    let touched = vec![
        Column::new("id", "integer", false, Fill::Nothing),
        Column::new("name", "text", false, Fill::Nothing),
    ];
    Tables {
        tables: vec![
            relation("users", users),
            relation("orders", orders),
            relation("touched", touched),
        ],
        keys: vec![
            (
                String::from("users"),
                vec![key(&["id"], false), key(&["name", "nick"], false), key(&["email"], true)],
            ),
            (String::from("orders"), vec![key(&["id"], false)]),
        ],
        enums: vec![(String::from("mood"), vec![String::from("sad")])],
        enum_schema: Some(String::from("public")),
        open: false,
    }
}

fn findings(sql: &str) -> Vec<Finding> {
    query(sql, &tables()).findings
}

/// Each finding's rule, the words that it is about, and what it says.
fn told(sql: &str) -> Vec<(Rule, &str, String)> {
    findings(sql)
        .into_iter()
        .map(|finding| (finding.rule, &sql[finding.range], finding.message))
        .collect()
}

#[track_caller]
fn one(sql: &str, rule: Rule, at: &str, message: &str) {
    let told = told(sql);
    assert_eq!(told, [(rule, at, message.to_owned())], "{sql}");
}

#[track_caller]
fn fine(sql: &str) {
    assert_eq!(told(sql), [], "{sql}");
}

#[test]
fn a_column_that_must_have_a_value_gets_one() {
    let both = "`name` and `email` get no value, are NOT NULL and have no default";
    one("INSERT INTO users (nick) VALUES ('x')", Rule::MissingValue, "(nick)", both);
    one("INSERT INTO users DEFAULT VALUES", Rule::MissingValue, "users", both);
    one("INSERT INTO users (nick) SELECT 'x'", Rule::MissingValue, "(nick)", both);
    one(
        "INSERT INTO users (nick, name) VALUES ('x', 'y') ON CONFLICT (id) DO NOTHING",
        Rule::MissingValue,
        "(nick, name)",
        "`email` gets no value, is NOT NULL and has no default",
    );
    let rest = "`total` gets no value, is NOT NULL and has no default";
    one("INSERT INTO orders VALUES (1, 2)", Rule::MissingValue, "orders", rest);
    one("INSERT INTO orders SELECT 1, 2", Rule::MissingValue, "orders", rest);
    one(
        "WITH x AS (INSERT INTO orders (id) VALUES (1) RETURNING id) SELECT id FROM x",
        Rule::MissingValue,
        "(id)",
        rest,
    );
    // A type of the user's may have a default, and a table that others touch a trigger.
    fine("INSERT INTO users (name, email) VALUES ('x', 'y')");
    fine("INSERT INTO orders VALUES (1, 2, 3)");
    fine("INSERT INTO touched (id) VALUES (1)");
    fine("INSERT INTO elsewhere.users (id) VALUES (1)");
    fine("INSERT INTO orders SELECT f.* FROM other.f f");
    // As FROM alone has it: several arrays beside each other.
    fine("INSERT INTO users (name, email) SELECT * FROM unnest($1::text[], $2::text[])");
    fine(
        "INSERT INTO users (name, email) SELECT a, b FROM unnest($1::text[], $2::text[]) AS t(a, b)",
    );
}

#[test]
fn null_and_no_default_are_no_values() {
    let null = "column `name` is NOT NULL";
    for value in ["NULL", "(NULL)", "NULL::text"] {
        let sql = format!("INSERT INTO users (name, email) VALUES ({value}, 'x')");
        one(&sql, Rule::MissingValue, value, null);
        let sql = format!("UPDATE users SET name = {value} WHERE id = 1");
        one(&sql, Rule::MissingValue, value, null);
    }
    let none = "column `email` is NOT NULL and has no default";
    let sql = "INSERT INTO users (name, email) VALUES ('x', 'y'), ('x', DEFAULT)";
    one(sql, Rule::MissingValue, "DEFAULT", none);
    one("UPDATE users SET email = DEFAULT", Rule::MissingValue, "DEFAULT", none);
    let sql = "INSERT INTO orders (total) VALUES (1) ON CONFLICT (id) DO UPDATE SET total = NULL";
    one(sql, Rule::MissingValue, "NULL", "column `total` is NOT NULL");
    fine("UPDATE users SET nick = NULL, mood = DEFAULT");
    fine("UPDATE touched SET name = NULL, id = DEFAULT");
    fine("UPDATE users SET home = NULL");
    fine("INSERT INTO users (name, email, mood) VALUES ('x', 'y', DEFAULT)");
}

#[test]
fn values_are_as_many_as_columns() {
    let sql = "INSERT INTO orders (id, total) VALUES (1, 2), (3)";
    one(sql, Rule::Count, "(3)", "1 value for 2 columns");
    let sql = "INSERT INTO orders (id, total) SELECT 1, 2, 3";
    one(sql, Rule::Count, "SELECT 1, 2, 3", "3 values for 2 columns");
    let sql = "INSERT INTO orders (total, total) VALUES (1, 2)";
    one(sql, Rule::Count, "total", "column `total` gets two values");
    let sql = "UPDATE orders SET total = 1, (user_id, total) = (2, 3)";
    one(sql, Rule::Count, "(user_id, total) = (2, 3)", "column `total` gets two values");
}

#[test]
fn a_generated_column_takes_no_value() {
    let message = "column `id` is generated, and takes no value";
    let insert = |values: &str| format!("INSERT INTO users (id, name, email) {values}");
    one(&insert("VALUES (1, 'x', 'y')"), Rule::Generated, "1", message);
    one(&insert("SELECT 1, 'x', 'y'"), Rule::Generated, "(id, name, email)", message);
    one("UPDATE users SET id = 1", Rule::Generated, "1", message);
    one("UPDATE users SET id = DEFAULT", Rule::Generated, "DEFAULT", message);
    fine(&insert("VALUES (DEFAULT, 'x', 'y')"));
    fine(&insert("OVERRIDING SYSTEM VALUE SELECT 1, 'x', 'y'"));
}

#[test]
fn a_conflict_is_about_a_unique_key() {
    let insert = |rest: &str| format!("INSERT INTO users (name, email) VALUES ('x', 'y') {rest}");
    let none = |columns: &str| format!("table `users` has no unique key over exactly {columns}");
    let sql = insert("ON CONFLICT (name) DO NOTHING");
    one(&sql, Rule::Conflict, "(name)", &none("`name`"));
    let sql = insert("ON CONFLICT (name, nick, id) DO NOTHING");
    one(&sql, Rule::Conflict, "(name, nick, id)", &none("`name`, `nick` and `id`"));
    let sql = insert("ON CONFLICT (email) DO NOTHING");
    one(&sql, Rule::Conflict, "(email)", &none("`email`"));
    assert!(findings(&sql)[0].help.as_deref().unwrap_or_default().contains("has a condition"));
    let sql = insert("ON CONFLICT DO UPDATE SET name = 'x'");
    let message = "ON CONFLICT DO UPDATE does not say which columns";
    one(&sql, Rule::Conflict, "ON CONFLICT DO UPDATE SET name = 'x'", message);
    for rest in [
        "ON CONFLICT (id) DO NOTHING",
        "ON CONFLICT (id, id) DO NOTHING",
        "ON CONFLICT (nick, name) DO UPDATE SET nick = excluded.nick",
        "ON CONFLICT (email) WHERE nick IS NULL DO NOTHING",
        "ON CONFLICT (lower(name)) DO NOTHING",
        "ON CONFLICT (name COLLATE \"C\") DO NOTHING",
        "ON CONFLICT (name text_pattern_ops) DO NOTHING",
        "ON CONFLICT DO NOTHING",
    ] {
        fine(&insert(rest));
    }
    fine("INSERT INTO touched (id, name) VALUES (1, 'x') ON CONFLICT (name) DO NOTHING");
}

#[test]
fn what_is_not_grouped_is_in_an_aggregate() {
    let message = |name: &str| format!("`{name}` is neither grouped nor in an aggregate");
    for (sql, at, name) in [
        ("SELECT id, name FROM users GROUP BY id", "name", "name"),
        ("SELECT u.nick, count(*) FROM users u GROUP BY u.name", "u.nick", "nick"),
        ("SELECT name, count(*) FROM users GROUP BY 1 ORDER BY nick", "nick", "nick"),
        ("SELECT count(*) FROM users ORDER BY name", "name", "name"),
        ("SELECT name FROM users HAVING true", "name", "name"),
        ("SELECT id FROM users GROUP BY id HAVING nick = 'x'", "nick", "nick"),
        ("SELECT max(id), lower(name) AS n FROM users", "name", "name"),
        ("SELECT name AS id, count(*) AS n FROM users GROUP BY id", "name", "name"),
        ("SELECT id, nick FROM users GROUP BY GROUPING SETS ((id), (name))", "nick", "nick"),
        ("SELECT count(*) AS n, nick FROM users WINDOW w AS (ORDER BY 1)", "nick", "nick"),
        ("SELECT max(id) OVER (), count(*) AS n FROM users", "id", "id"),
        ("SELECT count(*) OVER (ORDER BY name), max(id) AS m FROM users", "name", "name"),
        ("SELECT id FROM users GROUP BY ()", "id", "id"),
        ("SELECT CASE WHEN nick = 'x' THEN 1 END AS c, count(*) FROM users", "nick", "nick"),
        ("SELECT DISTINCT ON (nick) count(*) FROM users", "nick", "nick"),
        (
            "SELECT (SELECT max(u.id) FROM orders), u.name FROM users u GROUP BY u.id",
            "u.name",
            "name",
        ),
        ("SELECT x.n FROM (SELECT name AS n, count(*) FROM users) x", "name", "name"),
        ("WITH x AS (SELECT id AS i FROM users) SELECT i, count(*) FROM x", "i", "i"),
        ("INSERT INTO orders (id, total) SELECT total, count(*) FROM orders", "total", "total"),
        (
            "SELECT orders.id, count(*) FROM users JOIN orders ON true GROUP BY users.id",
            "orders.id",
            "id",
        ),
    ] {
        one(sql, Rule::Ungrouped, at, &message(name));
    }
    let sql = "SELECT *, count(*) AS n FROM orders GROUP BY id";
    let both = "`user_id` and `total` are neither grouped nor in an aggregate";
    one(sql, Rule::Ungrouped, "*", both);
    let sql = "SELECT o.*, count(*) AS n FROM orders o GROUP BY o.id";
    one(sql, Rule::Ungrouped, "o.*", both);
    let two = told("SELECT name, nick, name, count(*) FROM users");
    assert_eq!(two.len(), 2, "{two:?}");
}

#[test]
fn what_is_grouped_is_found_in_all_its_ways() {
    for sql in [
        "SELECT name AS n, count(*) FROM users GROUP BY n",
        "SELECT lower(name) || nick AS x, count(*) FROM users GROUP BY lower(name) || nick",
        "SELECT lower(name) || nick AS x, count(*) FROM users GROUP BY 1",
        "SELECT lower(name) || nick AS x, count(*) FROM users GROUP BY (1), x",
        "SELECT name, count(*) OVER () FROM users",
        "SELECT sum(id) FILTER (WHERE name > 'a') FROM users",
        "SELECT sum(sum(id)) OVER (ORDER BY name) FROM users GROUP BY name",
        "SELECT id, name FROM users GROUP BY GROUPING SETS ((id), (name))",
        "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY id) FROM users",
        "SELECT array_agg(name ORDER BY nick) FROM users",
        "SELECT name FROM users GROUP BY (name, id)",
        "SELECT name FROM users GROUP BY ROLLUP (name), CUBE (nick, id)",
        "SELECT name FROM users GROUP BY DISTINCT name ORDER BY name",
        "SELECT count(*) AS c FROM users ORDER BY c",
        "SELECT count(*) AS c FROM users ORDER BY (c), 1",
        "SELECT 1 AS x FROM users GROUP BY name, x",
        "SELECT a.id, count(*) FROM users a JOIN orders USING (id) GROUP BY id",
        "SELECT (SELECT u.total + count(a.id) FROM orders u LIMIT 1) AS x FROM users a",
        "SELECT (SELECT o.total FROM orders o WHERE o.id = max(u.id) LIMIT 1) AS x FROM users u",
        "SELECT (SELECT a.id + count(*) FROM orders) AS x FROM users a",
        "SELECT u.name FROM users u WHERE u.id = (SELECT max(id) FROM users)",
        "SELECT name, my_aggregate(id) AS x FROM users GROUP BY name",
        "SELECT name, mine.sum(id) AS x FROM users",
        "SELECT o.x, count(*) FROM other.o o",
        "SELECT public.users.name, count(*) FROM public.users GROUP BY id",
        "SELECT users.name, count(*) FROM users GROUP BY users",
        "SELECT count(*), current_date AS d, now() AS n FROM users",
        "SELECT (users).name, count(*) FROM users GROUP BY name",
        "SELECT users.name, count(*) FROM users GROUP BY public.users.name",
        "SELECT DISTINCT name FROM users GROUP BY name",
        "SELECT name FROM users GROUP BY name HAVING count(*) > 1 AND max(nick) = 'x'",
        "SELECT extract(year FROM max(now())) AS y, count(*) FROM users",
    ] {
        fine(sql);
    }
    let open = Tables { open: true, ..tables() };
    let sql = "SELECT name, max(id) AS m FROM users";
    assert!(query(sql, &open).findings.is_empty());
}

#[test]
fn an_enum_type_has_its_schema() {
    let message = "there is no type `mood` in the version's schema";
    for sql in [
        "SELECT 'sad'::mood AS m",
        "SELECT CAST($1 AS mood) AS m",
        "SELECT id FROM users WHERE mood = ANY($1::mood[])",
        "SELECT id FROM users WHERE mood = $1::\"mood\"",
    ] {
        let told = told(sql);
        assert_eq!(told.len(), 1, "{sql}: {told:?}");
        assert_eq!((told[0].0, &*told[0].2), (Rule::TypeSchema, message), "{sql}");
    }
    for sql in [
        "SELECT id FROM users WHERE mood = $1",
        "SELECT id FROM users WHERE mood = ANY($1::public.mood[])",
        "SELECT 'sad'::public.mood AS m",
        "SELECT '1'::int AS mood",
    ] {
        fine(sql);
    }
    let query = query("SELECT id FROM users WHERE mood = $1::public.mood", &tables());
    assert_eq!(
        query.parameters[0].data_type.as_ref().map(ToString::to_string).as_deref(),
        Some("mood")
    );
}

#[test]
fn columns_that_double_come_to_an_end() {
    let mut sql = String::from("WITH t0 AS (SELECT * FROM users)");
    for number in 1..60 {
        let before = number - 1;
        sql.push_str(&format!(", t{number} AS (SELECT * FROM t{before} a, t{before} b)"));
    }
    sql.push_str(" SELECT 1 AS x FROM t59");
    let told = told(&sql);
    assert!(
        told[0].2.starts_with("a query gives at most 1664 columns, and this one 3072"),
        "{told:?}"
    );
}
