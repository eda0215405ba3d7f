INSERT INTO pages (path, title, body, status, meta) VALUES
 ('/', 'Home', 'Welcome', 'published', '{"tags": ["a", "b"], "author": {"name": "Grace Hopper", "mail": "grace@navy.mil"}}'),
 ('/about', 'About us', 'We are $$ rich', 'in review', DEFAULT);
