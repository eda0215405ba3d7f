//! Who uses a version: those who hold a lease, and those who are seen without one.
//!
//! **Invariant:** only reads, and takes no lock on a relation of the user's.
//!
//! **Invariant:** the time to live of a heartbeat is judged by the clock of the server that wrote it.

use postgres::{Client, SimpleQueryRow};

use super::claim::{gate_key, lease_key};
use crate::exec::retry::Failure;
use crate::exec::session::rows;
use crate::exec::set::Set;
use crate::instance::{Evidence, Instance};
use crate::sql::ident::literal;
use crate::sql::names::{inner_schema, version_schema};

/// What a row tells of a session, in this order: pid, name, address, since.
const SESSION: &str = "a.pid, nullif(a.application_name, ''), host(a.client_addr), \
    to_char(a.backend_start, 'YYYY-MM-DD HH24:MI:SS TZ')";

/// Sessions of this database other than our own, and other than migrators and instances with a lease.
const CLIENTS: &str = "a.datname = current_database() AND a.pid <> pg_backend_pid() \
    AND a.backend_type = 'client backend' AND NOT EXISTS (SELECT FROM pg_catalog.pg_locks k \
      WHERE k.pid = a.pid AND k.locktype = 'advisory' AND k.granted \
        AND ((k.classid::bigint << 32) | k.objid::bigint) IN ";

/// The instances that hold a lease on `version`.
pub(super) fn leases(
    client: &mut Client,
    set: &Set,
    version: &str,
) -> Result<Vec<Instance>, Failure> {
    let mut found = locks(client, &lease_key(set.name(), version), version)?;
    found.extend(beats(client, set, version)?);
    Ok(found)
}

/// The sessions that are taking a lease on `version` at this moment.
pub(super) fn at_the_gate(
    client: &mut Client,
    set: &Set,
    version: &str,
) -> Result<Vec<Instance>, Failure> {
    Ok(locks(client, &gate_key(set.name(), version), version)?)
}

/// The sessions that hold the lock `key`, shared.
fn locks(client: &mut Client, key: &str, version: &str) -> Result<Vec<Instance>, postgres::Error> {
    let sql = format!(
        "SELECT l.pid, nullif(a.application_name, ''), host(a.client_addr), \
           to_char(a.backend_start, 'YYYY-MM-DD HH24:MI:SS TZ') \
         FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a USING (pid) \
         WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.mode = 'ShareLock' \
           AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) \
           AND ((l.classid::bigint << 32) | l.objid::bigint) = {key} ORDER BY 4, 1"
    );
    let version = Some(version);
    Ok(rows(client, &sql)?.iter().map(|row| instance(row, version, Evidence::Lease)).collect())
}

fn beats(client: &mut Client, set: &Set, version: &str) -> Result<Vec<Instance>, Failure> {
    let sql = format!(
        "SELECT NULL, application_name, NULL, to_char(since, 'YYYY-MM-DD HH24:MI:SS TZ') \
         FROM reshape.leases WHERE {} AND version = {} AND beat + ttl > clock_timestamp() ORDER BY since",
        set.own(),
        literal(version)
    );
    match rows(client, &sql) {
        Ok(rows) => {
            let version = Some(version);
            Ok(rows.iter().map(|row| instance(row, version, Evidence::Heartbeat)).collect())
        }
        // The batch was started by a version of this crate that knew no leases.
        Err(error) if is_missing(&error) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn is_missing(error: &postgres::Error) -> bool {
    matches!(error.code().map(postgres::error::SqlState::code), Some("42P01" | "3F000"))
}

/// The sessions that are seen to use `version`, without a lease. Where that is the plain tables, it is told by the tables below the views of
/// `target`: who uses one of these and none of the views.
pub(super) fn clients(
    client: &mut Client,
    set: &Set,
    version: Option<&str>,
    target: Option<&str>,
) -> Result<Vec<Instance>, Failure> {
    let mut found = Vec::new();
    let mut keys = vec![set.lock_key().to_string()];
    keys.extend(version.into_iter().chain(target).map(|name| lease_key(set.name(), name)));
    let others = format!("{CLIENTS}({}))", keys.join(", "));
    let holds = |relations: &str| {
        format!(
            "EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.pid = a.pid AND l.locktype = 'relation' AND l.granted \
               AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) \
               AND l.relation IN ({relations}))"
        )
    };
    let used = match (version, target) {
        (Some(version), _) => holds(&views(version)),
        (None, Some(target)) => {
            format!("{} AND NOT {}", holds(&tables(target)), holds(&views(target)))
        }
        (None, None) => return Ok(found),
    };
    let sql = format!(
        "SELECT {SESSION} FROM pg_catalog.pg_stat_activity a WHERE {others} AND {used} ORDER BY a.pid"
    );
    let read = rows(client, &sql)?;
    found.extend(read.iter().map(|row| instance(row, version, Evidence::Transaction)));

    let Some(version) = version else { return Ok(found) };
    // Whole names: not `migration_10` for `migration_1`. What looks like ours names a schema only to look for it.
    let sql = format!(
        "SELECT {SESSION} FROM pg_catalog.pg_stat_activity a WHERE {others} AND a.state = 'idle' \
           AND a.query ~ ('(^|[^[:alnum:]_])' || regexp_replace({}, '([^[:alnum:]_])', E'\\\\\\\\\\\\1', 'g') || '($|[^[:alnum:]_-])') \
           AND a.query !~ 'reshape[.]|pg_catalog[.]' ORDER BY a.pid",
        literal(&version_schema(version))
    );
    let pids: Vec<_> = found.iter().map(|instance| instance.pid).collect();
    let read = rows(client, &sql)?;
    let idle = read.iter().map(|row| instance(row, Some(version), Evidence::LastStatement));
    found.extend(idle.filter(|instance| !pids.contains(&instance.pid)));
    Ok(found)
}

/// The version's views, as a query for their oids.
fn views(version: &str) -> String {
    format!(
        "SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname IN ({}, {}) AND c.relkind = 'v'",
        literal(&version_schema(version)),
        literal(&inner_schema(version))
    )
}

/// The tables below them.
fn tables(version: &str) -> String {
    format!(
        "SELECT t.oid FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_depend d ON d.objid = r.oid \
           AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass \
           AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass \
         JOIN pg_catalog.pg_class t ON t.oid = d.refobjid AND t.relkind IN ('r', 'p', 'f') \
         WHERE r.ev_class IN ({})",
        views(version)
    )
}

fn instance(row: &SimpleQueryRow, version: Option<&str>, evidence: Evidence) -> Instance {
    let text = |column: usize| row.get(column).map(str::to_owned);
    Instance {
        version: version.map(str::to_owned),
        evidence,
        pid: row.get(0).and_then(|pid| pid.parse().ok()),
        application_name: text(1),
        address: text(2),
        since: text(3),
    }
}
