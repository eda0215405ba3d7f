INSERT INTO übersetzungen (schlüssel, sprache, text) VALUES ('hello', 'de', 'Grüß Gott'), ('hello', 'en', 'Hello'), ('bye', 'ja', 'さようなら'), ('tür', 'tr', 'İyi günler');
