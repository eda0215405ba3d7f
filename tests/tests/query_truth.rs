//! Statements of applications against a version's tables: what the checker rejects, a server rejects; what it takes, a server runs.

use std::rc::Rc;

use reshape_sql::{Column, Fill, Key, Relation, Rule, Tables, query};
use reshape_tests::{database, runs};

const SCHEMA: &str = r"
    CREATE TYPE mood AS ENUM ('sad', 'ok');
    CREATE TABLE users (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, nick text, email text NOT NULL,
        mood mood NOT NULL DEFAULT 'ok', twice bigint GENERATED ALWAYS AS (length(name) * 2) STORED, UNIQUE (name, nick)
    );
    CREATE UNIQUE INDEX ON users (email) WHERE nick IS NOT NULL;
    CREATE UNIQUE INDEX ON users (lower(email));
    CREATE TABLE orders (id integer PRIMARY KEY DEFAULT 7, user_id bigint, total integer NOT NULL);
    INSERT INTO users (name, email) VALUES ('Ada', 'ada@example.org'), ('Bob', 'bob@example.org');
    INSERT INTO orders VALUES (1, 1, 10), (2, 1, 20);
    CREATE SCHEMA migration_1;
    CREATE VIEW migration_1.users AS SELECT id, name, nick, email, mood, twice FROM users;
    ALTER VIEW migration_1.users ALTER mood SET DEFAULT 'ok';
    CREATE VIEW migration_1.orders AS SELECT id, user_id, total FROM orders;
    ALTER VIEW migration_1.orders ALTER id SET DEFAULT 7;
    SET search_path TO migration_1;
";

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
        Column::new("twice", "bigint", true, Fill::Always),
    ];
    let orders = vec![
        Column::new("id", "integer", false, Fill::Default),
        Column::new("user_id", "bigint", true, Fill::Nothing),
        Column::new("total", "integer", false, Fill::Nothing),
    ];
    let keys = vec![
        key(&["id"], false),
        key(&["name", "nick"], false),
        key(&["email"], true),
        key(&[""], false),
    ];
    Tables {
        tables: vec![relation("users", users), relation("orders", orders)],
        keys: vec![
            (String::from("users"), keys),
            (String::from("orders"), vec![key(&["id"], false)]),
        ],
        enums: vec![(String::from("mood"), ["sad", "ok"].map(String::from).to_vec())],
        enum_schema: Some(String::from("public")),
        open: false,
    }
}

