INSERT INTO audit_log ("After", "Changed", "Operation", relation) VALUES ('1', '{}', 'I', 'pg_catalog.pg_class');
