INSERT INTO products (category_id, title, price_cents) VALUES (1, 'Postcard', 150);
UPDATE products SET price_cents = price_cents + 1 WHERE title = 'Atlas';
