-- The facts that a plan depends on, as one JSON document; see plan/facts.rs for its shape.
-- $1: the schemas that tables of the batch live in, that of what says none first; $2: the name of the base version's migration, or NULL;
-- $3: the schemas in the migrator's own search_path; $4: a relation whose columns are called as `Snippet` wants it: expressions are
-- printed as if they were over its columns.
WITH RECURSIVE
-- Views of versions are ours: they are no obstacle, the batch drops them itself.
ours AS MATERIALIZED (
  SELECT oid, nspname, nspowner, nspname = 'reshape_' || $2::text AS inner_one
  FROM pg_catalog.pg_namespace
  WHERE nspname IN ('migration_' || $2::text, 'reshape_' || $2::text)
),
-- The views that a batch made: one for each table, by its name.
our_view AS MATERIALIZED (
  SELECT c.oid, c.relowner, c.relname, ours.nspname, ours.inner_one
  FROM pg_catalog.pg_class c JOIN ours ON ours.oid = c.relnamespace WHERE c.relkind = 'v'
),
-- Tables that the base version has views of, each with its schema.
viewed AS MATERIALIZED (
  SELECT DISTINCT c.oid, c.relnamespace
  FROM our_view v
  JOIN pg_catalog.pg_rewrite r ON r.ev_class = v.oid
  JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid
    AND d.refclassid = 'pg_catalog.pg_class'::regclass
  JOIN pg_catalog.pg_class c ON c.oid = d.refobjid AND c.relkind IN ('r', 'p', 'f')
),
space AS MATERIALIZED (
  SELECT oid, nspname FROM pg_catalog.pg_namespace
  WHERE nspname = ANY ($1::text[]) OR oid IN (SELECT relnamespace FROM viewed)
    -- Children, in the old style, are changed with their parents.
    OR oid IN (SELECT c.relnamespace FROM pg_catalog.pg_inherits i
               JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid AND c.relkind IN ('r', 'f') AND NOT c.relispartition)
),
extension_member AS MATERIALIZED (
  SELECT classid, objid FROM pg_catalog.pg_depend WHERE deptype = 'e'
),
rel AS MATERIALIZED (
  SELECT c.*, space.nspname AS relschema FROM pg_catalog.pg_class c JOIN space ON space.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'f')
    AND NOT EXISTS (SELECT FROM extension_member e
                    WHERE e.classid = 'pg_catalog.pg_class'::regclass AND e.objid = c.oid)
),
-- Every table, and below it its partitions of every level, in whatever schema.
tree(root, oid, parent, level) AS (
  SELECT oid, oid, NULL::oid, 0 FROM rel
  UNION ALL
  SELECT t.root, i.inhrelid, i.inhparent, t.level + 1
  FROM tree t
  JOIN pg_catalog.pg_inherits i ON i.inhparent = t.oid
  JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid AND c.relispartition
),
-- Every table with all that have its columns from it: partitions and, in the old style, children.
family(root, oid) AS (
  SELECT oid, oid FROM rel
  UNION
  SELECT f.root, i.inhrelid FROM family f JOIN pg_catalog.pg_inherits i ON i.inhparent = f.oid
),
-- Every domain, with itself and those that it is made of.
domain_base(oid, base) AS (
  SELECT oid, oid FROM pg_catalog.pg_type WHERE typtype = 'd'
  UNION ALL
  SELECT d.oid, t.typbasetype FROM domain_base d JOIN pg_catalog.pg_type t ON t.oid = d.base AND t.typtype = 'd'
),
-- Who depends on a table (attnum 0) or one of its columns, or on a type.
dependency AS (
  SELECT d.refclassid, d.refobjid, d.refobjsubid AS attnum, d.classid, d.objid, d.objsubid
  FROM pg_catalog.pg_depend d
  WHERE d.deptype IN ('n', 'a', 'i', 'P', 'S')
    AND (d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid IN (SELECT oid FROM tree)
      OR d.refclassid = 'pg_catalog.pg_type'::regclass)
  UNION
  -- A sequence goes with the column that owns it, so what depends on the sequence depends on the column.
  SELECT own.refclassid, own.refobjid, own.refobjsubid, d.classid, d.objid, d.objsubid
  FROM pg_catalog.pg_depend own
  JOIN pg_catalog.pg_class s ON s.oid = own.objid AND s.relkind = 'S'
  JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = s.oid
  WHERE own.classid = 'pg_catalog.pg_class'::regclass AND own.refclassid = 'pg_catalog.pg_class'::regclass
    AND own.refobjid IN (SELECT oid FROM tree) AND own.refobjsubid > 0
    AND own.deptype IN ('a', 'i') AND d.deptype IN ('n', 'a', 'i')
),
dependent AS (
  SELECT d.*,
    CASE WHEN rew.rulename = '_RETURN'
      THEN pg_catalog.pg_describe_object('pg_catalog.pg_class'::regclass, rew.ev_class, 0)
      ELSE pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid) END AS description,
    CASE
      -- Which rows an update or a delete means, a subscriber learns from it.
      WHEN idx.indisreplident THEN 'other'
      WHEN con.oid IS NOT NULL THEN CASE con.contype
        WHEN 'p' THEN 'primary_key' WHEN 'u' THEN 'unique' WHEN 'x' THEN 'exclusion'
        WHEN 'c' THEN 'check' WHEN 'f' THEN 'foreign_key' ELSE 'other' END
      -- An expression of an exclusion constraint: the index goes with the column, the constraint does not.
      WHEN idx.indisexclusion THEN 'other'
      WHEN cls.relkind IN ('i', 'I') THEN 'index'
      WHEN cls.relkind = 'S' THEN 'sequence'
      WHEN d.classid = 'pg_catalog.pg_class'::regclass AND d.objsubid > 0 THEN 'column'
      WHEN rew.rulename = '_RETURN' AND rel_of.relkind = 'v' THEN 'view'
      WHEN trg.oid IS NOT NULL AND trg.tgisinternal IS FALSE THEN 'trigger'
      WHEN pol.oid IS NOT NULL THEN 'policy'
      WHEN stx.oid IS NOT NULL THEN 'statistics'
      ELSE 'other'
    END AS kind,
    coalesce(con.conname, cls.relname, trg.tgname, pol.polname, stx.stxname, rel_of.relname) AS name,
    rel_of.relname AS relation, rel_of.relnamespace AS space,
    coalesce(con.conrelid, idx.indrelid, trg.tgrelid, pol.polrelid, def.adrelid, stx.stxrelid,
             CASE WHEN d.objsubid > 0 THEN d.objid END, rew.ev_class) AS owner,
    CASE
      WHEN con.contype = 'f' THEN con.conkey
      -- Also those in expressions and predicates.
      WHEN con.oid IS NOT NULL OR idx.indexrelid IS NOT NULL THEN ARRAY(
        SELECT k FROM pg_catalog.unnest(con.conkey) k WHERE k > 0
        UNION SELECT k FROM pg_catalog.unnest(idx.indkey::int2[]) k WHERE k > 0
        UNION SELECT x.refobjsubid::int2 FROM pg_catalog.pg_depend x
        WHERE x.classid = 'pg_catalog.pg_class'::regclass AND x.objid = idx.indexrelid
          AND x.refclassid = 'pg_catalog.pg_class'::regclass AND x.refobjid = idx.indrelid AND x.refobjsubid > 0)
      WHEN def.oid IS NOT NULL THEN ARRAY[def.adnum]
      WHEN d.objsubid > 0 THEN ARRAY[d.objsubid]::int2[]
      ELSE '{}'
    END AS keys,
    con.contype, def.adnum, rew.ev_class, cls.relkind AS dependent_relkind,
    -- A partition has it from its parent: it goes, or comes along, with the parent's.
    coalesce(con.conparentid <> 0, false) OR coalesce(con.contype = 'c' AND con.coninhcount > 0, false)
      OR coalesce(trg.tgparentid <> 0, false)
      OR EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE i.inhrelid = idx.indexrelid) AS is_inherited
  FROM dependency d
  LEFT JOIN pg_catalog.pg_constraint con ON d.classid = 'pg_catalog.pg_constraint'::regclass AND con.oid = d.objid
  LEFT JOIN pg_catalog.pg_class cls ON d.classid = 'pg_catalog.pg_class'::regclass AND cls.oid = d.objid
  LEFT JOIN pg_catalog.pg_index idx ON idx.indexrelid = coalesce(cls.oid, CASE WHEN con.contype IN ('p', 'u', 'x') THEN con.conindid END)
  LEFT JOIN pg_catalog.pg_rewrite rew ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND rew.oid = d.objid
  LEFT JOIN pg_catalog.pg_trigger trg ON d.classid = 'pg_catalog.pg_trigger'::regclass AND trg.oid = d.objid
  LEFT JOIN pg_catalog.pg_policy pol ON d.classid = 'pg_catalog.pg_policy'::regclass AND pol.oid = d.objid
  LEFT JOIN pg_catalog.pg_attrdef def ON d.classid = 'pg_catalog.pg_attrdef'::regclass AND def.oid = d.objid
  LEFT JOIN pg_catalog.pg_statistic_ext stx ON d.classid = 'pg_catalog.pg_statistic_ext'::regclass AND stx.oid = d.objid
  LEFT JOIN pg_catalog.pg_class rel_of ON rel_of.oid = coalesce(rew.ev_class, trg.tgrelid, pol.polrelid)
  WHERE NOT coalesce((SELECT relnamespace IN (SELECT oid FROM ours)
                      FROM pg_catalog.pg_class WHERE oid = coalesce(rew.ev_class, def.adrelid, cls.oid)), false)
    AND coalesce(con.contype, '') <> 'n'
),
-- Which relations a view reads; versions' views are left out.
user_view_reads AS (
  SELECT DISTINCT r.ev_class AS view, d.refobjid AS reads
  FROM pg_catalog.pg_rewrite r
  JOIN pg_catalog.pg_class c ON c.oid = r.ev_class AND c.relkind = 'v'
  JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid
    AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid <> r.ev_class
  WHERE r.rulename = '_RETURN' AND c.relnamespace NOT IN (SELECT oid FROM ours)
),
-- Views over tables of ours, and views over those; a view that is read stands before those that read it.
user_view(view, depth) AS (
  SELECT view, 1 FROM user_view_reads WHERE reads IN (SELECT oid FROM rel)
  UNION
  SELECT e.view, v.depth + 1 FROM user_view_reads e JOIN user_view v ON e.reads = v.view WHERE v.depth < 64
),
dependent_json AS (
  SELECT refclassid, refobjid, attnum, classid, objid, objsubid, owner, adnum, kind, dependent_relkind, is_inherited,
    pg_catalog.jsonb_build_object(
      'kind', kind,
      'description', description,
      'name', name,
      'schema', (SELECT nspname FROM pg_catalog.pg_namespace n WHERE n.oid = space),
      'relation', relation,
      'table', CASE WHEN rel.oid IS NOT NULL THEN pg_catalog.jsonb_build_object('schema', rel.relschema, 'name', rel.relname) END,
      'columns', (SELECT coalesce(pg_catalog.jsonb_agg(a.attname ORDER BY k.n), '[]')
                  FROM pg_catalog.unnest(keys) WITH ORDINALITY k(attnum, n)
                  JOIN pg_catalog.pg_attribute a ON a.attrelid = owner AND a.attnum = k.attnum)
    ) AS doc
  FROM dependent LEFT JOIN rel ON rel.oid = owner
),
-- What depends on a column of a table or, on its own account, on that column of a partition.
column_dependent AS MATERIALIZED (
  SELECT t.root, own.attnum AS root_attnum, j.*
  FROM dependent_json j
  JOIN tree t ON t.oid = j.refobjid
  JOIN pg_catalog.pg_attribute a ON a.attrelid = j.refobjid AND a.attnum = j.attnum
  JOIN pg_catalog.pg_attribute own ON own.attrelid = t.root AND own.attname = a.attname
  WHERE j.refclassid = 'pg_catalog.pg_class'::regclass AND j.attnum > 0
    -- Its own default is known; a generated column's expression is a dependency of its own.
    AND NOT (j.adnum IS NOT NULL AND j.owner = j.refobjid AND j.adnum = j.attnum)
    -- So is that of the same column further down, which may draw from the sequence of the column.
    AND NOT EXISTS (SELECT FROM family f JOIN pg_catalog.pg_attribute d ON d.attrelid = f.oid AND d.attnum = j.adnum
                    WHERE f.root = t.root AND f.oid = j.owner AND f.oid <> j.refobjid AND d.attname = own.attname
                      AND d.attgenerated = '')
    AND (t.level = 0 OR NOT j.is_inherited)
),
-- All of that under the table and the number of the column: looking for each column through all that depends on any takes time that grows with the
-- square of the tables.
column_dependents AS MATERIALIZED (
  SELECT pg_catalog.jsonb_object_agg(pg_catalog.concat(c.root, ' ', c.root_attnum), c.docs) AS docs
  FROM (SELECT root, root_attnum, pg_catalog.jsonb_agg(doc ORDER BY classid, objid) AS docs
        FROM column_dependent GROUP BY root, root_attnum) c
),
-- What depends on a table, on a partition of it or on the row type of one.
table_dependent AS MATERIALIZED (
  SELECT m.root, j.*
  FROM (
    SELECT d.*, CASE WHEN d.refclassid = 'pg_catalog.pg_class'::regclass THEN d.refobjid
                     ELSE coalesce(nullif(t.typrelid, 0), nullif(e.typrelid, 0)) END AS of_relation
    FROM dependent_json d
    LEFT JOIN pg_catalog.pg_type t ON d.refclassid = 'pg_catalog.pg_type'::regclass AND t.oid = d.refobjid
    LEFT JOIN pg_catalog.pg_type e ON e.typarray = t.oid) j
  JOIN tree m ON m.oid = j.of_relation
  -- The row type itself, and arrays of it, are part of the table.
  LEFT JOIN pg_catalog.pg_type o ON j.classid = 'pg_catalog.pg_type'::regclass AND o.oid = j.objid
  LEFT JOIN pg_catalog.pg_type oe ON oe.typarray = o.oid
  WHERE j.kind <> 'sequence' AND j.dependent_relkind IS DISTINCT FROM 't'
    AND NOT coalesce(m.oid IN (o.typrelid, oe.typrelid), false)
    -- So are its partitions, and what belongs to them.
    AND NOT EXISTS (SELECT FROM tree x WHERE x.root = m.root AND x.oid = coalesce(j.owner,
          CASE WHEN j.classid = 'pg_catalog.pg_class'::regclass AND j.objsubid = 0 THEN j.objid END))
),
-- What a partition has set for a column that its parent has not.
partition_setting AS MATERIALIZED (
  SELECT t.root, own.attnum AS root_attnum, s.name || ' on partition ' || t.oid::regclass AS name
  FROM tree t
  JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_catalog.pg_type ty ON ty.oid = a.atttypid
  JOIN pg_catalog.pg_attribute own ON own.attrelid = t.root AND own.attname = a.attname
  LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  LEFT JOIN pg_catalog.pg_attrdef od ON od.adrelid = own.attrelid AND od.adnum = own.attnum,
  LATERAL (VALUES
    (d.oid IS NOT NULL AND pg_catalog.pg_get_expr(d.adbin, d.adrelid) IS DISTINCT FROM pg_catalog.pg_get_expr(od.adbin, od.adrelid), 'default'),
    (a.attnotnull AND NOT own.attnotnull, 'NOT NULL'),
    (coalesce(a.attstattarget, -1) <> -1, 'statistics target'),
    (EXISTS (SELECT FROM pg_catalog.unnest(a.attoptions) o WHERE o NOT LIKE 'pg\_%'), 'planner options'),
    (a.attstorage <> ty.typstorage, 'storage'),
    (a.attcompression <> '', 'compression'),
    (a.attacl IS NOT NULL, 'column rights'),
    (pg_catalog.col_description(t.oid, a.attnum) IS NOT NULL, 'comment')) s(is_set, name)
  WHERE t.level > 0 AND s.is_set
)
SELECT pg_catalog.jsonb_build_object(
-- What there is to say of an empty database begins here.
  'server_version', pg_catalog.current_setting('server_version_num')::int,
  'schemas', (
    SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
      'name', s.name, 'exists', n.oid IS NOT NULL,
      'may_create', CASE WHEN n.oid IS NULL
        THEN pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')
        ELSE pg_catalog.has_schema_privilege(n.oid, 'CREATE') END,
      'default_grants', (
        SELECT coalesce(pg_catalog.jsonb_agg(DISTINCT pg_catalog.jsonb_build_object(
          'grantee', CASE WHEN g.grantee = 0 THEN NULL ELSE pg_catalog.pg_get_userbyid(g.grantee) END,
          'privilege', g.privilege_type, 'grantable', g.is_grantable)), '[]')
        FROM pg_catalog.pg_default_acl da, pg_catalog.aclexplode(da.defaclacl) g
        WHERE da.defaclrole = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = CURRENT_USER)
          AND da.defaclnamespace IN (0, coalesce(n.oid, 0))
          AND da.defaclobjtype = 'r' AND g.grantee <> da.defaclrole AND g.privilege_type <> 'MAINTAIN'))
      ORDER BY s.name)
    FROM (SELECT pg_catalog.unnest($1::text[]) UNION SELECT nspname::text FROM space) s(name)
    LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = s.name),
  'search_path', (
    SELECT coalesce(pg_catalog.jsonb_agg(s.name ORDER BY s.n), '[]')
    FROM pg_catalog.unnest($3::text[]) WITH ORDINALITY s(name, n)
    WHERE s.name <> 'pg_catalog' AND s.name NOT LIKE 'migration\_%' AND s.name NOT LIKE 'pg\_temp\_%'),
