INSERT INTO documents (title, content) VALUES ('Café', 'un café, s''il vous plaît'), ('Jumping', 'The quick brown foxes jumped');
