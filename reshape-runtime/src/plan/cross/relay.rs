//! The body of the trigger that relays a write of one table to the rows of another that look a value up in it.
//!
//! **Invariant:** of two clients that write at the same time, one of each table, one sees what the other wrote. The lookup locks the row that it
//! finds FOR KEY SHARE, and reads it again when it has the lock; this trigger locks that row FOR UPDATE before it looks for rows to
//! write. Whoever has the lock second waits for the other to commit. An update that changes nothing that is looked up waits for nobody.
//! (Under REPEATABLE READ the second would still not see the other's row.)

use std::collections::BTreeSet;

use super::lookup::{Lookup, ROW, columns};
use super::{Direction, Locking};
use crate::plan::lineage::{Stage, Table};
use crate::plan::sync::changed;
use crate::sql::ident::ident;
use crate::sql::names::ORIGIN;

/// The row as it was and as it is, by names that no user's table has: an alias `new` would hide the trigger's own.
pub(super) const OLD_ROW: &str = "\"__reshape_old\"";
pub(super) const NEW_ROW: &str = "\"__reshape_new\"";

/// A row to write, and a value for it.
const FOUND: &str = "\"__reshape_found\"";
const VALUE: &str = "\"__reshape_another\"";
const FIELD: &str = "\"__reshape_value\"";

/// Declarations and first statements that every such trigger has.
pub(super) fn header(source: &Table, more: &str) -> String {
    let row = source.sql();
    format!(
        "\n#variable_conflict use_column\nDECLARE\n  {OLD_ROW} {row}%ROWTYPE;\n  {NEW_ROW} {row}%ROWTYPE;\n{more}BEGIN\n  \
         IF TG_OP <> 'INSERT' THEN\n    {OLD_ROW} := OLD;\n  END IF;\n  \
         IF TG_OP <> 'DELETE' THEN\n    {NEW_ROW} := NEW;\n  END IF;\n"
    )
}

/// Waits for everyone who has looked the row up and has not committed yet. Without a key, lookups lock so that the update itself waits.
pub(super) fn wait_for_readers(source: &Table, key: &[&str]) -> String {
    if key.is_empty() {
        return String::new();
    }
    let same: Vec<String> =
        key.iter().map(|column| format!("{ROW}.{0} = {NEW_ROW}.{0}", ident(column))).collect();
    format!(
        "  IF TG_OP = 'UPDATE' THEN\n    PERFORM FROM {} AS {ROW} WHERE {} FOR UPDATE;\n  END IF;\n",
        source.sql(),
        same.join(" AND ")
    )
}

/// The marker of a write of our own: never what it was, so that the row does not look as if nobody had marked it.
pub(super) fn mark(direction: Direction) -> String {
    let [one, other] = direction.marks();
    format!("{0} = CASE WHEN {ROW}.{0} = '{one}' THEN '{other}' ELSE '{one}' END", ident(ORIGIN))
}

/// What the trigger has to know.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    pub(super) reader: &'a Table,
    pub(super) source: &'a Table,
    pub(super) stage: &'a Stage,
    pub(super) lookup: &'a Lookup,
    pub(super) direction: Direction,
    /// The column that the value is put into.
    pub(super) slot: &'a str,
    /// Whether that column must have a value.
    pub(super) required: bool,
    /// Whether it may be without one, but old clients do not expect it: what it has is better than NULL.
    pub(super) relaxed: bool,
    /// Whether anything is looked up in the reader, too.
    pub(super) is_looked_up: bool,
    /// The columns of the source that decide which rows belong to it.
    pub(super) condition: BTreeSet<&'a str>,
    pub(super) key: Vec<&'a str>,
}

