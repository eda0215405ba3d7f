INSERT INTO pages (path, title, author, tags) VALUES ('/x', 'X', 'me', '{x,y}');
UPDATE pages SET tags = array_append(tags, 'new') WHERE path = '/';
