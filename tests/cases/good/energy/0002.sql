INSERT INTO samples (meter, at, joules, taken) VALUES (1, 1, 2.5, 'epoch');
