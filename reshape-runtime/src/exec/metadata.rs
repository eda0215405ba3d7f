//! What the database knows of itself: the tables in the schema `reshape`, read in one round trip.
//!
//! **Invariant:** reading creates nothing and takes no lock but those of a SELECT.
//!
//! **Invariant:** a layout that is newer than this crate's is never written to.

use std::collections::BTreeSet;

use postgres::Client;
use postgres::error::SqlState;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::lease;
use super::retry::{Failure, describe};
use super::session::{is_true, rows};
use super::set::Set;
use crate::error::{Error, ErrorKind};
use crate::model::{DEFAULT_NAMESPACE, Migration};
use crate::plan::Plan;
use crate::report::State;
use crate::sql::ident::literal;

/// The layout that this crate reads and writes; stored in `reshape.data` under the key `metadata`.
pub(super) const LAYOUT: i64 = 2;

/// A completed migration, as `reshape.migrations` has it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Applied {
    pub(super) name: String,
    /// None in a row that the command line wrote.
    pub(super) checksum: Option<String>,
    /// Read only where there is no checksum to compare.
    #[serde(default)]
    pub(super) actions: Option<serde_json::Value>,
    /// When, by the clock of the session that completed it, to the minute; none in a batch that is not complete.
    #[serde(default)]
    pub(super) completed_at: Option<String>,
}

impl From<&Migration> for Applied {
    fn from(migration: &Migration) -> Self {
        Self {
            name: migration.name.to_string(),
            checksum: Some(migration.checksum.to_string()),
            actions: None,
            completed_at: None,
        }
    }
}

/// One row of `reshape.journal`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Entry {
    pub(super) step: usize,
    pub(super) status: String,
    /// Of a backfill: the rows written so far.
    #[serde(default)]
    pub(super) rows: Option<u64>,
    /// Of a backfill: where it is, to be shown.
    #[serde(default)]
    pub(super) position: Option<serde_json::Value>,
}

/// Everything a command decides by.
#[derive(Debug)]
pub(super) struct Snapshot {
    /// Whether the tables are there, in our layout.
    pub(super) installed: bool,
    /// Whether the column for [`probe`](super::probe) is there: it is younger than the layout.
    pub(super) has_live: bool,
    pub(super) state: State,
    /// The fence: a run that has another one is over.
    pub(super) token: i64,
    pub(super) plan: Option<Plan>,
    pub(super) last_error: Option<String>,
    /// Oldest first.
    pub(super) applied: Vec<Applied>,
    /// By step.
    pub(super) journal: Vec<Entry>,
    /// Schemas that are called `migration_…`.
    pub(super) schemas: BTreeSet<String>,
}

/// For [`Applied::completed_at`].
const COMPLETED_AT: &str =
    "'completed_at', pg_catalog.to_char(m.completed_at, 'YYYY-MM-DD HH24:MI')";

/// The schemas of versions: of a set with a name only its own, since there may be many such sets.
fn schemas(set: &Set) -> String {
    let prefix = if set.is_default() { String::from("migration_") } else { set.version_schema("") };
    format!(
        "(SELECT coalesce(jsonb_agg(n.nspname), '[]') FROM pg_catalog.pg_namespace n \
            WHERE pg_catalog.starts_with(n.nspname::text, {}))",
        literal(&prefix)
    )
}

/// For [`Snapshot::has_live`].
pub(super) const HAS_LIVE: &str = "EXISTS (SELECT FROM pg_catalog.pg_attribute a \
    WHERE a.attrelid = 'reshape.batch'::pg_catalog.regclass AND a.attname = 'live')";

/// Before layout 2 there was one set of migrations.
fn own_query(set: &Set, layout: i64) -> String {
    let schemas = schemas(set);
    let own = set.own();
    let of_set = if layout < 2 { "true" } else { own.as_str() };
    format!(
        "SELECT (SELECT value FROM reshape.data WHERE key = 'metadata'), b.state, b.token, b.plan, \
           b.last_error, \
           (SELECT coalesce(jsonb_agg(jsonb_build_object('name', m.name, 'checksum', m.checksum, \
              {COMPLETED_AT}, 'actions', CASE WHEN m.checksum IS NULL THEN m.actions END) ORDER BY m.index), '[]') \
              FROM reshape.migrations m WHERE {of_set}), \
           (SELECT coalesce(jsonb_agg(jsonb_build_object('step', j.step, 'status', j.status, \
              'rows', j.rows, 'position', j.position) ORDER BY j.step), '[]') FROM reshape.journal j WHERE j.namespace = b.namespace), \
           {schemas}, {HAS_LIVE} \
         FROM reshape.batch b WHERE b.{own}"
    )
}

