INSERT INTO users (email, password_hash, login) VALUES ('eve@example.com', '', 'eve');
