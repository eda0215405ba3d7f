INSERT INTO teams (tag, captain) VALUES ('ZION', 1);
UPDATE players SET team = 1 WHERE id IN (1, 2);
