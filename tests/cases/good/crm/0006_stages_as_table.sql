INSERT INTO deals (contact_id, stage) VALUES (1, 'won');
