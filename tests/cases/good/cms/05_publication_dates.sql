INSERT INTO pages (path, title, tags, visible) VALUES ('/old', 'Old', '{}', 'empty');
