//! The proof that every expression can be computed, before any client's write depends on it.

use super::Sync;
use crate::plan::cross::Locking;
use crate::plan::flow::Computation;
use crate::plan::lineage::Formula;
use crate::plan::mention::code;
use crate::sql::ident::ident;

impl Sync<'_> {
    /// Statements that fail if an expression does not parse, names what is not there, or has a type that cannot be assigned: now,
    /// while nothing has happened, and not in a client's write. `EXPLAIN` plans and runs nothing, not even a statement trigger.
    pub(crate) fn proofs(&self) -> Vec<String> {
        let prove = |computation: &Computation<'_>| {
            let stage = computation.stage;
            let on = self.table.sql();
            let result = &self.table.values[stage.result];
            // No statement may write an identity column that is always generated, so there the value is only cast.
            let assignable = computation.column.filter(|_| !result.is_always_identity);
            let update = |column: &str, source: &str| {
                format!("EXPLAIN UPDATE {on} AS t SET {} = {source}", ident(column))
            };
            let simple = |source: String| match assignable {
                Some(column) => update(column, &source),
                None => {
                    format!("EXPLAIN SELECT CAST({source} AS {}) FROM {on} AS t", result.data_type)
                }
            };
            let sql = match &stage.formula {
                Formula::Copy(id) => {
                    computation.column?;
                    let source = ident(self.table.values[*id].physical.as_deref()?);
                    return Some(simple(format!("t.{source}")));
                }
                Formula::Default(sql) => {
                    computation.column?;
                    return Some(simple(format!("(\n{sql}\n)")));
                }
                // In a sub-select it would be a `text`, and no text can be assigned to, say, an enum.
                Formula::Expression(sql) if is_untyped(sql) => {
                    return Some(simple(format!("(\n{sql}\n)")));
                }
                Formula::Expression(sql) => stage.scope.beside.evaluated(sql),
                Formula::Lookup(lookup) => lookup.sql(Locking::Yes),
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
            Some(match assignable {
                Some(column) => update(column, &value),
                None => format!("EXPLAIN SELECT {value} FROM {on} AS t"),
            })
        };
        self.up.stages.iter().chain(&self.down.stages).filter_map(prove).collect()
    }
}

/// Whether the expression is a string constant or NULL and nothing else: it has the type of whatever it is assigned to.
fn is_untyped(sql: &str) -> bool {
    let code = code(sql);
    let left = code.trim_matches(|c: char| c.is_whitespace() || matches!(c, '(' | ')'));
    left.is_empty() && sql.contains('\'') || left.eq_ignore_ascii_case("null")
}
