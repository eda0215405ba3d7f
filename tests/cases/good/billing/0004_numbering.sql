INSERT INTO invoices (account_id, number) VALUES ('00000000-0000-0000-0000-000000000001', 'draft-x');
