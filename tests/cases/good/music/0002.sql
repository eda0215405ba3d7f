INSERT INTO tracks VALUES ('X', 2, 1, 'Y', '00:03:00');