impl Parts<'_> {
    pub(super) fn body(&self) -> String {
        let mut body = header(self.source, &format!("  {FOUND} record;\n  {VALUE} record;\n"));
        body.push_str(&wait_for_readers(self.source, &self.key));
        let name = ident(&self.stage.scope.table);
        let rows = format!(
            "(SELECT {ROW}.ctid AS \"__reshape_ctid\", {} FROM {} AS {ROW}) AS {name}",
            columns(self.reader, &self.stage.scope, ROW),
            self.reader.sql()
        );
        // The row that is locked cannot move, so its place is as good as a key.
        let place = format!("{ROW}.ctid = {FOUND}.\"__reshape_ctid\"");
        let each = |what: &str, matching: &str, lock: &str, inner: &str| {
            format!(
                "    FOR {FOUND} IN\n      SELECT {name}.\"__reshape_ctid\"{what}\n      FROM {rows}\n        \
                 CROSS JOIN LATERAL ({matching}) AS \"__reshape_match\"\n      {lock} OF {name}\n    LOOP\n{inner}    END LOOP;\n"
            )
        };
        let condition: Vec<&str> = self.condition.iter().copied().collect();
        let left = if condition.is_empty() {
            String::from("TG_OP = 'DELETE'")
        } else {
            format!("TG_OP = 'DELETE' OR TG_OP = 'UPDATE' AND {}", changed(&condition))
        };
        // Another row may be found now, also one whose writer has looked this one up and waited for the lock, or was waited for.
        let another = format!(
            "      SELECT {} AS {FIELD} INTO {VALUE} FROM (SELECT {} FROM {} AS {ROW} WHERE {place}) AS {name};\n",
            self.lookup.sql(Locking::Yes),
            columns(self.reader, &self.stage.scope, ROW),
            self.reader.sql()
        );
        let lock = if self.is_looked_up { "FOR UPDATE" } else { "FOR NO KEY UPDATE" };
        // If there is none, a value that must be there stays: the row may be about to go, too.
        let keeps = self.required || self.relaxed;
        body.push_str(&format!(
            "  IF {left} THEN\n{}  END IF;\n",
            each(
                "",
                &self.lookup.of_record(self.source, OLD_ROW, false),
                lock,
                &(another + &self.write(&format!("{VALUE}.{FIELD}"), keeps, &place)),
            )
        ));
        body.push_str(&format!(
            "  IF TG_OP <> 'DELETE' THEN\n{}  END IF;\n",
            each(
                &format!(", \"__reshape_match\".{FIELD} AS {FIELD}"),
                &self.lookup.of_record(self.source, NEW_ROW, true),
                "FOR NO KEY UPDATE",
                &self.write(&format!("{FOUND}.{FIELD}"), self.relaxed, &place),
            )
        ));
        body.push_str("  RETURN NULL;\nEND\n");
        body
    }

    /// Puts a value into the slot, if it is one.
    fn write(&self, value: &str, only_values: bool, place: &str) -> String {
        let update = format!(
            "UPDATE {} AS {ROW} SET {} = {value}, {}\n        WHERE {place};\n",
            self.reader.sql(),
            ident(self.slot),
            mark(self.direction)
        );
        if only_values {
            format!("      IF {value} IS NOT NULL THEN\n        {update}      END IF;\n")
        } else {
            format!("      {update}")
        }
    }

    /// The body of the reader's own trigger, which looks the value up again when the statement's foreign keys have been checked. A row that was
    /// committed between the first look and that check is there for the foreign key, but its own trigger has not seen ours.
    pub(super) fn again(&self, key: &[&str]) -> String {
        let name = ident(&self.stage.scope.table);
        // Other triggers may have written the row since.
        let same: Vec<String> =
            key.iter().map(|column| format!("{ROW}.{0} = NEW.{0}", ident(column))).collect();
        let place =
            if same.is_empty() { format!("{ROW}.ctid = NEW.ctid") } else { same.join(" AND ") };
        let slot = ident(self.slot);
        let value = format!("{NEW_ROW}.{slot}");
        let write = self.write(&value, self.required || self.relaxed, &place);
        format!(
            "\n#variable_conflict use_column\nDECLARE\n  {NEW_ROW} {}%ROWTYPE;\nBEGIN\n  \
             {value} := (SELECT {} FROM (SELECT {}) AS {name});\n  \
             IF ROW({value})::record OPERATOR(pg_catalog.*<>) ROW(NEW.{slot})::record THEN\n{write}  END IF;\n  \
             RETURN NULL;\nEND\n",
            self.reader.sql(),
            self.lookup.sql(Locking::Yes),
            columns(self.reader, &self.stage.scope, "NEW"),
        )
    }

    /// When it has to: no value, if the row has one in any case it may be the default.
    pub(super) fn missing(&self) -> Option<String> {
        let none = || format!("NEW.{} IS NULL", ident(self.slot));
        self.lookup.otherwise.is_none().then(none)
    }
}
