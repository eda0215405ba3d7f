INSERT INTO parcels (tracking, weight_g, sender, dimensions) VALUES ('C3', 1, '{}', '{1,2,3}');
