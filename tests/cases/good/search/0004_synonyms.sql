INSERT INTO synonyms VALUES ('car', 'automobile', DEFAULT);
