//! The bodies of the trigger functions.

use super::moved::seen_differs;
use super::{Mode, Sync, changed};
use crate::plan::facts::LiveTable;
use crate::plan::flow::{Computation, Flow};
use crate::plan::lineage::{Formula, ValueId};
use crate::plan::mention::whole_row;
use crate::sql::ident::{ident, literal};
use crate::sql::names::ORIGIN;

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
        let mut body = self.header(&self.up, !translated.is_empty() || moves);
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
        body.push_str(&format!("    NEW.{marker} := NULL;\n    RETURN NEW;\n  END IF;\n"));
        for computation in &self.up.stages {
            // Old clients cannot change a column that only the new version has.
            let guard: Vec<&str> =
                computation.feeds.iter().copied().filter(|name| self.is_base(name)).collect();
            let guard = (mode == Mode::Both).then(|| insert_or_changed(&guard));
            self.compute(&mut body, &self.up, computation, guard.as_deref());
        }
        body.push_str("  RETURN NEW;\nEND\n");
        body
    }

    pub(super) fn first_body(&self, watch: bool) -> String {
        let mut body = self.header(&self.down, false);
        body.push_str(&format!("  NEW.{} := {};\n", ident(ORIGIN), literal(self.target)));
        for computation in &self.down.stages {
            let guard: Vec<&str> = computation.feeds.iter().copied().collect();
            self.compute(&mut body, &self.down, computation, Some(&insert_or_changed(&guard)));
        }
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

    /// Names of the user's tables inside an expression win over the function's variables, as they do in plain SQL.
    fn header(&self, flow: &Flow<'_>, seen: bool) -> String {
        let mut header = String::from("\n#variable_conflict use_column\n");
        let mut between: Vec<String> = flow
            .stages
            .iter()
            .filter(|computation| computation.column.is_none())
            .map(|computation| {
                let id = computation.stage.result;
                format!("  {} {};\n", variable(id), self.table.values[id].data_type)
            })
            .collect();
        if seen {
            between.push(format!("  {SEEN} pg_catalog.text[];\n"));
        }
        if !between.is_empty() {
            header.push_str("DECLARE\n");
            header.push_str(&between.concat());
        }
        header.push_str("BEGIN\n");
        header
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
            // A variable or a block named `new` or `old` would hide the rows; a whole row is no variable at all.
            Formula::Expression(sql)
                if whole_row(sql, &stage.scope.table)
                    || is_row(&stage.scope.table)
                    || computation.used.iter().any(|(name, _)| is_row(name)) =>
            {
                let names: Vec<String> = stage
                    .scope
                    .names
                    .iter()
                    .map(|(name, id)| format!("{} AS {}", self.holder(flow, *id), ident(name)))
                    .collect();
                body.push_str(&format!(
                    "  {target} := (SELECT (\n{sql}\n) FROM (SELECT {}) AS {});\n",
                    names.join(", "),
                    ident(&stage.scope.table)
                ));
            }
            // A block labelled with the table's name makes both `name` and `users.name` mean the variable, and the
            // expression stays one that PL/pgSQL evaluates without the executor.
            Formula::Expression(sql) => {
                let mut declarations = String::new();
                for (name, id) in &computation.used {
                    let (name, of) = (ident(name), self.type_of(*id));
                    declarations
                        .push_str(&format!("    {name} {of} := {};\n", self.holder(flow, *id)));
                }
                body.push_str(&format!(
                    "  <<{}>>\n  DECLARE\n{declarations}  BEGIN\n    {target} := (\n{sql}\n);\n  END;\n",
                    ident(&stage.scope.table)
                ));
            }
        }
        if guard.is_some() {
            body.push_str("  END IF;\n");
        }
    }

    fn type_of(&self, id: ValueId) -> String {
        let value = &self.table.values[id];
        match &value.physical {
            Some(column) => format!("{}.{}%TYPE", self.table.sql(), ident(column)),
            None => value.data_type.clone(),
        }
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
