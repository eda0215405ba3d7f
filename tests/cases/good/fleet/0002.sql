INSERT INTO drivers VALUES ('Bob', 'C1');
INSERT INTO vehicles (plate, odometer_km, driver) VALUES ('M-Z 9', 16, 'Bob');
