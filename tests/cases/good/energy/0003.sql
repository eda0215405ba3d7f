INSERT INTO meters VALUES ('m-7', 'you');
INSERT INTO samples (meter, at, taken) VALUES ('m-7', 5, now());
