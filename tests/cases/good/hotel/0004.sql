INSERT INTO rooms (number, rate) VALUES (103, 99);
