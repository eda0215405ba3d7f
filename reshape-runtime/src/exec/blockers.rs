//! Who is in the way of a lock.
//!
//! When `lock_timeout` strikes, the wait is over and `pg_blocking_pids` knows nothing any more. What is left to see is who
//! holds locks on the tables that the statement names.

use postgres::Client;

use super::retry::temporary_dependents;
use super::session::rows;
use crate::sql::ident::literal;

/// The sessions with a lock on a relation that `sql` names, oldest transaction first; as text. Of another role's session
/// little is visible unless ours is a member of it or of `pg_read_all_stats`. Looking is best effort: an error is no reason
/// to fail.
pub(super) fn describe(client: &mut Client, sql: &str) -> String {
    let query = format!(
        "SELECT format('pid %s%s, %s', a.pid, \
           CASE WHEN a.application_name <> '' THEN format(' (`%s`)', a.application_name) END, \
           CASE WHEN a.usename IS NULL AND a.xact_start IS NULL THEN 'a process of the server, autovacuum most likely' \
             WHEN a.xact_start IS NULL THEN format('of the role `%s`', a.usename) \
             ELSE format('%s%s, in a transaction for %s s: %s', a.state, \
               CASE WHEN a.wait_event_type = 'Lock' THEN ', itself waiting for a lock' END, \
               extract(epoch FROM clock_timestamp() - a.xact_start)::int, \
               left(regexp_replace(a.query, '\\s+', ' ', 'g'), 80)) END) \
         FROM pg_catalog.pg_stat_activity a \
         WHERE a.pid <> pg_backend_pid() AND a.datname = current_database() AND EXISTS ( \
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

/// The sessions whose temporary objects depend on what was to be dropped; as text. Before PostgreSQL 16 only a session that is in a
/// transaction can be told from the number of its temporary schema.
pub(super) fn of_temporary_objects(client: &mut Client, error: &postgres::Error) -> String {
    let numbers: Vec<String> =
        temporary_dependents(error).iter().map(ToString::to_string).collect();
    let query = format!(
        "SELECT format('pid %s%s', a.pid, CASE WHEN a.application_name <> '' THEN format(' (`%s`)', a.application_name) END) \
         FROM pg_catalog.pg_stat_activity a WHERE a.datname = current_database() AND a.pid IN ( \
             SELECT pg_catalog.pg_stat_get_backend_pid(b) FROM pg_catalog.pg_stat_get_backend_idset() b \
             WHERE b = ANY ('{{{0}}}') AND pg_catalog.current_setting('server_version_num')::int >= 160000 \
             UNION SELECT l.pid FROM pg_catalog.pg_locks l \
             WHERE pg_catalog.split_part(l.virtualtransaction, '/', 1) = ANY ('{{{0}}}')) \
         ORDER BY a.pid LIMIT 5",
        numbers.join(",")
    );
    let found: Vec<String> = rows(client, &query)
        .unwrap_or_default()
        .iter()
        .filter_map(|row| row.get(0).map(str::to_owned))
        .collect();
    let whose = if found.is_empty() { String::new() } else { format!(": {}", found.join("; ")) };
    format!("temporary objects go with the session that has made them{whose}")
}
