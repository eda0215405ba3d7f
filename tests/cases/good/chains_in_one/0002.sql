INSERT INTO u (k, n, a, b) VALUES (3, 30, 'x', 1);
UPDATE u SET n = n * 2 WHERE k = 1;
