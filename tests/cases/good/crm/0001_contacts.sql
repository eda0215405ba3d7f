INSERT INTO contacts (full_name, email, phone, address, birthday) VALUES
 ('Ada Lovelace', 'ADA@example.org', '+44 20 7946 0018', 'St James''s Square 12, SW1Y4LB London', '10.12.1815'),
 ('Plato', NULL, '', NULL, NULL), ('Juan de la Cierva', 'juan@example.es', '(0034) 91-000', 'Gran Vía 1, 28013 Madrid', 'unknown');
