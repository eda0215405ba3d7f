//! Which tables belong to which set, and what the batches of other sets are doing meanwhile.
//!
//! **Invariant:** between the look at the catalog for a plan and its first write no other set has begun or ended a batch that may have to do with
//! the plan's tables: the transaction that stores the plan compares, under a lock that all sets share. Sets that keep to schemas of their own
//! have nothing to do with each other, so that any number of tenants can be worked on at the same time.

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
use crate::sql::tenant;

/// Whether the set of a row `t` of `reshape.changing` only needs that table as it is. Names are compared as texts: `to_regclass` fails without a right
/// to the schema, which is that of another set here.
const USED: &str = "EXISTS (SELECT FROM reshape.batch b, LATERAL pg_catalog.jsonb_array_elements_text(b.plan -> 'uses') u(name), \
      pg_catalog.pg_class l JOIN pg_catalog.pg_namespace s ON s.oid = l.relnamespace \
    WHERE b.namespace = t.namespace AND l.oid = t.relation \
      AND pg_catalog.parse_ident(u.name) = ARRAY[s.nspname, l.relname]::text[])";

/// What the other sets were doing when a plan was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Others {
    /// The schemas that the plan is about.
    schemas: Vec<String>,
    /// Those sets that have to do with these, and what they were doing.
    doing: String,
}

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
            let mut about = Vec::new();
            let read =
                catalog::read(client, (set.schema(), base), pending, schemas, |own, all| {
                    about = all.iter().map(|schema| (*schema).to_owned()).collect();
                    // Before the catalog, so that whatever happens meanwhile is noticed.
                    let others = own.batches.then(|| set.others(&about, own.tables));
                    let has_owners = own.tables || own.migrations && !set.is_default();
                    [others, has_owners.then(|| owners_query(set, own, (&about, base)))]
                })?;
            let mut facts = read.facts;
            if !set.is_default() {
                facts.set = Some(set.name().to_owned());
            }
            let mut owners_of: HashMap<(String, String), [Option<String>; 3]> = HashMap::new();
            for row in &read.after {
                let cell = |n: usize| row.get(n).unwrap_or_default().to_owned();
                let entry = owners_of.entry((cell(0), cell(1))).or_default();
                let place = cell(3).parse().unwrap_or(0_usize).min(2);
                entry[place] = Some(cell(2));
            }
            for table in &mut facts.tables {
                let key = (table.schema.clone(), table.name.clone());
                let [owner, changed_by, used_by] = owners_of.remove(&key).unwrap_or_default();
                table.owner = owner.filter(|owner| owner != set.name());
                table.changed_by = changed_by;
                table.used_by = used_by;
            }
            Ok((facts, Others { schemas: about, doing: read.before.unwrap_or_default() }))
        })?;
        Ok(read)
    }
}

