//! What the checker of SQL rejects, a server rejects; what it says of types, a server says.

#![allow(clippy::print_stderr, reason = "what `RESHAPE_SQL_MISSED` asks for")]

use std::rc::Rc;

use postgres::Client;
use reshape_sql::{Column, Fill, Relation, Role, Scope, Tables, Type, Visible, expression, query};
use reshape_tests::{Rollout, database, runs};

#[path = "sql_truth/calls.rs"]
mod calls;
#[path = "sql_truth/cases.rs"]
mod cases;

const COLUMNS: &[(&str, &str)] = &[
    ("id", "bigint"),
    ("name", "text"),
    ("email", "varchar(40)"),
    ("code", "char(3)"),
    ("age", "integer"),
    ("small", "smallint"),
    ("price", "numeric(10, 2)"),
    ("ratio", "double precision"),
    ("active", "boolean"),
    ("born", "date"),
    ("at", "time"),
    ("created_at", "timestamptz"),
    ("plain_at", "timestamp"),
    ("span", "interval"),
    ("key", "uuid"),
    ("raw", "bytea"),
    ("data", "jsonb"),
    ("doc", "json"),
    ("tags", "text[]"),
    ("numbers", "integer[]"),
    ("ip", "inet"),
    ("period", "tstzrange"),
    ("mood", "mood"),
    ("address", "address"),
    ("user", "text"),
    ("Order", "integer"),
    ("words", "tsvector"),
    ("group", "text"),
];

const OTHER: &[(&str, &str)] = &[
    ("id", "bigint"),
    ("user_id", "bigint"),
    ("title", "text"),
    ("amount", "numeric"),
    ("status", "mood"),
];

fn relation(name: &str, columns: &[(&str, &str)]) -> Rc<Relation> {
    let mut columns: Vec<Column> =
        columns.iter().map(|(name, of)| Column::new(name, of, true, Fill::Nothing)).collect();
    columns[0].nullable = false;
    Rc::new(Relation { name: name.to_owned(), columns, complete: true })
}

fn tables() -> Tables {
    let public = |relation| (String::from("public"), relation);
    Tables {
        tables: vec![public(relation("users", COLUMNS)), public(relation("orders", OTHER))],
        enums: vec![(String::from("mood"), ["sad", "ok", "happy"].map(String::from).to_vec())],
        ..Tables::default()
    }
}

fn create(client: &mut Client) {
    let list = |columns: &[(&str, &str)]| {
        let columns: Vec<String> =
            columns.iter().map(|(name, of)| format!("\"{name}\" {of}")).collect();
        columns.join(", ").replacen("bigint", "bigint PRIMARY KEY", 1)
    };
    let sql = format!(
        "CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy'); CREATE TYPE address AS (street text, zip int);
         CREATE TABLE users ({}); CREATE TABLE orders ({})",
        list(COLUMNS),
        list(OTHER)
    );
    client.batch_execute(&sql).unwrap_or_else(|error| panic!("{error:?}"));
}

/// The statement that a server judges an expression by.
fn judge(role: Role, sql: &str, wanted: &str) -> String {
    match role {
        Role::Default => format!("CREATE TABLE judged (c {wanted} DEFAULT (\n{sql}\n))"),
        Role::Generated => {
            format!(
                "ALTER TABLE users ADD COLUMN judged {wanted} GENERATED ALWAYS AS (\n{sql}\n) STORED"
            )
        }
        Role::Check => format!("ALTER TABLE users ADD CHECK (\n{sql}\n)"),
        Role::IndexKey => format!("CREATE INDEX ON users ((\n{sql}\n))"),
        Role::IndexPredicate => format!("CREATE INDEX ON users (id) WHERE (\n{sql}\n)"),
        Role::Value => judge_value(wanted, &format!("(\n{sql}\n)")),
        // As the proof of a start has it, and the trigger.
        Role::Back => format!(
            "EXPLAIN UPDATE users AS t SET name = (SELECT (\n{sql}\n) FROM (SELECT t.*) AS users)"
        ),
        Role::Lookup => format!(
            "EXPLAIN UPDATE orders SET title = (SELECT (\n{sql}\n) FROM (SELECT * FROM users) AS users LIMIT 1 FOR KEY SHARE)"
        ),
        Role::Fill => format!("EXPLAIN INSERT INTO orders (title) SELECT (\n{sql}\n) FROM users"),
        Role::Condition => format!("EXPLAIN UPDATE users SET id = id WHERE (\n{sql}\n)"),
    }
}

