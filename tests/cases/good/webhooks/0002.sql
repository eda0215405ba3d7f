INSERT INTO endpoints (url, host) VALUES ('http://localhost:80/', 'localhost');
UPDATE deliveries SET status_code = 404, attempts = attempts + 1 WHERE status_code IS NULL;
