INSERT INTO posts (id, title, body_text, published) VALUES (4, 'Fourth', '', now());
