INSERT INTO devices (serial_number, address, firmware_version) VALUES ('08:00:2b:01:02:03:04:07', '192.168.1.1', ARRAY[2,0,0]);
SELECT count(*) FROM devices WHERE firmware_version > '{1,9}';
