INSERT INTO jobs (payload, kind, priority) VALUES ('{}', 'report', 1);
DELETE FROM jobs WHERE kind = 'pdf';
