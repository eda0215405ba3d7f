INSERT INTO recipes (name, minutes, ingredients) VALUES ('Soup', 30, '[{"what": "water", "ml": 500}, {"what": "salt"}]'), ('Toast', NULL, '[]');
