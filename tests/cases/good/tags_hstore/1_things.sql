INSERT INTO things VALUES (1, 'color=>red, size=>"10"'), (2, NULL), (3, '');
