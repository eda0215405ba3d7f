INSERT INTO thing (a) VALUES (1), (NULL), (3);
