INSERT INTO points (id, contact, x) VALUES (3, 'q@q', 9);
