//! Views of tables that nobody planned: what `custom` SQL has created by the time the version is published.
//!
//! Everything else in a plan is known when the batch starts; this is looked up by the server when the step runs.
//!
//! **Invariant:** a table that the batch knows is left alone, also one that it removes.

use crate::plan::facts::Facts;
use crate::plan::lineage::Table;
use crate::plan::view::{OPTIONS, RIGHTS};
use crate::sql::ident::{dollar, literal, qualified};
use crate::sql::names;

/// Creates a view, with the table's rights, of every table of the set's own schema that is not among `known`.
pub(crate) fn create(target: &str, known: &[Table], facts: &Facts) -> String {
    let server_version = facts.server_version;
    // Of a set with a name, what its own SQL has created; of the default one, what is nobody's.
    let own = match &facts.set {
        Some(set) if facts.shows_all() => format!(
            "NOT EXISTS (SELECT FROM reshape.tables t WHERE t.relation = c.oid AND t.namespace <> {})",
            literal(set)
        ),
        Some(set) => format!(
            "EXISTS (SELECT FROM reshape.tables t WHERE t.relation = c.oid AND t.namespace = {})",
            literal(set)
        ),
        None => String::from("NOT EXISTS (SELECT FROM reshape.tables t WHERE t.relation = c.oid)"),
    };
    let known = known.iter().filter(|table| table.schema == facts.home());
    let names: Vec<String> = known.map(|table| literal(&table.physical)).collect();
    let rights: Vec<String> = RIGHTS.iter().map(|right| literal(right)).collect();
    let options = if server_version >= 150_000 { OPTIONS } else { "" };
    let body = format!(
        "
DECLARE
  version text := {version};
  found record;
  held record;
BEGIN
  FOR found IN
    SELECT c.oid, n.nspname, c.relname, c.relacl, c.relowner
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = {schema} AND c.relkind IN ('r', 'p', 'f') AND NOT c.relispartition
      AND {own}
      AND NOT c.relname = ANY (ARRAY[{names}]::text[])
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.deptype = 'e'
                      AND d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid)
  LOOP
    EXECUTE format('CREATE VIEW %I.%I{options} AS SELECT * FROM %I.%I',
                   version, found.relname, found.nspname, found.relname);
    FOR held IN
      SELECT g.privilege_type, g.is_grantable,
        CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_catalog.pg_get_userbyid(g.grantee)) END AS grantee
      FROM pg_catalog.aclexplode(found.relacl) g
      WHERE g.grantee <> found.relowner AND g.privilege_type = ANY (ARRAY[{rights}]::text[])
    LOOP
      EXECUTE format('GRANT USAGE ON SCHEMA %I TO %s', version, held.grantee);
      EXECUTE format('GRANT %s ON %I.%I TO %s%s', held.privilege_type, version, found.relname, held.grantee,
                     CASE WHEN held.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END);
    END LOOP;
  END LOOP;
END
",
        version = literal(&names::version_schema(target)),
        schema = literal(facts.home()),
        names = names.join(", "),
        rights = rights.join(", "),
    );
    format!("DO {}", dollar(&body))
}

/// Grants on the views of `tables`, those with an inner view being marked, what the SQL has granted on the tables themselves meanwhile.
pub(crate) fn rights(target: &str, tables: &[(&Table, bool)]) -> Option<String> {
    let (outer, inner) = (names::version_schema(target), names::inner_schema(target));
    let views = tables.iter().flat_map(|(table, synced)| {
        let schemas = [Some(&outer), synced.then_some(&inner)];
        schemas.into_iter().flatten().map(|schema| (*table, schema))
    });
    let views: Vec<String> = views
        .map(|(table, schema)| {
            let (view, table) = (qualified(schema, &table.name), table.sql());
            format!("      ({}, {})", literal(&view), literal(&table))
        })
        .collect();
    if views.is_empty() {
        return None;
    }
    let rights: Vec<String> = RIGHTS.iter().map(|right| literal(right)).collect();
    let body = format!(
        "
DECLARE
  held record;
BEGIN
  FOR held IN
    SELECT g.privilege_type, g.is_grantable, known.name,
      CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_catalog.pg_get_userbyid(g.grantee)) END AS grantee
    FROM (VALUES
{views}
    ) known(name, base)
    JOIN pg_catalog.pg_class c ON c.oid = pg_catalog.to_regclass(known.base), pg_catalog.aclexplode(c.relacl) g
    WHERE g.grantee <> c.relowner AND g.privilege_type = ANY (ARRAY[{rights}]::text[])
  LOOP
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %s', {version}, held.grantee);
    EXECUTE format('GRANT %s ON %s TO %s%s', held.privilege_type, held.name, held.grantee,
                   CASE WHEN held.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END);
  END LOOP;
END
",
        views = views.join(",\n"),
        version = literal(&outer),
        rights = rights.join(", "),
    );
    Some(format!("DO {}", dollar(&body)))
}

/// Rollback: drops whatever views the version has left.
pub(crate) fn drop(target: &str) -> String {
    let body = format!(
        "
DECLARE
  found record;
BEGIN
  FOR found IN
    SELECT n.nspname, c.relname
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = {} AND c.relkind = 'v'
  LOOP
    EXECUTE format('DROP VIEW %I.%I', found.nspname, found.relname);
  END LOOP;
END
",
        literal(&names::version_schema(target))
    );
    format!("DO {}", dollar(&body))
}
