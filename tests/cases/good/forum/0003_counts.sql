UPDATE posts SET markdown = 'a', length = 1, lines = 1 WHERE id = 1;
