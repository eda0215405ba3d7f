INSERT INTO contacts (first_name, birthday, phone_number, email) VALUES ('Alan', '1912-06-23', '+441234', 'alan@example.org');
