INSERT INTO blog_post (id, title, body_text) VALUES (3, 'Third', '...');
