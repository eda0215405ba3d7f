INSERT INTO loans (isbn, borrower) VALUES ('9783161484100', 'Gretchen');
UPDATE books SET authors = authors || '{Eckermann}'::text[] WHERE year = 1808;
