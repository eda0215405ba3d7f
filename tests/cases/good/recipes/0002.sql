INSERT INTO recipes (name, takes, ingredient_names) VALUES ('Stew', '2 hours', '{beef,carrot}');
