INSERT INTO tickets (subject, state, cc) VALUES ('Printer', 0, 'a@x, b@y'), ('Mouse', 1, NULL), ('Screen', 9, '');
