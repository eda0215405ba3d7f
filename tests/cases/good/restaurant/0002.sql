INSERT INTO dishes (name, price, allergen_bits) VALUES ('Water', 2.5, B'0000');
