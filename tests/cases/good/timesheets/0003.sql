INSERT INTO work_days (who, day, worked, week, is_weekend) VALUES ('cy', '2024-02-29', '6 hours 30 minutes', '2024-02-26', false);
