INSERT INTO bookings (room_id, during) VALUES (2, '[2025-01-01 10:00+01, 2025-01-01 11:00+01)');
