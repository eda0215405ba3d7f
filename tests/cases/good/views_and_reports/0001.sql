INSERT INTO sales (region, amount, sold_on) VALUES ('north', 10, '2024-01-05'), ('south', 20, '2024-01-07'), ('north', 5.5, '2024-02-01');
