INSERT INTO users (nick) VALUES ('dora');
INSERT INTO messages (room_id, user_id, body) VALUES (1, 4, 'hello');
