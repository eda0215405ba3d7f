INSERT INTO records (zone, value) VALUES ('example.org', '192.0.2.1');
INSERT INTO records (zone, name, type, value, ttl) VALUES ('example.org', 'www', 'CNAME', '@', 300), ('example.org', 'mail', 'AAAA', '2001:db8::25', 600);
