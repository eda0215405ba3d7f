INSERT INTO authors (nick) VALUES ('eve');
INSERT INTO posts (thread, author, markdown, length) VALUES (1, 'eve', '', 0);
