INSERT INTO taxa VALUES ('Animalia/Chordata/Felis catus', 'cat'), ('Plantae', NULL);
