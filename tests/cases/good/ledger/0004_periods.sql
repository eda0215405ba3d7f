INSERT INTO entries (debit, credit, amount, booked, note, period, quarter) VALUES ('1000', '8400', 1, '2024-12-30', 'Storno', '2025-W01', 4);
