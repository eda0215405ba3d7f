INSERT INTO users (full_name, email) VALUES ('Ada', 'ada@example.org'), ('Bob', NULL);
