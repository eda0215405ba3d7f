INSERT INTO invoice_lines VALUES (3, 2, 'Discount', -5, NULL);
SELECT count(*) FROM invoice_lines WHERE period && daterange('2024-01-01', '2024-12-31');