-- And ends here.
  'tables', (
    SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
      'schema', rel.relschema, 'name', rel.relname, 'viewed', rel.oid IN (SELECT oid FROM viewed),
      'kind', rel.relkind,
      'inherits', rel.reloftype <> 0
        OR rel.relkind <> 'p' AND NOT rel.relispartition
          AND EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE rel.oid IN (i.inhrelid, i.inhparent)),
      'owned', (
        SELECT pg_catalog.bool_and(pg_catalog.pg_has_role(c.relowner, 'USAGE'))
        FROM tree t JOIN pg_catalog.pg_class c ON c.oid = t.oid WHERE t.root = rel.oid),
      'row_security', rel.relrowsecurity,
      'comment', pg_catalog.obj_description(rel.oid, 'pg_class'),
      'grants', (
        SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
          'grantee', CASE WHEN g.grantee = 0 THEN NULL ELSE pg_catalog.pg_get_userbyid(g.grantee) END,
          'privilege', g.privilege_type, 'grantable', g.is_grantable)
          ORDER BY pg_catalog.pg_get_userbyid(g.grantee), g.privilege_type), '[]')
        -- The migrator owns the views, whoever owns the table.
        FROM pg_catalog.aclexplode(coalesce(rel.relacl, pg_catalog.acldefault('r', rel.relowner))) g
        WHERE g.grantee <> (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = CURRENT_USER) AND g.privilege_type <> 'MAINTAIN'),
      'columns', (
        SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
          'name', a.attname,
          'data_type', pg_catalog.format_type(a.atttypid, a.atttypmod),
          'not_null', a.attnotnull,
          'default', CASE WHEN a.attgenerated = '' THEN pg_catalog.pg_get_expr(d.adbin, d.adrelid) END,
          'generated', a.attgenerated <> '',
          'comment', pg_catalog.col_description(rel.oid, a.attnum),
          'settings', (
            SELECT coalesce(pg_catalog.jsonb_agg(s.name), '[]')
            FROM pg_catalog.pg_type t, LATERAL (VALUES
              (EXISTS (SELECT FROM pg_catalog.pg_seclabel l WHERE l.classoid = 'pg_catalog.pg_class'::regclass
                         AND l.objoid = rel.oid AND l.objsubid = a.attnum), 'security label')) s(is_set, name)
            WHERE t.oid = a.atttypid AND s.is_set)
            || (SELECT coalesce(pg_catalog.jsonb_agg(p.name ORDER BY p.name), '[]') FROM partition_setting p
                WHERE p.root = rel.oid AND p.root_attnum = a.attnum),
          'grants', (
            SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
              'grantee', CASE WHEN g.grantee = 0 THEN NULL ELSE pg_catalog.pg_get_userbyid(g.grantee) END,
              'privilege', g.privilege_type, 'grantable', g.is_grantable)
              ORDER BY pg_catalog.pg_get_userbyid(g.grantee), g.privilege_type), '[]')
            FROM pg_catalog.aclexplode(a.attacl) g WHERE g.grantee <> rel.relowner),
          'dependents', coalesce((SELECT docs FROM column_dependents) -> pg_catalog.concat(rel.oid, ' ', a.attnum), '[]'),
          'number', a.attnum,
          'inherited', a.attinhcount > 0 AND NOT rel.relispartition,
          'identity_kind', CASE a.attidentity WHEN 'a' THEN 'ALWAYS' WHEN 'd' THEN 'BY DEFAULT' END,
          'collation', (
            SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(co.collname)
            FROM pg_catalog.pg_collation co JOIN pg_catalog.pg_namespace n ON n.oid = co.collnamespace
            JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
            WHERE co.oid = a.attcollation AND a.attcollation <> t.typcollation),
          'statistics', nullif(coalesce(a.attstattarget, -1), -1),
          -- Some minor releases keep a note of the server's own there, on every column.
          'options', (
            SELECT coalesce(pg_catalog.jsonb_agg(o), '[]') FROM pg_catalog.unnest(a.attoptions) o WHERE o NOT LIKE 'pg\_%'),
          'storage', (
            SELECT CASE a.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END
            FROM pg_catalog.pg_type t WHERE t.oid = a.atttypid AND a.attstorage <> t.typstorage),
          'compression', CASE a.attcompression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' END,
          'sequence', (
            SELECT pg_catalog.jsonb_build_object(
              'schema', n.nspname, 'name', c.relname, 'data_type', pg_catalog.format_type(s.seqtypid, NULL),
              'start', s.seqstart, 'increment', s.seqincrement, 'min', s.seqmin, 'max', s.seqmax,
              'cache', s.seqcache, 'cycle', s.seqcycle, 'comment', pg_catalog.obj_description(c.oid, 'pg_class'),
              'grants', (
                SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
                  'grantee', CASE WHEN g.grantee = 0 THEN NULL ELSE pg_catalog.pg_get_userbyid(g.grantee) END,
                  'privilege', g.privilege_type, 'grantable', g.is_grantable)
                  ORDER BY pg_catalog.pg_get_userbyid(g.grantee), g.privilege_type), '[]')
                FROM pg_catalog.aclexplode(c.relacl) g WHERE g.grantee <> c.relowner))
            FROM pg_catalog.pg_depend o
            JOIN pg_catalog.pg_class c ON c.oid = o.objid AND c.relkind = 'S'
            JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            JOIN pg_catalog.pg_sequence s ON s.seqrelid = c.oid
            WHERE o.classid = 'pg_catalog.pg_class'::regclass AND o.refclassid = 'pg_catalog.pg_class'::regclass
              AND o.refobjid = rel.oid AND o.refobjsubid = a.attnum AND o.deptype IN ('a', 'i')
            ORDER BY o.deptype DESC LIMIT 1),
          'generation', CASE WHEN a.attgenerated <> '' THEN pg_catalog.pg_get_expr(d.adbin, d.adrelid) END,
          -- The dependency is the expression's, before PostgreSQL 15 the column's.
          'generated_from', (
            SELECT coalesce(pg_catalog.jsonb_agg(DISTINCT s.attname), '[]')
            FROM pg_catalog.pg_depend x
            JOIN pg_catalog.pg_attribute s ON s.attrelid = rel.oid AND s.attnum = x.refobjsubid
            WHERE a.attgenerated <> '' AND s.attnum <> a.attnum
              AND x.refclassid = 'pg_catalog.pg_class'::regclass AND x.refobjid = rel.oid
              AND (x.classid = 'pg_catalog.pg_attrdef'::regclass AND x.objid = d.oid
                OR x.classid = 'pg_catalog.pg_class'::regclass AND x.objid = rel.oid AND x.objsubid = a.attnum))
          ) ORDER BY a.attnum), '[]')
        FROM pg_catalog.pg_attribute a
        LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.attrelid = rel.oid AND a.attnum > 0 AND NOT a.attisdropped),
      -- ev_type: 2 update, 3 insert.
      'rules', (
        SELECT coalesce(pg_catalog.jsonb_agg(DISTINCT r.rulename), '[]') FROM pg_catalog.pg_rewrite r
        WHERE r.ev_class IN (SELECT oid FROM tree WHERE root = rel.oid) AND r.ev_type IN ('2', '3')),
      -- tgtype: 1 row, 2 before, 4 insert, 16 update.
      'before_triggers', (
        SELECT coalesce(pg_catalog.jsonb_agg(DISTINCT t.tgname), '[]') FROM pg_catalog.pg_trigger t
        WHERE t.tgrelid IN (SELECT oid FROM tree WHERE root = rel.oid) AND NOT t.tgisinternal AND t.tgenabled <> 'D'
          AND t.tgtype & 3 = 3 AND t.tgtype & 20 <> 0 AND t.tgname NOT LIKE '%\_\_reshape%'),
      'before_update_triggers', (
        SELECT coalesce(pg_catalog.jsonb_agg(DISTINCT t.tgname), '[]') FROM pg_catalog.pg_trigger t
        WHERE t.tgrelid IN (SELECT oid FROM tree WHERE root = rel.oid) AND NOT t.tgisinternal AND t.tgenabled <> 'D'
          AND t.tgtype & 19 = 19 AND t.tgname NOT LIKE '%\_\_reshape%'),
      'after_update_triggers', (
        SELECT coalesce(pg_catalog.jsonb_agg(DISTINCT t.tgname), '[]') FROM pg_catalog.pg_trigger t
        WHERE t.tgrelid IN (SELECT oid FROM tree WHERE root = rel.oid) AND NOT t.tgisinternal AND t.tgenabled <> 'D'
          AND t.tgtype & 16 = 16 AND t.tgtype & 2 = 0),
      'dependents', (
        SELECT coalesce(pg_catalog.jsonb_agg(j.doc ORDER BY j.classid, j.objid), '[]')
        FROM (
          SELECT DISTINCT ON (j.classid, j.objid) j.*
          FROM table_dependent j WHERE j.root = rel.oid) j),
      'parents', (
        SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('schema', n.nspname, 'name', c.relname) ORDER BY i.inhseqno), '[]')
        FROM pg_catalog.pg_inherits i
        JOIN pg_catalog.pg_class c ON c.oid = i.inhparent JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE i.inhrelid = rel.oid AND NOT rel.relispartition),
      'children', (
        SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('schema', n.nspname, 'name', c.relname) ORDER BY n.nspname, c.relname), '[]')
        FROM pg_catalog.pg_inherits i
        JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE i.inhparent = rel.oid AND NOT c.relispartition),
      'foreign', (
        SELECT pg_catalog.jsonb_build_object(
          'wrapper', w.fdwname,
          'handler', (SELECT prosrc FROM pg_catalog.pg_proc WHERE oid = w.fdwhandler),
          'options', (
            SELECT coalesce(pg_catalog.jsonb_agg(o.option_name ORDER BY o.option_name), '[]')
            FROM pg_catalog.pg_options_to_table(t.ftoptions) o),
          'named_columns', (
            SELECT coalesce(pg_catalog.jsonb_agg(a.attname ORDER BY a.attnum), '[]')
            FROM pg_catalog.pg_attribute a, pg_catalog.pg_options_to_table(a.attfdwoptions) o
            WHERE a.attrelid = rel.oid AND o.option_name = 'column_name'))
        FROM pg_catalog.pg_foreign_table t
        JOIN pg_catalog.pg_foreign_server s ON s.oid = t.ftserver
        JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid = s.srvfdw
        WHERE t.ftrelid = rel.oid),
      'partition_of', (
        SELECT i.inhparent::regclass::text FROM pg_catalog.pg_inherits i WHERE i.inhrelid = rel.oid AND rel.relispartition),
      -- A column of the key cannot go without its table.
      'partition_key', (
        SELECT coalesce(pg_catalog.jsonb_agg(DISTINCT a.attname), '[]')
        FROM tree m
        JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = m.oid AND d.objsubid > 0
          AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = m.oid AND d.refobjsubid = 0 AND d.deptype = 'i'
        JOIN pg_catalog.pg_attribute a ON a.attrelid = m.oid AND a.attnum = d.objsubid
        WHERE m.root = rel.oid),
      'partitions', (
        SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
          'schema', n.nspname, 'name', c.relname, 'kind', c.relkind,
          'parent', (SELECT pg_catalog.jsonb_build_array(pn.nspname, pc.relname)
                     FROM pg_catalog.pg_class pc JOIN pg_catalog.pg_namespace pn ON pn.oid = pc.relnamespace
                     WHERE pc.oid = t.parent))
          ORDER BY t.level, n.nspname, c.relname), '[]')
        FROM tree t
        JOIN pg_catalog.pg_class c ON c.oid = t.oid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE t.root = rel.oid AND t.level > 0)
      -- `public` first.
      ) ORDER BY pg_catalog.array_position($1::text[], rel.relschema::text), rel.relschema, rel.relname), '[]')
    FROM rel),
  'indexes', (
    SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
      'schema', rel.relschema, 'name', c.relname, 'table', rel.relname,
      'constraint', (SELECT conname FROM pg_catalog.pg_constraint con
                     WHERE con.conrelid = i.indrelid AND con.conindid = c.oid AND con.contype IN ('p', 'u', 'x')),
      'replica_identity', i.indisreplident,
      'dependents', (
        SELECT coalesce(pg_catalog.jsonb_agg(DISTINCT pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid)), '[]')
        FROM pg_catalog.pg_depend d
        WHERE d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = c.oid
          AND d.deptype IN ('n', 'a', 'i', 'P', 'S')
          -- The partitions' share of it.
          AND NOT (d.classid = 'pg_catalog.pg_class'::regclass
                   AND EXISTS (SELECT FROM pg_catalog.pg_inherits p WHERE p.inhrelid = d.objid AND p.inhparent = c.oid))),
      'method', am.amname, 'unique', i.indisunique,
      'nulls_not_distinct', coalesce(pg_catalog.to_jsonb(i) ->> 'indnullsnotdistinct', 'false') = 'true',
      'valid', i.indisvalid, 'clustered', i.indisclustered,
      'keys', (
        SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
          'column', (SELECT attname FROM pg_catalog.pg_attribute a WHERE a.attrelid = i.indrelid AND a.attnum = i.indkey[k]),
          'expression', CASE WHEN i.indkey[k] = 0 THEN pg_catalog.pg_get_indexdef(c.oid, k + 1, false) END,
          'collation', (
            SELECT pg_catalog.quote_ident(cn.nspname) || '.' || pg_catalog.quote_ident(co.collname)
            FROM pg_catalog.pg_collation co JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace
            WHERE co.oid = i.indcollation[k] AND (i.indkey[k] = 0 AND co.collname <> 'default' OR co.oid <> (
              SELECT attcollation FROM pg_catalog.pg_attribute a WHERE a.attrelid = i.indrelid AND a.attnum = i.indkey[k]))),
          'opclass', (
            SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(o.opcname)
            FROM pg_catalog.pg_opclass o JOIN pg_catalog.pg_namespace n ON n.oid = o.opcnamespace
            WHERE o.oid = i.indclass[k] AND (NOT o.opcdefault OR ia.attoptions IS NOT NULL)),
          'opclass_options', coalesce(pg_catalog.to_jsonb(ia.attoptions), '[]'),
          'descending', i.indoption[k] & 1 = 1,
          'nulls_first', i.indoption[k] & 2 = 2,
          'statistics', nullif(coalesce(ia.attstattarget, -1), -1)) ORDER BY k), '[]')
        FROM pg_catalog.generate_series(0, i.indnkeyatts - 1) k
        JOIN pg_catalog.pg_attribute ia ON ia.attrelid = c.oid AND ia.attnum = k + 1),
      'include', (
        SELECT coalesce(pg_catalog.jsonb_agg(a.attname ORDER BY k), '[]')
        FROM pg_catalog.generate_series(i.indnkeyatts::int, i.indnatts - 1) k
        JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k]),
      'expressions', pg_catalog.pg_get_expr(i.indexprs, $4::text::regclass),
      'predicate', pg_catalog.pg_get_expr(i.indpred, $4::text::regclass),
      'options', coalesce(pg_catalog.to_jsonb(c.reloptions), '[]'),
      'tablespace', (SELECT spcname FROM pg_catalog.pg_tablespace WHERE oid = c.reltablespace),
      'comment', pg_catalog.obj_description(c.oid, 'pg_class'),
      'partitioned', c.relkind = 'I',
      'shares', (
        SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
          'schema', sn.nspname, 'table', st.relname, 'name', sc.relname,
          'settings', (
            SELECT coalesce(pg_catalog.jsonb_agg(s.name), '[]')
            FROM (VALUES
              (sc.reloptions IS DISTINCT FROM c.reloptions, 'storage parameters'),
              (sc.reltablespace <> c.reltablespace, 'tablespace'),
              (si.indisreplident, 'replica identity'),
              (si.indisclustered, 'cluster mark'),
              (pg_catalog.obj_description(sc.oid, 'pg_class') IS NOT NULL, 'comment'),
              (EXISTS (SELECT FROM pg_catalog.pg_attribute sa
                       WHERE sa.attrelid = sc.oid AND coalesce(sa.attstattarget, -1) <> -1), 'statistics target')) s(is_set, name)
            WHERE s.is_set)) ORDER BY t.level, sn.nspname, sc.relname), '[]')
        FROM pg_catalog.pg_partition_tree(c.oid) t
        JOIN pg_catalog.pg_class sc ON sc.oid = t.relid
        JOIN pg_catalog.pg_index si ON si.indexrelid = t.relid
        JOIN pg_catalog.pg_class st ON st.oid = si.indrelid
        JOIN pg_catalog.pg_namespace sn ON sn.oid = sc.relnamespace
        WHERE c.relkind = 'I' AND t.level > 0)
      ) ORDER BY c.relname), '[]')
    FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
    JOIN pg_catalog.pg_am am ON am.oid = c.relam
    JOIN rel ON rel.oid = i.indrelid),
  'constraints', (
    SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
      'name', con.conname,
      'kind', CASE con.contype WHEN 'p' THEN 'primary_key' WHEN 'u' THEN 'unique' WHEN 'x' THEN 'exclusion'
                               WHEN 'c' THEN 'check' WHEN 'f' THEN 'foreign_key' ELSE 'other' END,
      'schema', n.nspname, 'table', c.relname, 'owned', pg_catalog.pg_has_role(c.relowner, 'USAGE'),
      'columns', (
        SELECT coalesce(pg_catalog.jsonb_agg(a.attname ORDER BY k.n), '[]')
        FROM pg_catalog.unnest(con.conkey) WITH ORDINALITY k(attnum, n)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = con.conrelid AND a.attnum = k.attnum),
      'definition', pg_catalog.pg_get_constraintdef(con.oid),
      -- The relation that it would be printed over has no system columns (`tableoid`).
      'expression', CASE WHEN NOT coalesce(0 > ANY (con.conkey), false) THEN pg_catalog.pg_get_expr(con.conbin, $4::text::regclass) END,
      'references', (
        SELECT pg_catalog.jsonb_build_object(
          'schema', fn.nspname, 'table', f.relname,
          'columns', (
            SELECT pg_catalog.jsonb_agg(a.attname ORDER BY k.n)
            FROM pg_catalog.unnest(con.confkey) WITH ORDINALITY k(attnum, n)
            JOIN pg_catalog.pg_attribute a ON a.attrelid = con.confrelid AND a.attnum = k.attnum),
          'clauses', pg_catalog.concat(
            CASE con.confmatchtype WHEN 'f' THEN ' MATCH FULL' WHEN 'p' THEN ' MATCH PARTIAL' END,
            CASE con.confupdtype WHEN 'r' THEN ' ON UPDATE RESTRICT' WHEN 'c' THEN ' ON UPDATE CASCADE'
                                 WHEN 'n' THEN ' ON UPDATE SET NULL' WHEN 'd' THEN ' ON UPDATE SET DEFAULT' END,
            CASE con.confdeltype WHEN 'r' THEN ' ON DELETE RESTRICT' WHEN 'c' THEN ' ON DELETE CASCADE'
                                 WHEN 'n' THEN ' ON DELETE SET NULL' WHEN 'd' THEN ' ON DELETE SET DEFAULT' END),
          -- From PostgreSQL 15 on.
          'set_columns', (
            SELECT coalesce(pg_catalog.jsonb_agg(a.attname ORDER BY a.attnum), '[]')
            FROM pg_catalog.jsonb_array_elements_text(
                   coalesce(nullif(pg_catalog.to_jsonb(con) -> 'confdelsetcols', 'null'), '[]')) k(attnum)
            JOIN pg_catalog.pg_attribute a ON a.attrelid = con.conrelid AND a.attnum = k.attnum::int2))
        FROM pg_catalog.pg_class f JOIN pg_catalog.pg_namespace fn ON fn.oid = f.relnamespace
        WHERE f.oid = con.confrelid),
      'index', CASE WHEN con.contype IN ('p', 'u', 'x') THEN (SELECT relname FROM pg_catalog.pg_class i WHERE i.oid = con.conindid) END,
      'deferrable', con.condeferrable, 'deferred', con.condeferred, 'validated', con.convalidated,
      'no_inherit', con.connoinherit, 'inherited', con.coninhcount > 0 OR con.conparentid <> 0,
      'comment', pg_catalog.obj_description(con.oid, 'pg_constraint')) ORDER BY n.nspname, c.relname, con.conname), '[]')
    FROM pg_catalog.pg_constraint con
    JOIN pg_catalog.pg_class c ON c.oid = con.conrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE con.contype IN ('p', 'u', 'x', 'c', 'f')
      AND (con.conrelid IN (SELECT oid FROM rel) OR con.confrelid IN (SELECT oid FROM rel))),
  'statistics', (
    SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
      'schema', n.nspname, 'name', x.stxname,
      'table', pg_catalog.jsonb_build_object('schema', rel.relschema, 'name', rel.relname), 'owned', pg_catalog.pg_has_role(x.stxowner, 'USAGE'),
      'kinds', CASE WHEN x.stxkind::text[] = '{e}' THEN '[]' ELSE (
        SELECT pg_catalog.jsonb_agg(CASE k WHEN 'd' THEN 'ndistinct' WHEN 'f' THEN 'dependencies' ELSE 'mcv' END)
        FROM pg_catalog.unnest(x.stxkind::text[]) k WHERE k IN ('d', 'f', 'm')) END,
      'columns', (
        SELECT coalesce(pg_catalog.jsonb_agg(a.attname ORDER BY k.n), '[]')
        FROM pg_catalog.unnest(x.stxkeys::int2[]) WITH ORDINALITY k(attnum, n)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = rel.oid AND a.attnum = k.attnum),
      'expressions', pg_catalog.pg_get_expr(x.stxexprs, $4::text::regclass),
      'expression_texts', coalesce(pg_catalog.to_jsonb(pg_catalog.pg_get_statisticsobjdef_expressions(x.oid)), '[]'),
      'target', nullif(coalesce(x.stxstattarget, -1), -1),
      'comment', pg_catalog.obj_description(x.oid, 'pg_statistic_ext')) ORDER BY n.nspname, x.stxname), '[]')
    FROM pg_catalog.pg_statistic_ext x
    JOIN rel ON rel.oid = x.stxrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = x.stxnamespace),
  'triggers', (
    SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
      'name', t.tgname, 'table', pg_catalog.jsonb_build_object('schema', rel.relschema, 'name', rel.relname),
      'definition', pg_catalog.pg_get_triggerdef(t.oid),
      'columns', (
        SELECT coalesce(pg_catalog.jsonb_agg(a.attname ORDER BY k.n), '[]')
        FROM pg_catalog.unnest(t.tgattr::int2[]) WITH ORDINALITY k(attnum, n)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = rel.oid AND a.attnum = k.attnum),
      'enabled', t.tgenabled,
      'comment', pg_catalog.obj_description(t.oid, 'pg_trigger')) ORDER BY rel.relname, t.tgname), '[]')
    FROM pg_catalog.pg_trigger t JOIN rel ON rel.oid = t.tgrelid
    WHERE NOT t.tgisinternal AND t.tgname NOT LIKE '%\_\_reshape%'),
  'policies', (
    SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
      'name', p.polname, 'schema', n.nspname, 'table', c.relname, 'owned', pg_catalog.pg_has_role(c.relowner, 'USAGE'),
      'tables', (
        SELECT coalesce(pg_catalog.jsonb_agg(DISTINCT pg_catalog.jsonb_build_object('schema', rel.relschema, 'name', rel.relname)), '[]')
        FROM pg_catalog.pg_depend d JOIN rel ON rel.oid = d.refobjid
        WHERE d.classid = 'pg_catalog.pg_policy'::regclass AND d.objid = p.oid
          AND d.refclassid = 'pg_catalog.pg_class'::regclass),
      'definition', pg_catalog.concat(
        CASE WHEN p.polpermissive THEN 'AS PERMISSIVE' ELSE 'AS RESTRICTIVE' END,
        CASE p.polcmd WHEN 'r' THEN ' FOR SELECT' WHEN 'a' THEN ' FOR INSERT' WHEN 'w' THEN ' FOR UPDATE'
                      WHEN 'd' THEN ' FOR DELETE' ELSE ' FOR ALL' END,
        ' TO ' || (
          SELECT pg_catalog.string_agg(CASE r WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(r)) END, ', ')
          FROM pg_catalog.unnest(p.polroles) r),
        ' USING (' || pg_catalog.pg_get_expr(p.polqual, p.polrelid) || ')',
        ' WITH CHECK (' || pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) || ')'),
      'comment', pg_catalog.obj_description(p.oid, 'pg_policy')) ORDER BY n.nspname, c.relname, p.polname), '[]')
    FROM pg_catalog.pg_policy p
    JOIN pg_catalog.pg_class c ON c.oid = p.polrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE EXISTS (
      SELECT FROM pg_catalog.pg_depend d
      WHERE d.classid = 'pg_catalog.pg_policy'::regclass AND d.objid = p.oid
        AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid IN (SELECT oid FROM rel))),
  'views', (
    SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
      'schema', n.nspname, 'name', c.relname, 'definition', pg_catalog.pg_get_viewdef(c.oid),
      'options', coalesce(pg_catalog.to_jsonb(c.reloptions), '[]'),
      'owner', CASE WHEN pg_catalog.pg_get_userbyid(c.relowner) <> CURRENT_USER THEN pg_catalog.pg_get_userbyid(c.relowner) END,
      'owned', pg_catalog.pg_has_role(c.relowner, 'USAGE'),
      'grants', (
        SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
          'grantee', CASE WHEN g.grantee = 0 THEN NULL ELSE pg_catalog.pg_get_userbyid(g.grantee) END,
          'privilege', g.privilege_type, 'grantable', g.is_grantable)
          ORDER BY pg_catalog.pg_get_userbyid(g.grantee), g.privilege_type), '[]')
        FROM pg_catalog.aclexplode(c.relacl) g WHERE g.grantee <> c.relowner),
      'revoked', (
        SELECT coalesce(pg_catalog.jsonb_agg(d.privilege_type ORDER BY d.privilege_type), '[]')
        FROM pg_catalog.aclexplode(pg_catalog.acldefault('r', c.relowner)) d
        WHERE c.relacl IS NOT NULL AND NOT EXISTS (
          SELECT FROM pg_catalog.aclexplode(c.relacl) g
          WHERE g.grantee = c.relowner AND g.privilege_type = d.privilege_type)),
      'comment', pg_catalog.obj_description(c.oid, 'pg_class'),
      'columns', (
        SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
          'name', a.attname,
          'default', (SELECT pg_catalog.pg_get_expr(d.adbin, d.adrelid) FROM pg_catalog.pg_attrdef d
                      WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum),
          'comment', pg_catalog.col_description(c.oid, a.attnum),
          'grants', (
            SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
              'grantee', CASE WHEN g.grantee = 0 THEN NULL ELSE pg_catalog.pg_get_userbyid(g.grantee) END,
              'privilege', g.privilege_type, 'grantable', g.is_grantable)
              ORDER BY pg_catalog.pg_get_userbyid(g.grantee), g.privilege_type), '[]')
            FROM pg_catalog.aclexplode(a.attacl) g WHERE g.grantee <> c.relowner)) ORDER BY a.attnum)
        FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
      'reads', (
        SELECT coalesce(pg_catalog.jsonb_agg(DISTINCT pg_catalog.jsonb_build_array(rn.nspname, r.relname)), '[]')
        FROM user_view_reads e
        JOIN pg_catalog.pg_class r ON r.oid = e.reads AND r.relkind = 'v'
        JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace
        WHERE e.view = c.oid),
      'tables', (
        SELECT coalesce(pg_catalog.jsonb_agg(DISTINCT pg_catalog.jsonb_build_object('schema', rel.relschema, 'name', rel.relname)), '[]')
        FROM user_view_reads e JOIN rel ON rel.oid = e.reads WHERE e.view = c.oid),
      'obstacles', (
        SELECT coalesce(pg_catalog.jsonb_agg(DISTINCT
          CASE WHEN rew.rulename = '_RETURN'
            THEN pg_catalog.pg_describe_object('pg_catalog.pg_class'::regclass, rew.ev_class, 0)
            ELSE pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid) END), '[]')
        FROM pg_catalog.pg_depend d
        LEFT JOIN pg_catalog.pg_rewrite rew ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND rew.oid = d.objid
        LEFT JOIN pg_catalog.pg_class rc ON rc.oid = rew.ev_class
        LEFT JOIN pg_catalog.pg_attrdef def ON d.classid = 'pg_catalog.pg_attrdef'::regclass AND def.oid = d.objid
        WHERE (d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = c.oid
            OR d.refclassid = 'pg_catalog.pg_type'::regclass AND d.refobjid IN (
                 SELECT pg_catalog.unnest(ARRAY[t.oid, t.typarray]) FROM pg_catalog.pg_type t WHERE t.oid = c.reltype))
          AND d.deptype IN ('n', 'a', 'i')
          AND d.classid <> 'pg_catalog.pg_type'::regclass
          AND coalesce(def.adrelid, 0) <> c.oid
          AND NOT coalesce(rew.ev_class = c.oid AND rew.rulename = '_RETURN' OR rc.relkind = 'v' AND rew.rulename = '_RETURN', false))
      ) ORDER BY v.depth, n.nspname, c.relname), '[]')
    FROM (SELECT view, max(depth) AS depth FROM user_view GROUP BY view) v
    JOIN pg_catalog.pg_class c ON c.oid = v.view
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace),
  'types', (
    SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
      'schema', space.nspname, 'name', t.typname, 'is_enum', t.typtype = 'e',
      'labels', (SELECT coalesce(pg_catalog.jsonb_agg(enumlabel ORDER BY enumsortorder), '[]') FROM pg_catalog.pg_enum WHERE enumtypid = t.oid),
      'dependents', (
        SELECT coalesce(pg_catalog.jsonb_agg(j.doc ORDER BY j.classid, j.objid), '[]') FROM dependent_json j
        WHERE j.refclassid = 'pg_catalog.pg_type'::regclass AND j.refobjid IN (t.oid, t.typarray)
          AND NOT (j.classid = 'pg_catalog.pg_type'::regclass AND j.objid = t.typarray))
      ) ORDER BY t.typname), '[]')
    FROM pg_catalog.pg_type t JOIN space ON space.oid = t.typnamespace
    WHERE t.typtype IN ('e', 'd', 'r', 'b') AND t.typelem = 0),
  'other_relations', (
    SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('schema', n.nspname, 'name', c.relname)
                                         ORDER BY n.nspname, c.relname), '[]')
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid NOT IN (SELECT oid FROM rel)
      AND CASE WHEN n.oid IN (SELECT oid FROM space) THEN c.relkind IN ('v', 'm', 'S', 'c', 'r', 'p', 'f')
        ELSE n.oid IN (SELECT p.relnamespace FROM tree t JOIN pg_catalog.pg_class p ON p.oid = t.oid) END),
  'domains', (
    SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
      'schema', n.nspname, 'name', t.typname, 'base', pg_catalog.format_type(t.typbasetype, t.typtypmod),
      'default', pg_catalog.pg_get_expr(t.typdefaultbin, 0),
      'constrained', (
        SELECT pg_catalog.bool_or(b.typnotnull OR EXISTS (SELECT FROM pg_catalog.pg_constraint c WHERE c.contypid = b.oid))
        FROM domain_base d JOIN pg_catalog.pg_type b ON b.oid = d.base WHERE d.oid = t.oid AND b.typtype = 'd'))
      ORDER BY n.nspname, t.typname), '[]')
    FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
    WHERE t.typtype = 'd' AND n.nspname <> 'information_schema'),
  'base_views', (
    SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(v.nspname, v.relname)
                                         ORDER BY v.inner_one, v.relname), '[]')
    FROM our_view v),
  'base_schemas', (SELECT coalesce(pg_catalog.jsonb_agg(nspname ORDER BY inner_one), '[]') FROM ours),
  'base_owned', (
    SELECT coalesce(pg_catalog.bool_and(pg_catalog.pg_has_role(o.owner, 'USAGE')), true)
    FROM (SELECT relowner FROM our_view UNION ALL SELECT nspowner FROM ours) o(owner)),
  'base_dependents', (
    SELECT coalesce(pg_catalog.jsonb_agg(DISTINCT
      CASE WHEN rew.rulename = '_RETURN'
        THEN pg_catalog.pg_describe_object('pg_catalog.pg_class'::regclass, rew.ev_class, 0)
        ELSE pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid) END), '[]')
    FROM pg_catalog.pg_depend d
    LEFT JOIN pg_catalog.pg_rewrite rew ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND rew.oid = d.objid
    LEFT JOIN pg_catalog.pg_attrdef def ON d.classid = 'pg_catalog.pg_attrdef'::regclass AND def.oid = d.objid
    LEFT JOIN pg_catalog.pg_type typ ON d.classid = 'pg_catalog.pg_type'::regclass AND typ.oid = d.objid
    LEFT JOIN pg_catalog.pg_type elem ON elem.oid = typ.typelem
    WHERE d.deptype IN ('n', 'a', 'i', 'P', 'S')
      AND (d.refclassid = 'pg_catalog.pg_namespace'::regclass AND d.refobjid IN (SELECT oid FROM ours)
        OR d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid IN (SELECT oid FROM our_view)
        OR d.refclassid = 'pg_catalog.pg_type'::regclass AND d.refobjid IN (
             SELECT pg_catalog.unnest(ARRAY[t.oid, t.typarray]) FROM pg_catalog.pg_type t
             WHERE t.typrelid IN (SELECT oid FROM our_view)))
      AND d.classid <> 'pg_catalog.pg_default_acl'::regclass
      -- Row types and arrays of them: the relation says it all.
      AND coalesce(nullif(typ.typrelid, 0), nullif(elem.typrelid, 0)) IS NULL
      AND NOT EXISTS (
        SELECT FROM our_view v
        WHERE v.oid = coalesce(rew.ev_class, def.adrelid,
                               CASE WHEN d.classid = 'pg_catalog.pg_class'::regclass THEN d.objid END)
          -- Any other view in there is somebody else's.
          AND v.relname IN (SELECT relname FROM rel)))
)::text
