INSERT INTO places (name, lat, lon, outline) VALUES ('Berlin', 52.52, 13.405, '((0,0),(0,1),(1,1),(1,0))'), ('Nowhere', NULL, NULL, NULL);
