INSERT INTO tracks VALUES ('Kind of Blue', 1, 1, 'So What', '9:22'), ('Kind of Blue', 1, 2, 'Freddie Freeloader', '9:46'), ('Ring', 1, 1, 'Prelude', '1:04:59');
