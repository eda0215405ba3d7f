INSERT INTO routes ("from", "to", path) VALUES (1, 2, '[(0,0),(1,1)]'), (2, 1, NULL);
