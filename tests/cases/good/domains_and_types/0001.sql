INSERT INTO points VALUES (1, ROW(1, -2), 'a@b', 3, '[1.5,2.5)'), (2, NULL, NULL, NULL, 'empty');
