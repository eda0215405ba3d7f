INSERT INTO jobs (payload, run_at) SELECT jsonb_build_object('kind', (ARRAY['mail','pdf','sync'])[1 + n % 3], 'n', n), now() - make_interval(mins => n) FROM generate_series(1, 60) n;
UPDATE jobs SET locked_by = pg_backend_pid(), locked_at = now() WHERE id = (SELECT id FROM jobs WHERE locked_by IS NULL ORDER BY run_at FOR UPDATE SKIP LOCKED LIMIT 1);
