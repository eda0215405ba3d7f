INSERT INTO vehicles VALUES ('B-XY 12', 1000, 'Diesel', 'Ann'), ('HH-A 1', NULL, 'electric ', NULL);
