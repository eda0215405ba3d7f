INSERT INTO hours SELECT w, date '2024-01-01' + n, 7.5 + n % 3, nullif(n % 4, 0) * 15 FROM unnest('{ann,bob}'::text[]) w, generate_series(0, 20) n;
