INSERT INTO dishes (name, allergens, price) VALUES ('Pho', '{soy}', 12.90), ('Bread', '{gluten,milk}', 3);
