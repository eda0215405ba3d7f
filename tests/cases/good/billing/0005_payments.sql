INSERT INTO payments (invoice_id, amount, received) VALUES (1, 10, '[2024-02-01,2024-02-02)');
UPDATE invoices SET paid = true WHERE id = 1;