/// Schema and name of a table, a set, and what the set has to do with it: 0, the table belongs to it; 1, its batch changes the table; 2, its batch
/// needs the table as it is. Of all tenants only the tables that the facts may have, which are in `schemas`, in those that the base version shows
/// and in those of children.
fn owners_query(set: &Set, own: Own, (schemas, base): (&[String], Option<&str>)) -> String {
    let Own { batches, migrations, tables } = own;
    let default = literal(DEFAULT_NAMESPACE);
    let mut parts = Vec::new();
    let mut unclaimed = "true";
    if tables {
        parts.push(String::from(
            "SELECT t.relation::oid AS oid, t.namespace, 0 AS what FROM reshape.tables t",
        ));
        parts.push(format!(
            "SELECT t.relation::oid, t.namespace, CASE WHEN {USED} THEN 2 ELSE 1 END \
             FROM reshape.changing t WHERE t.namespace <> {}",
            set.literal()
        ));
        unclaimed = "NOT EXISTS (SELECT FROM reshape.tables t WHERE t.relation = c.oid)";
    }
    if migrations && !set.is_default() {
        // The command line's table has no column for sets; where there is one, there may be thousands of sets.
        let namespace =
            if tables { "m.namespace" } else { "coalesce(to_jsonb(m) ->> 'namespace', 'default')" };
        let mut versions =
            format!("SELECT m.name FROM reshape.migrations m WHERE {namespace} = {default}");
        if batches {
            versions.push_str(&format!(
                " UNION ALL SELECT v.name FROM reshape.batch b, LATERAL (VALUES (b.plan ->> 'base'), (b.plan ->> 'target')) v(name) \
                 WHERE b.namespace = {default} AND v.name IS NOT NULL"
            ));
            // What its batch creates has no view before it is published.
            parts.push(format!(
                "SELECT c.oid, {default}, 0 FROM pg_class c \
                 WHERE c.relnamespace = pg_catalog.to_regnamespace('public') AND c.relkind IN ('r', 'p', 'f') AND {unclaimed} \
                   AND EXISTS (SELECT FROM reshape.batch b WHERE b.namespace = {default} AND b.state <> 'idle')"
            ));
        }
        parts.push(format!(
            "SELECT DISTINCT c.oid, {default}, 0 FROM pg_namespace w \
             JOIN pg_class v ON v.relnamespace = w.oid AND v.relkind = 'v' \
             JOIN pg_rewrite r ON r.ev_class = v.oid \
             JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass \
             JOIN pg_class c ON c.oid = d.refobjid AND c.relkind IN ('r', 'p', 'f') \
             WHERE w.nspname IN (SELECT p || s.name FROM ({versions}) s, (VALUES ('migration_'), ('reshape_')) p(p)) AND {unclaimed}"
        ));
    }
    let list = schemas.iter().map(|schema| literal(schema)).collect::<Vec<_>>().join(", ");
    let base = base.map_or_else(String::new, |base| {
        format!(
            " OR n.oid IN (SELECT k.relnamespace FROM pg_namespace w JOIN pg_class v ON v.relnamespace = w.oid AND v.relkind = 'v' \
               JOIN pg_rewrite r ON r.ev_class = v.oid \
               JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass \
               JOIN pg_class k ON k.oid = d.refobjid \
               WHERE w.nspname IN ('migration_' || {base}, 'reshape_' || {base}))",
            base = literal(base)
        )
    });
    format!(
        "SELECT n.nspname, c.relname, o.namespace, o.what FROM ({}) o \
         JOIN pg_class c ON c.oid = o.oid JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname IN ({list}){base} \
           OR n.oid IN (SELECT k.relnamespace FROM pg_inherits i JOIN pg_class k ON k.oid = i.inhrelid AND NOT k.relispartition)",
        parts.join(" UNION ALL ")
    )
}

impl Set {
    /// What those of the other sets are doing whose tables are in one of the schemas, or that own or change one there; as one text. What a set only
    /// needs as it is, it does not disturb. `claims` says whether the tables are there that say so.
    fn others(&self, schemas: &[String], claims: bool) -> String {
        let list = schemas.iter().map(|schema| literal(schema)).collect::<Vec<_>>().join(", ");
        let at_home = format!("{} IN ({list})", tenant::schema_of_sql("o.namespace"));
        let there = if claims {
            format!(
                "{at_home} OR o.namespace IN (\
                   SELECT t.namespace FROM (SELECT t.relation, t.namespace FROM reshape.tables t \
                     UNION ALL SELECT t.relation, t.namespace FROM reshape.changing t WHERE NOT {USED}) t \
                   JOIN pg_catalog.pg_class c ON c.oid = t.relation JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
                   WHERE n.nspname IN ({list}))"
            )
        } else {
            at_home
        };
        format!(
            "SELECT coalesce(string_agg(format('%s %s %s', o.namespace, o.token, o.state), ',' ORDER BY o.namespace), '') \
             FROM reshape.batch o WHERE o.namespace <> {} AND ({there})",
            self.literal()
        )
    }

    /// The condition under which a plan that was made then can still be stored.
    pub(super) fn undisturbed_by(&self, plan: &Plan, others: &Others) -> String {
        let doing =
            format!("({}) = {}", self.others(&others.schemas, true), literal(&others.doing));
        if plan.changes.is_empty() {
            return doing;
        }
        let changes: Vec<String> = plan.changes.iter().map(|name| literal(name)).collect();
        format!(
            "{doing} AND NOT EXISTS (SELECT FROM reshape.changing g WHERE g.namespace <> {} \
               AND g.relation IN (SELECT pg_catalog.to_regclass(r) FROM pg_catalog.unnest(ARRAY[{}]::text[]) r))",
            self.literal(),
            changes.join(", ")
        )
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
