CREATE TABLE IF NOT EXISTS reshape.leases (
  namespace text NOT NULL, version text NOT NULL, instance text NOT NULL, application_name text,
  since timestamptz NOT NULL, beat timestamptz NOT NULL, ttl interval NOT NULL,
  PRIMARY KEY (namespace, version, instance));
-- For roles that have no rights on the tables: the role that migrates owns it. A lease with no time to live is given back. The
-- gate is shut while the version is being removed; the statement after it sees what was committed before it was opened.
CREATE OR REPLACE FUNCTION reshape.beat(of_namespace text, of_version text, of_instance text, called text, lives interval)
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $reshape$
BEGIN
  IF lives IS NULL THEN
    DELETE FROM reshape.leases WHERE (namespace, version, instance) = (of_namespace, of_version, of_instance);
    RETURN 'left';
  END IF;
  IF pg_is_in_recovery() THEN
    RETURN 'standby';
  END IF;
  IF NOT pg_try_advisory_xact_lock_shared(hashtextextended('reshape gate ' || of_namespace || '/' || of_version, 0)) THEN
    RETURN 'busy';
  END IF;
  IF NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'migration_' || of_version) THEN
    DELETE FROM reshape.leases WHERE (namespace, version, instance) = (of_namespace, of_version, of_instance);
    RETURN 'retired';
  END IF;
  INSERT INTO reshape.leases AS l (namespace, version, instance, application_name, since, beat, ttl)
    VALUES (of_namespace, of_version, of_instance, called, clock_timestamp(), clock_timestamp(), least(lives, '1 day'))
    ON CONFLICT (namespace, version, instance) DO UPDATE SET beat = excluded.beat, ttl = excluded.ttl;
  RETURN 'held';
END $reshape$;
GRANT USAGE ON SCHEMA reshape TO PUBLIC
