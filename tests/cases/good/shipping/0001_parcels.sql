INSERT INTO parcels VALUES ('A1', 500, '30x20x10', '{"name":"A","name":"B","zip":"10115"}'), ('B2', 31500, '120x60x60', '{"zip": 1234}');