/// Each with the rules that it breaks.
const WRONG: &[(&str, &[Rule])] = &[
    ("INSERT INTO users (nick) VALUES ('x')", &[Rule::MissingValue]),
    ("INSERT INTO users DEFAULT VALUES", &[Rule::MissingValue]),
    ("INSERT INTO users (name) SELECT 'x'", &[Rule::MissingValue]),
    ("INSERT INTO users (name) VALUES ('x') ON CONFLICT DO NOTHING", &[Rule::MissingValue]),
    (
        "INSERT INTO users (name, id) OVERRIDING SYSTEM VALUE VALUES ('x', 1) ON CONFLICT (id) DO NOTHING",
        &[Rule::MissingValue],
    ),
    ("INSERT INTO orders VALUES (3, 1)", &[Rule::MissingValue]),
    ("INSERT INTO orders SELECT 3, 1", &[Rule::MissingValue]),
    ("INSERT INTO orders (total) VALUES (1), (DEFAULT)", &[Rule::MissingValue]),
    ("INSERT INTO orders (total) VALUES ((NULL)::integer)", &[Rule::MissingValue]),
    ("UPDATE users SET name = NULL", &[Rule::MissingValue]),
    ("UPDATE users SET (nick, name) = (NULL, NULL)", &[Rule::MissingValue]),
    ("UPDATE users SET mood = NULL", &[Rule::MissingValue]),
    ("UPDATE users SET email = DEFAULT", &[Rule::MissingValue]),
    ("UPDATE users SET id = DEFAULT", &[Rule::Generated]),
    ("UPDATE users SET twice = DEFAULT", &[Rule::Generated]),
    ("UPDATE users SET twice = 1", &[Rule::Generated]),
    ("UPDATE users SET id = 1", &[Rule::Generated]),
    ("INSERT INTO users (id, name, email) VALUES (9, 'x', 'y')", &[Rule::Generated]),
    ("INSERT INTO users (id, name, email) SELECT 9, 'x', 'y' WHERE false", &[Rule::Generated]),
    ("INSERT INTO orders (id, total) VALUES (1, 2), (3)", &[Rule::Count]),
    ("INSERT INTO orders (total) SELECT 1, 2", &[Rule::Count]),
    ("INSERT INTO orders (total, total) VALUES (1, 2)", &[Rule::Count]),
    ("UPDATE orders SET total = 1, total = 2", &[Rule::Count]),
    ("UPDATE orders SET (total, total) = (1, 2)", &[Rule::Count]),
    ("SELECT 1 AS a UNION SELECT 1, 2", &[Rule::Count]),
    (
        "INSERT INTO users (name, email) VALUES ('x', 'y') ON CONFLICT (name) DO NOTHING",
        &[Rule::Conflict],
    ),
    (
        "INSERT INTO users (name, email) VALUES ('x', 'y') ON CONFLICT (email) DO NOTHING",
        &[Rule::Conflict],
    ),
    (
        "INSERT INTO users (name, email) VALUES ('x', 'y') ON CONFLICT (id, name) DO NOTHING",
        &[Rule::Conflict],
    ),
    (
        "INSERT INTO users (name, email) VALUES ('x', 'y') ON CONFLICT (mood) WHERE nick IS NOT NULL DO NOTHING",
        &[Rule::Conflict],
    ),
    (
        "INSERT INTO users (name, email) VALUES ('x', 'y') ON CONFLICT DO UPDATE SET nick = 'x'",
        &[Rule::Conflict],
    ),
    (
        "INSERT INTO users (name, email) VALUES ('x', 'y') ON CONFLICT ON CONSTRAINT users_pkey DO NOTHING",
        &[Rule::Conflict],
    ),
    ("SELECT id, name FROM users GROUP BY id", &[Rule::Ungrouped]),
    ("SELECT *, count(*) FROM orders GROUP BY id", &[Rule::Ungrouped]),
    ("SELECT o.*, count(*) FROM orders o GROUP BY id", &[Rule::Ungrouped]),
    ("SELECT name, count(*) FROM users GROUP BY 1 ORDER BY nick", &[Rule::Ungrouped]),
    ("SELECT count(*) FROM users ORDER BY name", &[Rule::Ungrouped]),
    ("SELECT name FROM users HAVING true", &[Rule::Ungrouped]),
    ("SELECT DISTINCT name, count(*) FROM users", &[Rule::Ungrouped]),
    ("SELECT id FROM users GROUP BY id HAVING nick = 'x'", &[Rule::Ungrouped]),
    ("SELECT id, nick FROM users GROUP BY GROUPING SETS ((id), (name))", &[Rule::Ungrouped]),
    ("SELECT name AS id, count(*) FROM users GROUP BY id", &[Rule::Ungrouped]),
    ("SELECT max(id) OVER (), count(*) FROM users", &[Rule::Ungrouped]),
    ("SELECT count(*) FROM users WINDOW w AS (ORDER BY name)", &[Rule::Ungrouped]),
    ("SELECT count(*) OVER (PARTITION BY name), max(id) FROM users", &[Rule::Ungrouped]),
    ("SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY id), name FROM users", &[Rule::Ungrouped]),
    (
        "SELECT (SELECT max(u.id) FROM orders), u.name FROM users u GROUP BY u.id",
        &[Rule::Ungrouped],
    ),
    ("SELECT lower(name), upper(nick) FROM users GROUP BY lower(name)", &[Rule::Ungrouped]),
    ("SELECT CASE WHEN nick = 'x' THEN 1 ELSE 2 END, count(*) FROM users", &[Rule::Ungrouped]),
    ("SELECT ARRAY[name, 'x'], count(*) FROM users", &[Rule::Ungrouped]),
    ("SELECT name IN ('a', 'b'), count(*) FROM users", &[Rule::Ungrouped]),
    ("SELECT nick IS NULL, count(*) FROM users", &[Rule::Ungrouped]),
    ("SELECT (id, 1), count(*) FROM users", &[Rule::Ungrouped]),
    ("SELECT name::varchar COLLATE \"C\", count(*) FROM users", &[Rule::Ungrouped]),
    ("SELECT x.n FROM (SELECT name AS n, count(*) FROM users) x", &[Rule::Ungrouped]),
    ("WITH x AS (SELECT id AS i FROM users) SELECT i, count(*) FROM x", &[Rule::Ungrouped]),
    (
        "SELECT u.id, o.id AS o FROM users u JOIN orders o ON o.user_id = u.id GROUP BY u.id",
        &[Rule::Ungrouped],
    ),
    ("SELECT 'sad'::mood", &[Rule::TypeSchema]),
    ("SELECT CAST('sad' AS mood)", &[Rule::TypeSchema]),
    ("SELECT id FROM users WHERE mood = ANY('{sad}'::mood[])", &[Rule::TypeSchema]),
];

