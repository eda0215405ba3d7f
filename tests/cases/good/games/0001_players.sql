INSERT INTO players (handle, stats, friends) VALUES ('neo', '{"wins": 3, "losses": "1", "elo": 1500.5}', '{2}'), ('trinity', '{"wins": null}', NULL), ('smith', '[]', '{}');
INSERT INTO matches (winner, loser, duration) VALUES (1, 3, 754), (2, 3, 3600);
