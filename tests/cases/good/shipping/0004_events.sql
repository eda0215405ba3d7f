INSERT INTO events VALUES ('A1', now(), 'scanned', 'Leipzig');
