INSERT INTO votes VALUES (2, '::2', 1, 'Mon');
UPDATE polls SET closed = (id % 2 = 0);
