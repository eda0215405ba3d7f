INSERT INTO categories (title) VALUES ('Books'), ('Music');
INSERT INTO categories (parent_id, title, position) VALUES (1, 'Novels', 1);
INSERT INTO products (category_id, title, price, attributes) VALUES
  (3, 'Effi Briest', 12.50, '{"pages": 320, "author": "Theodor Fontane"}'),
  (2, '  Kind of Blue ', 19.99, '{"discs": 1}'), (1, 'Atlas', 49.00, NULL);
