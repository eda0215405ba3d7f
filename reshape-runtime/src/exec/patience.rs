//! How long the statements of a step wait for locks, and what they do about autovacuum.
//!
//! Queries queue behind a statement that waits for a strong lock, so it gives way after `lock_timeout`. That is shorter than
//! `deadlock_timeout`, after which a waiter makes an autovacuum give way
//! (<https://www.postgresql.org/docs/current/routine-vacuuming.html#AUTOVACUUM>): a long one would keep every change of its table from ever
//! being made. So a step first asks for the lock that autovacuum has, and for which no query waits, as long as that takes. While the step has it, none
//! begins.
//!
//! **Invariant:** what is waited for longer than `lock_timeout` is a lock behind which no query of a client has to wait.
//!
//! **Invariant:** a transaction that locks several tables waits for all of them together as long as for one.

use std::time::Duration;

use crate::plan::Step;
use crate::sql::ident::{dollar, literal};

/// Until when the transaction may wait, in milliseconds since 1970.
const UNTIL: &str = "reshape.until";

/// Milliseconds since 1970.
const NOW: &str = "pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) * 1000";

/// Milliseconds in which an autovacuum has noticed that somebody waits for it, and is gone.
const GIVES_WAY: &str = "(pg_catalog.date_part('epoch', pg_catalog.current_setting('deadlock_timeout')::interval) * 1000 + 2000)";

/// What goes before the statements of a step, and between each two of them.
#[derive(Debug, Default)]
pub(super) struct Patience {
    pub(super) first: Option<String>,
    pub(super) between: Option<String>,
}

impl Patience {
    /// That of a step whose statements, or (`undo`) those of its undo, are `sql`.
    pub(super) fn of(step: &Step, undo: bool, sql: &str, lock_timeout: Duration) -> Self {
        let timeout = lock_timeout.as_millis();
        if step.patient && !undo {
            let first = set_timeout(&format!("greatest({timeout}, {GIVES_WAY})"));
            return Self { first: Some(first), between: None };
        }
        if step.lock.is_none() {
            return Self::default();
        }
        // What is left may be so little that a lock which is about to be free is not to be had at any try.
        let least = (timeout / 10).max(1);
        Self {
            first: Some(format!(
                "{};\nSELECT pg_catalog.set_config('{UNTIL}', ({NOW} + {timeout})::text, true)",
                send_autovacuum_away(sql, timeout)
            )),
            between: Some(set_timeout(&format!(
                "greatest({least}, nullif(pg_catalog.current_setting('{UNTIL}', true), '')::float8 - {NOW})"
            ))),
        }
    }
}

fn set_timeout(milliseconds: &str) -> String {
    format!("SELECT pg_catalog.set_config('lock_timeout', ({milliseconds})::int8::text, true)")
}

/// Takes SHARE UPDATE EXCLUSIVE, which no query waits for, on the tables that `sql` may want to lock and on which somebody else has it now:
/// those that it names, or an index or statistics of which it does, the partitions and children of these, and the tables that their foreign keys refer to. It
/// may be a VACUUM of the user's, or a table that the SQL does not lock after all: then it is for the statements themselves to fail, or not.
fn send_autovacuum_away(sql: &str, timeout: u128) -> String {
    // Names are looked for as whole words.
    let words = |text: &str| {
        let spaced = format!("pg_catalog.regexp_replace({text}, '[^[:alnum:]_]+', ' ', 'g')");
        format!("pg_catalog.concat(' ', pg_catalog.btrim({spaced}), ' ')")
    };
    let held_by_others = "SELECT l.relation FROM pg_catalog.pg_locks l \
        WHERE l.locktype = 'relation' AND l.mode = 'ShareUpdateExclusiveLock' AND l.granted AND l.pid <> pg_catalog.pg_backend_pid()";
    let body = format!(
        "
DECLARE
  said text;
  held record;
BEGIN
  IF NOT EXISTS ({held_by_others}) THEN
    RETURN;
  END IF;
  said := {said};
  FOR held IN
    SELECT n.nspname AS within, c.relname AS name FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND c.oid >= 16384 AND c.oid IN (
        {held_by_others}
          AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()))
      AND pg_catalog.has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE')
      AND EXISTS (
        WITH RECURSIVE near AS (
          SELECT c.oid
          UNION SELECT k.conrelid FROM pg_catalog.pg_constraint k WHERE k.contype = 'f' AND k.confrelid = c.oid
          UNION SELECT i.inhparent FROM pg_catalog.pg_inherits i JOIN near ON i.inhrelid = near.oid
        )
        SELECT FROM near CROSS JOIN LATERAL (
          SELECT r.relname FROM pg_catalog.pg_class r WHERE r.oid = near.oid
          UNION ALL SELECT r.relname FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class r ON r.oid = x.indexrelid WHERE x.indrelid = near.oid
          UNION ALL SELECT s.stxname FROM pg_catalog.pg_statistic_ext s WHERE s.stxrelid = near.oid
        ) AS known(name) WHERE pg_catalog.strpos(said, {name}) > 0)
    ORDER BY c.oid
  LOOP
    PERFORM pg_catalog.set_config('lock_timeout', {GIVES_WAY}::int8::text, true);
    BEGIN
      EXECUTE pg_catalog.format('LOCK TABLE ONLY %I.%I IN SHARE UPDATE EXCLUSIVE MODE', held.within, held.name);
    EXCEPTION WHEN lock_not_available OR undefined_table OR insufficient_privilege THEN
      NULL;
    END;
    PERFORM pg_catalog.set_config('lock_timeout', '{timeout}', true);
  END LOOP;
END
",
        said = words(&literal(sql)),
        name = words("known.name"),
    );
    format!("DO {}", dollar(&body))
}
