INSERT INTO subscribers (email, settings, domain) VALUES ('n@n.n', '{"lang": "fr"}', 'n.n');
