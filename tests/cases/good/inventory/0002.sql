INSERT INTO movements (warehouse, sku, delta, reason) VALUES (1, 'CD-2', 5, 'delivery');
