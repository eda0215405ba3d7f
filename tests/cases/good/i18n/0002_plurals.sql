INSERT INTO übersetzungen (schlüssel, sprache, formen) VALUES ('apple', 'ru', ARRAY['яблоко', 'яблока', 'яблок']);
