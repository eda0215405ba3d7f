INSERT INTO books VALUES ('9783161484100', 'Faust', 'Goethe', '1808'), ('9780131103627', 'C', 'Kernighan; Ritchie', 'c. 1978');
