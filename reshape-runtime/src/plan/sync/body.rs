//! The bodies of the trigger functions.

use std::collections::BTreeSet;

use super::moved::seen_differs;
use super::{Mode, Sync, changed};
use crate::plan::cross::{Direction, Locking};
use crate::plan::facts::LiveTable;
use crate::plan::flow::{Computation, Flow};
use crate::plan::lineage::{Formula, ValueId};
use crate::plan::mention::whole_row;
use crate::sql::ident::{ident, literal};
use crate::sql::names::{self, ORIGIN};

impl Sync<'_> {
    /// The old columns that `first` computes.
    fn translated(&self) -> Vec<&str> {
        let stages = self.down.stages.iter();
        stages.filter_map(|computation| computation.column).collect()
    }

    /// With `watch`, a new client's row of which the user's triggers have changed an old column is translated back: that is a write of the old
    /// version. `first` has noted in the marker what it computed.
    pub(super) fn last_body(&self, mode: Mode, watch: bool) -> String {
        let marker = ident(ORIGIN);
        let translated = if watch { self.translated() } else { Vec::new() };
        let moves = mode == Mode::Both && self.rows_move();
        let mut declarations = Vec::new();
        if !translated.is_empty() || moves {
            declarations.push(format!("  {SEEN} pg_catalog.text[];\n"));
        }
        if mode == Mode::Filling && self.part.is_member {
            return self.fill_body();
        }
        let mut body = if self.part.is_member {
            self.header(&[&self.up, &self.down], declarations) + &self.passed_on()
        } else {
            self.header(&[&self.up], declarations)
        };
        if moves {
            self.arrive(&mut body);
        }
        body.push_str(&format!("  IF NEW.{marker} IS NOT NULL THEN\n"));
        if !translated.is_empty() {
            body.push_str(&format!("  {SEEN} := NEW.{marker}::pg_catalog.text[];\n"));
            for computation in &self.up.stages {
                if let Some(differs) = seen_differs(computation, &translated) {
                    self.compute(&mut body, &self.up, computation, Some(&differs));
                }
            }
        }
        // Where AFTER triggers want to know, it stays.
        let kept = if self.part.is_member { literal(self.target) } else { "NULL".into() };
        body.push_str(&format!("    NEW.{marker} := {kept};\n    RETURN NEW;\n  END IF;\n"));
        let guarded = self.up.stages.iter().map(|computation| {
            // Old clients cannot change a column that only the new version has.
            let guard: Vec<&str> =
                computation.feeds.iter().copied().filter(|name| self.is_base(name)).collect();
            (computation, (mode == Mode::Both).then(|| insert_or_changed(&guard)))
        });
        self.compute_each(&mut body, &self.up, &guarded.collect::<Vec<_>>());
        for relaxed in &self.part.relaxed {
            body.push_str(&relaxed.guard(self.table));
        }
        body.push_str("  RETURN NEW;\nEND\n");
        body
    }

    /// Until the backfill is over, on a table with values of others: every write computes everything, and says so in the marker, so that the
    /// backfill, which may see the other table as it was before, leaves the row alone.
    fn fill_body(&self) -> String {
        let mut body = self.header(&[&self.up], Vec::new());
        for computation in &self.up.stages {
            self.compute(&mut body, &self.up, computation, None);
        }
        if self.up.stages.iter().any(Computation::is_lookup) {
            let [mark, _] = Direction::Up.marks();
            body.push_str(&format!("  NEW.{} := '{mark}';\n", ident(ORIGIN)));
        }
        body.push_str("  RETURN NEW;\nEND\n");
        body
    }

    /// A trigger of ours has put a value of another table into the row: what builds on it follows, in the direction of that write.
    fn passed_on(&self) -> String {
        let mut body = String::new();
        for (direction, flow) in [(Direction::Up, &self.up), (Direction::Down, &self.down)] {
            let marks = direction.list();
            body.push_str(&format!("  IF NEW.{} IN {marks} THEN\n", ident(ORIGIN)));
            for computation in flow.stages.iter().filter(|c| !c.slots.is_empty()) {
                let slots: Vec<&str> = computation.slots.iter().copied().collect();
                self.compute(&mut body, flow, computation, Some(&changed(&slots)));
            }
            body.push_str("    RETURN NEW;\n  END IF;\n");
        }
        body
    }

    pub(super) fn first_body(&self, watch: bool) -> String {
        let drawn = self.drawn();
        let more = drawn
            .iter()
            .map(|(column, _)| format!("  {} pg_catalog.bool := false;\n", drew(column)))
            .collect();
        let mut body = if drawn.is_empty() {
            self.header(&[&self.down], more)
        } else {
            self.header(&[&self.down, &self.up], more)
        };
        body.push_str(&format!("  NEW.{} := {};\n", ident(ORIGIN), literal(self.target)));
        // A new client's row without a number gets the one that the old column has drawn.
        for (column, up) in &drawn {
            let Some(shadow) = up.last().and_then(|computation| computation.column) else {
                continue;
            };
            let shadow = ident(shadow);
            body.push_str(&format!("  IF TG_OP = 'INSERT' AND NEW.{shadow} IS NULL THEN\n"));
            for computation in up {
                self.compute(&mut body, &self.up, computation, None);
            }
            body.push_str(&format!("  {} := true;\n  END IF;\n", drew(column)));
        }
        let guarded = self.down.stages.iter().map(|computation| {
            let guard: Vec<&str> = computation.feeds.iter().copied().collect();
            let mut guard = insert_or_changed(&guard);
            if let Some((column, _)) =
                drawn.iter().find(|(column, _)| computation.column == Some(column))
            {
                guard = format!("NOT {} AND ({guard})", drew(column));
            }
            (computation, Some(guard))
        });
        self.compute_each(&mut body, &self.down, &guarded.collect::<Vec<_>>());
        let translated = self.translated();
        if watch && !translated.is_empty() {
            let columns: Vec<String> = translated
                .iter()
                .map(|column| format!("NEW.{}::pg_catalog.text", ident(column)))
                .collect();
            body.push_str(&format!(
                "  NEW.{} := ARRAY[{}]::pg_catalog.text;\n",
                ident(ORIGIN),
                columns.join(", ")
            ));
        }
        body.push_str("  RETURN NEW;\nEND\n");
        body
    }

    /// The old columns that draw numbers and are replaced, each with the computations that lead from it to the new one.
    fn drawn(&self) -> Vec<(&str, Vec<&Computation<'_>>)> {
        let columns = self.table.shadows().filter(|column| column.draws);
        columns
            .filter_map(|column| {
                let mut wanted = BTreeSet::from([column.value]);
                let mut up = Vec::new();
                for computation in self.up.stages.iter().rev() {
                    if wanted.contains(&computation.stage.result) {
                        wanted.extend(computation.used.iter().map(|(_, id)| *id));
                        up.push(computation);
                    }
                }
                up.reverse();
                Some((column.ancestor.as_deref()?, up))
            })
            .collect()
    }

    /// Names of the user's tables inside an expression win over the function's variables, as they do in plain SQL. A value that no column holds
    /// is a variable, perhaps of several flows.
    fn header(&self, flows: &[&Flow<'_>], more: Vec<String>) -> String {
        let mut header = String::from("\n#variable_conflict use_column\n");
        let mut ids: Vec<ValueId> = Vec::new();
        for computation in flows.iter().flat_map(|flow| &flow.stages) {
            if computation.column.is_none() && !ids.contains(&computation.stage.result) {
                ids.push(computation.stage.result);
            }
        }
        let mut declarations: Vec<String> = ids
            .into_iter()
            .map(|id| format!("  {} {};\n", variable(id), self.table.values[id].data_type))
            .collect();
        declarations.extend(more);
        if !declarations.is_empty() {
            header.push_str("DECLARE\n");
            header.push_str(&declarations.concat());
        }
        header.push_str("BEGIN\n");
        header
    }

    /// One computation after the other. Neighbours with the same guard share it, unless one of them writes what it looks at.
    fn compute_each(
        &self,
        body: &mut String,
        flow: &Flow<'_>,
        guarded: &[(&Computation<'_>, Option<String>)],
    ) {
        let mut open: Option<&str> = None;
        for (computation, guard) in guarded {
            if open.is_some() && open != guard.as_deref() {
                body.push_str("  END IF;\n");
                open = None;
            }
            if let Some(guard) = guard.as_deref().filter(|_| open.is_none()) {
                body.push_str(&format!("  IF {guard} THEN\n"));
                open = Some(guard);
            }
            self.compute(body, flow, computation, None);
            if open.is_some()
                && computation.column.is_some_and(|own| computation.feeds.contains(own))
            {
                body.push_str("  END IF;\n");
                open = None;
            }
        }
        if open.is_some() {
            body.push_str("  END IF;\n");
        }
    }

    /// One computation; with a guard, only where that is true.
    pub(super) fn compute(
        &self,
        body: &mut String,
        flow: &Flow<'_>,
        computation: &Computation<'_>,
        guard: Option<&str>,
    ) {
        let stage = computation.stage;
        let target = match computation.column {
            Some(column) => format!("NEW.{}", ident(column)),
            None => variable(stage.result),
        };
        if let Some(condition) = guard {
            body.push_str(&format!("  IF {condition} THEN\n"));
        }
        match &stage.formula {
            Formula::Copy(id) => {
                body.push_str(&format!("  {target} := {};\n", self.holder(flow, *id)));
            }
            Formula::Default(sql) => body.push_str(&format!(
                "  IF {target} IS NULL THEN\n    {target} := (\n{sql}\n);\n  END IF;\n"
            )),
            Formula::Expression(sql) => {
                self.evaluate(body, flow, computation, &format!("{target} :="), sql);
            }
            Formula::Lookup(lookup) => {
                let sql = lookup.sql(Locking::Yes);
                // The lock may have waited for whoever changes the row, but not have made the new row visible.
                self.evaluate(body, flow, computation, "PERFORM", &sql);
                self.evaluate(body, flow, computation, &format!("{target} :="), &sql);
                // Old clients expect a value: that of before is better than none.
                if self.part.relaxed.iter().any(|r| Some(r.column.as_str()) == computation.column) {
                    let before = target.replacen("NEW", "OLD", 1);
                    body.push_str(&format!(
                        "  IF {target} IS NULL AND TG_OP = 'UPDATE' THEN\n    {target} := {before};\n  END IF;\n"
                    ));
                }
            }
        }
        if guard.is_some() {
            body.push_str("  END IF;\n");
        }
    }

    /// Does `what`, an assignment say, with the expression over the stage's scope.
    fn evaluate(
        &self,
        body: &mut String,
        flow: &Flow<'_>,
        computation: &Computation<'_>,
        what: &str,
        sql: &str,
    ) {
        let scope = &computation.stage.scope;
        let used = &computation.used;
        let evaluated = scope.beside.evaluated(sql);
        // A variable or a block named `new` or `old` would hide the rows; a whole row is no variable at all.
        if whole_row(sql, &scope.table)
            || is_row(&scope.table)
            || used.iter().any(|(name, _)| is_row(name))
        {
            let names = scope.names.iter();
            let names: Vec<String> = names
                .map(|(name, id)| format!("{} AS {}", self.holder(flow, *id), ident(name)))
                .collect();
            body.push_str(&format!(
                "  {what} (SELECT (\n{evaluated}\n) FROM (SELECT {}) AS {});\n",
                names.join(", "),
                ident(&scope.table)
            ));
            return;
        }
        // A block labelled with the table's name makes both `name` and `users.name` mean the variable, and the
        // expression stays one that PL/pgSQL evaluates without the executor.
        let mut declarations = String::new();
        for (name, id) in used {
            let (name, of) = (ident(name), self.table.type_of(*id));
            declarations.push_str(&format!("    {name} {of} := {};\n", self.holder(flow, *id)));
        }
        body.push_str(&format!(
            "  <<{}>>\n  DECLARE\n{declarations}  BEGIN\n    {what} (\n{evaluated}\n);\n  END;\n",
            ident(&scope.table)
        ));
    }

    /// Where a value is found inside the function that computes `flow`.
    fn holder(&self, flow: &Flow<'_>, id: ValueId) -> String {
        let value = &self.table.values[id];
        if let Some(generation) = &value.generation {
            return generation.in_trigger(self.table, &value.data_type);
        }
        match &value.physical {
            Some(column) => format!("NEW.{}", ident(column)),
            None if flow.stages.iter().any(|c| c.stage.result == id) => variable(id),
            None => format!("CAST(NULL AS {})", value.data_type),
        }
    }
}

/// The variable that holds what `first` noted.
pub(super) const SEEN: &str = "\"__reshape_seen\"";

/// The variable that says whether a column's value has been drawn.
fn drew(column: &str) -> String {
    ident(&names::fit(&format!("__reshape_drew_{column}")))
}

/// When a value has to be computed that depends on these columns.
fn insert_or_changed(columns: &[&str]) -> String {
    if columns.is_empty() {
        String::from("TG_OP = 'INSERT'")
    } else {
        format!("TG_OP = 'INSERT' OR {}", changed(columns))
    }
}

/// Whether a trigger function calls a row so.
fn is_row(name: &str) -> bool {
    matches!(name, "new" | "old")
}

fn variable(id: ValueId) -> String {
    ident(&format!("__reshape_{id}"))
}

/// Puts back what the user's own BEFORE triggers (`updated_at`) changed in a row that only the backfill writes.
pub(super) fn restore_body(live: &LiveTable) -> String {
    let mut body = String::from("\nBEGIN\n");
    for column in live.columns.iter().filter(|column| !column.generated) {
        let name = ident(&column.name);
        body.push_str(&format!("  NEW.{name} := OLD.{name};\n"));
    }
    body.push_str("  RETURN NEW;\nEND\n");
    body
}
