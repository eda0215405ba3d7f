INSERT INTO listings (square_metres, has_garden) VALUES (55.5, true);
