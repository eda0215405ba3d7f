//! Reads the live facts from the catalog.
//!
//! **Invariant:** one query, so the snapshot is consistent. It runs under a bare `search_path`, so every name in the answer
//! that is not Postgres's own is qualified.
//!
//! **Invariant:** it leaves nothing behind. The relation that lends its columns' names to expressions is rolled back.
//!
//! Two round trips: one for what the query needs, one for the query and what belongs to the same moment. Planning a query of that size takes
//! Postgres tens of milliseconds, whatever it finds. A database in which nobody has made anything yet is asked a short one.

use postgres::{Client, SimpleQueryRow};

use super::retry::Failure;
use super::session::{is_true, rows};
use crate::error::{Error, ErrorKind};
use crate::model::{Action, Migration};
use crate::plan::facts::{Facts, Snippet};
use crate::sql::ident::literal;

/// Begins the transaction. The `search_path` of the role, the database or the connection's options is where users' functions and types are looked
/// up; compiling a query of that size takes longer than running it. Returns that path; how many columns the widest table has, dropped ones too;
/// whether a temporary relation can be made; which of our own tables are there; and whether no relation and no type has been made since `initdb`,
/// which has the numbers below.
const BEGIN: &str = "BEGIN; SET LOCAL search_path TO DEFAULT; \
   SELECT pg_catalog.to_json(pg_catalog.current_schemas(false)); \
   SET LOCAL search_path TO pg_catalog, pg_temp; SET LOCAL jit TO off; \
   SELECT coalesce(max(relnatts), 0::int2), \
       pg_catalog.has_database_privilege(pg_catalog.current_database(), 'TEMPORARY') \
         AND NOT pg_catalog.pg_is_in_recovery(), \
       to_regclass('reshape.batch') IS NOT NULL, to_regclass('reshape.migrations') IS NOT NULL, \
       to_regclass('reshape.tables') IS NOT NULL, \
       NOT EXISTS (SELECT FROM pg_catalog.pg_class WHERE oid >= 16384) \
         AND NOT EXISTS (SELECT FROM pg_catalog.pg_type WHERE oid >= 16384) \
     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
     WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND c.relkind IN ('r', 'p', 'f')";

const QUERY: &str = include_str!("catalog.sql");

/// Around the part of the query that says something of an empty database: the schemas, the path, the server.
const MARKS: [&str; 2] =
    ["-- What there is to say of an empty database begins here.\n", "-- And ends here.\n"];

/// The query for a database without relations and types of users', and without a base version.
fn short_query() -> String {
    let rest = QUERY.split_once(MARKS[0]).and_then(|(_, rest)| rest.split_once(MARKS[1]));
    let Some((head, _)) = rest else { return QUERY.to_owned() };
    let lists = [
        "tables",
        "indexes",
        "constraints",
        "statistics",
        "triggers",
        "policies",
        "views",
        "types",
        "other_relations",
        "domains",
        "base_views",
        "base_schemas",
        "base_dependents",
    ];
    let lists: Vec<String> = lists.iter().map(|list| format!("'{list}', '[]'::jsonb")).collect();
    format!(
        "WITH space AS (SELECT oid, nspname FROM pg_catalog.pg_namespace WHERE nspname = ANY ($1::text[])) \
         SELECT pg_catalog.jsonb_build_object({head} 'base_owned', true, {})::text",
        lists.join(", ")
    )
}

/// Which of our own tables there are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Own {
    pub(super) batches: bool,
    pub(super) migrations: bool,
    pub(super) tables: bool,
}

/// The facts, and the answers to the queries around theirs: of the one before it, which returns a row, the first cell.
pub(super) struct Read {
    pub(super) facts: Facts,
    pub(super) before: Option<String>,
    pub(super) after: Vec<SimpleQueryRow>,
}

/// Reads the facts that the planning of `pending` needs, and those of the schemas `also`; what says no schema is in `home`. `base` is the migration whose version is live. `around`, which is
/// told all of the schemas, may add a query before and one after the one for the facts. An error may leave the transaction open.
pub(super) fn read(
    client: &mut Client,
    (home, base): (&str, Option<&str>),
    pending: &[Migration],
    also: &[String],
    around: impl FnOnce(Own, &[&str]) -> [Option<String>; 2],
) -> Result<Read, Failure> {
    let mut schemas = vec![home];
    let named = pending.iter().flat_map(|m| m.actions.iter()).flat_map(Action::schemas);
    for name in named.chain(also.iter().map(String::as_str)) {
        if !schemas.contains(&name) {
            schemas.push(name);
        }
    }
    let found = rows(client, BEGIN)?;
    let cell = |row: usize, column: usize| {
        found.get(row).and_then(|row| row.get(column)).unwrap_or_default()
    };
    let search_path: Vec<String> = serde_json::from_str(cell(0, 0)).map_err(|error| {
        Error::new(ErrorKind::Database, "the search path cannot be read").with_source(error)
    })?;
    let has = |column| is_true(found.get(1), column);
    let own = Own { batches: has(2), migrations: has(3), tables: has(4) };
    let [before, after] = around(own, &schemas);
    let width: i16 = cell(1, 0).parse().unwrap_or_default();
    let is_system = |name: &&str| name.starts_with("pg_") || *name == "information_schema";
    let is_empty = has(5) && base.is_none() && !schemas.iter().any(is_system);
    // Without the right, expressions are unknown, and what needs them is refused. Where there is none, nothing lends its names.
    let relation = (has(1) && !is_empty).then_some("pg_temp.\"__reshape_columns\"");
    let create = relation.map(|relation| {
        let holes: Vec<String> =
            (1..=width).map(|number| format!("{} int", Snippet::hole(number))).collect();
        format!("CREATE TYPE {relation} AS ({})", holes.join(", "))
    });
    let text = |text: Option<&str>| text.map_or_else(|| String::from("NULL"), literal);
    let query = with_parameters(
        &if is_empty { short_query() } else { QUERY.to_owned() },
        &[
            array(schemas.iter().copied()),
            text(base),
            array(search_path.iter().map(String::as_str)),
            text(relation),
        ],
    );
    let statements: Vec<&str> =
        [before.as_deref(), create.as_deref(), Some(&query), after.as_deref(), Some("ROLLBACK")]
            .into_iter()
            .flatten()
            .collect();
    let mut answers = rows(client, &statements.join(";\n"))?.into_iter();
    let mut first = || answers.next().and_then(|row| row.get(0).map(str::to_owned));
    let before = if before.is_some() { first() } else { None };
    let document = first().unwrap_or_default();
    // The query and the type are two halves of one definition; the tests read every field of both.
    let facts =
        serde_json::from_str(&document).expect("the catalog query returns what `Facts` describes");
    Ok(Read { facts, before, after: answers.collect() })
}

