INSERT INTO devices (serial_number, address, location, firmware) VALUES ('08:00:2b:01:02:03:04:05', '10.0.0.1/8', '(52.5,13.4)', '1.2.3'), ('08:00:2b:01:02:03:04:06', 'fe80::1', NULL, '1.10.0');
