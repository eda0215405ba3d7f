//! Calls of every function whose arguments the checker knows, with arguments of all types.

use reshape_sql::{Role, Scope, Visible, expression};
use reshape_tests::database;

use super::{COLUMNS, create, relation, tables};

/// The functions, one per line, and what they take.
const SIGNATURES: &str = include_str!("../../../reshape-build/sql/src/signatures.txt");

/// What an argument may be, besides a column.
const OTHER: &[&str] = &["'x'", "NULL", "1", "1.5", "now()", "ARRAY[1.5]", "ARRAY[mood]", "users"];

/// Gives the expressions that the server has no function for, and those that it takes.
const JUDGE: &str = "
    CREATE FUNCTION judge(expressions text[], OUT missing text[], OUT taken text[]) LANGUAGE plpgsql AS $judge$
    DECLARE expression text;
    BEGIN
      FOREACH expression IN ARRAY expressions LOOP
        BEGIN
          EXECUTE 'EXPLAIN SELECT ' || expression || ' FROM users';
          taken := taken || expression;
        EXCEPTION
          WHEN undefined_function THEN missing := missing || expression;
          WHEN OTHERS THEN NULL;
        END;
      END LOOP;
    END $judge$";

fn calls() -> Vec<String> {
    let arguments: Vec<String> = COLUMNS.iter().map(|(name, _)| format!("\"{name}\"")).collect();
    let arguments: Vec<&str> =
        arguments.iter().map(String::as_str).chain(OTHER.iter().copied()).collect();
    let argument = |number: usize| arguments[number % arguments.len()];
    let names = SIGNATURES.lines().filter(|line| !line.starts_with('>'));
    let names = names.filter_map(|line| line.split(' ').next());
    let mut calls = Vec::new();
    for (number, name) in names.enumerate() {
        // `row_number` and others need a window.
        let over = ["", " OVER ()"][usize::from(matches!(
            name,
            "row_number" | "ntile" | "lag" | "lead" | "first_value" | "last_value" | "nth_value"
        ))];
        calls.push(format!("{name}(){over}"));
        for first in 0..arguments.len() {
            let second = argument(first * 5 + number);
            let third = argument(first * 3 + number * 2);
            let first = argument(first);
            calls.push(format!("{name}({first}){over}"));
            calls.push(format!("{name}({first}, {second}){over}"));
            calls.push(format!("{name}({second}, {third}, {first}){over}"));
        }
    }
    calls
}

#[test]
fn a_call_that_is_rejected_has_no_function() {
    let database = database();
    let mut client = database.connect().unwrap_or_else(|error| panic!("{}", error.report()));
    create(&mut client);
    client.batch_execute(JUDGE).unwrap_or_else(|error| panic!("{error:?}"));
    let tables = tables();
    let users = [Visible { name: String::from("users"), relation: relation("users", COLUMNS) }];
    let scope = Scope { catalog: &tables, visible: &users, role: Role::Back, wanted: None };
    let calls = calls();
    let is_rejected = |call: &String| !expression(call, &scope).findings.is_empty();
    let (rejected, accepted): (Vec<String>, Vec<String>) = calls.into_iter().partition(is_rejected);
    let mut judge = |calls: &Vec<String>| {
        let row = client.query_one("SELECT * FROM judge($1)", &[calls]).expect("a verdict");
        let list = |column: &str| row.get::<_, Option<Vec<String>>>(column).unwrap_or_default();
        (list("missing"), list("taken"))
    };
    let (found, wrong) = judge(&rejected);
    assert!(wrong.is_empty(), "{} false alarms:\n{}", wrong.len(), wrong.join("\n"));
    let (missed, taken) = judge(&accepted);
    assert!(found.len() > missed.len(), "{} of {} are found", found.len(), missed.len());
    assert!(!taken.is_empty());
}
