INSERT INTO contracts (valid_from, valid_to) VALUES ('2020-02-29', '2024-02-29'), ('2021-01-01', NULL);
