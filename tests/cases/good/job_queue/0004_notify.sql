INSERT INTO jobs (payload, kind) VALUES ('[]', 'now');
