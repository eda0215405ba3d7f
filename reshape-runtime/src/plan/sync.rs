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

use crate::plan::facts::LiveTable;
use crate::plan::flow::{Computation, Flow};
use crate::plan::lineage::{Formula, Table, ValueId};
use crate::plan::mention::whole_row;
use crate::sql::ident::{dollar, ident, idents, literal, qualified};
use crate::sql::names::{self, ORIGIN};

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
}

const FILLING: &str = "pg_catalog.current_setting('reshape.backfill', true) IS NOT DISTINCT FROM 'on' \
                       AND pg_catalog.pg_trigger_depth() = 0";

impl<'a> Sync<'a> {
    pub(crate) fn new(
        table: &'a Table,
        base: Option<&'a str>,
        target: &'a str,
        search_path: &'a str,
    ) -> Self {
        Self { table, up: Flow::up(table), down: Flow::down(table), base, target, search_path }
    }

    /// Whether anything has to be translated at all. If not, there are no triggers, no marker and no inner view.
    pub(crate) fn is_needed(&self) -> bool {
        !self.up.is_empty() || !self.down.is_empty()
    }

    pub(crate) fn up(&self) -> &Flow<'a> {
        &self.up
    }

    /// The columns of the table that some expression reads.
    pub(crate) fn reads(&self) -> impl Iterator<Item = &str> {
        let stages = self.up.stages.iter().chain(&self.down.stages);
        let values = stages.flat_map(|computation| computation.used.iter().map(|(_, id)| *id));
        values.filter_map(|id| self.table.values[id].physical.as_deref())
    }

    /// Creates or replaces functions and triggers for `mode`.
    pub(crate) fn install(&self, mode: Mode, live: &LiveTable) -> Vec<String> {
        let on = self.table.sql();
        let watch = mode == Mode::Both && !live.before_triggers.is_empty();
        let mut sql = vec![self.function("last", &self.last_body(mode, watch))];
        let mut trigger = |name: &str, event: &str, when: &str, function: &str| {
            sql.push(format!(
                "CREATE OR REPLACE TRIGGER {} BEFORE {event} ON {on} FOR EACH ROW{}\n  EXECUTE FUNCTION {}()",
                ident(name),
                if when.is_empty() { String::new() } else { format!("\n  WHEN ({when})") },
                self.function_name(function),
            ));
        };
        trigger(LAST_INSERT, "INSERT", "", "last");
        trigger(LAST_UPDATE, "UPDATE", &self.last_update_condition(mode), "last");
        let restore = mode == Mode::Filling && !live.before_update_triggers.is_empty();
        if restore {
            trigger(RESTORE, "UPDATE", FILLING, "restore");
        }
        if mode == Mode::Both {
            let marked = format!("NEW.{} IS NOT NULL", ident(ORIGIN));
            let unmarked = format!("NEW.{} IS NULL", ident(ORIGIN));
            if !self.down.is_empty() {
                trigger(FIRST_INSERT, "INSERT", &marked, "first");
            }
            let shadows: Vec<&str> =
                self.table.shadows().filter_map(|column| self.table.physical(column)).collect();
            if self.needs_first_update() && !shadows.is_empty() {
                let event = format!("UPDATE OF {}", idents(shadows.iter().copied()));
                trigger(FIRST_UPDATE, &event, &unmarked, "first");
            }
            let shared = self.shared(&self.down.feeds());
            if !shared.is_empty() {
                let event = format!("UPDATE OF {}", idents(shared.iter().copied()));
                let when = format!(
                    "{unmarked} AND {} AND {}",
                    changed(&shared),
                    self.new_by_search_path()
                );
                trigger(FIRST_SHARED, &event, &when, "first");
            }
            sql.insert(1, self.function("first", &self.first_body(watch)));
        }
        if restore {
            sql.insert(1, self.function("restore", &restore_body(live)));
        }
        if mode == Mode::Both && !live.before_update_triggers.is_empty() {
            sql.push(format!("DROP TRIGGER IF EXISTS {} ON {on}", ident(RESTORE)));
            sql.push(format!("DROP FUNCTION IF EXISTS {}()", self.function_name("restore")));
        }
        sql
    }

    /// Drops whatever of functions and triggers there is.
    pub(crate) fn remove(&self) -> Vec<String> {
        let on = self.table.sql();
        let triggers =
            [FIRST_INSERT, FIRST_SHARED, FIRST_UPDATE, LAST_INSERT, LAST_UPDATE, RESTORE];
        let functions = ["first", "last", "restore"];
        let triggers =
            triggers.iter().map(|t| format!("DROP TRIGGER IF EXISTS {} ON {on}", ident(t)));
        let functions = functions
            .iter()
            .map(|f| format!("DROP FUNCTION IF EXISTS {}()", self.function_name(f)));
        triggers.chain(functions).collect()
    }

    /// Statements that fail if an expression does not parse, names what is not there, or has a type that cannot be assigned: now,
    /// while nothing has happened, and not in a client's write. `EXPLAIN` plans and runs nothing, not even a statement trigger.
    pub(crate) fn proofs(&self) -> Vec<String> {
        let prove = |computation: &Computation<'_>| {
            let stage = computation.stage;
            let Formula::Expression(sql) = &stage.formula else {
                let column = computation.column?;
                let source = match &stage.formula {
                    Formula::Copy(id) => {
                        format!("t.{}", ident(self.table.values[*id].physical.as_deref()?))
                    }
                    Formula::Default(sql) | Formula::Expression(sql) => format!("(\n{sql}\n)"),
                };
                return Some(format!(
                    "EXPLAIN UPDATE {} AS t SET {} = {source}",
                    self.table.sql(),
                    ident(column)
                ));
            };
            let names: Vec<String> = stage
                .scope
                .names
                .iter()
                .map(|(name, id)| {
                    let value = &self.table.values[*id];
                    let source = match &value.physical {
                        Some(column) => format!("t.{}", ident(column)),
                        None => format!("CAST(NULL AS {})", value.data_type),
                    };
                    format!("{source} AS {}", ident(name))
                })
                .collect();
            let value = format!(
                "(SELECT (\n{sql}\n) FROM (SELECT {}) AS {})",
                names.join(", "),
                ident(&stage.scope.table)
            );
            Some(match computation.column {
                Some(column) => format!(
                    "EXPLAIN UPDATE {} AS t SET {} = {value}",
                    self.table.sql(),
                    ident(column)
                ),
                None => format!("EXPLAIN SELECT {value} FROM {} AS t", self.table.sql()),
            })
        };
        self.up.stages.iter().chain(&self.down.stages).filter_map(prove).collect()
    }

    fn function_name(&self, role: &str) -> String {
        let name = names::fit(&format!("{}_{role}", self.table.physical));
        qualified(names::METADATA_SCHEMA, &name)
    }

    fn function(&self, role: &str, body: &str) -> String {
        format!(
            "CREATE OR REPLACE FUNCTION {}() RETURNS trigger LANGUAGE plpgsql SET search_path TO {} AS {}",
            self.function_name(role),
            self.search_path,
            dollar(body)
        )
    }

    /// Of `columns`, those that both versions have.
    fn shared<'b>(&self, columns: &BTreeSet<&'b str>) -> Vec<&'b str> {
        columns.iter().copied().filter(|name| self.is_shared(name)).collect()
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
        !self.down.is_empty() || !self.shared(&self.up.feeds()).is_empty()
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
            any.push(format!("({} AND NOT {})", changed(&shared), self.new_by_search_path()));
        }
        any.join("\n    OR ")
    }

    /// The last resort of attribution: what the client said, or the first of the two versions in its `search_path`.
    fn new_by_search_path(&self) -> String {
        let position = |version: &str| {
            format!(
                "pg_catalog.array_position(pg_catalog.current_schemas(false), {}::name)",
                literal(&names::version_schema(version))
            )
        };
        let base = match self.base {
            Some(base) => format!("coalesce({}, 2147483647)", position(base)),
            None => String::from("2147483647"),
        };
        format!(
            "(CASE WHEN pg_catalog.current_setting('reshape.version', true) <> ''\n      \
             THEN pg_catalog.current_setting('reshape.version', true) = {}\n      \
             ELSE coalesce({} < {base}, false) END)",
            literal(self.target),
            position(self.target),
        )
    }

    /// The old columns that `first` computes.
    fn translated(&self) -> Vec<&str> {
        let stages = self.down.stages.iter();
        stages.filter_map(|computation| computation.column).collect()
    }

    /// With `watch`, a new client's row of which the user's triggers have changed an old column is translated back: that is a write of the old
    /// version. `first` has noted in the marker what it computed.
    fn last_body(&self, mode: Mode, watch: bool) -> String {
        let marker = ident(ORIGIN);
        let translated = if watch { self.translated() } else { Vec::new() };
        let mut body = self.header(&self.up, !translated.is_empty());
        body.push_str(&format!("  IF NEW.{marker} IS NOT NULL THEN\n"));
        if !translated.is_empty() {
            body.push_str(&format!("  {SEEN} := NEW.{marker}::pg_catalog.text[];\n"));
            for computation in &self.up.stages {
                let differs: Vec<String> = translated
                    .iter()
                    .enumerate()
                    .filter(|(_, column)| computation.feeds.contains(*column))
                    .map(|(place, column)| {
                        let (place, column) = (place + 1, ident(column));
                        format!("{SEEN}[{place}] IS DISTINCT FROM NEW.{column}::pg_catalog.text")
                    })
                    .collect();
                if !differs.is_empty() {
                    self.compute(&mut body, &self.up, computation, Some(&differs.join(" OR ")));
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

    fn first_body(&self, watch: bool) -> String {
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
    fn compute(
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
        match &value.physical {
            Some(column) => format!("NEW.{}", ident(column)),
            None if flow.stages.iter().any(|c| c.stage.result == id) => variable(id),
            None => format!("CAST(NULL AS {})", value.data_type),
        }
    }
}

const FIRST_INSERT: &str = "!__reshape_insert";
const FIRST_SHARED: &str = "!__reshape_shared";
const FIRST_UPDATE: &str = "!__reshape_update";
const LAST_INSERT: &str = "~__reshape_insert";
const LAST_UPDATE: &str = "~__reshape_update";
const RESTORE: &str = "~__reshape_restore";

/// Whether a user's trigger of that name fires after our first and before our last ones. Names sort by their bytes.
pub(crate) fn fires_between(name: &str) -> bool {
    name > FIRST_UPDATE && name < LAST_INSERT
}

/// The variable that holds what `first` noted.
const SEEN: &str = "\"__reshape_seen\"";

/// When a value has to be computed that depends on these columns.
fn insert_or_changed(columns: &[&str]) -> String {
    if columns.is_empty() {
        String::from("TG_OP = 'INSERT'")
    } else {
        format!("TG_OP = 'INSERT' OR {}", changed(columns))
    }
}

/// Whether any of the columns has changed, by its binary image.
fn changed(columns: &[&str]) -> String {
    let row = |record: &str| {
        let fields: Vec<String> =
            columns.iter().map(|column| format!("{record}.{}", ident(column))).collect();
        format!("ROW({})::record", fields.join(", "))
    };
    format!("{} OPERATOR(pg_catalog.*<>) {}", row("NEW"), row("OLD"))
}

/// Whether a trigger function calls a row so.
fn is_row(name: &str) -> bool {
    matches!(name, "new" | "old")
}

fn variable(id: ValueId) -> String {
    ident(&format!("__reshape_{id}"))
}

/// Puts back what the user's own BEFORE triggers (`updated_at`) changed in a row that only the backfill writes.
fn restore_body(live: &LiveTable) -> String {
    let mut body = String::from("\nBEGIN\n");
    for column in live.columns.iter().filter(|column| !column.generated) {
        let name = ident(&column.name);
        body.push_str(&format!("  NEW.{name} := OLD.{name};\n"));
    }
    body.push_str("  RETURN NEW;\nEND\n");
    body
}
