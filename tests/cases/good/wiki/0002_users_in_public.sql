INSERT INTO editor (name) VALUES ('ada');
UPDATE page SET last_editor = 'ada' WHERE title = 'World';
