INSERT INTO threads (title, pinned) VALUES ('Rules', 1), ('[Solved] Help', 0), ('re: re: re: hi', 0);
INSERT INTO posts (thread, author, markdown) VALUES (1, 'admin', '*be nice*'), (2, 'bob', E'it\nworks');
INSERT INTO posts (thread, reply_to, author, markdown) VALUES (2, 2, 'ann', '> it');
