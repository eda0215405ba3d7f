//! Which tables belong to which set, and what the batches of other sets are doing meanwhile.
//!
//! **Invariant:** between the look at the catalog for a plan and its first write no other set has begun or ended a batch: the transaction that
//! stores the plan compares, under a lock that all sets share.

use std::collections::HashMap;

use super::catalog::{self, Own};
use super::metadata::INSTALLING;
use super::run::{Run, Task};
use super::set::Set;
use crate::error::Error;
use crate::model::{DEFAULT_NAMESPACE, Migration};
use crate::plan::Plan;
use crate::plan::facts::Facts;
use crate::sql::ident::literal;

/// What the other sets were doing when a plan was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Others(String);

impl Run<'_> {
    /// The facts for a plan, also of tables in `schemas`, and what the other sets were doing then.
    pub(super) fn facts(
        &mut self,
        base: Option<&str>,
        pending: &[Migration],
        schemas: &[String],
    ) -> Result<(Facts, Others), Error> {
        let (read, _) = self.retrying(Task::Own("read the catalog"), |run| {
            let Run { client, set, .. } = run;
            let read = catalog::read(client, base, pending, schemas, |own| {
                // Before the catalog, so that whatever happens meanwhile is noticed.
                let others = own.batches.then(|| format!("SELECT ({})", set.others()));
                let has_owners = own.tables || own.migrations && !set.is_default();
                [others, has_owners.then(|| owners_query(set, own))]
            })?;
            let mut facts = read.facts;
            if !set.is_default() {
                facts.set = Some(set.name().to_owned());
            }
            let mut owners_of: HashMap<(String, String), [Option<String>; 2]> = HashMap::new();
            for row in &read.after {
                let cell = |n: usize| row.get(n).unwrap_or_default().to_owned();
                let entry = owners_of.entry((cell(0), cell(1))).or_default();
                entry[usize::from(row.get(3) == Some("t"))] = Some(cell(2));
            }
            for table in &mut facts.tables {
                let key = (table.schema.clone(), table.name.clone());
                let [owner, changed_by] = owners_of.remove(&key).unwrap_or_default();
                table.owner = owner.filter(|owner| owner != set.name());
                table.changed_by = changed_by;
            }
            Ok((facts, Others(read.before.unwrap_or_default())))
        })?;
        Ok(read)
    }
}

/// Schema and name of a table, a set, and whether the set's batch is changing the table; else the table belongs to it.
fn owners_query(set: &Set, own: Own) -> String {
    let Own { batches, migrations, tables } = own;
    let default = literal(DEFAULT_NAMESPACE);
    let mut parts = Vec::new();
    let mut unclaimed = "true";
    if tables {
        parts.push(String::from(
            "SELECT t.relation::oid AS oid, t.namespace, false AS changes FROM reshape.tables t",
        ));
        parts.push(format!(
            "SELECT t.relation::oid, t.namespace, true FROM reshape.changing t WHERE t.namespace <> {}",
            set.literal()
        ));
        unclaimed = "NOT EXISTS (SELECT FROM reshape.tables t WHERE t.relation = c.oid)";
    }
    if migrations && !set.is_default() {
        // The command line's table has no column for sets.
        let mut versions = format!(
            "SELECT m.name FROM reshape.migrations m \
             WHERE coalesce(to_jsonb(m) ->> 'namespace', {default}) = {default}"
        );
        if batches {
            versions.push_str(&format!(
                " UNION ALL SELECT v.name FROM reshape.batch b, LATERAL (VALUES (b.plan ->> 'base'), (b.plan ->> 'target')) v(name) \
                 WHERE b.namespace = {default} AND v.name IS NOT NULL"
            ));
            // What its batch creates has no view before it is published.
            parts.push(format!(
                "SELECT c.oid, {default}, false FROM pg_class c \
                 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'f') AND {unclaimed} \
                   AND EXISTS (SELECT FROM reshape.batch b WHERE b.namespace = {default} AND b.state <> 'idle')"
            ));
        }
        parts.push(format!(
            "SELECT DISTINCT c.oid, {default}, false FROM pg_namespace w \
             JOIN pg_class v ON v.relnamespace = w.oid AND v.relkind = 'v' \
             JOIN pg_rewrite r ON r.ev_class = v.oid \
             JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass \
             JOIN pg_class c ON c.oid = d.refobjid AND c.relkind IN ('r', 'p', 'f') \
             WHERE w.nspname IN (SELECT p || s.name FROM ({versions}) s, (VALUES ('migration_'), ('reshape_')) p(p)) AND {unclaimed}"
        ));
    }
    format!(
        "SELECT n.nspname, c.relname, o.namespace, o.changes FROM ({}) o \
         JOIN pg_class c ON c.oid = o.oid JOIN pg_namespace n ON n.oid = c.relnamespace",
        parts.join(" UNION ALL ")
    )
}

impl Set {
    /// What the other sets are doing, as one text: an expression.
    fn others(&self) -> String {
        format!(
            "SELECT coalesce(string_agg(format('%s %s %s', o.namespace, o.token, o.state), ',' ORDER BY o.namespace), '') \
             FROM reshape.batch o WHERE o.namespace <> {}",
            self.literal()
        )
    }

    /// The condition under which a plan that was made then can still be stored.
    pub(super) fn undisturbed_by(&self, others: &Others) -> String {
        format!("({}) = {}", self.others(), literal(&others.0))
    }

    /// Taken by every transaction that stores a plan: the sets look at each other there.
    pub(super) fn meet_sql() -> String {
        format!("SELECT pg_catalog.pg_advisory_xact_lock({INSTALLING}); ")
    }

    /// With the plan: the tables that it changes become the set's, unless it is the default one, and are marked, as are those that it uses.
    pub(super) fn claim_sql(&self, plan: &Plan) -> String {
        let (own, name) = (self.own(), self.literal());
        let list = |names: &[String]| {
            let names: Vec<String> = names.iter().map(|name| literal(name)).collect();
            format!("pg_catalog.unnest(ARRAY[{}]::regclass[])", names.join(", "))
        };
        let mut sql = format!("DELETE FROM reshape.changing WHERE {own}; ");
        if !self.is_default() {
            sql.push_str(&format!("DELETE FROM reshape.tables WHERE {own} AND NOT settled; "));
            if !plan.changes.is_empty() {
                sql.push_str(&format!(
                    "INSERT INTO reshape.tables (relation, namespace) SELECT r, {name} FROM {} r ON CONFLICT (relation) DO NOTHING; ",
                    list(&plan.changes)
                ));
            }
        }
        let marked = [plan.changes.as_slice(), plan.uses.as_slice()].concat();
        if !marked.is_empty() {
            sql.push_str(&format!(
                "INSERT INTO reshape.changing (relation, namespace) SELECT r, {name} FROM {} r; ",
                list(&marked)
            ));
        }
        sql
    }

    /// With the end of a batch: what it has claimed is the set's for good, or not at all.
    pub(super) fn settle_sql(&self, completed: bool) -> String {
        let own = self.own();
        let claims = if completed {
            format!(
                "UPDATE reshape.tables SET settled = true WHERE {own} AND NOT settled; \
                 DELETE FROM reshape.tables t WHERE {own} AND NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = t.relation)"
            )
        } else {
            format!("DELETE FROM reshape.tables WHERE {own} AND NOT settled")
        };
        format!("DELETE FROM reshape.changing WHERE {own}; {claims}")
    }
}
