INSERT INTO customers ("KDNR", name) VALUES ('00000004', 'Schulze');
