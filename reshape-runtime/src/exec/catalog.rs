//! Reads the live facts from the catalog.
//!
//! **Invariant:** one query, so the snapshot is consistent. It runs under a bare `search_path`, so every name in the answer
//! that is not Postgres's own is qualified.

use postgres::Client;

use crate::plan::facts::Facts;

const QUERY: &str = include_str!("catalog.sql");

/// Where tables live that name no schema.
const SCHEMA: &str = "public";

/// Reads the facts. `base` is the migration whose version is live.
pub(crate) fn read(client: &mut Client, base: Option<&str>) -> Result<Facts, postgres::Error> {
    let mut transaction = client.transaction()?;
    // What the role, the database or the connection's options say: where users' functions and types are looked up.
    transaction.batch_execute("SET LOCAL search_path TO DEFAULT")?;
    let row = transaction.query_one("SELECT pg_catalog.current_schemas(false)::text[]", &[])?;
    let search_path: Vec<String> = row.get(0);
    transaction.batch_execute("SET LOCAL search_path TO pg_catalog, pg_temp")?;
    let row = transaction.query_one(QUERY, &[&SCHEMA, &base, &search_path])?;
    transaction.commit()?;
    let document: String = row.get(0);
    // The query and the type are two halves of one definition; the tests read every field of both.
    Ok(serde_json::from_str(&document).expect("the catalog query returns what `Facts` describes"))
}
