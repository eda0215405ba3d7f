INSERT INTO employees VALUES (1, 'Boss', NULL, 9000, 'DE44 5001 0517 5407 3249 31'), (2, 'Ann', 1, 4000, NULL), (3, 'Bob', 1, 3000, 'x');
