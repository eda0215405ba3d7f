INSERT INTO contacts (first_name, last_name) VALUES ('Grace', 'Hopper');
UPDATE contacts SET last_name = 'de la Cierva y Codorníu' WHERE first_name = 'Juan';