/// Reads the metadata, whatever there is of it.
pub(super) fn read(client: &mut Client, set: &Set) -> Result<Snapshot, Failure> {
    let found = match rows(client, &own_query(set, LAYOUT)) {
        // The tables are there, but not this layout's columns.
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_COLUMN) => {
            rows(client, &own_query(set, 1))
        }
        found => found,
    };
    match found {
        Ok(rows) => match rows.first() {
            Some(row) => {
                check_layout(row.get(0))?;
                Ok(Snapshot {
                    installed: row.get(0) == Some(LAYOUT.to_string().as_str()),
                    has_live: is_true(Some(row), 8),
                    state: json(&format!("\"{}\"", row.get(1).unwrap_or("idle")), "batch.state")?,
                    token: row.get(2).and_then(|token| token.parse().ok()).unwrap_or_default(),
                    plan: row.get(3).map(|plan| json(plan, "batch.plan")).transpose()?,
                    last_error: row.get(4).map(str::to_owned),
                    applied: json(row.get(5).unwrap_or("[]"), "migrations")?,
                    journal: json(row.get(6).unwrap_or("[]"), "journal")?,
                    schemas: json(row.get(7).unwrap_or("[]"), "migrations")?,
                })
            }
            None => read_foreign(client, set),
        },
        // Nobody has been here, or only the command line.
        Err(error) if is_undefined(&error) => read_foreign(client, set),
        Err(error) => match error.code().map(postgres::error::SqlState::code) {
            Some("42501") => Err(Error::new(
                ErrorKind::Permission,
                format!("the metadata cannot be read: {}", describe(&error)),
            )
            .with_help(
                "run it as the role that ran the first migration, or as one that is a member of it",
            )
            .into()),
            _ => Err(error.into()),
        },
    }
}

/// Whether a table, a schema or a column is not there.
pub(super) fn is_undefined(error: &postgres::Error) -> bool {
    let code = error.code().map(postgres::error::SqlState::code);
    matches!(code, Some("42P01" | "3F000" | "42703"))
}

/// Reads what there is where the set has no row: what the command line has left, which has no tables of ours, or nothing.
pub(super) fn read_foreign(client: &mut Client, set: &Set) -> Result<Snapshot, Failure> {
    let found = rows(
        client,
        &format!(
            "SELECT pg_catalog.to_regclass('reshape.data') IS NOT NULL, \
               pg_catalog.to_regclass('reshape.migrations') IS NOT NULL, {}",
            schemas(set)
        ),
    )?;
    let found = found.first();
    let mut snapshot = Snapshot {
        installed: false,
        has_live: false,
        state: State::Idle,
        token: 0,
        plan: None,
        last_error: None,
        applied: Vec::new(),
        journal: Vec::new(),
        schemas: json(found.and_then(|row| row.get(2)).unwrap_or("[]"), "migrations")?,
    };
    if is_true(found, 0) {
        let data = rows(
            client,
            "SELECT (SELECT value FROM reshape.data WHERE key = 'metadata'), \
               (SELECT value ->> 'state' FROM reshape.data WHERE key = 'state')",
        )?;
        let row = data.first();
        check_layout(row.and_then(|row| row.get(0)))?;
        match row.and_then(|row| row.get(1)) {
            None | Some("idle" | "embedded") => {}
            Some(state) => return Err(command_line_at_work(state).into()),
        }
    }
    // The command line knows no sets.
    if set.is_default() && is_true(found, 1) {
        let applied = rows(
            client,
            &format!(
                "SELECT coalesce(jsonb_agg(jsonb_build_object('name', m.name, 'actions', m.actions, {COMPLETED_AT}) \
                   ORDER BY m.index), '[]') FROM reshape.migrations m \
                   WHERE coalesce(to_jsonb(m) ->> 'namespace', 'default') = 'default'"
            ),
        )?;
        snapshot.applied =
            json(applied.first().and_then(|row| row.get(0)).unwrap_or("[]"), "migrations")?;
    }
    Ok(snapshot)
}

fn command_line_at_work(state: &str) -> Error {
    let way_out = match state {
        "aborting" => "`reshape migration abort`",
        "completing" => "`reshape migration complete`",
        "applying" => "`reshape migration start` (or `abort`), then `reshape migration complete`,",
        _ => "`reshape migration complete` (or `abort`)",
    };
    Error::new(
        ErrorKind::Metadata,
        format!(
            "the database is managed by the `reshape` command line, whose batch is not finished \
             (its state is `{state}`)"
        ),
    )
    .with_help(format!(
        "finish it with {way_out} of the version that started it, then run this again"
    ))
}