const FINE: &[&str] = &[
    "INSERT INTO users (name, email) VALUES ('x', 'y')",
    "INSERT INTO users VALUES (DEFAULT, 'x', NULL, 'y')",
    "INSERT INTO users (id, name, email, twice) VALUES (DEFAULT, 'x', 'y', DEFAULT), (DEFAULT, 'z', 'q', DEFAULT)",
    "INSERT INTO users (id, name, email) OVERRIDING SYSTEM VALUE VALUES (99, 'x', 'y')",
    "INSERT INTO users (id, name, email) OVERRIDING USER VALUE SELECT 99, 'x', 'y'",
    "INSERT INTO orders (total) SELECT total FROM orders LIMIT 1",
    "INSERT INTO orders VALUES (4, NULL, 1)",
    "INSERT INTO users (name, email) VALUES ('Ada', 'y') ON CONFLICT (id) DO NOTHING",
    "INSERT INTO users (name, email) VALUES ('Ada', 'y') ON CONFLICT (id, id) DO NOTHING",
    "INSERT INTO users (name, email) VALUES ('Ada', 'y') ON CONFLICT (nick, name) DO UPDATE SET nick = excluded.nick, mood = DEFAULT",
    "INSERT INTO users (name, email) VALUES ('Ada', 'y') ON CONFLICT (email) WHERE nick IS NOT NULL DO NOTHING",
    "INSERT INTO users (name, email) VALUES ('Ada', 'y') ON CONFLICT (lower(email)) DO NOTHING",
    "INSERT INTO users (name, email) VALUES ('Ada', 'y') ON CONFLICT DO NOTHING",
    "UPDATE users SET nick = NULL, mood = DEFAULT",
    "SELECT name AS n, count(*) FROM users GROUP BY n",
    "SELECT lower(name) || nick, count(*) FROM users GROUP BY lower(name) || nick",
    "SELECT lower(name) || nick AS x, count(*) FROM users GROUP BY 1",
    "SELECT lower(name) || nick AS x, count(*) FROM users GROUP BY (1), x",
    "SELECT (lower(name) || nick) AS x, count(*) FROM users GROUP BY (x)",
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
    "SELECT DISTINCT ON (c) count(*) AS c FROM users",
    "SELECT (SELECT DISTINCT ON (o.user_id) o.total FROM orders o LIMIT 1) AS t FROM users",
    "SELECT (SELECT DISTINCT ON (o.user_id) o.total FROM orders o LIMIT 1), count(*) FROM users",
    "SELECT 1 AS x FROM users GROUP BY name, x",
    "SELECT a.id, count(*) FROM users a JOIN orders USING (id) GROUP BY id",
    "SELECT id, count(*) FROM users LEFT JOIN orders USING (id) GROUP BY users.id",
    "SELECT (SELECT u.total + count(a.id) FROM orders u LIMIT 1) FROM users a",
    "SELECT (SELECT o.total FROM orders o WHERE o.id = max(u.id) LIMIT 1) FROM users u",
    "SELECT (SELECT a.id + count(*) FROM orders) FROM users a",
    "SELECT u.name FROM users u WHERE u.id = (SELECT max(id) FROM users)",
    "SELECT public.users.name, count(*) FROM public.users GROUP BY id",
    "SELECT count(*), current_date, now() FROM users",
    "SELECT (users).name, count(*) FROM users GROUP BY name",
    "SELECT users.name, count(*) FROM users GROUP BY migration_1.users.name",
    "SELECT DISTINCT name FROM users GROUP BY name",
    "SELECT name FROM users GROUP BY name HAVING count(*) > 1 AND max(nick) = 'x'",
    "SELECT extract(year FROM max(now())), count(*) FROM users",
    "SELECT name, (SELECT count(*) FROM orders WHERE user_id = users.id) FROM users",
    "SELECT name FROM users ORDER BY (SELECT count(*) FROM orders)",
    "SELECT name FROM users WHERE EXISTS (SELECT count(*) FROM orders)",
    "SELECT json_agg(users) FROM users",
    "SELECT json_agg(users.*) FROM users",
    "SELECT x.n, y.a FROM (SELECT name FROM users) x(n), LATERAL (SELECT x.n AS a) y GROUP BY 1, y.a",
    "SELECT grouping(name), name FROM users GROUP BY name",
    "SELECT coalesce(max(name), 'x'), greatest(min(id), count(*)) FROM users",
    "SELECT max(nick) FROM users u GROUP BY u.mood ORDER BY u.mood",
    "SELECT CASE name WHEN 'x' THEN max(id) ELSE count(*) END FROM users GROUP BY name",
    "SELECT 'sad'::public.mood, '{sad}'::public.mood[]",
    "SELECT id FROM users WHERE mood = 'sad' OR mood = ANY('{sad}'::public.mood[])",
];

#[test]
fn what_is_rejected_the_server_rejects() {
    let database = database();
    let mut client = database.connect().unwrap_or_else(|error| panic!("{}", error.report()));
    client.batch_execute(SCHEMA).unwrap_or_else(|error| panic!("{error:?}"));
    let tables = tables();
    let mut wrong = String::new();
    for (sql, expected) in WRONG {
        let found: Vec<Rule> = query(sql, &tables).findings.iter().map(|f| f.rule).collect();
        // Several values of one statement can be wrong alike.
        let mut kinds = found.clone();
        kinds.dedup();
        if kinds != *expected {
            wrong.push_str(&format!("{sql}\n    {found:?}, not {expected:?}\n"));
        }
        if runs(&mut client, sql).is_ok() {
            wrong.push_str(&format!("{sql}\n    the server runs it\n"));
        }
    }
    for sql in FINE {
        let findings = query(sql, &tables).findings;
        match (runs(&mut client, sql), findings.is_empty()) {
            (Ok(()), true) => {}
            (Ok(()), false) => wrong.push_str(&format!("{sql}\n    a false alarm: {findings:?}\n")),
            (Err(error), _) => wrong.push_str(&format!("{sql}\n    the server: {error}\n")),
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
