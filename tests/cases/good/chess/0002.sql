INSERT INTO games (white, black, score, moves, plies) VALUES ('C', 'D', 0.5, '1. d4', 1);
