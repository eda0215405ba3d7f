INSERT INTO products (category_id, title, price_cents, slug) VALUES (2, 'Blue Train', 1500, 'blue-train');
