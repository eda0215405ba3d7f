INSERT INTO contracts (valid, anniversary) VALUES ('[2024-01-01,2025-01-01)', '1 of January');
