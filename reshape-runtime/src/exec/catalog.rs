//! Reads the live facts from the catalog.
//!
//! **Invariant:** one query, so the snapshot is consistent. It runs under a bare `search_path`, so every name in the answer
//! that is not Postgres's own is qualified.
//!
//! **Invariant:** it leaves nothing behind. The relation that lends its columns' names to expressions is rolled back.

use postgres::Client;

use crate::model::{Action, Migration};
use crate::plan::facts::{Facts, Snippet};
use crate::sql::names::DEFAULT_SCHEMA;

/// How many columns the widest table has, dropped ones too, and whether a temporary relation can be made.
const WIDTH: &str = "SELECT coalesce(max(relnatts), 0::int2), \
   pg_catalog.has_database_privilege(pg_catalog.current_database(), 'TEMPORARY') \
     AND NOT pg_catalog.pg_is_in_recovery() FROM pg_catalog.pg_class c \
   JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
   WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND c.relkind IN ('r', 'p', 'f')";

const QUERY: &str = include_str!("catalog.sql");

/// Reads the facts that the planning of `pending` needs, and those of the schemas `also`. `base` is the migration whose version is live.
pub(crate) fn read(
    client: &mut Client,
    base: Option<&str>,
    pending: &[Migration],
    also: &[String],
) -> Result<Facts, postgres::Error> {
    let mut schemas = vec![DEFAULT_SCHEMA];
    let named = pending.iter().flat_map(|m| m.actions.iter()).flat_map(Action::schemas);
    for name in named.chain(also.iter().map(String::as_str)) {
        if !schemas.contains(&name) {
            schemas.push(name);
        }
    }
    let mut transaction = client.transaction()?;
    // What the role, the database or the connection's options say: where users' functions and types are looked up.
    transaction.batch_execute("SET LOCAL search_path TO DEFAULT")?;
    let row = transaction.query_one("SELECT pg_catalog.current_schemas(false)::text[]", &[])?;
    let search_path: Vec<String> = row.get(0);
    // Compiling a query of this size takes longer than running it.
    transaction
        .batch_execute("SET LOCAL search_path TO pg_catalog, pg_temp; SET LOCAL jit TO off")?;
    let row = transaction.query_one(WIDTH, &[])?;
    let (width, may_create): (i16, bool) = (row.get(0), row.get(1));
    // Without the right, expressions are unknown, and what needs them is refused.
    let relation = may_create.then_some("pg_temp.\"__reshape_columns\"");
    if let Some(relation) = relation {
        let holes: Vec<String> =
            (1..=width).map(|number| format!("{} int", Snippet::hole(number))).collect();
        transaction.batch_execute(&format!("CREATE TYPE {relation} AS ({})", holes.join(", ")))?;
    }
    let row = transaction.query_one(QUERY, &[&schemas, &base, &search_path, &relation])?;
    transaction.rollback()?;
    let document: String = row.get(0);
    // The query and the type are two halves of one definition; the tests read every field of both.
    Ok(serde_json::from_str(&document).expect("the catalog query returns what `Facts` describes"))
}
