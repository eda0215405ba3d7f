//! The triggers that tell other tables of a write, and the one that forgets who wrote a row before.
//!
//! **Invariant:** who wrote is decided in WHEN, which is evaluated with the client's `search_path`, not with the function's.

use std::collections::BTreeSet;

use super::{Mode, Sync, changed};
use crate::plan::cross::{Direction, Relay};
use crate::sql::ident::{ident, literal};
use crate::sql::names::ORIGIN;

/// Before `!__reshape_insert` and all others of ours: what they see is who writes the row now.
const CLEAR: &str = "!__reshape_clear";

impl Sync<'_> {
    /// The columns of which other tables have to be told.
    pub(super) fn relayed(&self) -> BTreeSet<&str> {
        let reads = self.part.relays.iter().flat_map(|relay| &relay.reads);
        reads.map(String::as_str).collect()
    }

    /// Creates or replaces them, on a table that has no other triggers.
    pub(crate) fn install_relays(&self, mode: Mode) -> Vec<String> {
        let writers = if mode == Mode::Both { self.install_writers() } else { Vec::new() };
        writers.into_iter().chain(self.relays(mode)).collect()
    }

    /// Creates or replaces them.
    pub(super) fn relays(&self, mode: Mode) -> Vec<String> {
        if !self.part.is_member {
            return Vec::new();
        }
        let mut sql = Vec::new();
        let marker = ident(ORIGIN);
        if mode == Mode::Both && !self.table.removed {
            let body = format!("\nBEGIN\n  NEW.{marker} := NULL;\n  RETURN NEW;\nEND\n");
            sql.extend(self.function_as("clear", &body, false));
            let when = format!(
                "NEW.{marker} IS NOT NULL AND NEW.{marker} IS NOT DISTINCT FROM OLD.{marker}"
            );
            sql.push(self.trigger(CLEAR, "BEFORE UPDATE", &when, "clear"));
        }
        let wanted = |relay: &&&Relay| mode == Mode::Both || relay.direction == Direction::Up;
        for relay in self.part.relays.iter().filter(wanted) {
            let role = role(relay);
            sql.extend(self.function_as(&role, &relay.body, true));
            let wrote = self.wrote(relay.direction, mode).into_iter().chain(relay.when.clone());
            let wrote: Vec<String> = wrote.collect();
            let mut trigger = |event: &str, conditions: Vec<String>| {
                let name = trigger_name(relay, event);
                let event = format!("AFTER {event}");
                sql.push(self.trigger(&name, &event, &conditions.join("\n    AND "), &role));
            };
            trigger("INSERT", wrote.clone());
            if !relay.reads.is_empty() {
                let reads: Vec<&str> = relay.reads.iter().map(String::as_str).collect();
                trigger("UPDATE", wrote.into_iter().chain([changed(&reads)]).collect());
            }
            if relay.deletes {
                trigger("DELETE", self.deleted(relay.direction, mode).into_iter().collect());
            }
        }
        sql
    }

    /// Drops whatever of them there is, on a table that has no other triggers.
    pub(crate) fn remove_relays(&self) -> Vec<String> {
        self.without_relays().into_iter().chain(self.remove_writers()).collect()
    }

    /// Drops whatever of them there is.
    pub(super) fn without_relays(&self) -> Vec<String> {
        if !self.part.is_member {
            return Vec::new();
        }
        let on = self.table.sql();
        let mut triggers = vec![String::from(CLEAR)];
        let mut functions = vec![String::from("clear")];
        for relay in &self.part.relays {
            triggers.extend(["INSERT", "UPDATE", "DELETE"].map(|event| trigger_name(relay, event)));
            functions.push(role(relay));
        }
        let triggers =
            triggers.iter().map(|t| format!("DROP TRIGGER IF EXISTS {} ON {on}", ident(t)));
        let functions = functions
            .iter()
            .map(|f| format!("DROP FUNCTION IF EXISTS {}()", self.function_name(f)));
        triggers.chain(functions).collect()
    }

    /// Whether the row was written in that direction; `None` if it cannot have been otherwise.
    fn wrote(&self, direction: Direction, mode: Mode) -> Option<String> {
        let marker = format!("NEW.{}", ident(ORIGIN));
        let marks = direction.list();
        match direction {
            // Nobody but old clients writes to a table that goes, and nobody else writes at all before the version is published.
            Direction::Up if self.table.removed => None,
            // An old client writes to a table that the batch creates by way of our triggers alone.
            Direction::Up if self.table.created => Some(format!("{marker} IN {marks}")),
            Direction::Up if mode == Mode::Filling => None,
            Direction::Up => Some(format!("({marker} IS NULL OR {marker} IN {marks})")),
            Direction::Down if self.table.created => {
                let marks = Direction::Up.list();
                // A foreign key's action is the client's whose write it follows.
                let by_old = self.by_old();
                let by_old = by_old.map(|sql| format!(" AND NOT {sql}")).unwrap_or_default();
                Some(format!("({marker} IS NULL OR {marker} NOT IN {marks}){by_old}"))
            }
            Direction::Down => {
                Some(format!("({marker} = {} OR {marker} IN {marks})", literal(self.target)))
            }
        }
    }

    /// The same for a row that goes, of which nothing but the `search_path` tells who did it.
    fn deleted(&self, direction: Direction, mode: Mode) -> Option<String> {
        match direction {
            Direction::Up if self.table.removed || mode == Mode::Filling => None,
            Direction::Up => Some(format!("NOT {}", self.by_new())),
            Direction::Down => Some(self.by_new()),
        }
    }
}

fn role(relay: &Relay) -> String {
    format!("relay_{}", relay.number)
}

fn trigger_name(relay: &Relay, event: &str) -> String {
    // Triggers fire in name order. A lookup's comes after what foreign keys do: it would write rows which their cascades are about to take away or
    // to change, and a row that the transaction itself has written is checked again then, without its target. A fill's comes before their checks:
    // the row of the new table goes first, not last.
    let place = if relay.fills { "!" } else { "RI_Constraint~" };
    format!("{place}__reshape_relay_{}_{}", relay.number, event.to_lowercase())
}
