INSERT INTO stock VALUES (1, 'AB-1', 10, 2), (1, 'CD-2', 0, 0);
INSERT INTO movements (warehouse, sku, delta) VALUES (1, 'AB-1', 12), (1, 'AB-1', -2);
