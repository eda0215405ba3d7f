INSERT INTO things VALUES (4, '{"color": "blue"}');
