INSERT INTO pupils VALUES (1, 'Max', '5a'), (2, 'Moritz', NULL);
INSERT INTO marks VALUES (1, 'maths', '2024-01-01', '2+'), (2, 'maths', '2024-01-01', '6');