fn array<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    format!("ARRAY[{}]::text[]", texts.map(literal).collect::<Vec<_>>().join(", "))
}

/// The query with expressions in place of `$1`, `$2` and so on, so that it can be one of several statements of a message. The comments go: a value there
/// could end one.
fn with_parameters(query: &str, values: &[String]) -> String {
    let lines: Vec<&str> =
        query.lines().filter(|line| !line.trim_start().starts_with("--")).collect();
    let lines = lines.join("\n");
    let mut parts = lines.split('$');
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let number = part.chars().next().and_then(|digit| digit.to_digit(10)).unwrap_or_default();
        match values.get((number as usize).wrapping_sub(1)) {
            Some(value) => filled.extend([value.as_str(), &part[1..]]),
            None => filled.extend(["$", part]),
        }
    }
    filled
}

#[cfg(test)]
#[cfg(feature = "testing")]
mod databases {
    use super::*;
    use crate::testing::Server;

    /// What both queries say, and whether the short one would be asked.
    fn ask(client: &mut Client) -> ([serde_json::Value; 2], bool) {
        let found = rows(client, BEGIN).unwrap();
        rows(client, "ROLLBACK").unwrap();
        let schemas = ["public", "app", "nowhere"];
        let values = [
            array(schemas.into_iter()),
            String::from("NULL"),
            array(["public", "app", "migration_x"].into_iter()),
            String::from("NULL"),
        ];
        let documents = [QUERY, &short_query()].map(|query| {
            let answer = rows(client, &with_parameters(query, &values)).unwrap();
            serde_json::from_str(answer[0].get(0).unwrap()).unwrap()
        });
        (documents, is_true(found.get(1), 5))
    }

    #[test]
    fn the_short_query_says_what_the_long_one_says_of_an_empty_database() {
        let database = Server::shared().unwrap().database().unwrap();
        let mut client = database.connect().unwrap();
        let nothing = [
            "SELECT",
            "CREATE SCHEMA app",
            "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC",
            "ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT INSERT ON TABLES TO pg_monitor WITH GRANT OPTION",
            "CREATE FUNCTION app.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        ];
        for sql in nothing {
            client.batch_execute(sql).unwrap();
            let ([long, short], is_empty) = ask(&mut client);
            assert!(is_empty, "{sql}");
            assert_eq!(long, short, "{sql}");
            serde_json::from_value::<Facts>(short).unwrap();
        }
        let something = [
            "CREATE TABLE app.t ()",
            "CREATE VIEW public.v AS SELECT 1 AS one",
            "CREATE SEQUENCE app.s",
            "CREATE TYPE app.e AS ENUM ('a')",
            "CREATE TYPE public.c AS (a int)",
            "CREATE TYPE elsewhere.shell",
            "CREATE DOMAIN elsewhere.d AS int",
            "CREATE TABLE elsewhere.t ()",
        ];
        for sql in something {
            client.batch_execute("BEGIN; CREATE SCHEMA elsewhere").unwrap();
            client.batch_execute(sql).unwrap();
            let found = rows(&mut client, &BEGIN.replacen("BEGIN; ", "", 1)).unwrap();
            assert!(!is_true(found.get(1), 5), "{sql}");
            client.batch_execute("ROLLBACK").unwrap();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_stands_where_its_number_is_and_nowhere_else() {
        let values = ["'$2'", "b\nc"].map(String::from);
        let query = "-- $1 and $2\nSELECT $1::text, '$', $3\n  -- $2\n  FROM $2";
        assert_eq!(with_parameters(query, &values), "SELECT '$2'::text, '$', $3\n  FROM b\nc");
        // No comment stands after a part of the query, where a value could end it.
        let comments = QUERY.lines().filter(|line| line.contains("--"));
        assert!(comments.into_iter().all(|line| line.trim_start().starts_with("--")));
    }
}
