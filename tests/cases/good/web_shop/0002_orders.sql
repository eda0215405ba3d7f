INSERT INTO orders (email, status, placed_at) VALUES ('Ada@Example.org', 'placed', '2023-05-01 12:00+02'), ('bob@example.org', 'cart', NULL);
INSERT INTO order_lines (order_id, line, product_id, quantity, unit_price) VALUES (1, 1, 1, 2, 12.50), (1, 2, 2, 1, 19.99), (2, 1, 3, 1, 49);
