INSERT INTO addresses (contact_id, street, postcode, city) SELECT id, 'Main St', '1', 'X' FROM contacts WHERE first_name = 'Plato';
