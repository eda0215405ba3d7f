INSERT INTO accounts (id, name, vat_number) VALUES ('00000000-0000-0000-0000-000000000001', 'ACME', 'DE123456789'), ('00000000-0000-0000-0000-000000000002', 'Globex', NULL);
INSERT INTO invoices (account_id, number, issued_on, net) SELECT ('00000000-0000-0000-0000-00000000000' || 1 + n % 2)::uuid, '2024-' || lpad(n::text, 4, '0'), date '2024-01-31' + n, n * 10 FROM generate_series(1, 40) n;
INSERT INTO invoices (account_id) VALUES ('00000000-0000-0000-0000-000000000002');
