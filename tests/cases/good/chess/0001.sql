INSERT INTO games (white, black, result, moves) VALUES ('Morphy', 'Duke', '1-0', '1. e4 e5 2. Nf3 d6'), ('A', 'B', '*', '');
