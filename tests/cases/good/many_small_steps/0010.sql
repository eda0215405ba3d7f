INSERT INTO things (b) VALUES (10);
