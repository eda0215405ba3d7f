INSERT INTO matches (winner, loser, duration) VALUES (1, 2, '12 min 3.5 s');
