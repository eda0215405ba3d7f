//! Reads the live facts from the catalog.
//!
//! **Invariant:** one query, so the snapshot is consistent without a transaction.

use postgres::GenericClient;

use crate::plan::facts::Facts;

const QUERY: &str = include_str!("catalog.sql");

/// Reads the facts about `schema`. `base` is the migration whose version is live.
///
/// The session's `search_path` must be the one that user expressions are to be evaluated under.
pub(crate) fn read(
    client: &mut impl GenericClient,
    schema: &str,
    base: Option<&str>,
) -> Result<Facts, postgres::Error> {
    let row = client.query_one(QUERY, &[&schema, &base])?;
    let document: String = row.get(0);
    // The query and the type are two halves of one definition; the tests read every field of both.
    Ok(serde_json::from_str(&document).expect("the catalog query returns what `Facts` describes"))
}
