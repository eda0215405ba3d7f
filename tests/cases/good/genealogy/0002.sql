INSERT INTO persons (id, birth) VALUES (5, '[1950,1950]');
