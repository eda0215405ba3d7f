INSERT INTO users (nick) VALUES ('Ada'), ('bob'), ('Çelik');
INSERT INTO rooms (topic) VALUES ('general'), (NULL);
INSERT INTO messages (room_id, user_id, body) SELECT 1 + n % 2, 1 + n % 3, repeat('lorem ', n) || '@ada' FROM generate_series(1, 50) n;
