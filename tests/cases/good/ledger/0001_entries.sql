INSERT INTO accounts VALUES ('1000', 'Cash'), ('8400', 'Revenue'), ('4900', 'Misc');
INSERT INTO entries (debit, credit, amount, booked, note) VALUES ('1000', '8400', 119.00, '2023-02-28', 'sale #1'), ('4900', '1000', 7.555, '2023-03-01', NULL);
