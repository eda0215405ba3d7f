//! The sync triggers of a table: whatever an old or a new client writes, the other version's columns follow.
//!
//! Two functions per table, however many actions: `first` translates what a new client wrote, before the user's own BEFORE
//! triggers, which know the old columns; `last` translates what an old client wrote, after them. Triggers fire in name
//! order, hence `!` and `~`.
//!
//! Who wrote the row: an INSERT is attributed by the origin marker, which only the new version's inner view sets; an UPDATE by
//! its SET list (`UPDATE OF` shadow columns) or by the old columns that changed. Only where nothing but columns that both
//! versions share are written, `reshape.version` and the `search_path` are asked.
//!
//! **Invariant:** until the backfill is over (`Mode::Filling`), *every* update of an old client computes the new columns, also one that
//! changes none of their inputs. Such an update moves the row, perhaps to a block that the backfill has passed already; if it
//! left the new columns empty, nobody would fill them any more. There are no new clients yet that this could overwrite.
//!
//! **Invariant:** afterwards (`Mode::Both`) a column of the other version is computed only when one of its inputs has changed, so
//! what the other version's clients wrote there stays. "Changed" goes by the binary image of the row (`*<>`): types without
//! an equality operator (json) work, and a change that compares equal (citext) is not lost.

use std::collections::BTreeSet;

use crate::plan::cross::Part;
use crate::plan::facts::LiveTable;
use crate::plan::flow::{Computation, Flow};
use crate::plan::lineage::Table;
use crate::sql::ident::{dollar, ident, idents, qualified};
use crate::sql::names::{self, ORIGIN};

mod body;
mod moved;
mod prove;
mod relay;
mod writer;

use body::restore_body;

/// What the triggers have to cope with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Expand and backfill: old clients only, and rows that have no values yet.
    Filling,
    /// Both versions are live, and every row has its values.
    Both,
}

/// The builder of a table's triggers.
#[derive(Debug)]
pub(crate) struct Sync<'a> {
    table: &'a Table,
    up: Flow<'a>,
    down: Flow<'a>,
    base: Option<&'a str>,
    target: &'a str,
    search_path: &'a str,
    part: Part<'a>,
}

const FILLING: &str = "pg_catalog.current_setting('reshape.backfill', true) IS NOT DISTINCT FROM 'on' \
                       AND pg_catalog.pg_trigger_depth() = 0";

impl<'a> Sync<'a> {
    pub(crate) fn new(
        table: &'a Table,
        base: Option<&'a str>,
        target: &'a str,
        search_path: &'a str,
        part: Part<'a>,
    ) -> Self {
        let (up, down) = (Flow::up(table), Flow::down(table));
        Self { table, up, down, base, target, search_path, part }
    }

    /// Whether anything has to be translated at all. If not, there are no triggers, no marker and no inner view.
    pub(crate) fn is_needed(&self) -> bool {
        self.computes() || self.part.is_member
    }

    /// Whether a row of this table has values that are computed when it is written.
    fn computes(&self) -> bool {
        !self.up.is_empty() || !self.down.is_empty()
    }

    /// Whether such a value comes from another table: the functions read it, so they have their owner's rights.
    fn looks_up(&self) -> bool {
        self.up.stages.iter().chain(&self.down.stages).any(Computation::is_lookup)
    }

