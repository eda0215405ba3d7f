INSERT INTO invoices (account_id, number, issued_on, net, due_on, tax_rate) VALUES ('00000000-0000-0000-0000-000000000001', '2024-0100', '2024-07-01', 1000, '2024-07-31', 0.07);
