INSERT INTO polls (question, options) VALUES ('Tabs?', '{yes,no}'), ('When?', ARRAY['Mon','Tue','"quoted"']);
INSERT INTO votes VALUES (1, '10.0.0.1', 1), (1, '10.0.0.2', 2), (2, '::1', 3);
