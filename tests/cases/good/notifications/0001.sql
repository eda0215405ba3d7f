INSERT INTO notifications ("user", type, "group") VALUES ('u1', 'like', 'g'), ('u2', 'mention', NULL);
UPDATE notifications SET read = true WHERE "user" = 'u1';
