INSERT INTO series ("except") VALUES ('{[2024-12-20,2025-01-07)}');
UPDATE bookings SET series_id = 1 WHERE room_id = 2;
