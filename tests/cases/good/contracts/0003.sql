INSERT INTO contracts (valid, anniversary) VALUES ('[2026-01-01,)', 'x');
