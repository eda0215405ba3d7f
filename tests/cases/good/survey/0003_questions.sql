INSERT INTO questions VALUES (99, 'Any comments?');
