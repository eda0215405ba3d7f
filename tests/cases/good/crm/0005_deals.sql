INSERT INTO deals (contact_id, value) VALUES (1, 1000), (1, NULL);