fn check_layout(stored: Option<&str>) -> Result<(), Error> {
    let Some(stored) = stored else { return Ok(()) };
    match stored.parse::<i64>() {
        Ok(version) if version <= LAYOUT => Ok(()),
        _ => Err(Error::new(
            ErrorKind::Metadata,
            format!("the metadata has layout {stored}; this program knows layout {LAYOUT} and older ones"),
        )
        .with_help("the database was migrated by a newer version of `reshape-runtime`: update it here too")),
    }
}

fn json<T: DeserializeOwned>(text: &str, what: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| {
        Error::new(ErrorKind::Metadata, format!("`reshape.{what}` cannot be read: {error}"))
            .with_help("it was written by another version of `reshape-runtime`, or by hand")
    })
}

/// Two sets that are installed at the same moment: `CREATE … IF NOT EXISTS` is no help there. Held for the length of a transaction.
pub(super) const INSTALLING: i64 = 7_164_003_925_617_330_941;

/// Adds the column for [`probe`](super::probe) where it is missing. Without it everything works, only slower: so a role that does not own the
/// table, or steps at work, each of which has a lock on it, stop nobody; and whether it is there is asked afterwards.
pub(super) fn add_live_sql() -> String {
    format!(
        "DO $reshape$ BEGIN IF NOT {HAS_LIVE} THEN \
           BEGIN ALTER TABLE reshape.batch ADD COLUMN IF NOT EXISTS live text; \
           EXCEPTION WHEN insufficient_privilege OR lock_not_available THEN NULL; END; \
         END IF; END $reshape$"
    )
}

impl Set {
    /// Creates what is missing. No ALTER TABLE where nothing is: it would wait for the steps of all sets, also to find that out. The command line's own state becomes something that it cannot parse, so that it stops with an
    /// error and does not work beside us. Run inside a transaction; running it again changes nothing.
    pub(super) fn install_sql(&self) -> String {
        let name = self.literal();
        // What this session knows of the catalog may be from before the wait, and CREATE SCHEMA does not look again; opening a relation does.
        format!(
            "SELECT pg_catalog.pg_advisory_xact_lock({INSTALLING}); SELECT FROM pg_catalog.pg_namespace LIMIT 0; \
             CREATE SCHEMA IF NOT EXISTS reshape; \
             CREATE TABLE IF NOT EXISTS reshape.data (key text PRIMARY KEY, value jsonb); \
             CREATE TABLE IF NOT EXISTS reshape.migrations (\
               index int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text, description text, \
               actions jsonb, completed_at timestamp DEFAULT now()); \
             DO $reshape$ BEGIN IF (SELECT count(*) FROM pg_catalog.pg_attribute a \
                 WHERE a.attrelid = 'reshape.migrations'::pg_catalog.regclass \
                   AND a.attname IN ('checksum', 'namespace', 'requires')) < 3 THEN \
               ALTER TABLE reshape.migrations ADD COLUMN IF NOT EXISTS checksum text, \
                 ADD COLUMN IF NOT EXISTS namespace text NOT NULL DEFAULT '{DEFAULT_NAMESPACE}', \
                 ADD COLUMN IF NOT EXISTS requires jsonb; \
             END IF; END $reshape$; \
             CREATE TABLE IF NOT EXISTS reshape.batch (\
               namespace text PRIMARY KEY, state text NOT NULL, token bigint NOT NULL, plan jsonb, \
               last_error text, started_at timestamptz, live text); \
             {}; \
             CREATE TABLE IF NOT EXISTS reshape.journal (\
               namespace text NOT NULL, step int NOT NULL, status text NOT NULL, position jsonb, \
               rows bigint, started_at timestamptz NOT NULL DEFAULT clock_timestamp(), \
               finished_at timestamptz, PRIMARY KEY (namespace, step)); \
             CREATE TABLE IF NOT EXISTS reshape.tables (\
               relation regclass PRIMARY KEY, namespace text NOT NULL, settled boolean NOT NULL DEFAULT false); \
             CREATE TABLE IF NOT EXISTS reshape.changing (\
               relation regclass, namespace text, PRIMARY KEY (relation, namespace)); \
             INSERT INTO reshape.data (key, value) \
               VALUES ('metadata', '{LAYOUT}'), ('state', '{{\"state\": \"embedded\"}}') \
               ON CONFLICT (key) DO UPDATE SET value = excluded.value; \
             INSERT INTO reshape.batch (namespace, state, token) VALUES ({name}, 'idle', 0) \
               ON CONFLICT (namespace) DO NOTHING; {}",
            add_live_sql(),
            lease::INSTALL
        )
    }
}
