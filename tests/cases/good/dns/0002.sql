INSERT INTO records (zone, name, type, value, fqdn) VALUES ('example.org', 'txt', 'TXT', '"v=spf1"', 'txt.example.org.');
