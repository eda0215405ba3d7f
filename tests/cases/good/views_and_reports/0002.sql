INSERT INTO sales (region, amount, quarter) VALUES ('east', 1, '2024Q1');
