INSERT INTO observations SELECT s, timestamptz '2024-01-01 00:00Z' + h * interval '1h', 32 + h, (ARRAY['N 5', 'SW 12.5', NULL])[1 + h % 3] FROM generate_series(1, 2) s, generate_series(0, 23) h;
