UPDATE devices SET ip = '10.1.2.3', network = '10.1.2.0/24' WHERE firmware_version[1] = 2;
