INSERT INTO listings (price, area, features) VALUES (100000, '80 m²', '{garden,"balcony, south"}'), (NULL, '1,200 sqft', '{}'), (1, NULL, '{NULL}');
