SELECT sum(total) FROM items JOIN orders ON orders.id = items.order_id WHERE items.number > 0;
