//! Who is in the way of a lock.
//!
//! When `lock_timeout` strikes, the wait is over and `pg_blocking_pids` knows nothing any more. What is left to see is who
//! holds locks on the tables that the statement names.

use postgres::Client;

use super::session::rows;
use crate::sql::ident::literal;

/// The sessions with an open transaction and a lock on a relation that `sql` names, oldest transaction first; as text. Looking
/// is best effort: an error is no reason to fail.
pub(super) fn describe(client: &mut Client, sql: &str) -> String {
    let query = format!(
        "SELECT format('pid %s%s, %s%s, in a transaction for %s s: %s', a.pid, \
           CASE WHEN a.application_name <> '' THEN format(' (`%s`)', a.application_name) END, \
           coalesce(a.state, 'unknown'), \
           CASE WHEN a.wait_event_type = 'Lock' THEN ', itself waiting for a lock' END, \
           extract(epoch FROM clock_timestamp() - a.xact_start)::int, \
           coalesce(nullif(left(regexp_replace(a.query, '\\s+', ' ', 'g'), 80), ''), '(no query)')) \
         FROM pg_catalog.pg_stat_activity a \
         WHERE a.pid <> pg_backend_pid() AND a.datname = current_database() \
           AND a.xact_start IS NOT NULL AND EXISTS ( \
             SELECT FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_class c ON c.oid = l.relation \
             WHERE l.pid = a.pid AND l.granted AND l.locktype IN ('relation', 'tuple') \
               AND c.relkind IN ('r', 'p', 'm', 'v', 'S', 'f') \
               AND strpos({}, c.relname) > 0) \
         ORDER BY a.xact_start LIMIT 5",
        literal(sql)
    );
    let found: Vec<String> = rows(client, &query)
        .unwrap_or_default()
        .iter()
        .filter_map(|row| row.get(0).map(str::to_owned))
        .collect();
    if found.is_empty() {
        String::from("who was in the way is not to be seen any more")
    } else {
        format!("in the way: {}", found.join("; "))
    }
}
