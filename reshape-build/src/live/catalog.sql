-- Everything in a database that a migration could leave behind or damage, one line each, without oids.
-- The default statistics target is -1 up to PostgreSQL 16, and NULL since.
WITH space AS (
  SELECT oid, nspname FROM pg_namespace
  WHERE nspname NOT LIKE 'pg\_%' AND nspname <> 'information_schema'
),
line(kind, text) AS (
  SELECT 'schema', nspname || ' ' || coalesce(nspacl::text, '') FROM pg_namespace WHERE oid IN (SELECT oid FROM space)
  UNION ALL
  SELECT 'relation', concat_ws(' ', s.nspname, c.relname, c.relkind, c.relacl::text, c.reloptions::text,
         c.relrowsecurity, c.relreplident, obj_description(c.oid, 'pg_class'))
  FROM pg_class c JOIN space s ON s.oid = c.relnamespace
  UNION ALL
  SELECT 'column', concat_ws(' ', s.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
         a.attidentity, a.attgenerated, pg_get_expr(d.adbin, d.adrelid), a.attacl::text, coalesce(a.attstattarget, -1),
         a.attcollation::regcollation, (SELECT string_agg(o, ' ') FROM unnest(a.attoptions) o WHERE o NOT LIKE 'pg\_%'), a.attstorage::text, a.attcompression::text, col_description(c.oid, a.attnum))
  FROM pg_class c JOIN space s ON s.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
  UNION ALL
  SELECT 'constraint', concat_ws(' ', s.nspname, con.conrelid::regclass, con.conname, con.convalidated, pg_get_constraintdef(con.oid),
         obj_description(con.oid, 'pg_constraint'))
  FROM pg_constraint con JOIN space s ON s.oid = con.connamespace
  UNION ALL
  SELECT 'index', concat_ws(' ', s.nspname, pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisclustered, i.indisreplident)
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN space s ON s.oid = c.relnamespace
  UNION ALL
  SELECT 'view', concat_ws(' ', s.nspname, c.relname, pg_get_viewdef(c.oid))
  FROM pg_class c JOIN space s ON s.oid = c.relnamespace WHERE c.relkind IN ('v', 'm')
  UNION ALL
  SELECT 'trigger', concat_ws(' ', pg_get_triggerdef(t.oid), t.tgenabled, obj_description(t.oid, 'pg_trigger'))
  FROM pg_trigger t WHERE NOT t.tgisinternal
  UNION ALL
  SELECT 'policy', concat_ws(' ', p.schemaname, p.tablename, p.policyname, p.permissive, p.roles::text, p.cmd, p.qual, '/', p.with_check,
         (SELECT obj_description(o.oid, 'pg_policy') FROM pg_policy o
          WHERE o.polname = p.policyname AND o.polrelid = format('%I.%I', p.schemaname, p.tablename)::regclass))
  FROM pg_policies p
  UNION ALL
  SELECT 'statistics', concat_ws(' ', s.nspname, pg_get_statisticsobjdef(x.oid), coalesce(x.stxstattarget, -1), obj_description(x.oid, 'pg_statistic_ext'))
  FROM pg_statistic_ext x JOIN space s ON s.oid = x.stxnamespace
  UNION ALL
  SELECT 'sequence', concat_ws(' ', s.nspname, c.relname, q.seqtypid::regtype, q.seqstart, q.seqincrement, q.seqmin, q.seqmax, q.seqcache,
         q.seqcycle, (SELECT string_agg(d.deptype::text || ' ' || pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid), ' ') FROM pg_depend d
                      WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i')))
  FROM pg_sequence q JOIN pg_class c ON c.oid = q.seqrelid JOIN space s ON s.oid = c.relnamespace
  UNION ALL
  SELECT 'publication', concat_ws(' ', p.pubname, pg_describe_object('pg_publication_rel'::regclass, r.oid, 0))
  FROM pg_publication p LEFT JOIN pg_publication_rel r ON r.prpubid = p.oid
  UNION ALL
  SELECT 'function', concat_ws(' ', s.nspname, p.proname, pg_get_function_identity_arguments(p.oid), md5(p.prosrc))
  FROM pg_proc p JOIN space s ON s.oid = p.pronamespace
  UNION ALL
  SELECT 'type', concat_ws(' ', s.nspname, t.typname, t.typtype,
         (SELECT string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid))
  FROM pg_type t JOIN space s ON s.oid = t.typnamespace WHERE t.typelem = 0
)
SELECT kind || ' ' || text FROM line ORDER BY 1