    pub(crate) fn up(&self) -> &Flow<'a> {
        &self.up
    }

    /// Creates or replaces functions and triggers for `mode`.
    pub(crate) fn install(&self, mode: Mode, live: &LiveTable) -> Vec<String> {
        let on = self.table.sql();
        let watch = mode == Mode::Both && !live.before_triggers.is_empty();
        let restore = mode == Mode::Filling && !live.before_update_triggers.is_empty();
        let mut functions = Vec::new();
        let mut triggers = Vec::new();
        let mut trigger = |name: &str, event: &str, when: &str, function: &str| {
            triggers.push(self.trigger(name, &format!("BEFORE {event}"), when, function));
        };
        if self.computes() {
            functions.extend(self.function("last", &self.last_body(mode, watch)));
            trigger(LAST_INSERT, "INSERT", "", "last");
            trigger(LAST_UPDATE, "UPDATE", &self.last_update_condition(mode), "last");
            if restore {
                functions.extend(self.function("restore", &restore_body(live)));
                trigger(RESTORE, "UPDATE", FILLING, "restore");
            }
        }
        if mode == Mode::Both {
            functions.extend(self.function("first", &self.first_body(watch)));
            let marked = format!("NEW.{} IS NOT NULL", ident(ORIGIN));
            let unmarked = format!("NEW.{} IS NULL", ident(ORIGIN));
            if !self.down.is_empty() {
                let inserted = self.inserted_by_new(&marked);
                trigger(FIRST_INSERT, "INSERT", &inserted, "first");
            }
            let shadows: Vec<&str> =
                self.table.shadows().filter_map(|column| self.table.physical(column)).collect();
            if self.needs_first_update() && !shadows.is_empty() {
                let event = format!("UPDATE OF {}", idents(shadows.iter().copied()));
                trigger(FIRST_UPDATE, &event, &unmarked, "first");
            }
            let watched = self.watched();
            let shared = self.shared(&watched);
            if !shared.is_empty() {
                let event = format!("UPDATE OF {}", idents(shared.iter().copied()));
                let when = format!("{unmarked} AND {} AND {}", changed(&shared), self.by_new());
                trigger(FIRST_SHARED, &event, &when, "first");
            }
            if self.rows_move() {
                functions.extend(self.function("moved", &self.moved_body()));
                trigger(MOVED, "UPDATE", &self.may_leave(), "moved");
            }
        }
        let writers = if mode == Mode::Both { self.install_writers() } else { Vec::new() };
        let mut sql: Vec<String> = writers.into_iter().chain(functions).chain(triggers).collect();
        sql.extend(self.relays(mode));
        if mode == Mode::Both && !live.before_update_triggers.is_empty() {
            sql.push(format!("DROP TRIGGER IF EXISTS {} ON {on}", ident(RESTORE)));
            sql.push(format!("DROP FUNCTION IF EXISTS {}()", self.function_name("restore")));
        }
        sql
    }

    fn trigger(&self, name: &str, event: &str, when: &str, function: &str) -> String {
        format!(
            "CREATE OR REPLACE TRIGGER {} {event} ON {} FOR EACH ROW{}\n  EXECUTE FUNCTION {}()",
            ident(name),
            self.table.sql(),
            if when.is_empty() { String::new() } else { format!("\n  WHEN ({when})") },
            self.function_name(function),
        )
    }

    /// Drops whatever of functions and triggers there is.
    pub(crate) fn remove(&self) -> Vec<String> {
        let on = self.table.sql();
        let mut triggers =
            vec![FIRST_INSERT, FIRST_SHARED, FIRST_UPDATE, LAST_INSERT, LAST_UPDATE, RESTORE];
        let mut functions = vec!["first", "last", "restore"];
        if self.rows_move() {
            triggers.push(MOVED);
            functions.push("moved");
        }
        let triggers =
            triggers.iter().map(|t| format!("DROP TRIGGER IF EXISTS {} ON {on}", ident(t)));
        let functions = functions
            .iter()
            .map(|f| format!("DROP FUNCTION IF EXISTS {}()", self.function_name(f)));
        let relays = self.without_relays().into_iter();
        relays.chain(triggers).chain(functions).chain(self.remove_writers()).collect()
    }

    fn function_name(&self, role: &str) -> String {
        let (schema, table) = self.table.key();
        // The functions of all tables are in one schema.
        let apart = match schema {
            names::DEFAULT_SCHEMA => String::new(),
            other => format!("_{:016x}", names::fnv1a(qualified(other, table).as_bytes())),
        };
        let name = names::fit(&format!("{table}{apart}_{role}"));
        qualified(names::METADATA_SCHEMA, &name)
    }

    fn function(&self, role: &str, body: &str) -> Vec<String> {
        self.function_as(role, body, self.looks_up())
    }

    /// With its owner's rights, nobody else may use the function for triggers of their own.
    fn function_as(&self, role: &str, body: &str, definer: bool) -> Vec<String> {
        let name = self.function_name(role);
        let create = format!(
            "CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql{} SET search_path TO {} AS {}",
            // Policies that apply to the owner, too, must not hide rows: better an error.
            if definer { " SECURITY DEFINER SET row_security TO off" } else { "" },
            self.search_path,
            dollar(body)
        );
        let revoke = definer.then(|| format!("REVOKE ALL ON FUNCTION {name}() FROM PUBLIC"));
        [create].into_iter().chain(revoke).collect()
    }

    /// Of `columns`, those that both versions have.
    fn shared<'b>(&self, columns: &BTreeSet<&'b str>) -> Vec<&'b str> {
        columns.iter().copied().filter(|name| self.is_shared(name)).collect()
    }

    /// The columns whose change by a new client old clients, or other tables, have to be told of.
    fn watched(&self) -> BTreeSet<&str> {
        let mut watched = self.down.feeds();
        watched.extend(self.relayed());
        watched
    }

    fn is_shared(&self, physical: &str) -> bool {
        self.table.columns.iter().any(|column| {
            !self.table.is_new(column) && self.table.physical(column) == Some(physical)
        })
    }

    fn is_base(&self, physical: &str) -> bool {
        self.table.values.iter().any(|v| v.in_base && v.physical.as_deref() == Some(physical))
    }

    /// Without a `down`, the mark of a new client is needed only to tell its writes of shared columns from an old client's.
    fn needs_first_update(&self) -> bool {
        !self.down.is_empty()
            || !self.shared(&self.up.feeds()).is_empty()
            || !self.part.relays.is_empty()
    }

    fn last_update_condition(&self, mode: Mode) -> String {
        if mode == Mode::Filling {
            return format!("NOT ({FILLING})");
        }
        let marked = format!("NEW.{} IS NOT NULL", ident(ORIGIN));
        let feeds = self.up.feeds();
        let shared = self.shared(&feeds);
        let old: Vec<&str> =
            feeds.into_iter().filter(|name| self.is_base(name) && !self.is_shared(name)).collect();
        let mut any = vec![marked];
        if !old.is_empty() {
            any.push(changed(&old));
        }
        if !shared.is_empty() {
            any.push(format!("({} AND NOT {})", changed(&shared), self.by_new()));
        }
        let relaxed: Vec<&str> = self.part.relaxed.iter().map(|r| r.column.as_str()).collect();
        if !relaxed.is_empty() {
            any.push(changed(&relaxed));
        }
        any.join("\n    OR ")
    }
}

const FIRST_INSERT: &str = "!__reshape_insert";
const FIRST_SHARED: &str = "!__reshape_shared";
const FIRST_UPDATE: &str = "!__reshape_update";
const LAST_INSERT: &str = "~__reshape_insert";
const LAST_UPDATE: &str = "~__reshape_update";
/// After all others.
const MOVED: &str = "~__reshape_update_moved";
const RESTORE: &str = "~__reshape_restore";

/// Whether a user's trigger of that name fires after our first and before our last ones. Names sort by their bytes.
pub(crate) fn fires_between(name: &str) -> bool {
    name > FIRST_UPDATE && name < LAST_INSERT
}

/// Whether any of the columns has changed, by its binary image.
pub(crate) fn changed(columns: &[&str]) -> String {
    let row = |record: &str| {
        let fields: Vec<String> =
            columns.iter().map(|column| format!("{record}.{}", ident(column))).collect();
        format!("ROW({})::record", fields.join(", "))
    };
    format!("{} OPERATOR(pg_catalog.*<>) {}", row("NEW"), row("OLD"))
}
