INSERT INTO meters VALUES (1, 'me');
INSERT INTO samples SELECT 1, 1700000000000 + n * 1000, CASE WHEN n % 7 = 0 THEN 'NaN' ELSE n * 1.5 END FROM generate_series(1, 100) n;
