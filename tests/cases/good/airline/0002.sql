INSERT INTO flights (number, departs, origin, destination, carrier) VALUES ('XX 9', '2024-05-05 12:00', 'BER', 'JFK', 'XX');
