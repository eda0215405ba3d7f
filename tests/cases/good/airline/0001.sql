INSERT INTO airports VALUES ('BER', 'Europe/Berlin'), ('JFK', 'America/New_York');
INSERT INTO flights VALUES ('LH 400', '2024-03-31 02:30', 'BER', 'JFK', '1A,1B,2A'), ('BA 1', '2024-11-03 01:30', 'JFK', 'BER', NULL);
