UPDATE orders SET state = 'refunded' WHERE id = 1;
