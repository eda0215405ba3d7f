INSERT INTO channels (name, private) VALUES ('random', true);
UPDATE messages SET channel_id = 3 WHERE id = 1;