fn judge_value(wanted: &str, sql: &str) -> String {
    format!(
        "DO $judge$ BEGIN ALTER TABLE users ADD COLUMN judged {wanted}; EXECUTE $sql$EXPLAIN UPDATE users SET judged = {sql}$sql$; END $judge$"
    )
}

const ROLES: [Role; 10] = [
    Role::Default,
    Role::Generated,
    Role::Check,
    Role::IndexKey,
    Role::IndexPredicate,
    Role::Value,
    Role::Back,
    Role::Lookup,
    Role::Fill,
    Role::Condition,
];

#[test]
fn what_is_rejected_as_an_expression_the_server_rejects() {
    let database = database();
    let mut client = database.connect().unwrap_or_else(|error| panic!("{}", error.report()));
    create(&mut client);
    let tables = tables();
    let users = Visible { name: String::from("users"), relation: relation("users", COLUMNS) };
    let wanted = [
        "text",
        "integer",
        "boolean",
        "timestamptz",
        "mood",
        "jsonb",
        "text[]",
        "uuid",
        "numeric(8, 2)",
    ];
    let (mut rejected, mut missed, mut wrong) = (0, 0, Vec::new());
    for sql in cases::EXPRESSIONS {
        for role in ROLES {
            let types: &[&str] = match role {
                Role::Value => &wanted,
                Role::Default | Role::Generated => &wanted[..3],
                Role::Back | Role::Lookup | Role::Fill => &wanted[..1],
                Role::Check | Role::IndexKey | Role::IndexPredicate | Role::Condition => &["text"],
            };
            for wanted in types {
                let data_type = Type::parse(wanted);
                let visible =
                    if role == Role::Default { &[][..] } else { std::slice::from_ref(&users) };
                let for_value = !matches!(
                    role,
                    Role::Check | Role::IndexKey | Role::IndexPredicate | Role::Condition
                );
                let scope = Scope {
                    catalog: &tables,
                    visible,
                    role,
                    wanted: data_type.as_ref().filter(|_| for_value),
                };
                let checked = expression(sql, &scope);
                for finding in &checked.findings {
                    assert!(sql.get(finding.range.clone()).is_some(), "{sql}: {finding:?}");
                }
                let server = runs(&mut client, &judge(role, sql, wanted));
                match (checked.findings.is_empty(), server) {
                    (false, Ok(())) => {
                        wrong.push(format!("{role:?} {wanted}: {sql}\n    {:?}", checked.findings));
                    }
                    (false, Err(_)) => rejected += 1,
                    (true, Err(error)) => {
                        missed += 1;
                        if std::env::var_os("RESHAPE_SQL_MISSED").is_some() {
                            eprintln!("missed {role:?} {wanted}: {sql}: {error}");
                        }
                    }
                    (true, Ok(())) => {}
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} false alarms:\n{}", wrong.len(), wrong.join("\n"));
    assert!(rejected > missed, "{rejected} of {} are found", rejected + missed);
}

/// The name by which the checker knows a type.
fn name(of: &postgres::types::Type) -> String {
    match of.kind() {
        postgres::types::Kind::Array(element) => format!("{}[]", element.name()),
        _ => of.name().to_owned(),
    }
}

#[test]
fn what_is_said_of_a_query_the_server_says() {
    let database = database();
    let mut client = database.connect().unwrap_or_else(|error| panic!("{}", error.report()));
    create(&mut client);
    let tables = tables();
    let (mut wrong, mut typed, mut untyped) = (Vec::new(), 0, 0);
    for sql in cases::QUERIES {
        let query = query(sql, &tables);
        let statement = match client.prepare(sql) {
            Ok(statement) => statement,
            Err(error) => {
                let message = error.as_db_error().map_or("", |error| error.message());
                if query.findings.is_empty() {
                    eprintln!("missed: {sql}: {message}");
                }
                continue;
            }
        };
        if !query.findings.is_empty() {
            wrong.push(format!("{sql}\n    {:?}", query.findings));
        }
        let spelled = |data_type: &Type| {
            format!("{}{}", data_type.name, if data_type.array { "[]" } else { "" })
        };
        let of_parameters: Vec<String> = statement.params().iter().map(name).collect();
        if query.parameters.len() != of_parameters.len() {
            wrong.push(format!("{sql}\n    {:?}, not {of_parameters:?}", query.parameters));
        }
        for (parameter, said) in query.parameters.iter().zip(&of_parameters) {
            match parameter.data_type.as_ref().map(spelled) {
                Some(known)
                    if known.replace("varchar", "text") != said.replace("varchar", "text") =>
                {
                    wrong.push(format!("{sql}\n    ${} is {said}, not {known}", parameter.number));
                }
                Some(_) => typed += 1,
                None => untyped += 1,
            }
        }
        let Some(columns) = query.columns else { continue };
        let said: Vec<(&str, String)> = statement
            .columns()
            .iter()
            .map(|column| (column.name(), name(column.type_())))
            .collect();
        if columns.len() != said.len() {
            wrong.push(format!("{sql}\n    {columns:?}, not {said:?}"));
        }
        for (column, (called, said)) in columns.iter().zip(&said) {
            if column.name != *called {
                wrong.push(format!("{sql}\n    `{}` is called `{called}`", column.name));
            }
            match column.data_type.as_ref().map(spelled) {
                Some(known) if known != *said => {
                    wrong.push(format!("{sql}\n    `{called}` is {said}, not {known}"));
                }
                Some(_) => typed += 1,
                None => {
                    untyped += 1;
                    eprintln!("no type: `{called}` of {sql}");
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} mistakes:\n{}", wrong.len(), wrong.join("\n"));
    assert!(typed > 3 * untyped, "{typed} of {} types are known", typed + untyped);
}

/// What a checker of types would reject is nothing that a start would do: text is no number without a cast.
#[test]
fn a_value_of_another_type_is_refused_at_start() {
    let base = r#"
        [[actions]]
        type = "create_table"
        name = "users"
        primary_key = "id"
        columns = [{ name = "id", type = "integer" }, { name = "name", type = "text" }, { name = "age", type = "integer" }]
    "#;
    let add = |column: &str, up: &str| {
        format!(
            "[[actions]]\ntype = \"add_column\"\ntable = \"users\"\ncolumn = {{ name = \"more\", type = \"{column}\" }}\nup = \"{up}\"\n"
        )
    };
    let alter = "[[actions]]\ntype = \"alter_column\"\ntable = \"users\"\ncolumn = \"name\"\nup = \"trim(name)\"\nchanges = { type = \"integer\" }\n";
    let changes =
        [add("integer", "name"), add("boolean", "age"), add("text[]", "name"), alter.to_owned()];
    for change in changes {
        // The build is not certain where there may be casts that nobody has listed.
        let change = format!("[[actions]]\ntype = \"custom\"\nstart = \"-- no cast\"\n{change}");
        let r = Rollout::prepare(base, "INSERT INTO users VALUES (1, '1', 1)", &change);
        let error = r.start().expect_err(&change).report();
        assert!(error.contains("but expression is of type"), "{change}: {error}");
    }
}
